package google

import (
	"encoding/json"
	"errors"

	"github.com/repsync/repsync/internal/connector"
)

// cursor is the form of Query.Token and Query.Page: JSON, versioned, opaque to everybody else. Google binds both to the
// first call's parameters, so they carry them: a build that asks for something else starts over.
type cursor struct {
	V      int    `json:"v"`
	Fields string `json:"fields"` // what is asked for: a mask of people, a calendar of events
	Size   int    `json:"size"`
	Value  string `json:"value"`
	Memory memory `json:"memory,omitzero"`
}

const cursorVersion = 2

// noToken is the value of a token that a server did not give. What is read with it is everything.
const noToken = "none"

// seal returns the token or page that holds a value of Google's, and what is known of the server by now.
func (c cursor) seal(value string, m memory) ([]byte, error) {
	c.V, c.Value, c.Memory = cursorVersion, value, m
	return json.Marshal(c)
}

// open reads a token or a page that was sealed for the same parameters; nil is "". Error: CursorLost.
func (c cursor) open(op string, raw []byte) (string, memory, error) {
	if raw == nil {
		return "", memory{}, nil
	}
	var got cursor
	if json.Unmarshal(raw, &got) != nil || got.V != cursorVersion || got.Fields != c.Fields || got.Size != c.Size || got.Value == "" || !got.Memory.whole() {
		return "", memory{}, &connector.Error{Class: connector.CursorLost, Code: "token_unreadable", Op: op}
	}
	return got.Value, got.Memory, nil
}

// resumed is the error of a read that was resumed from a token or page. Any 400 is then CursorLost: Google has several,
// and after a full read whatever was wrong shows itself as Bug.
func resumed(err error, from string) error {
	var e *connector.Error
	if from != "" && errors.As(err, &e) && (e.Class == connector.Bug || e.Class == connector.Stale) && e.Code != "answer_too_large" {
		e.Class = connector.CursorLost
	}
	return err
}

// repeated is the error of a server that names a page which it gave before as the next one: reading on would not end.
func repeated(op string) error {
	return &connector.Error{Class: connector.Retry, Code: "page_repeated", Op: op}
}
