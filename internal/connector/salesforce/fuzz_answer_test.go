package salesforce

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
)

// oneAnswer is a server that gives the same answer to everything, and another one to describes.
type oneAnswer struct {
	status         int
	describe, body []byte
	asked          int
}

// mostAsked is how many requests any one call of the connector may need here: an answer must not keep it asking.
const mostAsked = 60

func (s *oneAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.asked++; s.asked > mostAsked {
		panic("the connector asks without end")
	}
	status, body := s.status, s.body
	if strings.HasSuffix(r.URL.Path, "/describe") {
		status, body = http.StatusOK, s.describe
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Date": {"Sun, 22 Nov 2026 10:00:00 GMT"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

const goodDescribe = `{"name":"X","updateable":true,"createable":true,"deletable":true,"fields":[
	{"name":"Id","type":"id"},{"name":"OwnerId","type":"reference"},{"name":"SystemModstamp","type":"datetime"},{"name":"LastModifiedById","type":"reference"},
	{"name":"IsDeleted","type":"boolean"},{"name":"Repsync_Key__c","type":"string","length":80,"createable":true,"updateable":true,"externalId":true,"unique":true},
	{"name":"LastName","type":"string","length":80,"createable":true,"updateable":true},{"name":"Email","type":"email","createable":true,"updateable":true},
	{"name":"AccountId","type":"reference","referenceTo":["Account"],"relationshipName":"Account","createable":true,"updateable":true},
	{"name":"Name","type":"string"},{"name":"Subject","type":"combobox","createable":true,"updateable":true},
	{"name":"StartDateTime","type":"datetime","createable":true,"updateable":true},{"name":"EndDateTime","type":"datetime","createable":true,"updateable":true},
	{"name":"IsAllDayEvent","type":"boolean","createable":true,"updateable":true},{"name":"WhoId","type":"reference","createable":true,"updateable":true},
	{"name":"WhatId","type":"reference","createable":true,"updateable":true},{"name":"Recurrence2PatternText","type":"string"},{"name":"IsRecurrence2","type":"boolean"},
	{"name":"EventId","type":"reference"},{"name":"RelationId","type":"reference"},{"name":"Status","type":"picklist","picklistValues":[{"value":"Maybe","active":true}]}]}`

// FuzzAnswer lets a server say anything, to queries, describes and writes, as an error too, and a caller bring any token.
// Every call comes back after a bounded number of requests, with values that are canonical or with an error that has a
// class and quotes nothing.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"done":true,"totalSize":0,"records":[]}`, `{"done":false,"records":[]}`, `[]`, `null`, `"` + fuzztest.Canary + `"`, `{`,
		`{"done":true,"records":[{"Id":"003000000000001AAA","SystemModstamp":"2026-11-18T12:00:00.000+0000","LastName":"Doe","Email":"a@x.test","StartDateTime":"2026-11-18T12:00:00Z","EndDateTime":"2026-11-18T13:00:00Z"}]}`,
		`{"done":false,"records":[{"Id":"003000000000001AAA","SystemModstamp":"2026-11-18T12:00:00.000+0000","EventId":"003000000000001AAA","RelationId":"003000000000001AAA"}]}`,
		`{"done":true,"records":[{"Id":"003000000000001AAA","IsDeleted":true},{"Id":5},null,"` + fuzztest.Canary + `"]}`,
		`[{"id":"003000000000001AAA","success":true,"errors":[]}]`,
		`[{"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"` + fuzztest.Canary + `","fields":["Email"]}]}]`,
	} {
		f.Add(200, []byte(goodDescribe), []byte(body), []byte(`{"v":1,"tail":{"1":"AA=="}}`))
	}
	good, err := cursor{Edge: time.Unix(1_790_000_000, 0), Used: time.Unix(1_795_000_000, 0), Tail: map[int64][]byte{1_790_000_000: []byte("12345678")}}.bytes()
	require.NoError(f, err)
	for _, body := range []string{
		`[{"errorCode":"INVALID_FIELD","message":"` + fuzztest.Canary + `"}]`, `[{"errorCode":"` + fuzztest.Canary + `","message":""}]`,
		`{"error":"invalid_grant","error_description":"` + fuzztest.Canary + `"}`, `<html>` + fuzztest.Canary,
	} {
		f.Add(400, []byte(goodDescribe), []byte(body), good)
		f.Add(503, []byte(goodDescribe), []byte(body), []byte(`{"v":1,"id":"003000000000001AAA"}`))
	}
	f.Add(200, []byte(`{"fields":[{"name":"`+fuzztest.Canary+`"}]}`), []byte(`{"done":true,"records":[]}`), good)
	f.Add(200, []byte(`{"fields":"`+fuzztest.Canary+`"}`), []byte(`{"done":true,"records":[]}`), good)
	f.Fuzz(func(t *testing.T, status int, describe, body, token []byte) {
		if status < 200 || status > 599 {
			return // the transport knows no other
		}
		defer fuzztest.Within(10 * time.Second)()
		askEverything(t, &oneAnswer{status: status, describe: describe, body: body}, token)
	})
}

// askEverything calls every method of a connector.
func askEverything(t *testing.T, server *oneAnswer, token []byte) {
	t.Helper()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	made, err := New(Config{Org: "acme", BaseURL: "https://acme.test", Auth: Auth{Basic: &Basic{"u", credential.Fixed("p")}}, HTTPClient: &http.Client{Transport: server}, Now: func() time.Time { return now }})
	require.NoError(t, err)
	ctx := context.Background()
	const id = "003000000000001AAA"
	refs := []connector.Ref{{ID: id}, {ID: "00U000000000001AAA"}}
	check := func(err error) {
		server.asked = 0
		if err == nil {
			return
		}
		var e *connector.Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Class)
		require.NotEmpty(t, e.Code)
		require.NotContains(t, err.Error(), fuzztest.Canary)
		require.Less(t, len(err.Error()), 500)
	}
	for _, k := range []record.Kind{record.Contact, record.Event} {
		_, err := made.Caps(ctx, k, "005000000000001AAA")
		check(err)
		for _, q := range []connector.Query{{}, {Owner: "005000000000001AAA"}, {Token: token}, {Page: token}, {Token: token, Page: token}, {FromNow: true}} {
			for range 2 { // a page, and what follows it
				d, err := made.Changes(ctx, k, q)
				check(err)
				checkItems(t, d.Items)
				for ref, bad := range d.Bad {
					require.NotContains(t, ref.ID, fuzztest.Canary)
					check(bad)
				}
				require.False(t, err == nil && d.Page != nil && bytes.Equal(d.Page, q.Page), "a page is followed by another one")
				if q.Page = d.Page; d.Page == nil {
					q.Token = d.Token
				}
			}
		}
		items, gone, err := made.Get(ctx, k, refs, nil)
		check(err)
		checkItems(t, items)
		if err == nil {
			require.Len(t, refs, len(items)+len(gone), "each comes back once")
		}
		found, err := made.Find(ctx, k, connector.ByKey, []string{"k"}, nil)
		check(err)
		for _, list := range found {
			checkItems(t, list)
		}
		_, err = made.Access(ctx, k, "005000000000001AAA", []string{id})
		check(err)
		at := record.Span{Start: record.Moment{At: now}, End: record.Moment{At: now}}
		set := map[record.Kind]record.Fields{record.Contact: {record.FieldFamily: "Doe", record.FieldCompany: "Acme"},
			record.Event: {record.FieldSubject: "S", record.FieldTime: at.String(), record.FieldRelations: id}}[k]
		results, err := made.Write(ctx, k, []connector.Op{
			{Verb: connector.Create, Key: "k", Set: set}, {Verb: connector.Update, Ref: refs[0], Set: set}, {Verb: connector.Delete, Ref: refs[0]},
		})
		check(err)
		for _, r := range results {
			check(r.Err)
		}
	}
	_, err = made.User(ctx, "a@x.test")
	check(err)
	people, err := made.People(ctx, []string{"a@x.test"})
	check(err)
	for email := range people {
		require.Equal(t, "a@x.test", email)
	}
}

func checkItems(t *testing.T, items []connector.Item) {
	t.Helper()
	for _, it := range items {
		require.Regexp(t, itemID, it.ID)
		for canonical, v := range it.Fields {
			require.NotEmpty(t, v)
			require.Equal(t, v, record.Canonical(canonical, v), canonical)
		}
	}
}
