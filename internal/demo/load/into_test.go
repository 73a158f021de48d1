package load_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// What the vendor keeps of a card is what was read from the file, field by field.
func TestRealAddressBooksIntoGoogle(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(testData(t, "vcf"), "*.vcf"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	book := addressBook(t)
	var want []map[string]string
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		people, problems, err := load.VCF(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Empty(t, problems, file)
		n, problems, err := load.IntoBook(t.Context(), book, people)
		require.NoError(t, err)
		require.Empty(t, problems, file)
		require.Equal(t, 1, n, file)
		want = append(want, flat(t, people[0].Fields))
	}
	var got []map[string]string
	for _, it := range entries(t, book) {
		got = append(got, it.Fields)
	}
	require.ElementsMatch(t, want, got)
}

func TestIntoBookNamesWhatIsRefused(t *testing.T) {
	t.Parallel()
	people, problems, err := load.VCF(strings.NewReader(strings.Join([]string{
		"BEGIN:VCARD", "FN:Ann One", "END:VCARD",
		"BEGIN:VCARD", "FN:Ben Two", "BDAY:1999-02-30", "END:VCARD",
		"BEGIN:VCARD", "FN:Cat Three", "END:VCARD"}, "\n")))
	require.NoError(t, err)
	require.Empty(t, problems)
	book := addressBook(t)
	n, problems, err := load.IntoBook(t.Context(), book, people)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Len(t, problems, 1)
	require.Equal(t, 4, problems[0].Line)
	require.Contains(t, problems[0].Reason, "the address book refuses this card")
	require.Len(t, entries(t, book), 2)
}

func TestIntoCRM(t *testing.T) {
	t.Parallel()
	sf := salesforce.New(salesforce.Config{})
	owner := sf.AddUser(salesforce.User{Username: "you@acme.test", Email: "you@acme.test", Name: "You", Active: true, ViewAll: true, ModifyAll: true})
	srv := httptest.NewServer(sf)
	t.Cleanup(srv.Close)
	crm := wire.Salesforce{Version: "65.0", Endpoint: wire.Endpoint{BaseURL: srv.URL, Token: func(context.Context) (string, error) { return sf.NewSession(owner), nil }}}
	rows, ignored, problems, err := load.CSV(strings.NewReader("Id,Last Name,Email,Account Name,Birthdate\n" +
		"003x,Okafor,amara@halden.test,Halden,1984-02-29\n003y,Park,,Halden,\n003z,Weird,not an address,,\n003q,\"Torn,,,\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"Id"}, ignored)
	require.Equal(t, []string{"line 5: a quoted value has no end"}, lines(problems))

	n, problems, err := load.IntoCRM(t.Context(), crm, owner, rows)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Len(t, problems, 1)
	require.Equal(t, 4, problems[0].Line)
	require.Contains(t, problems[0].Reason, "INVALID_EMAIL_ADDRESS")

	s, err := verify.Read(t.Context(), verify.World{CRM: crm})
	require.NoError(t, err)
	require.Equal(t, []map[string]string{
		{"LastName": "Okafor", "Email": "amara@halden.test", "Account": "Halden", "Birthdate": "1984-02-29", "Owner": "you@acme.test"},
		{"LastName": "Park", "Account": "Halden", "Owner": "you@acme.test"},
	}, []map[string]string{s.CRM[0].Fields, s.CRM[1].Fields})
	require.Len(t, s.CRM, 2)
}

// addressBook is an empty one in a sandbox of its own.
func addressBook(t *testing.T) wire.People {
	t.Helper()
	g, err := google.New(google.Config{})
	require.NoError(t, err)
	g.AddUser("you@acme.test", false)
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return wire.People{Endpoint: wire.Endpoint{BaseURL: srv.URL, Token: func(context.Context) (string, error) { return g.MintToken("you@acme.test") }}}
}

// entries reads a book as the verifier does.
func entries(t *testing.T, book wire.People) []verify.Item {
	t.Helper()
	people, err := book.Connections(t.Context())
	require.NoError(t, err)
	items := make([]verify.Item, len(people))
	for i, p := range people {
		items[i] = verify.Item{ID: wire.Text(p, "resourceName"), Fields: verify.FlattenPerson(p)}
	}
	return items
}
