// Package planted names mistakes that the harness has to find.
//
// A harness that never fails proves little. Each Bug here is a mistake of a line or two that a tired engineer makes, at the
// place where it would be made, behind
//
//	if planted.Is(planted.CursorEarly) {
//
// In an ordinary build Is is a constant false, and the compiler removes both. Built with the tag planted, the binary has the
// one bug that the environment names:
//
//	go build -tags planted -o chaos ./internal/chaos/cmd
//	REPSYNC_PLANTED=cursor_early ./chaos -seeds 200 -first -keep ""
//
// `make planted` does so for all of them and tells which law found which, and after how many stories. A bug that is not
// found is a gap of the stories or of the oracle.
package planted

// Bug is one planted mistake.
type Bug string

// Mistakes of reading: what was seen is lost, or taken for what it is not.
const (
	CursorEarly       Bug = "cursor_early"
	LastPageLost      Bug = "last_page_lost"
	AbsenceIsDeletion Bug = "absence_is_deletion"
	EchoByAuthor      Bug = "echo_by_author"
	BaseFromOlder     Bug = "base_from_older"
	ForeignAccepted   Bug = "foreign_accepted"
	UTCKeyForSeries   Bug = "utc_key_for_series"
)

// Mistakes of planning: the policy or a law is passed over.
const (
	TombstoneDropped    Bug = "tombstone_dropped"
	EmptyOverwrites     Bug = "empty_overwrites"
	DriftWritten        Bug = "drift_written"
	ExitRemovesAdopted  Bug = "exit_removes_adopted"
	PrivateCopied       Bug = "private_copied"
	AttendeeAsOrganiser Bug = "attendee_as_organiser"
	DeniedFieldWritten  Bug = "denied_field_written"
	RestoredGeneration  Bug = "restored_generation"
	RevisionBackwards   Bug = "revision_backwards"
	GuardOffByOne       Bug = "guard_off_by_one"
	GuardForgetsDay     Bug = "guard_forgets_day"
)

// Mistakes of writing: the protocol of DESIGN.md is broken.
const (
	IntentUnwritten   Bug = "intent_unwritten"
	UnclearResent     Bug = "unclear_resent"
	StalePrecondition Bug = "stale_precondition"
	LeaseUnchecked    Bug = "lease_unchecked"
	ClaimNotTaken     Bug = "claim_not_taken"
	MailsGuests       Bug = "mails_guests"
	UndoReplanned     Bug = "undo_replanned"
)

// Mistakes of telling: what is not said, or said to those whom it does not concern.
const (
	VerdictMissing           Bug = "verdict_missing"
	JournalLineLost          Bug = "journal_line_lost"
	ConflictLoserUnjournaled Bug = "conflict_loser_unjournalled"
	SealedInPlain            Bug = "sealed_in_plain"
	ErrorTextWithAddress     Bug = "error_text_with_address"
	GuestUnrelated           Bug = "guest_unrelated"
	GuestOfAnother           Bug = "guest_of_another"
)

// Entry tells of one bug.
type Entry struct {
	Bug  Bug
	What string // the mistake, in one line
}

// All lists every bug, in the order in which a pass would meet it.
func All() []Entry {
	return []Entry{
		{CursorEarly, "the place in a read is stored before what was read, each in a transaction of its own"},
		{LastPageLost, "the last page of a read of several is not staged"},
		{AbsenceIsDeletion, "an item that a full read does not show is taken for deleted without a get"},
		{EchoByAuthor, "what Repsync's own user wrote last to the CRM is skipped, for every rep"},
		{BaseFromOlder, "a copy that is older than the base is taken as it is"},
		{ForeignAccepted, "another org's marker is accepted as one's own"},
		{UTCKeyForSeries, "occurrences are laid out and keyed in UTC instead of the series' wall time"},
		{TombstoneDropped, "a delete that is not propagated leaves no tombstone"},
		{EmptyOverwrites, "the first merge lets an empty value overwrite"},
		{DriftWritten, "a one-way policy carries the receiving side's edits back"},
		{ExitRemovesAdopted, "filter exit deletes an item that a person made"},
		{PrivateCopied, "an event that becomes private after it was linked is synced on"},
		{AttendeeAsOrganiser, "who is invited to a meeting speaks for it"},
		{DeniedFieldWritten, "a field that its rep may not edit in the CRM is written"},
		{RestoredGeneration, "an item is created again under the generation that it had"},
		{RevisionBackwards, "the oldest assigned revision of a policy is the one that counts"},
		{GuardOffByOne, "the guard lets one more through than the policy says"},
		{GuardForgetsDay, "the guard weighs the plan without the last day's writes"},
		{IntentUnwritten, "a write is sent before its intent says so"},
		{UnclearResent, "a create whose outcome is unclear is sent again without looking for it"},
		{StalePrecondition, "a write goes out without its version, over what moved since it was planned"},
		{LeaseUnchecked, "a worker whose lease was taken over goes on writing"},
		{ClaimNotTaken, "a create in the CRM does not claim its strong keys"},
		{MailsGuests, "calendar writes tell the guests (sendUpdates=all)"},
		{UndoReplanned, "what an undo put back is settled as any other write, and planned again"},
		{VerdictMissing, "an item that the policy leaves out gets no verdict"},
		{JournalLineLost, "an update is settled without its journal line"},
		{ConflictLoserUnjournaled, "the value that lost a conflict is not journalled"},
		{SealedInPlain, "the journal's values are stored unsealed"},
		{ErrorTextWithAddress, "the trouble of a write names the rep's address"},
		{GuestUnrelated, "who is a contact, lead or user of the CRM and attends a meeting is not related to its record"},
		{GuestOfAnother, "a record is related to who attends the meeting before it"},
	}
}
