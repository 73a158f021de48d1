package quirk

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// isList reports whether a request lists people or events.
func isList(r *http.Request) bool {
	return r.Method == http.MethodGet && (strings.HasSuffix(r.URL.Path, "/connections") || strings.HasSuffix(r.URL.Path, "/events"))
}

// listed is the member of a list that holds its entries.
func listed(r *http.Request) string {
	if strings.HasSuffix(r.URL.Path, "/connections") {
		return "connections"
	}
	return "items"
}

func isGone(one any) bool {
	o, _ := one.(map[string]any)
	meta, _ := o["metadata"].(map[string]any)
	return meta["deleted"] == true || o["status"] == "cancelled"
}

const refused400 = `{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}`

// Google are the ways in which a server falls short of Google's People and Calendar APIs.
func Google() []Quirk { return slices.Concat(feeds(), items(), requests()) }

// feeds are those of lists that tell what changed.
func feeds() []Quirk {
	return []Quirk{
		{Name: "no_sync_token", Does: "never gives a sync token",
			after: func(r *http.Request, a *Answer) {
				if isList(r) {
					strip(a.Body, "nextSyncToken")
				}
			}},
		{Name: "sync_token_not_known", Does: "refuses the wish for a sync token (400) and gives none",
			before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				return r.URL.Query().Has("requestSyncToken") && refuse(w, http.StatusBadRequest, refused400)
			},
			after: func(r *http.Request, a *Answer) {
				if isList(r) {
					strip(a.Body, "nextSyncToken")
				}
			}},
		{Name: "sync_token_ignored", Does: "takes a sync token and shows everything, without what was deleted",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if isList(r) {
					drop(r, "syncToken")
				}
				return false
			}},
		{Name: "sync_token_refused_400", Does: "gives sync tokens and refuses each with 400",
			before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				return r.URL.Query().Has("syncToken") && refuse(w, http.StatusBadRequest, refused400)
			}},
		{Name: "sync_token_refused_410", Does: "gives sync tokens and calls each of them expired (410)",
			before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				return r.URL.Query().Has("syncToken") && refuse(w, http.StatusGone, `{"error":{"code":410,"message":"Sync token is no longer valid, a full sync is required."}}`)
			}},
		{Name: "deletes_not_reported", Does: "honours sync tokens and leaves what was deleted out of every list",
			after: func(r *http.Request, a *Answer) {
				o := a.Object()
				list, _ := o[listed(r)].([]any)
				if !isList(r) || list == nil || !r.URL.Query().Has("syncToken") {
					return
				}
				var there []any
				for _, one := range list {
					if !isGone(one) {
						there = append(there, one)
					}
				}
				o[listed(r)] = there
			}},
	}
}

// items are those of what an answer shows.
func items() []Quirk {
	return []Quirk{
		{Name: "no_etags", Does: "shows no etag and heeds no precondition",
			before: withEtags, after: func(_ *http.Request, a *Answer) { strip(a.Body, "etag") }},
		{Name: "preconditions_ignored", Does: "shows etags and heeds no If-Match",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				r.Header.Del("If-Match")
				return false
			}},
		{Name: "created_for_ok", Does: "answers 201 where 200 is promised",
			after: func(_ *http.Request, a *Answer) {
				if a.Status == http.StatusOK {
					a.Status = http.StatusCreated
				}
			}},
		{Name: "accepted_for_ok", Does: "answers writes with 202, and deletes with 202 and an object",
			after: func(r *http.Request, a *Answer) {
				if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/token") && a.Status < 300 {
					a.Status = http.StatusAccepted
					if a.Body == nil {
						a.Body = map[string]any{}
					}
				}
			}},
		{Name: "deletes_answered_without_body", Does: "answers deletes with 204 and no body, those of batches too",
			after: func(r *http.Request, a *Answer) {
				if r.Method == http.MethodDelete && a.Status < 300 || strings.HasSuffix(r.URL.Path, "people:batchDeleteContacts") && a.Status < 300 {
					a.Status, a.Body = http.StatusNoContent, nil
				}
			}},
		{Name: "unknown_members", Does: "adds members that nobody knows to every object",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				editBody(r, func(body any) { strip(body, "xNew", "xNewer") })
				return false
			},
			after: func(r *http.Request, a *Answer) {
				if strings.HasSuffix(r.URL.Path, "/token") {
					return
				}
				walk(a.Body, func(o map[string]any) { o["xNew"], o["xNewer"] = json.Number("1"), []any{"a", nil, true} })
				if byName, ok := a.Object()["updateResult"].(map[string]any); ok { // a map: its members are people
					delete(byName, "xNew")
					delete(byName, "xNewer")
				}
			}},
		{Name: "no_times", Does: "does not say when anything was changed",
			after: func(_ *http.Request, a *Answer) { strip(a.Body, "updated", "updateTime", "created") }},
		{Name: "no_person_metadata", Does: "shows people without metadata",
			before: func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
				return strings.Contains(r.URL.Path, "/people") && withEtags(w, r, next)
			},
			after: func(_ *http.Request, a *Answer) {
				walk(a.Body, func(o map[string]any) {
					if meta, _ := o["metadata"].(map[string]any); meta["sources"] != nil && meta["deleted"] != true {
						delete(o, "metadata")
					}
				})
			}},
	}
}

// requests are those of what is served at all.
func requests() []Quirk {
	return []Quirk{
		{Name: "tiny_pages", Does: "gives one entry a page, whatever page size is asked for",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				q := r.URL.Query()
				for _, name := range []string{"pageSize", "maxResults"} {
					if q.Has(name) {
						q.Set(name, "1")
					}
				}
				r.URL.RawQuery = q.Encode()
				return false
			}},
		{Name: "show_deleted_ignored", Does: "never shows a cancelled occurrence among a series' instances",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				drop(r, "showDeleted")
				return false
			}},
		{Name: "no_batch", Does: "has no batch requests of either API (404)",
			before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				batch := strings.HasPrefix(r.URL.Path, "/batch/") || strings.Contains(r.URL.Path, "people:batch")
				return batch && refuse(w, http.StatusNotFound, "404 page not found\n")
			}},
		{Name: "batch_not_implemented", Does: "answers batch requests with 501",
			before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				batch := strings.HasPrefix(r.URL.Path, "/batch/") || strings.Contains(r.URL.Path, "people:batch")
				return batch && refuse(w, http.StatusNotImplemented, `{"error":{"code":501,"status":"UNIMPLEMENTED","message":"Not implemented."}}`)
			}},
	}
}

// PagesRefused refuses every page of a list but the first: nothing can be read to its end, and the kind waits in trouble.
func PagesRefused() Quirk {
	return Quirk{Name: "pages_refused", Does: "refuses every page token of its own with 400",
		before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			return isList(r) && r.URL.Query().Has("pageToken") && refuse(w, http.StatusBadRequest, refused400)
		}}
}

// withEtags heeds no precondition: what an update of a person lacks of etags is put into it as it stands.
func withEtags(_ http.ResponseWriter, r *http.Request, next http.Handler) bool {
	r.Header.Del("If-Match")
	single := strings.HasSuffix(r.URL.Path, ":updateContact")
	if !single && !strings.HasSuffix(r.URL.Path, "people:batchUpdateContacts") {
		return false
	}
	editBody(r, func(tree any) {
		body, _ := tree.(map[string]any)
		people, _ := body["contacts"].(map[string]any)
		if single {
			people = map[string]any{strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/"), ":updateContact"): body}
		}
		for name, one := range people {
			if p, ok := one.(map[string]any); ok {
				p["etag"] = etagOf(r, next, name)
				delete(p, "metadata")
			}
		}
	})
	return false
}

// etagOf is the etag of a person as it stands.
func etagOf(r *http.Request, next http.Handler, name string) any {
	ask := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/v1/"+name+"?personFields=metadata", nil)
	ask.Header.Set("Authorization", r.Header.Get("Authorization"))
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, ask)
	var p map[string]any
	_ = json.Unmarshal(rec.Body.Bytes(), &p)
	return p["etag"]
}
