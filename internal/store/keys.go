package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

// A mailbox item is found again by its match keys: hashes of its addresses, of its name, of its marker. It has one row with all of
// them, and a GIN index finds the rows that have one of some keys.
//
// Of a key its first 8 bytes are kept, xor the number of the collection: the same person's key is another one with every rep, and
// a look-up never meets the rows of the thousand others who know that person. Keys are keyed hashes and so as good as random: two
// that are told apart by their collections alone are as far from meeting as any two. What all reps are asked for at once, the series
// that an occurrence belongs to, stands there as it is.

// shortKeys are the first 8 bytes of match keys.
type shortKeys []int64

func short(key []byte) int64 {
	var first [8]byte
	copy(first[:], key)
	return int64(binary.BigEndian.Uint64(first[:]))
}

// shorts are the same for the same keys, in whatever order they come.
func shorts(keys [][]byte) shortKeys {
	out := make(shortKeys, 0, len(keys))
	for _, key := range keys {
		if len(key) > 0 {
			out = append(out, short(key))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// text is the array as Postgres reads it: an array of arrays of any length is no type of its own.
func (k shortKeys) text() string {
	return "{" + strings.Join(col(k, func(n int64) string { return strconv.FormatInt(n, 10) }), ",") + "}"
}

func seriesKey(key []byte) *int64 {
	if len(key) == 0 {
		return nil
	}
	k := short(key)
	return &k
}

// shortSQL is short of a column with whole keys.
func shortSQL(column string) string {
	return `('x' || encode(substring(` + column + ` for 8), 'hex'))::bit(64)::bigint`
}

// mixed are an array's keys as the collection has them; the same again is the way back.
func mixed(keys, coll string) string {
	return `array(select key # ` + coll + `::bigint from unnest(` + keys + `) key)`
}

// keysOf makes the column of an input's keys and series.
func keysOf(input string) string {
	return mixed(input+`.keys::bigint[]`, ofKind) + ` || array(select ` + input + `.series where ` + input + `.series is not null)`
}

// sameItem joins mailbox_key m with ids, by the index of what is 4 bytes of each.
func sameItem(ids string) string {
	return fmt.Sprintf("m.coll = %[2]s and hashtext(m.id) = hashtext(%[1]s.id) and m.id = %[1]s.id", ids, ofKind)
}

// putKeys is the end of a statement that replaces the keys of items.
func putKeys(items string) string {
	return `given as (` + items + `), changed as (
	update mailbox_key m set keys = g.keys from given g where ` + sameItem("g") + ` and m.keys <> g.keys
)
insert into mailbox_key (coll, id, keys)
select ` + ofKind + `, g.id, g.keys from given g where not exists (select from mailbox_key m where ` + sameItem("g") + `)
order by g.id`
}

// withKeys is the condition on rows of mailbox_key that have one of the keys. The collection is not to be looked up by: all of a
// rep's rows would be read. (coll + 0 is no column of an index.)
func withKeys(keys string) string {
	return `keys && ` + mixed(keys+`::bigint[]`, ofKind) + ` and coll + 0 = ` + ofKind
}

// queueKeys replaces the match keys of mailbox items.
func queueKeys(b *pgx.Batch, org, rep string, kind record.Kind, items []Keyed) {
	if len(items) == 0 {
		return
	}
	items = lastOf(items, func(it Keyed) string { return it.ID })
	b.Queue(`with input as (
			select * from unnest($4::text[], $5::text[], $6::bigint[]) as i(id, keys, series)
		), `+putKeys(`select id, `+keysOf("i")+` as keys from input i`), org, rep, kind,
		col(items, func(it Keyed) string { return it.ID }),
		col(items, func(it Keyed) string { return shorts(it.Keys).text() }),
		col(items, func(it Keyed) *int64 { return seriesKey(it.Series) }))
}

// MailboxByKeys returns the mailbox items that carry each match key, sorted, by string(key).
func (s *Store) MailboxByKeys(ctx context.Context, org, rep string, kind record.Kind, keys [][]byte) (map[string][]string, error) {
	type item struct {
		ID   string
		Keys []int64
	}
	rows, err := query(ctx, s, "find mailbox items of "+rep, pgx.RowToStructByPos[item], `select id, `+mixed("keys", "coll")+` from mailbox_key
		where `+withKeys("$4")+` order by id`, org, rep, kind, shorts(keys))
	found := map[int64][]string{}
	for _, r := range rows {
		for _, key := range r.Keys {
			found[key] = append(found[key], r.ID)
		}
	}
	out := map[string][]string{}
	for _, key := range keys {
		if ids := found[short(key)]; len(ids) > 0 {
			out[string(key)] = ids
		}
	}
	return out, err
}

// MailboxIDs returns the ids of all mailbox items of a rep that were seen so far.
func (s *Store) MailboxIDs(ctx context.Context, org, rep string, kind record.Kind) ([]string, error) {
	return query(ctx, s, "list mailbox items of "+rep, pgx.RowTo[string], `select id from mailbox_key where coll = `+ofKind, org, rep, kind)
}

// SeriesHeld returns which of these series (Keyed.Series) another rep whose events flow to the CRM has linked
// occurrences of, by key.
func (s *Store) SeriesHeld(ctx context.Context, org, rep string, keys []string) (map[string]bool, error) {
	of, series := map[int64]string{}, make([][]byte, 0, len(keys))
	for _, key := range keys {
		of[short([]byte(key))], series = key, append(series, []byte(key))
	}
	rows, err := query(ctx, s, "find series of others", pgx.RowTo[int64], `with k as materialized (
			select coll, id, key from mailbox_key, unnest(keys) key where keys && $3 and key = any($3)
		) select distinct k.key
		from k join collection c on c.no = k.coll and c.kind = 'event'
			join rep r on r.org = c.org and r.rep = c.rep
			join link l on l.coll = k.coll and l.mailbox_id = k.id
		where r.org = $1 and r.rep <> $2 and r.active and r.speaks and l.state = 'active' and l.crm_id <> ''`,
		org, rep, shorts(series))
	out := map[string]bool{}
	for _, key := range rows {
		out[of[key]] = true
	}
	return out, err
}
