package connector

import (
	"encoding/json"
	"errors"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxItem is how many bytes of a vendor's own form an item may have at most. It is far above what vendors keep (Google holds
// contacts and events to some tens of kilobytes, Salesforce a record to about a megabyte), and it keeps one broken answer from
// filling a worker's memory, and a database's row. What is larger is there, and cannot be read: connectors return it as Bad.
const MaxItem = 2 << 20

// ErrSaysNothing is the error of an answer without any member. A vendor that has nothing to list says at least where to go on;
// what stands between may answer so while the vendor is ill, and who took it for an empty list would make everything again.
var ErrSaysNothing = errors.New("the answer is an object without members")

// Lenient is how a vendor's JSON is read: as browsers read it. Of two members with one name the last counts, and bytes that are
// no UTF-8 are replaced. One odd item must not keep a whole answer from being read.
var Lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Decode reads one JSON value from r into out, member names in either case. Errors: io.EOF where there is nothing, r's, and those
// that NotJSON knows.
func Decode(r io.Reader, out any) error {
	return jsonv2.UnmarshalDecode(jsontext.NewDecoder(r, Lenient), out, jsonv2.MatchCaseInsensitiveNames(true))
}

// Unmarshal is Decode of bytes that hold one value and nothing else.
func Unmarshal(raw []byte, out any) error {
	return jsonv2.Unmarshal(raw, out, Lenient, jsonv2.MatchCaseInsensitiveNames(true))
}

// DecodeList reads one JSON object from r. It hands the elements of the member called list to each as they come, so that the
// answer is never in memory as a whole, and decodes the other members into rest, a pointer to a struct. The bytes that each
// is given are valid until it returns, and not to be changed. Errors: ErrSaysNothing, r's, those that NotJSON knows, and each's.
func DecodeList(r io.Reader, list string, each func(raw json.RawMessage) error, rest any) error {
	dec := jsontext.NewDecoder(r, Lenient)
	if err := expect(dec, '{'); err != nil {
		return err
	}
	others, listed := map[string]json.RawMessage{}, false
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if name == list {
			listed = true
			if err := elements(dec, each); err != nil {
				return err
			}
			continue
		}
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		others[name] = json.RawMessage(raw.Clone())
	}
	if err := expect(dec, '}'); err != nil {
		return err
	}
	if !listed && len(others) == 0 {
		return ErrSaysNothing
	}
	text, err := json.Marshal(others)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, rest)
}

// elements reads an array, or null.
func elements(dec *jsontext.Decoder, each func(raw json.RawMessage) error) error {
	if dec.PeekKind() == 'n' {
		return dec.SkipValue()
	}
	if err := expect(dec, '['); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := each(json.RawMessage(raw)); err != nil {
			return err
		}
	}
	return expect(dec, ']')
}

// expect reads one token of a kind.
func expect(dec *jsontext.Decoder, want jsontext.Kind) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != want {
		return &json.UnmarshalTypeError{Value: token.Kind().String(), Offset: dec.InputOffset()}
	}
	return nil
}

// NotJSON reports whether err says that an answer is no JSON, or not of the shape that was asked for. Such an error may quote
// the answer.
func NotJSON(err error) bool {
	var text *jsontext.SyntacticError
	var shape *jsonv2.SemanticError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &text) || errors.As(err, &shape) || errors.As(err, &syntax) || errors.As(err, &kind)
}
