// Package credential holds what both connectors need to sign in without giving anything away and without a storm.
//
// A Source says where a secret is, in a file or in an environment variable, and reads it anew whenever a connector signs
// in: a key that an admin replaces is used from the next sign-in on, without a restart, and nothing is kept in between.
// Neither a Source nor a Value ever prints what it holds, whatever verb, encoder or logger it is given to.
//
// A Gate keeps the sign-ins of many reps few. They share one credential per org, so that a key that is refused would be
// tried by a thousand reps, each at its own next pass, and the tokens of a thousand mailboxes would end within the same
// minute of every hour. See Gate and RenewAt.
//
// Repsync stores no credential: files and variables are read where they are, tokens live in memory.
package credential

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

const hidden = "(not shown)"

// Value is a secret at hand: a key, a token, a password. However it is printed, encoded or logged, it shows nothing.
type Value []byte

// Format implements fmt.Formatter for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalText implements encoding.TextMarshaler, and by that what JSON and YAML show.
func (Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(hidden) }

// Source is where a secret is. The zero Source is none.
type Source struct {
	where string                 // "the file salesforce.key", "the environment variable SALESFORCE_KEY"
	file  string                 // its path, "" for the others
	read  func() ([]byte, error) // a closure, so that nothing that prints structs finds a value
}

// File is a secret in a file.
func File(path string) Source {
	return Source{where: "the file " + path, file: path, read: func() ([]byte, error) {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, &missing{"there is no file " + path, fs.ErrNotExist}
		case errors.Is(err, fs.ErrPermission):
			return nil, &missing{"this process may not read " + path, fs.ErrPermission}
		}
		return text, err
	}}
}

// Env is a secret in an environment variable. A key in PEM form may stand there with \n for its line ends, as tools that
// carry variables in one line write it.
func Env(name string) Source {
	return Source{where: "the environment variable " + name, read: func() ([]byte, error) {
		text, set := os.LookupEnv(name)
		switch {
		case !set:
			return nil, &missing{"the environment variable " + name + " is not set", fs.ErrNotExist}
		case strings.HasPrefix(text, "-----BEGIN ") && !strings.Contains(text, "\n"):
			text = strings.ReplaceAll(text, `\n`, "\n")
		}
		return []byte(text), nil
	}}
}

// missing says in its own words what an error of the file system means.
type missing struct {
	text  string
	cause error
}

func (m *missing) Error() string { return m.text }
func (m *missing) Unwrap() error { return m.cause }

// Fixed is a secret that is known already, for tests and for callers that read it themselves.
func Fixed[T ~string | ~[]byte](text T) Source {
	return Source{where: "the program itself", read: func() ([]byte, error) { return []byte(text), nil }}
}

// Set reports whether there is a source.
func (s Source) Set() bool { return s.read != nil }

// Path is the path of the file that the secret is in, "" where it is in none.
func (s Source) Path() string { return s.file }

// Read returns the secret as it is now. Errors: fs.ErrNotExist, fs.ErrPermission and other errors of the file system; an
// empty secret is an error too.
func (s Source) Read() ([]byte, error) {
	if s.read == nil {
		return nil, &missing{"no credential is configured", fs.ErrNotExist}
	}
	text, err := s.read()
	if err == nil && len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%s is empty", s.where)
	}
	return text, err
}

// Line returns a secret that is one line, a password or a token, without the line end that editors put after it. Errors
// as Read.
func (s Source) Line() (string, error) {
	text, err := s.Read()
	return strings.TrimRight(string(text), "\r\n"), err
}

// String says where the secret is, and nothing of it.
func (s Source) String() string {
	if s.where == "" {
		return "none"
	}
	return s.where
}

// Format implements fmt.Formatter for every verb.
func (s Source) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText implements encoding.TextMarshaler.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s Source) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Mark tells one secret from another without giving either away: equal secrets have equal marks.
func Mark(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:8])
}
