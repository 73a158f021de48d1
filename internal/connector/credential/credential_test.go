package credential_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector/credential"
)

const canary = "zzcanaryzz"

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	type holder struct {
		Value  credential.Value
		Source credential.Source
		inner  credential.Source
		List   []credential.Value
	}
	h := holder{credential.Value(canary), credential.Fixed(canary), credential.Fixed([]byte(canary)), []credential.Value{credential.Value(canary)}}
	hex, numbers := fmt.Sprintf("%x", canary), fmt.Sprintf("%d", []byte(canary))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t"} {
		for _, v := range []any{h, &h, h.Value, h.Source, &h.Value, h.List} {
			text := fmt.Sprintf(verb, v)
			for _, no := range []string{canary, hex, numbers, "122 122 99"} {
				require.NotContains(t, text, no, verb)
			}
		}
	}
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("config", "value", h.Value, "source", h.Source, "whole", h)
	}
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), "enpjYW5hcnl6eg", "nor in base64")
	text, err := json.Marshal(h)
	require.NoError(t, err)
	require.NotContains(t, string(text), canary)
	require.NotContains(t, string(text), "enpjYW5hcnl6eg")
	text, err = yaml.Marshal(map[string]any{"value": h.Value, "source": h.Source})
	require.NoError(t, err)
	require.NotContains(t, string(text), canary)
}

func TestASourceIsReadAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	s := credential.File(path)
	_, err := s.Read()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, path)
	for _, text := range []string{"first\n", "second\r\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		line, err := s.Line()
		require.NoError(t, err)
		require.Equal(t, text[:len(line)], line)
		require.NotContains(t, line, "\n")
	}
	require.NoError(t, os.WriteFile(path, []byte(" \n"), 0o600))
	_, err = s.Read()
	require.ErrorContains(t, err, "is empty")
	require.Equal(t, path, s.Path())
	require.True(t, s.Set())
	require.False(t, credential.Source{}.Set())
	_, err = credential.Source{}.Read()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAKeyInTheEnvironmentMayStandInOneLine(t *testing.T) {
	t.Setenv("REPSYNC_TEST_KEY", `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`)
	text, err := credential.Env("REPSYNC_TEST_KEY").Read()
	require.NoError(t, err)
	require.Equal(t, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", string(text))
	t.Setenv("REPSYNC_TEST_KEY", `{"private_key":"-----BEGIN\nAAAA"}`)
	text, err = credential.Env("REPSYNC_TEST_KEY").Read()
	require.NoError(t, err)
	require.JSONEq(t, `{"private_key":"-----BEGIN\nAAAA"}`, string(text), "JSON is left as it is")
	_, err = credential.Env("REPSYNC_TEST_NOT_SET").Read()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "REPSYNC_TEST_NOT_SET is not set")
}

func TestMarksTellSecretsApart(t *testing.T) {
	t.Parallel()
	again := append([]byte{}, 'a')
	require.Equal(t, credential.Mark([]byte("a")), credential.Mark(again))
	require.NotEqual(t, credential.Mark([]byte("a")), credential.Mark([]byte("b")))
	require.NotContains(t, credential.Mark([]byte(canary)), canary)
}
