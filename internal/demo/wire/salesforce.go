package wire

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Salesforce is the REST API of one Salesforce org
// (https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest).
type Salesforce struct {
	Endpoint
	// Version of the API: "65.0".
	Version string
}

func (s Salesforce) path(rest string) string { return "/services/data/v" + s.Version + "/" + rest }

// Query runs SOQL and returns all rows of all pages. QueryAll also returns those in the recycle bin.
func (s Salesforce) Query(ctx context.Context, soql string) ([]Object, error) {
	return s.query(ctx, "query", soql)
}

// QueryAll is Query with deleted and archived rows; IsDeleted tells them apart.
func (s Salesforce) QueryAll(ctx context.Context, soql string) ([]Object, error) {
	return s.query(ctx, "queryAll", soql)
}

func (s Salesforce) query(ctx context.Context, resource, soql string) ([]Object, error) {
	var rows []Object
	next := s.path(resource) + "?q=" + url.QueryEscape(soql)
	for page := 1; next != ""; page++ {
		var answer struct {
			Records        []Object `json:"records"`
			NextRecordsURL string   `json:"nextRecordsUrl"`
		}
		if err := s.do(ctx, http.MethodGet, next, nil, &answer); err != nil {
			return nil, fmt.Errorf("read page %d of %q: %w", page, soql, err)
		}
		rows = append(rows, answer.Records...)
		next = answer.NextRecordsURL
	}
	return rows, nil
}

// Create makes one record and returns its id.
func (s Salesforce) Create(ctx context.Context, object string, fields Object) (id string, err error) {
	var answer struct {
		ID string `json:"id"`
	}
	if err := s.do(ctx, http.MethodPost, s.path("sobjects/"+object), fields, &answer); err != nil {
		return "", fmt.Errorf("create a %s: %w", object, err)
	}
	return answer.ID, nil
}

// maxCollection is how many records one call of sObject Collections takes.
const maxCollection = 200

// CreateAll makes many records, 200 to a call, and returns one id per record; "" where the org refused it, with the
// reason at the same place in refused.
func (s Salesforce) CreateAll(ctx context.Context, object string, records []Object) (ids, refused []string, err error) {
	for start := 0; start < len(records); start += maxCollection {
		batch := records[start:min(start+maxCollection, len(records))]
		send := make([]Object, len(batch))
		for i, fields := range batch {
			send[i] = Object{"attributes": Object{"type": object}}
			maps.Copy(send[i], fields)
		}
		var answer []struct {
			ID      string `json:"id"`
			Success bool   `json:"success"`
			Errors  []struct {
				StatusCode string `json:"statusCode"`
				Message    string `json:"message"`
			} `json:"errors"`
		}
		if err := s.do(ctx, http.MethodPost, s.path("composite/sobjects"), Object{"allOrNone": false, "records": send}, &answer); err != nil {
			return nil, nil, fmt.Errorf("create %d of %s from number %d on: %w", len(batch), object, start+1, err)
		}
		if len(answer) != len(batch) {
			return nil, nil, fmt.Errorf("create %s: sent %d records, the answer speaks of %d", object, len(batch), len(answer))
		}
		for _, a := range answer {
			var why []string
			for _, e := range a.Errors {
				why = append(why, e.StatusCode+": "+e.Message)
			}
			ids, refused = append(ids, a.ID), append(refused, strings.Join(why, "; "))
		}
	}
	return ids, refused, nil
}

// Update changes the fields given, and no others.
func (s Salesforce) Update(ctx context.Context, object, id string, fields Object) error {
	if err := s.do(ctx, http.MethodPatch, s.path("sobjects/"+object+"/"+id), fields, nil); err != nil {
		return fmt.Errorf("update %s %s: %w", object, id, err)
	}
	return nil
}

// Delete moves a record to the recycle bin.
func (s Salesforce) Delete(ctx context.Context, object, id string) error {
	if err := s.do(ctx, http.MethodDelete, s.path("sobjects/"+object+"/"+id), nil, nil); err != nil {
		return fmt.Errorf("delete %s %s: %w", object, id, err)
	}
	return nil
}

// Describe returns what the org says of an object and its fields.
func (s Salesforce) Describe(ctx context.Context, object string) (Object, error) {
	var answer Object
	if err := s.do(ctx, http.MethodGet, s.path("sobjects/"+object+"/describe"), nil, &answer); err != nil {
		return nil, fmt.Errorf("describe %s: %w", object, err)
	}
	return answer, nil
}
