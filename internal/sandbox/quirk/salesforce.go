package quirk

import (
	"net/http"
	"regexp"
	"strings"
)

// soql is the query that a request runs, "" for another request.
func soql(r *http.Request) string {
	if strings.HasSuffix(r.URL.Path, "/query") || strings.HasSuffix(r.URL.Path, "/queryAll") {
		return r.URL.Query().Get("q")
	}
	return ""
}

func isDescribe(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/describe") }

const (
	notFound     = `[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]`
	invalidType  = `[{"message":"sObject type is not supported.","errorCode":"INVALID_TYPE"}]`
	invalidField = `[{"message":"No such column on entity.","errorCode":"INVALID_FIELD"}]`
)

// without is a server that has no such objects.
func without(name, does string, objects ...string) Quirk {
	from := regexp.MustCompile(`(?i)\bFROM\s+(` + strings.Join(objects, "|") + `)\b`)
	path := regexp.MustCompile(`/sobjects/(` + strings.Join(objects, "|") + `)(/|$)`)
	return Quirk{Name: name, Does: does, before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		switch {
		case path.MatchString(r.URL.Path):
			return refuse(w, http.StatusNotFound, notFound)
		case from.MatchString(soql(r)):
			return refuse(w, http.StatusBadRequest, invalidType)
		}
		return false
	}}
}

// withoutField is a server whose objects have no such field.
func withoutField(name, does, field string) Quirk {
	used := regexp.MustCompile(`\b` + field + `\b`)
	return Quirk{Name: name, Does: does,
		before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			return used.MatchString(soql(r)) && refuse(w, http.StatusBadRequest, invalidField)
		},
		after: func(r *http.Request, a *Answer) {
			if o := a.Object(); isDescribe(r) && o != nil {
				var kept []any
				fields, _ := o["fields"].([]any)
				for _, f := range fields {
					if one, _ := f.(map[string]any); one["name"] != field {
						kept = append(kept, f)
					}
				}
				o["fields"] = kept
			}
		}}
}

// NoStamps is a server whose objects have no field that tells when a record was changed.
func NoStamps() Quirk {
	a, b := withoutField("", "", "SystemModstamp"), withoutField("no_stamps", "no object says when a record was changed", "LastModifiedDate")
	of := b
	of.after = func(r *http.Request, x *Answer) { a.after(r, x); b.after(r, x) }
	return of
}

// NoFields is a server whose describes list no field.
func NoFields() Quirk { return undescribed("no_fields", "describe lists no field", "fields") }

// NoObject is a server without an object.
func NoObject(name string) Quirk { return without("no_object", "there is no such object", name) }

// undescribed is a server whose describes leave members out.
func undescribed(name, does string, members ...string) Quirk {
	return Quirk{Name: name, Does: does, after: func(r *http.Request, a *Answer) {
		if isDescribe(r) {
			strip(a.Body, members...)
		}
	}}
}

// unserved is a server that answers 404 to some requests.
func unserved(name, does, method, path string) Quirk {
	match := regexp.MustCompile(path)
	return Quirk{Name: name, Does: does, before: func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		return (method == "" || r.Method == method) && match.MatchString(r.URL.Path) && refuse(w, http.StatusNotFound, notFound)
	}}
}

var limit = regexp.MustCompile(`(?i)\s+LIMIT\s+\d+\s*$`)

// Salesforce are the ways in which a server falls short of Salesforce's REST API.
func Salesforce() []Quirk {
	return []Quirk{
		undescribed("describe_without_rights", "describe does not say what can be created, updated or deleted", "createable", "updateable", "deletable", "queryable", "permissionable"),
		undescribed("describe_without_shapes", "describe does not say lengths, what is required, or picklists", "length", "nillable", "defaultedOnCreate", "picklistValues", "byteLength"),
		undescribed("describe_without_keys", "describe does not say what is an external id or unique", "externalId", "unique", "idLookup"),
		undescribed("describe_without_references", "describe does not say where references lead", "relationshipName", "referenceTo", "compoundFieldName"),
		without("no_event_relation", "there is no EventRelation", "EventRelation"),
		without("no_lead", "there are no leads", "Lead"),
		without("no_record_access", "there is no UserRecordAccess", "UserRecordAccess"),
		without("no_permission_sets", "there are no permission sets and no field permissions", "PermissionSetAssignment", "FieldPermissions", "PermissionSet"),
		withoutField("no_is_deleted", "no object has IsDeleted, and a deleted row is shown by nothing", "IsDeleted"),
		withoutField("no_system_modstamp", "no object has SystemModstamp", "SystemModstamp"),
		unserved("no_query_all", "there is no queryAll", "", `/queryAll$`),
		{Name: "deletes_not_shown", Does: "queryAll shows no deleted row",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				r.URL.Path = strings.Replace(r.URL.Path, "/queryAll", "/query", 1)
				return false
			}},
		unserved("no_collections", "there are no collections", "", `/composite/sobjects`),
		unserved("no_upsert", "nothing can be upserted, in collections or alone", http.MethodPatch, `/composite/sobjects/\w+/\w+$|/sobjects/\w+/\w+/[^/]+$`),
		{Name: "created_for_ok", Does: "answers 201 where 200 or 204 is promised",
			after: func(_ *http.Request, a *Answer) {
				if a.Status == http.StatusOK || a.Status == http.StatusNoContent {
					a.Status = http.StatusCreated
				}
			}},
		{Name: "errors_as_object", Does: "answers with one error where a list of errors is promised, in rows too",
			after: func(_ *http.Request, a *Answer) {
				if list, ok := a.Body.([]any); ok && a.Status >= 400 && len(list) > 0 {
					a.Body = list[0]
				}
				walk(a.Body, func(o map[string]any) {
					if list, ok := o["errors"].([]any); ok && len(list) > 0 {
						o["errors"] = list[0]
					}
				})
			}},
		{Name: "rows_without_success", Does: "rows of collections have an id or errors, and no success",
			after: func(r *http.Request, a *Answer) {
				if strings.Contains(r.URL.Path, "/composite/sobjects") {
					strip(a.Body, "success", "created")
				}
			}},
		{Name: "limit_ignored", Does: "heeds no LIMIT, and names further pages by whole addresses",
			before: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if q := r.URL.Query(); soql(r) != "" {
					q.Set("q", limit.ReplaceAllString(q.Get("q"), ""))
					r.URL.RawQuery = q.Encode()
				}
				return false
			},
			after: func(r *http.Request, a *Answer) {
				if next, ok := a.Object()["nextRecordsUrl"].(string); ok {
					a.Object()["nextRecordsUrl"] = "http://" + r.Host + next
				}
			}},
		{Name: "no_page_marks", Does: "query does not say how many rows there are, nor whether it is done",
			after: func(r *http.Request, a *Answer) {
				if soql(r) != "" {
					strip(a.Body, "done", "totalSize", "attributes")
				}
			}},
		{Name: "no_limit_info", Does: "never tells how many calls are left",
			after: func(_ *http.Request, a *Answer) { a.Header.Del("Sforce-Limit-Info") }},
		unserved("no_identity", "does not tell who signed in", "", `^/id/|/userinfo$`),
		{Name: "unknown_members", Does: "adds members that nobody knows to rows and describes",
			after: func(r *http.Request, a *Answer) {
				if soql(r) != "" || isDescribe(r) {
					walk(a.Body, func(o map[string]any) { o["xNew"] = "1" })
				}
			}},
	}
}
