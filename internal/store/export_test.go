package store

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
)

// Repool gives the store other connections, made as change says.
func Repool(s *Store, change func(*pgxpool.Config)) {
	config := s.pool.Config()
	change(config)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		panic(err) // a bug of the test
	}
	s.pool.Close()
	s.pool = pool
}

// CountRoundTrips makes the store's connections count what they send: one write of the socket is one round trip.
func CountRoundTrips(s *Store) *atomic.Int64 {
	var n atomic.Int64
	Repool(s, func(config *pgxpool.Config) {
		config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, network, addr)
			return countingConn{c, &n}, err
		}
	})
	return &n
}

type countingConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(b)
}

// CountStatements makes the store's connections count the statements that they run.
func CountStatements(s *Store) *atomic.Int64 {
	t := &tracer{}
	Repool(s, func(config *pgxpool.Config) { config.ConnConfig.Tracer = t })
	return &t.n
}

// CountErrors makes the store's connections count the statements that Postgres answers with one of these SQLSTATEs.
func CountErrors(s *Store, codes ...string) *atomic.Int64 {
	t := &tracer{failed: codes}
	Repool(s, func(config *pgxpool.Config) { config.ConnConfig.Tracer = t })
	return &t.n
}

// tracer counts statements, or those that failed in some ways.
type tracer struct {
	n      atomic.Int64
	failed []string
}

func (t *tracer) begun() {
	if t.failed == nil {
		t.n.Add(1)
	}
}

func (t *tracer) ended(err error) {
	if err != nil && slices.Contains(t.failed, stateOf(err)) {
		t.n.Add(1)
	}
}

func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.begun()
	return ctx
}
func (t *tracer) TraceQueryEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	t.ended(d.Err)
}
func (t *tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (t *tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { t.begun() }
func (t *tracer) TraceBatchEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	t.ended(d.Err)
}

// Exec runs a statement on the store's own schema, for what no method should be able to do.
func Exec(ctx context.Context, s *Store, sql string, args ...any) error {
	return s.lend(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql, args...)
		return err
	})
}

// Strings returns a query's single text column.
func Strings(ctx context.Context, s *Store, sql string, args ...any) ([]string, error) {
	return query(ctx, s, "test", pgx.RowTo[string], sql, args...)
}

// Parse is what Open makes of a URL.
var Parse = parse

// Occupy lends n connections at once and takes them back, so that n lie idle.
func Occupy(t testing.TB, s *Store, n int) {
	t.Helper()
	if n == 0 {
		return
	}
	if err := s.lend(t.Context(), func(*pgx.Conn) error { Occupy(t, s, n-1); return nil }); err != nil {
		t.Fatal(err)
	}
}

// BreakInside runs a transaction that ends its own connection, and returns how often it ran.
func BreakInside(ctx context.Context, s *Store) (runs int, err error) {
	err = s.tx(ctx, "test", func(tx pgx.Tx) error {
		runs++
		_, err := tx.Exec(ctx, `select pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	return runs, err
}

// InTx runs a transaction and returns how often it ran.
func InTx(ctx context.Context, s *Store, fn func(pgx.Tx) error) (runs int, err error) {
	err = s.tx(ctx, "test", func(tx pgx.Tx) error {
		runs++
		return fn(tx)
	})
	return runs, err
}

// Lend lends a connection.
func Lend(ctx context.Context, s *Store, fn func(*pgx.Conn) error) error {
	return wrap("test", s.lend(ctx, fn))
}

// SetAcquireTimeout changes how long a caller waits for a connection.
func SetAcquireTimeout(s *Store, d time.Duration) { s.acquire = d }

// Contests is how often a transaction that lost is run again.
const Contests = contests

// Rechain ties a rep's lines anew, as somebody would who knows all but the keys, and moves the end.
func Rechain(ctx context.Context, s *Store, ring *keyring.Ring, org, rep string) error {
	var all []chained
	if _, err := s.walk(ctx, org, rep, fromFirst, false, func(c chained) error { all = append(all, c); return nil }); err != nil {
		return err
	}
	end := chainEnd{}
	for _, c := range all {
		end = end.extend(ring, org, &c)
		if err := Exec(ctx, s, `update journal set n = $3, chain = $4, mac = $5 where org = $1 and seq = $2`, org, c.Seq, c.N, c.Chain, c.MAC); err != nil {
			return err
		}
	}
	return Exec(ctx, s, `update rep set journal_lines = $3, journal_chain = $4, journal_head = $5 where org = $1 and rep = $2`, org, rep, end.Lines, end.Chain, end.Head)
}

// sealedColumns tells, of every sealed column, the statement that gives org, rep, kind, side, id and the box, and where that is
// bound to.
var sealedColumns = map[string]struct {
	sql   string
	place func(org, rep string, kind record.Kind, side record.Side, id string) string
}{
	"rep.mailbox_sealed": {`select org, rep, '', '', '', mailbox_sealed from rep`, func(org, rep string, _ record.Kind, _ record.Side, _ string) string {
		return place(org, "rep", rep)
	}},
	"policy.document_sealed": {`select org, '', '', '', revision::text, document_sealed from policy`, func(org, _ string, _ record.Kind, _ record.Side, id string) string {
		return place(org, "policy", id)
	}},
	"cursor.token_sealed": {`select org, rep, kind, side, 'token', token_sealed from cursor`, cursorPlace},
	"cursor.next_sealed":  {`select org, rep, kind, side, 'token', next_sealed from cursor`, cursorPlace},
	"cursor.page_sealed":  {`select org, rep, kind, side, 'page', page_sealed from cursor`, cursorPlace},
	"feed_state.token_sealed": {`select org, '', kind, '', 'token', token_sealed from feed_state`, func(org, _ string, k record.Kind, _ record.Side, id string) string {
		return feedPlace(org, k, id)
	}},
	"feed_state.page_sealed": {`select org, '', kind, '', 'page', page_sealed from feed_state`, func(org, _ string, k record.Kind, _ record.Side, id string) string {
		return feedPlace(org, k, id)
	}},
	"feed.item_sealed": {`select org, '', kind, '', 'item/' || id, item_sealed from feed`, func(org, _ string, k record.Kind, _ record.Side, id string) string {
		return feedPlace(org, k, id)
	}},
	"staged.obs_sealed":   {`select org, rep, kind, side, id, obs_sealed from staged join collection c on c.no = coll`, stagedPlace},
	"parked.words_sealed": {`select org, rep, kind, side, id, words_sealed from parked`, parkedPlace},
	"rank.rank_sealed": {`select org, rep, kind, '', id, rank_sealed from rank join collection c on c.no = coll`, func(org, rep string, k record.Kind, _ record.Side, id string) string {
		return rankPlace(org, rep, k, id)
	}},
	"intent.op_sealed": {`select org, rep, kind, side, intent_id, op_sealed from intent join collection c on c.no = coll`, func(org, rep string, _ record.Kind, _ record.Side, id string) string {
		return intentPlace(org, rep, id, "op")
	}},
	"intent.before_sealed": {`select org, rep, kind, side, intent_id, before_sealed from intent join collection c on c.no = coll`, func(org, rep string, _ record.Kind, _ record.Side, id string) string {
		return intentPlace(org, rep, id, "before")
	}},
}

// OpenEverything opens every sealed column in the database and returns, by column, what is in it.
func OpenEverything(ctx context.Context, s *Store) (map[string][]string, error) {
	out := map[string][]string{}
	type row struct {
		Org, Rep string
		Kind     record.Kind
		Side     record.Side
		ID       string
		Box      []byte
	}
	for column, c := range sealedColumns {
		rows, err := query(ctx, s, "test", pgx.RowToStructByPos[row], c.sql)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			plain, err := s.open(r.Box, c.place(r.Org, r.Rep, r.Kind, r.Side, r.ID))
			if err != nil {
				return nil, err
			}
			out[column] = append(out[column], string(plain))
		}
	}
	lines, err := query(ctx, s, "test", func(r pgx.CollectableRow) (chained, error) { return s.scanChained(r, true) }, `select `+chainedColumns+journalFrom)
	for _, l := range lines {
		out["journal.values_sealed"] = append(out["journal.values_sealed"], fmt.Sprint(l.Line.Values))
	}
	return out, err
}

// Occurs reports whether an address is found in an opened box.
func Occurs(address, in string) bool { return personOf(address).in([]byte(in)) }

// Short is what is kept of a match key, before the collection's number is mixed in.
func Short(key []byte) int64 { return short(key) }
