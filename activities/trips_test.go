package activities_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

// trips counts a store's round trips: it stands between the store and Postgres and counts the messages with which a client
// asks for an answer, Sync and Query. Source: PostgreSQL, "Frontend/Backend Protocol", Message Formats.
type trips struct {
	n     atomic.Int64
	pages atomic.Int64 // of staged rows that were asked for
}

// stagedPage is in the statement that reads a page of staged rows.
const stagedPage = "rows unbounded preceding"

// countTrips gives the world a store whose round trips are counted.
func countTrips(t *testing.T, w *world) *trips {
	t.Helper()
	u, err := url.Parse(storetest.URL(t))
	require.NoError(t, err)
	network, target := "tcp", u.Host
	if dir := u.Query().Get("host"); dir != "" {
		port := u.Query().Get("port")
		if port == "" {
			port = "5432"
		}
		network, target = "unix", dir+"/.s.PGSQL."+port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c := &trips{}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, target)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
			go func() { c.forward(server, client); _ = server.Close() }()
		}
	}()
	q := url.Values{"sslmode": {"disable"}, "application_name": {w.schema}}
	through := url.URL{Scheme: "postgres", User: u.User, Host: l.Addr().String(), Path: u.Path, RawQuery: q.Encode()}
	w.store, err = store.Open(t.Context(), through.String(), w.ring, store.Options{Now: w.clock.Now, Schema: w.schema})
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	w.stages = w.worker()
	return c
}

// forward copies what a client sends, message by message. The first one has no type.
func (c *trips) forward(to io.Writer, from io.Reader) {
	paging := map[string]bool{} // the prepared statements that read pages
	for first := true; ; first = false {
		head := make([]byte, 5)
		if first {
			head = head[1:]
		}
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if !first && (head[0] == 'S' || head[0] == 'Q') {
			c.n.Add(1)
		}
		if parts := strings.SplitN(string(body), "\x00", 3); !first && head[0] == 'P' && strings.Contains(parts[1], stagedPage) {
			paging[parts[0]] = true
		} else if !first && head[0] == 'B' && paging[parts[1]] {
			c.pages.Add(1)
		}
		if _, err := to.Write(slices.Concat(head, body)); err != nil {
			return
		}
	}
}
