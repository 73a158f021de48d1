package doctor

// Code names what is wrong. Codes are stable: scripts and docs/doctor.md go by them.
type Code string

// The codes.
const (
	LinkGone       Code = "link_item_gone"
	LinkTwice      Code = "link_twice"
	LinkSlotTwice  Code = "link_occurrence_twice"
	LinkBase       Code = "link_base_damaged"
	LinkHashKey    Code = "link_hash_key_unknown"
	LinkUntold     Code = "link_without_verdict"
	LinkWaits      Code = "link_waits_for_nothing"
	LinkEmpty      Code = "link_empty"
	MarkerForeign  Code = "marker_of_another_org"
	MarkerOther    Code = "marker_of_another_link"
	MarkerDouble   Code = "marker_twice"
	CursorAhead    Code = "cursor_ahead"
	CursorBehind   Code = "cursor_behind"
	CursorSealed   Code = "cursor_sealed"
	FeedSealed     Code = "feed_sealed"
	FeedGap        Code = "feed_gap"
	IntentOld      Code = "intent_unresolved"
	IntentUnlinked Code = "intent_without_link"
	ClaimRecord    Code = "claim_record_gone"
	ClaimUnlinked  Code = "claim_without_link"
	ClaimExpired   Code = "claim_expired"
	ClaimEndless   Code = "claim_endless"
	ClaimMissing   Code = "claim_missing"
	LeaseEndless   Code = "lease_endless"
	RecordLease    Code = "record_lease_endless"
	ParkedGone     Code = "parked_item_gone"
	ParkedMute     Code = "parked_without_reason"
	ParkedNever    Code = "parked_never_due"
	Orphaned       Code = "rows_without_rep"
	VerdictMute    Code = "verdict_without_reason"
	Sealed         Code = "sealed_damaged"
	SealedKey      Code = "sealed_key_unknown"
	SealedPast     Code = "sealed_past_write"
	JournalBroken  Code = "journal_broken"
	JournalValues  Code = "journal_values_sealed"
	RepMailbox     Code = "rep_mailbox_sealed"
	RepUserGone    Code = "rep_user_gone"
	RepUserStopped Code = "rep_user_inactive"
	RepPolicy      Code = "rep_policy_missing"
	PolicySealed   Code = "policy_sealed"
	PolicyInvalid  Code = "policy_invalid"
	OrgRevision    Code = "org_revision_behind"
)

// entry is what the doctor knows about a code.
type entry struct {
	explain string
	remedy  string // what --fix does, or a person has to do
	fixable bool
	reread  bool // the cure is the rep's next full read: until then the finding is pending
}

var codes = map[Code]entry{
	LinkGone:       {"The link is in force, one of its items or both were deleted, and nothing is on its way that would tell a pass.", "has the next pass read everything again: it carries the delete over, or buries the link, as the policy says", true, true},
	LinkTwice:      {"Two links in force have one item.", "keeps the older link; the other's mailbox item is let be, its CRM record is matched anew", true, false},
	LinkSlotTwice:  {"Two links in force have one occurrence of a series, told in two zones.", "Look at both with starter explain, and delete the record that is too many in the CRM.", false, false},
	LinkBase:       {"What was agreed on at the last sync cannot be decoded; every pass that meets the link stops.", "forgets the base and has the next pass merge the two items as on a first sync", true, false},
	LinkHashKey:    {"The base was made under a hash key or by a normaliser that this keyring and build do not have.", "forgets the base and has the next pass merge the two items as on a first sync", true, false},
	LinkUntold:     {"An item of the link has no verdict, so that starter explain is silent about it.", "has the next pass read everything again, which notes one", true, true},
	LinkWaits:      {"The link waits for a copy to be created, and nothing is planned, parked or staged that would create it.", "has the next pass read everything again, which plans it", true, true},
	LinkEmpty:      {"The link names no item at all.", "drops the link and has the next pass read everything again, which matches what it had", true, false},
	MarkerForeign:  {"An item that is linked carries the marker of another org; Repsync leaves it alone.", "Find out which of the two orgs it belongs to; remove the marker or the copy with the vendor.", false, false},
	MarkerOther:    {"An item that is linked carries the marker of another link, and that link's own item does not.", "Compare the two links with starter explain. Repsync goes by links and never rewrites a marker; if the items were exchanged, delete the wrong copy.", false, false},
	MarkerDouble:   {"Several items carry the marker of one link: the item was copied by hand, or made twice.", "Delete the copy that is too many, by hand: Repsync never deletes one.", false, false},
	CursorAhead:    {"The cursor stands beyond the end of the org's feed; changes until there would be missed.", "lets the rep's next read of that side be a full one", true, false},
	CursorBehind:   {"The cursor stands before what the org's feed has kept.", "lets the rep's next read of that side be a full one", true, false},
	CursorSealed:   {"The cursor's token does not open; every pass of the rep stops.", "lets the rep's next read of that side be a full one", true, false},
	FeedSealed:     {"The org's feed has a token or a row that does not open; passes stop there.", "begins the log anew; every rep reads its own records again", true, false},
	FeedGap:        {"Rows of the org's feed are missing: a change may have passed reps by.", "begins the log anew; every rep reads its own records again", true, false},
	IntentOld:      {"A write was sent long ago, and what became of it is not known.", "has the next pass look for its outcome, before anything else is written to the item", true, true},
	IntentUnlinked: {"A write is planned or under way for a link that is not there.", "drops what was not sent; has the next pass look for the outcome of what was", true, true},
	ClaimRecord:    {"A claim outlives its CRM record.", "drops the claim", true, false},
	ClaimUnlinked:  {"A CRM record is claimed by a link that is not there, and no other leads to it.", "has the rep's next pass read everything again and match the record; the claim stays", true, false},
	ClaimExpired:   {"A claim for a create that never came about was left over.", "drops the claim", true, false},
	ClaimEndless:   {"A claim for a create lasts longer than any create can take, and keeps other reps waiting.", "drops the claim", true, false},
	ClaimMissing:   {"A record that Repsync created has no claim, so that two reps could make it twice.", "claims the record's keys that nobody else has", true, false},
	LeaseEndless:   {"The mailbox's lease never ends: no worker can take the rep over.", "lets the lease end as soon as its holder's last request must have", true, false},
	RecordLease:    {"The lease of a CRM record lasts longer than any write can take.", "lets it end as soon as its holder's last request must have", true, false},
	ParkedGone:     {"An item is parked that was deleted.", "makes the row due, so that the next pass lets go of it", true, false},
	ParkedMute:     {"A parked row gives no reason that is known.", "makes the row due, so that the next pass decides anew", true, false},
	ParkedNever:    {"A parked row is never due by itself.", "makes the row due", true, false},
	Orphaned:       {"Rows are left of a rep who is not there.", "removes what waits to be planned, and the cursors; links and journal stay", true, false},
	VerdictMute:    {"A verdict gives no reason that is known.", "removes it and has the next pass read everything again, which notes another", true, false},
	Sealed:         {"A sealed value does not open: its row was damaged or moved.", "forgets it; what has to be known is read again", true, false},
	SealedKey:      {"A sealed value does not open, and nothing else under its key version does: this may be the wrong keyring.", "Use the keyring that the workers have, with every version (REPSYNC_KEYRING); then run it again.", false, false},
	SealedPast:     {"The sealed values of a write that is over do not open; the write cannot be undone.", "Nothing: the row goes with its retention.", false, false},
	JournalBroken:  {"A line of the rep's journal was changed or taken away: the chain does not fit from this line on.", "See starter journal list --after; compare with an archive or a backup. The doctor never rewrites a journal.", false, false},
	JournalValues:  {"The values of a journal line do not open.", "Restore the row from a backup. The line itself stands.", false, false},
	RepMailbox:     {"The rep's mailbox address does not open.", "Say it again: starter rep add with --mailbox.", false, false},
	RepUserGone:    {"The CRM knows no user with the rep's user id.", "Say who it is with starter rep add --crm-user, or stop the rep.", false, false},
	RepUserStopped: {"The rep's CRM user is inactive.", "Stop the rep (starter rep stop), or have the user activated in the CRM.", false, false},
	RepPolicy:      {"The policy revision that the rep's last pass applied is not there.", "has the next pass read everything again, under the policy that is assigned now", true, true},
	PolicySealed:   {"A policy document does not open; its reps stop.", "Apply the document again (starter policy apply).", false, false},
	PolicyInvalid:  {"A stored policy document is not valid for this version; its reps stop.", "Correct it and apply it again (starter policy validate names the line).", false, false},
	OrgRevision:    {"The org counts fewer policy revisions than there are: the next one would be refused.", "counts on from the newest", true, false},
}

// Codes returns every code there is, with its explanation and its remedy, and whether --fix mends it.
func Codes() map[Code]struct {
	Explain, Remedy string
	Fixable         bool
} {
	out := map[Code]struct {
		Explain, Remedy string
		Fixable         bool
	}{}
	for code, e := range codes {
		out[code] = struct {
			Explain, Remedy string
			Fixable         bool
		}{e.explain, e.remedy, e.fixable}
	}
	return out
}
