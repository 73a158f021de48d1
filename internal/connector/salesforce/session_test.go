package salesforce_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestSessionIsRenewedOnceForAll(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	b.get(id)
	b.org.ExpireSessions()
	b.org.ResetCalls()
	var wait sync.WaitGroup
	errs := make(chan error, 20)
	for range 20 {
		wait.Go(func() {
			_, _, err := b.crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, nil)
			errs <- err
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 1, b.org.Calls()["token"])
}

// The identity URLs have an answer of their own for a session that is gone.
func TestSessionGoneBeforeTheServerSaysWhoAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	b.crm = b.connect(salesforce.Config{BaseURL: b.url, Auth: salesforce.Auth{Bearer: &salesforce.Bearer{Token: func(context.Context) (string, error) {
		return b.org.NewSession(b.api), nil
	}}}})
	_, err := b.crm.Caps(t.Context(), record.Contact, "") // describe is known from here on, the user is not
	require.NoError(t, err)
	b.org.ExpireSessions()
	require.True(t, b.get(id).Moved, "a person made it: the session was renewed, and the user asked for again")
}

func TestWaysToSignIn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	for name, auth := range map[string]salesforce.Auth{
		"password": {Password: &salesforce.Password{ClientID: "app", ClientSecret: credential.Fixed("app-secret"), Username: "api@acme.test", Password: credential.Fixed("secret\n")}},
		"bearer":   {Bearer: &salesforce.Bearer{Token: func(context.Context) (string, error) { return b.org.NewSession(b.api), nil }}},
	} {
		b.crm = b.connect(salesforce.Config{BaseURL: b.url, Auth: auth})
		require.Equal(t, "Doe", b.get(id).Fields[record.FieldFamily], name)
		require.True(t, b.get(id).Moved, "%s: the server says who the integration user is", name)
	}
	for name, auth := range map[string]salesforce.Auth{
		"wrong password": {Password: &salesforce.Password{ClientID: "app", ClientSecret: credential.Fixed("app-secret"), Username: "api@acme.test", Password: credential.Fixed("wrong")}},
		"no file":        {Bearer: &salesforce.Bearer{From: credential.File(t.TempDir() + "/none")}},
		"dead token":     {Bearer: &salesforce.Bearer{Token: func(context.Context) (string, error) { return "dead", nil }}},
	} {
		crm := b.connect(salesforce.Config{BaseURL: b.url, Auth: auth})
		_, err := crm.Caps(t.Context(), record.Contact, "")
		require.Equal(t, connector.Reconnect, connector.ClassOf(err), name)
		_, err = crm.Write(t.Context(), record.Contact, []connector.Op{{Verb: connector.Delete, Ref: connector.Ref{ID: id}}})
		require.Equal(t, connector.Reconnect, connector.ClassOf(err), name)
	}
}

func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		got = user + ":" + pass
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	crm, err := salesforce.New(salesforce.Config{Org: "acme", BaseURL: srv.URL, Auth: salesforce.Auth{Basic: &salesforce.Basic{Username: "u", Password: credential.Fixed("p")}}})
	require.NoError(t, err)
	_, err = crm.Caps(t.Context(), record.Contact, "")
	require.Equal(t, connector.Reconnect, connector.ClassOf(err))
	require.Equal(t, "u:p", got)
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule fault.Rule
		want connector.Class
		code string
	}{
		"cut":             {fault.Rule{Kind: fault.Truncate}, connector.Retry, "answer_cut"},
		"says nothing":    {fault.Rule{Kind: fault.Status, Status: 200, Body: "{}"}, connector.Retry, "answer_empty"},
		"dropped":         {fault.Rule{Kind: fault.Drop}, connector.Retry, "connection"},
		"a page of HTML":  {fault.Rule{Kind: fault.Status, Status: 200, Body: "<html>zzcanaryzz</html>"}, connector.Retry, "answer_not_json"},
		"gateway":         {fault.Rule{Kind: fault.Status, Status: 502, Body: "<html>"}, connector.Retry, "http_502"},
		"moved elsewhere": {fault.Rule{Kind: fault.Status, Status: 302}, connector.Reconnect, "http_302"},
		"daily limit":     {fault.Rule{Kind: fault.Status, Status: 403, Body: `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"zzcanaryzz"}]`}, connector.Retry, "REQUEST_LIMIT_EXCEEDED"},
		"forbidden":       {fault.Rule{Kind: fault.Status, Status: 403, Body: `[{"errorCode":"FUNCTIONALITY_NOT_ENABLED","message":"zzcanaryzz"}]`}, connector.Reconnect, "FUNCTIONALITY_NOT_ENABLED"},
		"no code at all":  {fault.Rule{Kind: fault.Status, Status: 400, Body: `[{"errorCode":"zz canary zz","message":""}]`}, connector.Bug, "unknown_code"},
		"too large":       {fault.Rule{Kind: fault.Huge, Size: 2 << 20}, connector.Bug, "answer_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.crm = b.connect(salesforce.Config{MaxBody: 1 << 20})
			b.contact("Doe", nil)
			c.rule.Path = "/query"
			b.faults.MustAdd(c.rule)
			_, err := b.crm.Changes(t.Context(), record.Contact, connector.Query{})
			got, code := class(err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.code, code)
			require.NotContains(t, err.Error(), "zzcanaryzz")
		})
	}
}

func TestWriteThatMayHaveHappenedIsUnclear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule fault.Rule
		want connector.Class
	}{
		"gateway gave up":   {fault.Rule{Kind: fault.StatusAfter, Status: 504}, connector.Unclear},
		"answer cut":        {fault.Rule{Kind: fault.Truncate}, connector.Unclear},
		"connection closed": {fault.Rule{Kind: fault.Drop}, connector.Unclear},
		"refused whole":     {fault.Rule{Kind: fault.Status, Status: 403, Body: `[{"errorCode":"REQUEST_LIMIT_EXCEEDED"}]`}, connector.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c.rule.Path = "/composite/sobjects"
			b.faults.MustAdd(c.rule)
			r := b.write(connector.Op{Verb: connector.Create, Key: "k", Set: record.Fields{record.FieldFamily: "New"}})
			require.Equal(t, c.want, connector.ClassOf(r.Err))
		})
	}
}

func TestServerThatIsNotThereGotNothing(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	crm, err := salesforce.New(salesforce.Config{Org: "acme", BaseURL: srv.URL, Auth: salesforce.Auth{Basic: &salesforce.Basic{Username: "u", Password: credential.Fixed("p")}}})
	require.NoError(t, err)
	_, err = crm.Write(t.Context(), record.Contact, []connector.Op{{Verb: connector.Create, Key: "k"}})
	require.Equal(t, connector.Retry, connector.ClassOf(err))
}

func TestRowErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Title"] == "forbidden" {
			return "zzcanaryzz is not allowed", "Title"
		}
		return "", ""
	})
	b.org.SetDuplicateRule("Contact", &sandbox.DuplicateRule{})
	b.contact("Doe", map[string]any{"Email": "doe@acme.test"})
	for name, c := range map[string]struct {
		set  record.Fields
		code string
	}{
		"validation":   {record.Fields{record.FieldFamily: "A", record.FieldTitle: "forbidden"}, "FIELD_CUSTOM_VALIDATION_EXCEPTION"},
		"duplicate":    {record.Fields{record.FieldFamily: "Doe", record.FieldEmail: "doe@acme.test"}, "DUPLICATES_DETECTED"},
		"too long":     {record.Fields{record.FieldFamily: strings.Repeat("x", 81)}, "STRING_TOO_LONG"},
		"no last name": {record.Fields{record.FieldTitle: "T"}, "REQUIRED_FIELD_MISSING"},
		"no such day":  {record.Fields{record.FieldFamily: "A", record.FieldBirthday: "--02-29"}, "date_needs_year"},
		"not a field":  {record.Fields{record.FieldFamily: "A", record.FieldHomeCity: "Bonn"}, "field_not_writable:" + record.FieldHomeCity},
	} {
		r := b.write(connector.Op{Verb: connector.Create, Key: "key of " + name, Set: c.set, Owner: b.alice})
		got, code := class(r.Err)
		require.Equal(t, connector.Park, got, name)
		require.Equal(t, c.code, code, name)
		require.NotContains(t, r.Err.Error(), "zzcanaryzz")
	}
}
