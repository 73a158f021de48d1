package google

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// listing is one page of connections.list, but for the people on it.
type listing struct {
	NextPageToken string `json:"nextPageToken"`
	NextSyncToken string `json:"nextSyncToken"`
}

// list reads one page of the contacts and hands each to each, which keeps nothing of its bytes.
func (m *people) list(ctx context.Context, op, syncToken, pageToken string, wantSync bool, each func(raw []byte)) (listing, error) {
	q := url.Values{"personFields": {personFields}, "pageSize": {strconv.Itoa(m.PageSize)}, "sources": {contactOnly}}
	if wantSync {
		q.Set("requestSyncToken", "true")
	}
	if syncToken != "" {
		q.Set("syncToken", syncToken)
	}
	if pageToken != "" {
		q.Set("pageToken", pageToken)
	}
	var out listing
	read := func(_ *http.Response, body io.Reader) error {
		return connector.DecodeList(body, "connections", func(raw json.RawMessage) error { each(raw); return nil }, &out)
	}
	err := m.client.list(ctx, call{op: op, method: http.MethodGet, path: "v1/people/me/connections", query: q, read: read})
	return out, err
}

// changes reads the contacts, or what changed since a token. With FromNow the pages are read and thrown away, since Google
// gives a token only at the end of the list. Any 400 to a token or page is CursorLost: Google has several, and after a
// full read whatever was wrong shows itself as Bug. Where the server says less than Google, see gaps.go.
func (m *people) changes(ctx context.Context, q connector.Query) (connector.Delta, error) {
	const op = "google changes contact"
	r, err := m.cursor().begin(op, q, m.Now())
	if err != nil {
		return connector.Delta{}, err
	}
	if r.looks() {
		var all []shown
		page, err := m.list(ctx, op, "", "", false, func(raw []byte) {
			if one := m.seen(raw); !one.gone {
				all = append(all, one)
			}
		})
		if err != nil {
			return connector.Delta{}, err
		}
		if same, err := r.look(all, page.NextPageToken); same || err != nil {
			return connector.Delta{Token: q.Token}, err
		}
	}
	var d connector.Delta
	into := map[string]string{}
	each := func(raw []byte) {
		one := m.seen(raw)
		r.note(one, one.gone)
		if !q.FromNow || q.Token != nil {
			m.collect(&d, raw, into)
		}
	}
	page, err := m.list(ctx, op, r.sync, r.page, !r.Plain, each)
	if r.sync+r.page == "" && isStatus(err, http.StatusBadRequest) { // perhaps it is the wish for a sync token that it does not take
		r.Plain = true
		page, err = m.list(ctx, op, "", "", false, each)
	}
	if err != nil {
		return connector.Delta{}, resumed(err, r.sync+r.page)
	}
	for i := range d.Gone {
		d.Gone[i].Into = into[d.Gone[i].ID]
	}
	if d.Page, d.Token, err = r.end(page.NextPageToken, page.NextSyncToken); err != nil {
		return connector.Delta{}, err
	}
	d.Items = slices.DeleteFunc(d.Items, func(it connector.Item) bool { return r.old(it.ID) })
	d.Complete = d.Token != nil && r.full && !q.FromNow
	return d, nil
}

// seen is a person as a memory knows it: a whole address book may be looked at in every pass, so that no more is decoded than
// tells one state from another. Where a server shows no etag that is everything.
func (m *people) seen(raw []byte) shown {
	var p struct {
		ResourceName, Etag string
		Metadata           struct {
			Deleted bool
			Sources []struct{ Type, Etag string }
		}
	}
	if len(raw) <= connector.MaxItem && connector.Unmarshal(raw, &p) == nil && resourceName.MatchString(p.ResourceName) {
		tag := p.Etag
		for _, s := range p.Metadata.Sources {
			if s.Type == "CONTACT" && s.Etag != "" {
				tag = s.Etag
			}
		}
		if tag != "" {
			return shown{id: p.ResourceName, tag: tag, gone: p.Metadata.Deleted}
		}
	}
	one, err := m.decode(raw)
	tag := one.item.Version.Tag
	if err != nil {
		tag = "bad/" + tag
	}
	return shown{id: one.item.ID, tag: tag, gone: one.deleted}
}

// collect sorts a person into a delta, and notes into which one others were merged.
func (m *people) collect(d *connector.Delta, raw []byte, into map[string]string) {
	one, err := m.decode(raw)
	switch {
	case err != nil:
		if d.Bad == nil {
			d.Bad = map[connector.Ref]error{}
		}
		d.Bad[one.item.Ref] = badPerson(err)
	case one.deleted:
		d.Gone = append(d.Gone, connector.Gone{Ref: one.item.Ref, Deleted: true, Version: one.item.Version})
	default:
		d.Items = append(d.Items, one.item)
		for _, name := range one.item.Previous {
			into[name] = one.item.ID
		}
	}
}

// badPerson is the error of a person that cannot be decoded; its cause names a member and quotes nothing.
func badPerson(err error) error {
	return &connector.Error{Class: connector.Park, Code: "unreadable", Op: "google decode contact", Cause: err}
}

// response is one person's part of a batch's answer.
type response struct {
	HTTPStatusCode        int             `json:"httpStatusCode"`
	Person                json.RawMessage `json:"person"`
	RequestedResourceName string          `json:"requestedResourceName"`
	Status                struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
}

// get reads contacts by resource name. A 404 for one name proves its delete; a name that is none has left the view. An
// item that was renamed comes back under its new name, with the one asked for among Previous. One that cannot be decoded
// comes back Partial, without fields.
func (m *people) get(ctx context.Context, refs []connector.Ref) ([]connector.Item, []connector.Gone, error) {
	const op = "google get contact"
	var items []connector.Item
	var gone []connector.Gone
	var names []string
	asked := map[connector.Ref]bool{}
	for _, ref := range refs {
		switch {
		case asked[ref]:
		case ref.Occurrence != "" || !resourceName.MatchString(ref.ID):
			gone = append(gone, connector.Gone{Ref: ref})
		default:
			names = append(names, ref.ID)
		}
		asked[ref] = true
	}
	for len(names) > 0 {
		batch := names[:min(len(names), maxBatch)]
		names = names[len(batch):]
		var out struct {
			Responses []response `json:"responses"`
		}
		q := url.Values{"resourceNames": batch, "personFields": {personFields}, "sources": {contactOnly}}
		err := error(nil)
		if !m.client.singly.Load() {
			err = m.client.do(ctx, call{op: op, method: http.MethodGet, path: "v1/people:batchGet", query: q}, &out)
		}
		if m.client.singly.Load() || err != nil && m.client.unbatched(ctx, err, m.alive) {
			some, lost, err := m.getSingly(ctx, op, batch)
			if err != nil {
				return nil, nil, err
			}
			items, gone = append(items, some...), append(gone, lost...)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		byName := map[string]response{}
		for _, r := range out.Responses {
			byName[r.RequestedResourceName] = r
		}
		for _, name := range batch {
			r, ok := byName[name]
			switch {
			case ok && len(r.Person) > 0:
				items = append(items, m.got(name, r.Person))
			case ok && (r.HTTPStatusCode == http.StatusNotFound || r.Status.Code == 5):
				gone = append(gone, connector.Gone{Ref: connector.Ref{ID: name}, Deleted: true})
			case ok && r.Status.Code == 7:
				gone = append(gone, connector.Gone{Ref: connector.Ref{ID: name}})
			default:
				return nil, nil, &connector.Error{Class: connector.Retry, Code: "answer_incomplete", Op: op}
			}
		}
	}
	return items, gone, nil
}

// got is one person that was asked for by name.
func (m *people) got(name string, raw []byte) connector.Item {
	one, err := m.decode(raw)
	it := one.item
	if err != nil {
		it.Partial, it.Fields = true, nil
	}
	if it.ID == "" {
		it.ID = name
	}
	if it.ID != name {
		it.Previous = append(it.Previous, name)
	}
	return it
}

// find reads the whole list, freshly, and filters it: Google's search knows no clientData and lags behind. One call
// answers for any number of keys. An item that cannot be decoded is found by its marker only, and comes back Partial.
func (m *people) find(ctx context.Context, by connector.By, keys []string) (map[string][]connector.Item, error) {
	const op = "google find contact"
	asked := map[string][]string{} // form of a key → the keys as given
	for _, key := range keys {
		form := key
		switch by {
		case connector.ByKey:
			form = m.marker(key)
		case connector.ByEmail:
			form = record.NormalEmail(key)
		case connector.ByName:
		default:
			return nil, &connector.Error{Class: connector.Bug, Code: "find_by", Op: op}
		}
		if form != "" && !slices.Contains(asked[form], key) {
			asked[form] = append(asked[form], key)
		}
	}
	found := map[string][]connector.Item{}
	if len(asked) == 0 {
		return found, nil
	}
	seen := map[string]bool{} // pages may repeat a person
	given := map[string]bool{}
	for pageToken := ""; ; {
		page, err := m.list(ctx, op, "", pageToken, false, func(raw []byte) {
			one, err := m.decode(raw)
			if one.deleted || one.item.ID == "" || seen[one.item.ID] {
				return
			}
			seen[one.item.ID] = true
			forms := formsOf(by, one.item)
			if err != nil {
				one.item.Partial, one.item.Fields = true, nil
			}
			for _, form := range forms {
				for _, key := range asked[form] {
					found[key] = append(found[key], one.item)
				}
			}
		})
		if err == nil && given[page.NextPageToken] {
			err = repeated(op)
		}
		if err != nil {
			return nil, err
		}
		given[page.NextPageToken] = page.NextPageToken != ""
		if pageToken = page.NextPageToken; pageToken == "" {
			return found, nil
		}
	}
}

// formsOf are the keys by which an item is found.
func formsOf(by connector.By, it connector.Item) []string {
	switch by {
	case connector.ByKey:
		return []string{it.Key}
	case connector.ByEmail:
		return record.Emails(it.Fields)
	default:
		return []string{record.NameKey(it.Fields)}
	}
}
