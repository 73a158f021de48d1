package google_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox/google"
)

// newContacts is the body of a batch create.
func newContacts(n int) *people.BatchCreateContactsRequest {
	req := &people.BatchCreateContactsRequest{ReadMask: "names,metadata"}
	for i := range n {
		req.Contacts = append(req.Contacts, &people.ContactToCreate{ContactPerson: &people.Person{
			Names: []*people.Name{{GivenName: fmt.Sprintf("P%d", i)}}}})
	}
	return req
}

func TestBatches(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	made, err := svc.People.BatchCreateContacts(newContacts(200)).Do()
	require.NoError(t, err)
	require.Len(t, made.CreatedPeople, 200)
	require.Equal(t, "P7", made.CreatedPeople[7].Person.Names[0].GivenName, "answers come in order")
	require.EqualValues(t, 200, made.CreatedPeople[7].HttpStatusCode)

	update := &people.BatchUpdateContactsRequest{UpdateMask: "nicknames", ReadMask: "names,nicknames,metadata", Contacts: map[string]people.Person{}}
	var all []string
	for _, r := range made.CreatedPeople {
		all = append(all, r.Person.ResourceName)
		update.Contacts[r.Person.ResourceName] = people.Person{Metadata: r.Person.Metadata, Nicknames: []*people.Nickname{{Value: "N"}}}
	}
	updated, err := svc.People.BatchUpdateContacts(update).Do()
	require.NoError(t, err)
	require.Len(t, updated.UpdateResult, 200)
	one := updated.UpdateResult[all[7]]
	require.Equal(t, "N", one.Person.Nicknames[0].Value)
	require.Equal(t, "P7", one.Person.Names[0].GivenName)
	require.NotEqual(t, made.CreatedPeople[7].Person.Metadata.Sources[0].Etag, one.Person.Metadata.Sources[0].Etag)

	got, err := svc.People.GetBatchGet().ResourceNames(all[0], "people/c404", all[1]).PersonFields("names").Do()
	require.NoError(t, err)
	require.Len(t, got.Responses, 3)
	require.Equal(t, all[0], got.Responses[0].Person.ResourceName)
	require.EqualValues(t, 404, got.Responses[1].HttpStatusCode)
	require.EqualValues(t, 5, got.Responses[1].Status.Code)
	require.Equal(t, "people/c404", got.Responses[1].RequestedResourceName)
	require.Nil(t, got.Responses[1].Person)

	_, err = svc.People.BatchDeleteContacts(&people.BatchDeleteContactsRequest{ResourceNames: append(all, "people/c404")}).Do()
	require.Equal(t, 404, apiError(t, err).Code)
	require.Len(t, b.Living(alice), 200, "a refused batch deletes nothing")
	_, err = svc.People.BatchDeleteContacts(&people.BatchDeleteContactsRequest{ResourceNames: all}).Do()
	require.NoError(t, err)
	require.Empty(t, b.Living(alice))
	require.Len(t, b.All(alice), 200, "deleted contacts are kept as tombstones")
}

func TestBatchLimits(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	many := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("people/c%d", i))
		}
		return out
	}
	persons := map[string]people.Person{}
	for _, n := range many(201) {
		persons[n] = people.Person{}
	}
	for name, call := range map[string]func() error{
		"create 201":  func() error { _, err := svc.People.BatchCreateContacts(newContacts(201)).Do(); return err },
		"create none": func() error { _, err := svc.People.BatchCreateContacts(newContacts(0)).Do(); return err },
		"update 201": func() error {
			_, err := svc.People.BatchUpdateContacts(&people.BatchUpdateContactsRequest{Contacts: persons, UpdateMask: "names"}).Do()
			return err
		},
		"delete 501": func() error {
			_, err := svc.People.BatchDeleteContacts(&people.BatchDeleteContactsRequest{ResourceNames: many(501)}).Do()
			return err
		},
		"get 201": func() error {
			_, err := svc.People.GetBatchGet().ResourceNames(many(201)...).PersonFields("names").Do()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, "INVALID_ARGUMENT", apiError(t, call()).Status)
		})
	}
	r, err := svc.People.GetBatchGet().ResourceNames(many(200)...).PersonFields("names").Do()
	require.NoError(t, err)
	require.Len(t, r.Responses, 200)
}

func TestABatchIsWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	bad := newContacts(3)
	bad.Contacts[1].ContactPerson.Names = append(bad.Contacts[1].ContactPerson.Names, &people.Name{GivenName: "second"})
	_, err := svc.People.BatchCreateContacts(bad).Do()
	e := apiError(t, err)
	require.Equal(t, "INVALID_ARGUMENT", e.Status)
	require.Equal(t, "type.googleapis.com/google.people.v1.BatchCreateContactsErrorDetails", e.Details[0]["@type"])
	require.Equal(t, []string{"1"}, contactErrors(t, e))
	require.Empty(t, b.All(alice))

	fresh, old := b.insert(t, `{"names":[{"givenName":"A"}]}`), b.insert(t, `{"names":[{"givenName":"B"}]}`)
	all, _, _ := readAll(t, full(svc))
	require.NoError(t, b.Update(alice, old, `{"names":[{"givenName":"B2"}]}`))
	_, err = svc.People.BatchUpdateContacts(&people.BatchUpdateContactsRequest{UpdateMask: "names", Contacts: map[string]people.Person{
		fresh: {Etag: all[0].Etag, Names: []*people.Name{{GivenName: "X"}}}, old: {Etag: all[1].Etag, Names: []*people.Name{{GivenName: "Y"}}},
	}}).Do()
	e = apiError(t, err)
	require.Equal(t, "FAILED_PRECONDITION", e.Status)
	require.Equal(t, []string{old}, contactErrors(t, e))
	got, err := svc.People.Get(fresh).PersonFields("names").Do()
	require.NoError(t, err)
	require.Equal(t, "A", got.Names[0].GivenName)
}

// contactErrors are the contacts that a refused batch blames.
func contactErrors(t *testing.T, e wire) (out []string) {
	t.Helper()
	b, err := json.Marshal(e.Details[0]["contactErrors"])
	require.NoError(t, err)
	var m map[string]struct{ Code int }
	require.NoError(t, json.Unmarshal(b, &m))
	for k, v := range m {
		require.NotZero(t, v.Code)
		out = append(out, k)
	}
	return out
}

func TestBatchWithoutReadMaskReturnsNoData(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	req := newContacts(2)
	req.ReadMask = ""
	r, err := b.client(t, alice).People.BatchCreateContacts(req).Do()
	require.NoError(t, err)
	require.Empty(t, r.CreatedPeople)
	require.Len(t, b.Living(alice), 2)
}
