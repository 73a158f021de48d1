package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/repsync/repsync/internal/connector"
)

// parse decodes one object, keeping numbers as they were written: what is not known here goes back as it came. ok is false for
// what is no object. Members are map[string]any, []any, string, json.Number, bool or nil.
func parse(raw []byte) (object map[string]any, ok bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), connector.Lenient)
	v, err := tree(dec)
	if err != nil {
		return nil, false
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	object, ok = v.(map[string]any)
	return object, ok
}

// tree reads one value.
func tree(dec *jsontext.Decoder) (any, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindString:
		return token.String(), nil
	case jsontext.KindNumber:
		return json.Number(token.String()), nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	case jsontext.KindBeginObject:
		return members(dec)
	case jsontext.KindBeginArray:
		list := []any{}
		for dec.PeekKind() != jsontext.KindEndArray {
			v, err := tree(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.ReadToken()
		return list, err
	}
	return nil, nil
}

// members reads the members of an object, and its end.
func members(dec *jsontext.Decoder) (map[string]any, error) {
	object := map[string]any{}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if object[key], err = tree(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return object, err
}

// compact is JSON without the space between its tokens, in bytes of its own.
func compact(raw []byte) []byte {
	text := jsontext.Value(bytes.Clone(raw))
	if text.Compact(connector.Lenient) != nil { // of what parse has read it is none
		return bytes.Clone(raw)
	}
	return text
}
