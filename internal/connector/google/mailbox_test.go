package google_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

type m = map[string]any

func (b *bench) get(id string) connector.Item {
	b.t.Helper()
	items, gone, err := b.mailbox.Get(context.Background(), record.Contact, []connector.Ref{{ID: id}}, nil)
	require.NoError(b.t, err)
	require.Empty(b.t, gone)
	return items[0]
}

func (b *bench) set(id string, f record.Fields) {
	b.t.Helper()
	it := b.get(id)
	r, err := b.mailbox.Write(context.Background(), record.Contact, []connector.Op{{Verb: connector.Update, Ref: it.Ref, If: it.Version, Current: &it, Set: f}})
	require.NoError(b.t, err)
	require.NoError(b.t, r[0].Err)
}

func class(err error) (connector.Class, string) {
	var e *connector.Error
	if errors.As(err, &e) {
		return e.Class, e.Code
	}
	return connector.ClassOf(err), ""
}

func TestEmailIsTheFirstWorkAddressElseTheFirst(t *testing.T) {
	t.Parallel()
	type list = []m
	for name, c := range map[string]struct {
		before list
		shows  string
		set    string
		after  []any
		types  []any
	}{
		"work wins":              {list{{"value": "a@x.test", "type": "home"}, {"value": "b@x.test", "type": "work"}}, "b@x.test", "c@x.test", []any{"a@x.test", "c@x.test"}, []any{"home", "work"}},
		"first of all":           {list{{"value": "a@x.test", "type": "home"}, {"value": "b@x.test"}}, "a@x.test", "c@x.test", []any{"c@x.test", "b@x.test"}, []any{"home", nil}},
		"none":                   {nil, "", "c@x.test", []any{"c@x.test"}, []any{"work"}},
		"clear only that":        {list{{"value": "a@x.test", "type": "home"}, {"value": "b@x.test", "type": "work"}}, "b@x.test", "", []any{"a@x.test"}, []any{"home"}},
		"clear the last":         {list{{"value": "a@x.test"}}, "a@x.test", "", nil, nil},
		"case is a person's own": {list{{"value": "Ann.Lee@X.test", "type": "work"}}, "Ann.Lee@X.test", "New@X.test", []any{"New@X.test"}, []any{"work"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			id := b.insert(t, m{"names": []m{{"givenName": "A"}}, "emailAddresses": c.before})
			require.Equal(t, c.shows, b.get(id).Fields[record.FieldEmail])
			b.set(id, record.Fields{record.FieldEmail: c.set})
			p := b.stored(t, id)
			require.Equal(t, c.after, values(p, "emailAddresses", "value"))
			require.Equal(t, c.types, values(p, "emailAddresses", "type"))
		})
	}
}

func TestPhonesAndAddressesByType(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.insert(t, m{
		"phoneNumbers": []m{{"value": "1", "type": "main"}, {"value": "2"}, {"value": "3", "type": "other"}, {"value": "4", "type": "workFax"}, {"value": "5", "type": "homeFax"},
			{"value": "6", "type": "mobile"}, {"value": "7", "type": "Assistant"}, {"value": "8", "type": "workMobile"}},
		"addresses": []m{{"formattedValue": "Somewhere 1, Bonn", "type": "work"}, {"city": "Kiel"}, {"city": "Oslo", "type": "home"}},
	})
	f := b.get(id).Fields
	require.Equal(t, record.Fields{record.FieldPhoneOther: "2", record.FieldPhoneFax: "4", record.FieldPhoneMobile: "6", record.FieldPhoneAssistant: "7",
		record.FieldOtherCity: "Kiel", record.FieldHomeCity: "Oslo"}, f)
	b.set(id, record.Fields{record.FieldPhoneOther: "22", record.FieldPhoneAssistant: "77", record.FieldPhoneWork: "9", record.FieldWorkCity: "Rom", record.FieldOtherCity: ""})
	p := b.stored(t, id)
	require.Equal(t, []any{"1", "22", "3", "4", "5", "6", "77", "8", "9"}, values(p, "phoneNumbers", "value"))
	require.Equal(t, []any{"main", nil, "other", "workFax", "homeFax", "mobile", "Assistant", "workMobile", "work"}, values(p, "phoneNumbers", "type"), "types stay")
	require.Equal(t, []any{nil, "Oslo", "Rom"}, values(p, "addresses", "city"))
	require.Contains(t, values(p, "addresses", "formattedValue"), "Somewhere 1, Bonn", "what a person typed as a whole stays")
}

func TestBirthdays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for want, date := range map[string]m{"--02-29": {"month": 2, "day": 29}, "1999-12-31": {"year": 1999, "month": 12, "day": 31}, "": {"year": 1999, "month": 12}} {
		id := b.insert(t, m{"names": []m{{"givenName": "A"}}, "birthdays": []m{{"date": date}}})
		require.Equal(t, want, b.get(id).Fields[record.FieldBirthday])
		b.set(id, record.Fields{record.FieldBirthday: "--03-04"})
		require.Equal(t, "--03-04", b.get(id).Fields[record.FieldBirthday])
		b.set(id, record.Fields{record.FieldBirthday: ""})
		require.Empty(t, values(b.stored(t, id), "birthdays", "date"))
	}
}

func TestMarkerAmongOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.insert(t, m{"names": []m{{"givenName": "A"}}, "clientData": []m{{"key": "repsync", "value": "other/1"}, {"key": "repsync", "value": "acme/2"}, {"key": "x", "value": "y"}}})
	require.Equal(t, "acme/2", b.get(id).Key, "of several, one of this org's")
	b.set(id, record.Fields{record.FieldTitle: "T"})
	require.Equal(t, []any{"other/1", "acme/2", "y"}, values(b.stored(t, id), "clientData", "value"))
}

func TestRenamedContactSaysWhoItWas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.insert(t, m{"names": []m{{"givenName": "A"}}})
	renamed, err := b.server.Rename(alice, id)
	require.NoError(t, err)
	it := b.get(id)
	require.Equal(t, renamed, it.ID)
	require.Equal(t, []string{id}, it.Previous)
}

func TestCopyFromAnotherTimeIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.insert(t, m{"names": []m{{"givenName": "A"}}})
	old := b.get(id)
	b.update(t, id, m{"nicknames": []m{{"value": "n"}}})
	op := connector.Op{Verb: connector.Update, Ref: old.Ref, Current: &old, Set: record.Fields{record.FieldGiven: "B"}}
	r, err := b.mailbox.Write(t.Context(), record.Contact, []connector.Op{op})
	require.NoError(t, err)
	require.Equal(t, connector.Stale, connector.ClassOf(r[0].Err), "by the etag, also without If")
	now := b.get(id)
	op.Current, op.If = &now, old.Version
	b.server.ResetCalls()
	r, err = b.mailbox.Write(t.Context(), record.Contact, []connector.Op{op})
	require.NoError(t, err)
	require.Equal(t, connector.Stale, connector.ClassOf(r[0].Err), "by If, without a request")
	require.Empty(t, b.server.Calls())
}

func TestOnlyTouchedFieldsAreNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var mu sync.Mutex
	var masks []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			UpdateMask string       `json:"updateMask"`
			Contacts   map[string]m `json:"contacts"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		mu.Lock()
		masks = append(masks, body.UpdateMask)
		mu.Unlock()
		out := m{}
		for name, p := range body.Contacts {
			out[name] = m{"httpStatusCode": 200, "person": p}
		}
		_ = json.NewEncoder(w).Encode(m{"updateResult": out})
	}))
	t.Cleanup(srv.Close)
	var ops []connector.Op
	for i, f := range []string{record.FieldTitle, record.FieldPhoneHome, record.FieldTitle} {
		it := b.get(b.insert(t, typed(person(i))))
		ops = append(ops, connector.Op{Verb: connector.Update, Ref: it.Ref, Current: &it, Set: record.Fields{f: "x"}})
	}
	other, err := google.New(google.Config{Org: "acme", BaseURLPeople: srv.URL, Bearer: func(context.Context) (string, error) { return "t", nil }})
	require.NoError(t, err)
	results, err := other.Write(t.Context(), record.Contact, ops)
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	slices.Sort(masks)
	require.Equal(t, []string{"organizations", "phoneNumbers"}, masks, "one batch for each mask")
}

// refusing is a server that refuses batches with the contact called "bad", naming it or not.
func refusing(t *testing.T, named bool) (connector.Connector, *int) {
	t.Helper()
	made := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Contacts []struct {
				ContactPerson m `json:"contactPerson"`
			} `json:"contacts"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		bad := m{}
		var people []m
		for i, c := range body.Contacts {
			if values(c.ContactPerson, "names", "givenName")[0] == "bad" {
				bad[fmt.Sprint(i)] = m{"code": 3, "message": "zzcanaryzz is bad"}
			}
			c.ContactPerson["resourceName"] = fmt.Sprintf("people/c%d", made+i)
			people = append(people, m{"httpStatusCode": 200, "person": c.ContactPerson})
		}
		if len(bad) > 0 {
			e := m{"code": 400, "message": "zzcanaryzz is bad", "status": "INVALID_ARGUMENT"}
			if named {
				e["details"] = []m{{"@type": "type.googleapis.com/google.people.v1.BatchCreateContactsErrorDetails", "contactErrors": bad}}
			}
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(m{"error": e})
			return
		}
		made += len(people)
		_ = json.NewEncoder(w).Encode(m{"createdPeople": people})
	}))
	t.Cleanup(srv.Close)
	mailbox, err := google.New(google.Config{Org: "acme", BaseURLPeople: srv.URL, Bearer: func(context.Context) (string, error) { return "t", nil }})
	require.NoError(t, err)
	return mailbox, &made
}

func TestOneBadCreateFailsAlone(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{true, false} {
		mailbox, made := refusing(t, named)
		var ops []connector.Op
		for i := range 9 {
			given := fmt.Sprintf("good%d", i)
			if i == 4 || i == 7 {
				given = "bad"
			}
			ops = append(ops, connector.Op{Verb: connector.Create, Key: fmt.Sprint(i), Set: record.Fields{record.FieldGiven: given}})
		}
		results, err := mailbox.Write(t.Context(), record.Contact, ops)
		require.NoError(t, err)
		for i, r := range results {
			if i == 4 || i == 7 {
				require.Equal(t, connector.Park, connector.ClassOf(r.Err))
				require.NotContains(t, r.Err.Error(), "zzcanaryzz")
				continue
			}
			require.NoError(t, r.Err)
			require.Equal(t, fmt.Sprintf("good%d", i), r.Item.Fields[record.FieldGiven])
			require.Equal(t, "acme/"+fmt.Sprint(i), r.Item.Key)
		}
		require.Equal(t, 7, *made)
	}
}

func TestErrorsOfTheServer(t *testing.T) {
	t.Parallel()
	body := func(code int, status, reason string) string {
		return fmt.Sprintf(`{"error":{"code":%d,"message":"zzcanaryzz","status":%q,"errors":[{"reason":%q}]}}`, code, status, reason)
	}
	for name, c := range map[string]struct {
		rule fault.Rule
		want connector.Class
		code string
	}{
		"quota as 403": {fault.Rule{Kind: fault.Status, Status: 403, Body: body(403, "PERMISSION_DENIED", "userRateLimitExceeded")}, connector.Retry, "userRateLimitExceeded"},
		"forbidden":    {fault.Rule{Kind: fault.Status, Status: 403, Body: body(403, "PERMISSION_DENIED", "forbidden")}, connector.Reconnect, "forbidden"},
		"aborted":      {fault.Rule{Kind: fault.Status, Status: 409, Body: body(409, "ABORTED", "aborted")}, connector.Retry, "aborted"},
		"gateway":      {fault.Rule{Kind: fault.Status, Status: 502, Body: "<html>zzcanaryzz"}, connector.Retry, "http_502"},
		"cut":          {fault.Rule{Kind: fault.Truncate}, connector.Retry, "answer_cut"},
		"dropped":      {fault.Rule{Kind: fault.Drop}, connector.Retry, "connection"},
		"HTML":         {fault.Rule{Kind: fault.Status, Status: 200, Body: "<html>zzcanaryzz"}, connector.Retry, "answer_not_json"},
		"too large":    {fault.Rule{Kind: fault.Huge, Size: 2 << 20}, connector.Bug, "answer_too_large"},
		"bad request":  {fault.Rule{Kind: fault.Status, Status: 400, Body: body(400, "INVALID_ARGUMENT", "badRequest")}, connector.Bug, "badRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.mailbox = b.connect(google.Config{MaxBody: 1 << 20})
			b.insert(t, typed(person(1)))
			c.rule.Path = "^/v1/"
			b.faults.MustAdd(c.rule)
			_, err := b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
			got, code := class(err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.code, code)
			require.NotContains(t, err.Error(), "zzcanaryzz")
		})
	}
}

// TestListThatSaysNothing holds that an empty object is taken for an empty list only when it comes again and again.
func TestListThatSaysNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ times, want int }{"once": {1, 1}, "twice": {2, 1}, "always": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.insert(t, typed(person(1)))
			b.faults.MustAdd(fault.Rule{Path: "/connections$", Kind: fault.Status, Status: 200, Body: "{}", Times: c.times})
			d, err := b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
			require.NoError(t, err)
			require.Len(t, d.Items, c.want)
		})
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	t.Run("a token that died is renewed once for all", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		id := b.insert(t, typed(person(1)))
		b.get(id)
		b.server.RevokeTokens(alice)
		b.faults.Reset()
		var wait sync.WaitGroup
		errs := make(chan error, 10)
		for range 10 {
			wait.Go(func() {
				_, _, err := b.mailbox.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, nil)
				errs <- err
			})
		}
		wait.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, 1, b.faults.Calls()["POST /token"])
	})
	t.Run("delegation taken away", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.server.RevokeDelegation()
		_, err := b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
		require.Equal(t, connector.Reconnect, connector.ClassOf(err))
		_, err = b.mailbox.Write(t.Context(), record.Contact, []connector.Op{{Verb: connector.Delete, Ref: connector.Ref{ID: "people/c1"}}})
		require.Equal(t, connector.Reconnect, connector.ClassOf(err), "nothing was sent")
	})
	t.Run("user disabled", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.server.AddUser(alice, true)
		_, err := b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
		c, code := class(err)
		require.Equal(t, connector.Reconnect, c)
		require.Equal(t, "invalid_grant", code)
	})
	t.Run("token endpoint in trouble", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/token", Status: 503, RetryAfter: fault.Duration(9 * time.Second)})
		_, err := b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
		var e *connector.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, connector.Retry, e.Class)
		require.Equal(t, 9*time.Second, e.RetryAfter)
	})
	t.Run("bearer", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		token, err := b.server.MintToken(alice)
		require.NoError(t, err)
		id := b.insert(t, typed(person(1)))
		b.mailbox = b.connect(google.Config{Bearer: func(context.Context) (string, error) { return token, nil }})
		require.Equal(t, id, b.get(id).ID)
		b.mailbox = b.connect(google.Config{Token: credential.File(t.TempDir() + "/none")})
		_, err = b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
		require.Equal(t, connector.Reconnect, connector.ClassOf(err))
	})
}

func TestTokenOfAnotherMaskStartsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d, err := b.mailbox.Changes(t.Context(), record.Contact, connector.Query{})
	require.NoError(t, err)
	other := strings.Replace(string(d.Token), "addresses,", "", 1)
	_, err = b.mailbox.Changes(t.Context(), record.Contact, connector.Query{Token: []byte(other)})
	require.Equal(t, connector.CursorLost, connector.ClassOf(err))
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	bearer := func(context.Context) (string, error) { return "", nil }
	for name, c := range map[string]google.Config{
		"no org":         {Bearer: bearer},
		"org with slash": {Org: "a/b", Bearer: bearer},
		"no auth":        {Org: "acme"},
		"two ways":       {Org: "acme", Bearer: bearer, Token: credential.File("x")},
		"no mailbox":     {Org: "acme", ServiceAccount: []byte("{}")},
		"no key":         {Org: "acme", Mailbox: alice, ServiceAccount: []byte(`{"type":"authorized_user","x":"zzcanaryzz"}`)},
		"no URL":         {Org: "acme", Bearer: bearer, BaseURLPeople: "people"},
	} {
		_, err := google.New(c)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "zzcanaryzz")
	}
}
