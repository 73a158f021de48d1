package connector

import (
	"encoding/json"
	"fmt"
	"io"
)

// MaxItem is how many bytes of a vendor's own form an item may have at most. It is far above what vendors keep (Google holds
// contacts and events to some tens of kilobytes, Salesforce a record to about a megabyte), and it keeps one broken answer from
// filling a worker's memory, and a database's row. What is larger is there, and cannot be read: connectors return it as Bad.
const MaxItem = 2 << 20

// DecodeList reads one JSON object from r. It hands the elements of the member called list to each as they come, so that the
// answer is never in memory as a whole, and decodes the other members into rest, a pointer to a struct. The bytes that each
// is given are its own until it returns. Errors: r's, those of encoding/json, and each's.
func DecodeList(r io.Reader, list string, each func(raw json.RawMessage) error, rest any) error {
	dec := json.NewDecoder(r)
	if err := expect(dec, '{'); err != nil {
		return err
	}
	others := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		if name != list {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return err
			}
			others[fmt.Sprint(name)] = raw
			continue
		}
		if err := elements(dec, each); err != nil {
			return err
		}
	}
	if err := expect(dec, '}'); err != nil {
		return err
	}
	text, err := json.Marshal(others)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, rest)
}

// elements reads an array, or null.
func elements(dec *json.Decoder, each func(raw json.RawMessage) error) error {
	token, err := dec.Token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('[') {
		return &json.UnmarshalTypeError{Value: fmt.Sprintf("%T", token), Offset: dec.InputOffset()}
	}
	var raw json.RawMessage // one buffer for all
	for dec.More() {
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if err := each(raw); err != nil {
			return err
		}
		if cap(raw) > MaxItem {
			raw = nil // a giant's place is not kept
		}
	}
	return expect(dec, ']')
}

// expect reads one delimiter.
func expect(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return &json.UnmarshalTypeError{Value: fmt.Sprintf("%T", token), Offset: dec.InputOffset()}
	}
	return nil
}
