package doctor_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/doctor"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// desk is a rep with one contact that was copied from the CRM, one that was copied to it, one event that was copied to it
// and a series of three.
type desk struct {
	*world
	crm, copied       string // the CRM's contact and its copy
	own, made         string // the rep's own contact and the record that was made of it
	event, crmEvent   string
	series            string
	later             string // a contact of the CRM that came after the first sync: its create is kept for the guards to count
	before            string // what the vendors hold, as it was found
	first, second, at time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	w := newWorld(t, "alice")
	w.policy(bothWays)
	d := &desk{world: w, first: w.day(1, 10), second: w.day(8, 10), at: w.day(3, 9)}
	d.crm = w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com", "Phone": "555-0100"})
	d.own = w.person("alice", "Max", "Mailbox", "max@example.com")
	d.event = w.event("alice", meeting("Review", d.at, nil))
	d.series = w.event("alice", meeting("Stand-up", d.first, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=3"}}))
	w.settle()
	d.later = w.contact("alice", fields{"FirstName": "Later", "LastName": "Logged", "Email": "later@example.com"}) // a row of the feed
	w.settle()
	d.copied = w.link(record.Contact, record.CRM, d.crm).Mailbox.ID
	d.made = w.link(record.Contact, record.Mailbox, d.own).CRM.ID
	d.crmEvent = w.link(record.Event, record.Mailbox, d.event).CRM.ID
	return d
}

// second contact of the CRM, with its copy.
func (d *desk) another() (crm, copied string) {
	crm = d.contact("alice", fields{"FirstName": "Dora", "LastName": "Double", "Email": "dora@example.com"})
	d.settle()
	return crm, d.link(record.Contact, record.CRM, crm).Mailbox.ID
}

// flip damages a sealed column.
func flip(column string) string {
	return fmt.Sprintf("%[1]s = set_byte(%[1]s, 20, get_byte(%[1]s, 20) # 255)", column)
}

// noKey is the key of a claim on nothing.
const noKey = `uuid '00000000-0000-0000-0000-000000000001'`

// noBox looks sealed and is not.
const noBox = `decode('01' || repeat('ab', 60), 'hex')`

const day = 24 * time.Hour

// mark writes a marker onto a person.
func (d *desk) mark(name, marker string) {
	d.t.Helper()
	d.clock.Advance(time.Second)
	require.NoError(d.t, d.box.Google.Update(address("alice"), name, `{"clientData":[{"key":"repsync","value":"`+marker+`"}]}`))
}

// markerOn is the marker of the link of a CRM contact's copy.
func (d *desk) markerOn(crm string) string {
	l := d.link(record.Contact, record.CRM, crm)
	return fmt.Sprintf("%s/%s.%d", org, l.ID, l.Generation)
}

func (d *desk) count(sql string, args ...any) (n int) {
	d.t.Helper()
	require.NoError(d.t, d.db.QueryRow(d.t.Context(), sql, args...).Scan(&n))
	return n
}

// planted are corruptions, one and more per code: what plants each, what else it shows, and what is to hold once it was
// mended and the rep's next passes are over.
var planted = map[string]struct {
	want  []doctor.Code // the first is the planted one
	plant func(d *desk)
	cured func(d *desk)
}{
	"a mailbox item that went unnoticed": {want: codes(doctor.LinkGone), plant: func(d *desk) {
		require.NoError(d.t, d.box.Google.Delete(address("alice"), d.copied))
		d.settle()
		d.hits(`update link set state = 'active' where crm_id = $1`, d.crm)
	}, cured: func(d *desk) {
		require.Equal(d.t, planner.Tombstone, d.link(record.Contact, record.CRM, d.crm).State)
	}},
	"both items went unnoticed": {want: codes(doctor.LinkGone), plant: func(d *desk) {
		d.sql(`create temp table kept as select * from link where crm_id = $1`, d.crm)
		require.NoError(d.t, d.box.Salesforce.Delete("Contact", d.crm, d.users["alice"]))
		d.settle()
		d.clock.Advance(day) // the CRM's feed shows again what was new within minutes
		d.settle()
		d.sql(`delete from link where crm_id = $1`, d.crm)
		d.hits(`insert into link overriding system value select * from kept`)
	}, cured: func(d *desk) {
		require.Zero(d.t, d.count(`select count(*) from link where crm_id = $1`, d.crm))
	}},
	"an occurrence that went unnoticed": {want: codes(doctor.LinkGone), plant: func(d *desk) {
		require.NoError(d.t, d.box.Google.Calendar(address("alice")).Delete(d.series+"_"+d.second.UTC().Format("20060102T150405Z")))
		d.settle()
		d.hits(`update link set state = 'active' where state = 'tombstone'`)
	}, cured: func(d *desk) {
		require.Equal(d.t, 3, d.count(`select count(*) from link join collection on no = coll where kind = 'event' and state = 'active'`))
	}},
	"two links to one record": {want: codes(doctor.LinkTwice), plant: func(d *desk) {
		other, copied := d.another()
		d.sql(`drop index link_crm`)
		d.hits(`update link set crm_id = $1 where crm_id = $2`, d.crm, other)
		require.NotEmpty(d.t, copied)
	}, cured: func(d *desk) {
		require.Equal(d.t, d.copied, d.link(record.Contact, record.CRM, d.crm).Mailbox.ID)
	}},
	"two links to one mailbox item": {want: codes(doctor.LinkTwice), plant: func(d *desk) {
		other, _ := d.another()
		d.sql(`drop index link_mailbox`)
		d.hits(`update link set mailbox_id = $1 where crm_id = $2`, d.copied, other)
	}, cured: func(d *desk) {
		require.Equal(d.t, d.copied, d.link(record.Contact, record.CRM, d.crm).Mailbox.ID)
		require.Equal(d.t, 4, d.count(`select count(*) from link join collection on no = coll where kind = 'contact' and state = 'active'`))
	}},
	"one occurrence in two zones' words": {want: codes(doctor.LinkSlotTwice), plant: func(d *desk) {
		id := connector.Ref{ID: d.series, Occurrence: record.Moment{At: d.first.UTC()}.Key()}.String()
		d.hits(`update link set mailbox_id = $1 where link_id = (select max(link_id) from link where mailbox_id like $2 and n > (
			select min(n) from link where mailbox_id like $2) and mailbox_id not like '%' || $3 || '%')`, id, d.series+"#%", d.first.Format("2006-01-02T15"))
	}},
	"a base that cannot be decoded": {want: codes(doctor.LinkBase), plant: func(d *desk) {
		d.hits(`update link set crm_base = '\x01ff' where crm_id = $1`, d.crm)
	}, cured: (*desk).nothingWritten},
	"a base of a newer format": {want: codes(doctor.LinkBase), plant: func(d *desk) {
		d.hits(`update link set mailbox_base = '\x63' where crm_id = $1`, d.crmEvent)
	}, cured: (*desk).nothingWritten},
	"an unknown hash key": {want: codes(doctor.LinkHashKey), plant: func(d *desk) {
		d.hits(`update link set hash_key = 9 where crm_id = $1`, d.crm)
	}, cured: (*desk).nothingWritten},
	"an unknown normaliser": {want: codes(doctor.LinkHashKey), plant: func(d *desk) {
		d.hits(`update link set norm = 99 where crm_id = $1`, d.crmEvent)
	}, cured: (*desk).nothingWritten},
	"a link without a verdict": {want: codes(doctor.LinkUntold), plant: func(d *desk) {
		d.hits(`update link set reason = '' where mailbox_id = $1`, d.copied)
	}, cured: func(d *desk) {
		require.Equal(d.t, 1, d.count(`select count(*) from told where id = $1`, d.copied))
		d.nothingWritten()
	}},
	"a link that waits for nothing": {want: codes(doctor.LinkWaits), plant: func(d *desk) {
		d.hits(`update link set mailbox_id = '', mailbox_base = null where crm_id = $1`, d.crm)
	}, cured: func(d *desk) {
		require.Equal(d.t, d.copied, d.link(record.Contact, record.CRM, d.crm).Mailbox.ID, "the copy is found again, and not made twice")
		d.nothingWritten()
	}},
	"a link of nothing": {want: codes(doctor.LinkEmpty), plant: func(d *desk) {
		d.hits(`update link set crm_id = '', mailbox_id = '' where crm_id = $1`, d.crm)
	}, cured: func(d *desk) {
		require.Equal(d.t, d.copied, d.link(record.Contact, record.CRM, d.crm).Mailbox.ID)
	}},
	"another org's marker": {want: codes(doctor.MarkerForeign), plant: func(d *desk) { d.mark(d.copied, "globex/abc.0") }},
	"markers that were exchanged": {want: codes(doctor.MarkerOther), plant: func(d *desk) {
		other, copied := d.another()
		mine, theirs := d.markerOn(d.crm), d.markerOn(other)
		d.mark(d.copied, theirs)
		d.mark(copied, mine)
	}},
	"a copy with our marker": {want: codes(doctor.MarkerDouble), plant: func(d *desk) {
		_, err := d.box.Google.Insert(address("alice"), `{"names":[{"givenName":"Cara","familyName":"Crm"}],"clientData":[{"key":"repsync","value":"`+d.markerOn(d.crm)+`"}]}`)
		require.NoError(d.t, err)
	}},
	"a cursor beyond the feed": {want: codes(doctor.CursorAhead), plant: func(d *desk) {
		d.hits(`update cursor set position = 1000 where kind = 'contact' and side = 'crm'`)
	}, cured: (*desk).nothingWritten},
	"a cursor behind the feed": {want: codes(doctor.CursorBehind), plant: func(d *desk) {
		d.sql(`delete from feed where kind = 'contact'`)
		d.hits(`update feed_state set first = 500, last = 499 where kind = 'contact'`)
	}, cured: (*desk).nothingWritten},
	"a token that does not open": {want: codes(doctor.CursorSealed), plant: func(d *desk) {
		d.hits(`update cursor set ` + flip("token_sealed") + ` where kind = 'event' and side = 'mailbox'`)
	}, cured: (*desk).nothingWritten},
	"the feed's token does not open": {want: codes(doctor.FeedSealed), plant: func(d *desk) {
		d.hits(`update feed_state set ` + flip("token_sealed") + ` where kind = 'contact'`)
	}, cured: (*desk).nothingWritten},
	"a row of the feed does not open": {want: codes(doctor.FeedSealed), plant: func(d *desk) {
		d.hits(`update feed set ` + flip("item_sealed") + ` where kind = 'contact'`)
	}, cured: (*desk).nothingWritten},
	"a row of the feed is missing": {want: codes(doctor.FeedGap), plant: func(d *desk) {
		d.hits(`delete from feed where (kind, seq) = (select kind, max(seq) from feed group by kind limit 1)`)
	}, cured: (*desk).nothingWritten},
	"a write that nobody resolved": {want: codes(doctor.IntentOld), plant: func(d *desk) {
		d.hits(`update intent set state = 'unknown', settled = null where verb = 'create' and side = 'mailbox' and source_id = $1`, d.later)
		d.clock.Advance(time.Hour)
	}, cured: func(d *desk) {
		require.Zero(d.t, d.count(`select count(*) from intent where state = 'unknown'`))
		d.nothingWritten()
	}},
	"a write planned for no link": {want: codes(doctor.IntentUnlinked), plant: func(d *desk) {
		d.hits(`update intent set state = 'planned', settled = null, link_id = 'nowhere' where verb = 'create' and side = 'mailbox' and source_id = $1`, d.later)
	}, cured: (*desk).nothingWritten},
	"a write sent for no link": {want: codes(doctor.IntentUnlinked), plant: func(d *desk) {
		d.hits(`update intent set state = 'sent', settled = null, link_id = 'nowhere' where verb = 'create' and side = 'mailbox' and source_id = $1`, d.later)
		d.clock.Advance(time.Hour)
	}, cured: func(d *desk) {
		require.Zero(d.t, d.count(`select count(*) from intent where state = 'sent'`))
		d.nothingWritten()
	}},
	"a claim on a record that is gone": {want: codes(doctor.ClaimRecord), plant: func(d *desk) {
		id := d.goneContact()
		d.settle()
		d.hits(`insert into claim (coll, key, link_id, crm_id, until) select coll, `+noKey+`, link_id, $1, until from claim
			where coll in (select no from collection where kind = 'contact') limit 1`, id)
	}, cured: func(d *desk) { require.Zero(d.t, d.count(`select count(*) from claim where key = `+noKey)) }},
	"a claim whose link is gone": {want: codes(doctor.ClaimUnlinked), plant: func(d *desk) {
		d.hits(`delete from link where crm_id = $1`, d.made)
	}, cured: func(d *desk) {
		require.Equal(d.t, d.own, d.link(record.Contact, record.CRM, d.made).Mailbox.ID, "the two are linked again, and nothing is made")
		d.nothingWritten()
	}},
	"a claim of long ago": {want: codes(doctor.ClaimExpired), plant: func(d *desk) { d.claim(d.clock.Now().Add(-10 * day)) },
		cured: func(d *desk) { require.Zero(d.t, d.count(`select count(*) from claim where key = `+noKey)) }},
	"a claim for ever": {want: codes(doctor.ClaimEndless), plant: func(d *desk) { d.claim(d.clock.Now().Add(10 * day)) },
		cured: func(d *desk) { require.Zero(d.t, d.count(`select count(*) from claim where key = `+noKey)) }},
	"a record without a claim": {want: codes(doctor.ClaimMissing), plant: func(d *desk) {
		d.hits(`delete from claim where crm_id = $1`, d.made)
	}, cured: func(d *desk) {
		require.Equal(d.t, 1, d.count(`select count(*) from claim where crm_id = $1`, d.made))
	}},
	"an event without a claim": {want: codes(doctor.ClaimMissing), plant: func(d *desk) {
		d.hits(`delete from claim where crm_id = $1`, d.crmEvent)
	}, cured: func(d *desk) {
		require.Equal(d.t, 1, d.count(`select count(*) from claim where crm_id = $1`, d.crmEvent))
	}},
	"a lease without an end": {want: codes(doctor.LeaseEndless), plant: func(d *desk) {
		d.hits(`update rep set holder = 'somebody', lease_until = null`)
	}},
	"a lease for a year": {want: codes(doctor.LeaseEndless), plant: func(d *desk) {
		d.hits(`update rep set holder = 'somebody', lease_until = $1`, d.clock.Now().Add(365*day))
	}},
	"a record's lease for a year": {want: codes(doctor.RecordLease), plant: func(d *desk) {
		d.hits(`insert into record_lease (org, kind, crm_id, rep, until) values ($1, 'contact', $2, 'alice/1', $3)`, org, d.crm, d.clock.Now().Add(365*day))
	}},
	"a parked item that is gone": {want: codes(doctor.ParkedGone), plant: func(d *desk) {
		d.park("people/c404", "ambiguous_match", d.clock.Now().Add(10*time.Hour))
	}, cured: (*desk).nothingParked},
	"a parked row without a reason": {want: codes(doctor.ParkedMute), plant: func(d *desk) {
		d.park(d.copied, "", d.clock.Now().Add(10*time.Hour))
	}, cured: (*desk).nothingParked},
	"a parked row that is never due": {want: codes(doctor.ParkedNever), plant: func(d *desk) {
		d.park(d.copied, "vendor_refused", nil)
	}, cured: (*desk).nothingParked},
	"a parked row that is due in a year": {want: codes(doctor.ParkedNever), plant: func(d *desk) {
		d.park(d.copied, "vendor_refused", d.clock.Now().Add(365*day))
	}, cured: (*desk).nothingParked},
	"rows of nobody": {want: codes(doctor.Orphaned), plant: func(d *desk) {
		d.stage("ghost", "people/c1")
	}, cured: func(d *desk) { require.Zero(d.t, d.count(`select count(*) from staged`)) }},
	"a verdict without a reason": {want: codes(doctor.VerdictMute), plant: func(d *desk) {
		d.hits(`update link set reason = 'gibberish' where crm_id = $1`, d.crm)
	}, cured: func(d *desk) {
		require.Equal(d.t, 1, d.count(`select count(*) from told where id = $1 and reason <> 'gibberish'`, d.crm))
	}},
	"a staged row does not open": {want: codes(doctor.Sealed), plant: func(d *desk) {
		d.stage("alice", d.copied)
	}, cured: (*desk).nothingWritten},
	"a parked row's words do not open": {want: codes(doctor.Sealed), plant: func(d *desk) {
		d.park(d.copied, "vendor_refused", d.clock.Now().Add(time.Hour))
		d.hits(`update parked set words_sealed = ` + noBox)
	}},
	"a rank does not open": {want: codes(doctor.Sealed), plant: func(d *desk) {
		d.sql(`update collection set ranked = true`)
		d.hits(`insert into rank (coll, id, rank_sealed) select coll, crm_id, $1 from link where crm_id = $2`, d.ring.Seal([]byte("2026-01-01"), "elsewhere"), d.crm)
	}, cured: func(d *desk) {
		require.NotZero(d.t, d.count(`select count(*) from rank where id = $1`, d.crm))
		d.nothingWritten()
	}},
	"a write under way does not open": {want: codes(doctor.Sealed, doctor.IntentOld), plant: func(d *desk) {
		d.hits(`update intent set state = 'unknown', settled = null, `+flip("op_sealed")+` where verb = 'create' and side = 'mailbox' and source_id = $1`, d.later)
		d.clock.Advance(time.Hour)
	}, cured: (*desk).nothingWritten},
	"a before-image does not open": {want: codes(doctor.Sealed), plant: func(d *desk) {
		d.hits(`update intent set before_sealed = `+noBox+` where verb = 'create' and side = 'mailbox' and source_id = $1`, d.later)
	}},
	"a write that is over does not open": {want: codes(doctor.SealedPast), plant: func(d *desk) {
		d.hits(`update intent set `+flip("op_sealed")+` where verb = 'create' and side = 'mailbox' and source_id = $1`, d.later)
	}},
	"a box of another keyring": {want: codes(doctor.SealedKey), plant: func(d *desk) {
		d.park(d.copied, "vendor_refused", d.clock.Now().Add(time.Hour))
		d.hits(`update parked set words_sealed = decode('63' || repeat('ab', 60), 'hex')`)
	}},
	"an altered journal line": {want: codes(doctor.JournalBroken), plant: func(d *desk) {
		d.hits(`update journal set code = 'another' where seq = (select min(seq) from journal)`)
	}},
	"a journal line that was taken away": {want: codes(doctor.JournalBroken), plant: func(d *desk) {
		d.hits(`delete from journal where seq = (select max(seq) from journal)`)
	}},
	"journal values do not open": {want: codes(doctor.JournalValues), plant: func(d *desk) {
		d.hits(`update journal set values_salt = '\x01' where link_id = $1`, d.link(record.Contact, record.CRM, d.crm).ID)
	}},
	"the rep's address does not open": {want: codes(doctor.RepMailbox), plant: func(d *desk) {
		d.hits(`update rep set ` + flip("mailbox_sealed"))
	}},
	"the rep's user is not there": {want: codes(doctor.RepUserGone), plant: func(d *desk) {
		d.hits(`update rep set crm_user = '005000000000404AAA'`)
	}},
	"the rep's user is inactive": {want: codes(doctor.RepUserStopped), plant: func(d *desk) {
		require.NoError(d.t, d.box.Salesforce.Update("User", d.users["alice"], fields{"IsActive": false}, ""))
	}},
	"an unknown policy revision": {want: codes(doctor.RepPolicy), plant: func(d *desk) {
		d.hits(`update rep set applied_revision = 77`)
	}, cured: (*desk).nothingWritten},
	"a policy does not open": {want: codes(doctor.PolicySealed), plant: func(d *desk) {
		d.hits(`update policy set ` + flip("document_sealed"))
	}},
	"a policy of another version": {want: codes(doctor.PolicyInvalid), plant: func(d *desk) {
		d.hits(`update policy set document_sealed = $1`, d.ring.Seal([]byte("name: test\nunknown: true\n"), strings.Join([]string{org, "policy", "1"}, "\x1f")))
	}},
	"a revision that is not counted": {want: codes(doctor.OrgRevision), plant: func(d *desk) {
		d.hits(`update org set revision = 0`)
	}},
}

func codes(c ...doctor.Code) []doctor.Code { return c }

func (d *desk) nothingWritten() {
	d.t.Helper()
	require.Equal(d.t, d.before, d.holdings(), "the passes that followed wrote to a vendor")
}

func (d *desk) nothingParked() {
	d.t.Helper()
	require.Zero(d.t, d.count(`select count(*) from parked`))
}

func (d *desk) claim(until time.Time) {
	d.hits(`insert into claim (coll, key, link_id, until) select no, `+noKey+`, 'nowhere', $2 from collection where org = $1 and rep = 'alice' and kind = 'contact'`, org, until)
}

func (d *desk) park(id, reason string, next any) {
	d.hits(`insert into parked (org, rep, kind, side, id, link_id, reason, field, code, attempts, next_try, since, revision, metadata)
		values ($1, 'alice', 'contact', 'mailbox', $2, '', $3, '', '', 1, $4, $5, 1, '')`, org, id, reason, next, d.clock.Now())
}

func (d *desk) stage(rep, id string) {
	d.sql(`insert into collection (org, rep, kind) values ($1, $2, 'contact') on conflict do nothing`, org, rep)
	d.hits(`insert into staged (coll, side, id, pass, read_no, presence, tag, admitted, why, judged, obs_sealed)
		select no, 'mailbox', $3, 1, 1, 'present', 'x', true, '', false, `+noBox+` from collection where org = $1 and rep = $2 and kind = 'contact'`, org, rep, id)
}

// goneContact is the id of a contact that was made and deleted, and that no rep ever met.
func (d *desk) goneContact() string {
	id, err := d.box.Salesforce.Insert("Contact", fields{"LastName": "Gone"}, "")
	require.NoError(d.t, err)
	require.NoError(d.t, d.box.Salesforce.Delete("Contact", id, ""))
	return id
}

func TestWhatIsPlantedIsFoundAndMended(t *testing.T) {
	t.Parallel()
	for name, tc := range planted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			tc.plant(d)
			d.before = d.holdings()
			want := []string{}
			for _, c := range tc.want {
				want = append(want, string(c))
			}
			rows := d.tables()
			r := d.doctor(doctor.Options{})
			require.ElementsMatch(t, want, codesOf(r.Findings), "%+v", r.Findings)
			require.Equal(t, rows, d.tables(), "looking changed a row")

			r = d.doctor(doctor.Options{Fix: true})
			require.Subset(t, codesOf(r.Findings), want)
			fixed, open := 0, 0
			for _, f := range r.Findings {
				require.Equal(t, f.Fixable, f.Fixed, "%+v", f)
				if f.Fixed {
					fixed++
				} else {
					open++
				}
			}
			require.Equal(t, open, r.Open())
			require.Equal(t, fixed, d.count(`select count(*) from journal where action = $1`, doctor.Action), "each repair is in the journal")
			require.Equal(t, d.before, d.holdings(), "the doctor wrote to a vendor")

			again := d.doctor(doctor.Options{})
			require.Len(t, again.Findings, open, "%+v", again.Findings)
			if doctor.Codes()[tc.want[0]].Fixable {
				require.NotContains(t, codesOf(again.Findings), string(tc.want[0]))
				if open == 0 {
					d.settle()
				}
				last := d.doctor(doctor.Options{})
				require.Len(t, last.Findings, open, "%+v", last.Findings)
				require.Equal(t, open == 0, len(last.Pending) == 0, "%+v", last.Pending)
			}
			if tc.cured != nil {
				tc.cured(d)
			}
		})
	}
}

// TestEveryCodeIsPlanted keeps the table whole, and the page about it.
func TestEveryCodeIsPlanted(t *testing.T) {
	t.Parallel()
	seen := map[doctor.Code]bool{}
	for _, tc := range planted {
		seen[tc.want[0]] = true
	}
	page, err := os.ReadFile("../../docs/doctor.md")
	require.NoError(t, err)
	require.Len(t, doctor.Codes(), 42)
	for code, c := range doctor.Codes() {
		require.True(t, seen[code], "nothing plants %s", code)
		require.Contains(t, string(page), "| `"+string(code)+"` | "+c.Explain+" |")
	}
}
