package planner

// Reason is the stable code of why an item did or did not sync. It stands in verdicts, journal lines, workflow results
// and `starter explain`; it never carries a value.
type Reason string

// Reasons of items that are in step, or brought in step by this decision.
const (
	ReasonUnchanged        Reason = "unchanged"
	ReasonConverged        Reason = "converged"
	ReasonCreated          Reason = "created"
	ReasonUpdated          Reason = "updated"
	ReasonMerged           Reason = "merged"
	ReasonDeleted          Reason = "deleted"
	ReasonAdopted          Reason = "adopted"
	ReasonLinkedAndMerged  Reason = "linked_and_merged"
	ReasonRestored         Reason = "restored"
	ReasonConflictResolved Reason = "conflict_resolved"
	ReasonDriftKept        Reason = "drift_kept"
	ReasonDriftReverted    Reason = "drift_reverted"
	ReasonRebased          Reason = "rebased"
	ReasonDeletedBoth      Reason = "deleted_both"
	ReasonFieldNotWritable Reason = "field_not_writable"
	ReasonAnswerOnly       Reason = "answer_only"
	ReasonSeriesMaster     Reason = "series_master"
	ReasonPinned           Reason = "pinned"
	ReasonUndone           Reason = "undone"
)

// Reasons of items that are left out by the policy.
const (
	ReasonDirectionOff    Reason = "direction_off"
	ReasonOneWay          Reason = "one_way"
	ReasonNotOwned        Reason = "not_owned"
	ReasonFilteredOut     Reason = "filtered_out"
	ReasonOverLimit       Reason = "over_limit"
	ReasonLeftRemoved     Reason = "left_policy_removed"
	ReasonLeftUnlinked    Reason = "left_policy_unlinked"
	ReasonLeftKept        Reason = "left_policy_kept"
	ReasonLeft            Reason = "left_policy"
	ReasonNoAccess        Reason = "no_access_unlinked"
	ReasonTombstoneStands Reason = "tombstone_stands"
	ReasonTombstoned      Reason = "tombstoned"
	ReasonForeignMarker   Reason = "foreign_marker"
)

// Reasons of events that are left out by the policy.
const (
	ReasonPrivateSkipped   Reason = "private_skipped"
	ReasonOutsideWindow    Reason = "outside_window"
	ReasonExcludedDomain   Reason = "excluded_domain"
	ReasonExcludedAddress  Reason = "excluded_address"
	ReasonExcludedAllDay   Reason = "excluded_all_day"
	ReasonExcludedDeclined Reason = "excluded_declined"
	ReasonExcludedInternal Reason = "excluded_internal"
	ReasonSeriesSkipped    Reason = "series_skipped"
	ReasonNotSelected      Reason = "not_selected"
	ReasonNotRelated       Reason = "not_related"
)

// Reasons of items that are parked: they wait for an admin or for a change.
const (
	ReasonFilterError     Reason = "filter_error"
	ReasonDeleteReview    Reason = "delete_review"
	ReasonConflictReview  Reason = "conflict_review"
	ReasonAmbiguousMatch  Reason = "ambiguous_match"
	ReasonMatchNotVisible Reason = "match_not_visible"
	ReasonNoFamilyName    Reason = "no_family_name"
	ReasonRequiredMissing Reason = "required_field_missing"
	ReasonTooLong         Reason = "too_long"
	ReasonDateNeedsYear   Reason = "date_needs_year"
	ReasonCRMDeniesEdit   Reason = "crm_denies_edit"
	ReasonUnreadable      Reason = "unreadable"
	ReasonWaitingForClaim Reason = "waiting_for_claim"
	ReasonVendorRefused   Reason = "vendor_refused"
	ReasonWouldMail       Reason = "would_mail"
	ReasonGuardHeld       Reason = "guard_held"

	ReasonNotOurs           Reason = "not_ours_to_change"
	ReasonOrganizerSpeaks   Reason = "organizer_speaks"
	ReasonEventTooLong      Reason = "event_too_long"
	ReasonTimeInvalid       Reason = "time_invalid"
	ReasonSeriesUnreadable  Reason = "series_unreadable"
	ReasonOccurrenceUnknown Reason = "occurrence_unknown"
)

// reasons holds, in the order of the constants, what a person reads about each: one sentence, with the remedy where one
// is needed, and no value.
var reasons = []struct {
	reason  Reason
	parked  bool
	explain string
}{
	{ReasonUnchanged, false, "Both sides are as they were agreed; nothing to do."},
	{ReasonConverged, false, "Both sides were changed to the same value; nothing to write."},
	{ReasonCreated, false, "The item was missing on the other side and is created there."},
	{ReasonUpdated, false, "One side was edited; the edit is written to the other."},
	{ReasonMerged, false, "Both sides were edited in different fields; each edit is written to the other side."},
	{ReasonDeleted, false, "The item was deleted on one side, and the policy carries the delete over to the other."},
	{ReasonAdopted, false, "The same item was found on both sides; they are linked and nothing is written."},
	{ReasonLinkedAndMerged, false, "The same item was found on both sides; they are linked, and what differed is merged."},
	{ReasonRestored, false, "The item was deleted on one side and edited on the other; the edit wins and the item is created again."},
	{ReasonConflictResolved, false, "Both sides changed the same field; the policy's rule decided, and the journal keeps what lost."},
	{ReasonDriftKept, false, "The receiving side of a one-way policy was edited; the edit stays there until the source changes that field."},
	{ReasonDriftReverted, false, "The receiving side of a one-way policy was edited; the policy puts the source's value back."},
	{ReasonRebased, false, "The base was renewed after an upgrade, a new hash key or a newly mapped field; nothing is written."},
	{ReasonDeletedBoth, false, "The item was deleted on both sides; the link is dropped."},
	{ReasonFieldNotWritable, false, "The target does not let this field be written; the rest is in step. Unmap the field, or grant the right to edit it."},
	{ReasonAnswerOnly, false, "Another copy speaks for the meeting; this one gives its attendee's answer, which is in step."},
	{ReasonSeriesMaster, false, "The item is a series; each of its occurrences has a verdict of its own."},
	{ReasonPinned, false, "An undo put the item back, and it stays so until somebody edits it on either side."},
	{ReasonUndone, false, "An undo took back what Repsync had created here; it is not created again."},
	{ReasonDirectionOff, false, "The policy's direction for this kind is off; turn it on to sync the item."},
	{ReasonOneWay, false, "The item is on the receiving side of a one-way policy; set direction to both to copy it to the other side."},
	{ReasonNotOwned, false, "The rep does not own the record, and the policy syncs owned records only; widen records, or change the owner."},
	{ReasonFilteredOut, false, "The policy's filter does not admit the item; change the filter or the fields that it reads."},
	{ReasonOverLimit, false, "The policy's limit is reached, and other items come first; raise limit.max."},
	{ReasonLeftRemoved, false, "The record left the policy; the copy that Repsync had made is removed."},
	{ReasonLeftUnlinked, false, "The record left the policy; the item was there before Repsync, so it is unlinked and stays."},
	{ReasonLeftKept, false, "The record left the policy; the copy is unlinked and stays, because the policy keeps copies or a person has edited it."},
	{ReasonLeft, false, "The pair was unlinked when its record left the policy; it is linked again when the record returns."},
	{ReasonNoAccess, false, "The rep can no longer see the item; it is unlinked, and nothing is deleted."},
	{ReasonTombstoneStands, false, "The item was deleted before and is not created again; restore it where it was deleted to sync it."},
	{ReasonTombstoned, false, "The item was deleted on one side, and the delete is not carried over; it will not be created again."},
	{ReasonForeignMarker, false, "The item carries the marker of another org and is refused; remove the copy, or the marker."},
	{ReasonPrivateSkipped, false, "The event is private, and the policy leaves private events out; change private, or the event's visibility."},
	{ReasonOutsideWindow, false, "The event lies outside the policy's window; it syncs once it enters, or when window is widened."},
	{ReasonExcludedDomain, false, "An attendee's mail domain is excluded by the policy; change exclude.domains."},
	{ReasonExcludedAddress, false, "An attendee's address is excluded by the policy; change exclude.addresses."},
	{ReasonExcludedAllDay, false, "The policy leaves all-day events out; change exclude.all_day."},
	{ReasonExcludedDeclined, false, "The rep declined the event, and the policy leaves declined events out; change exclude.declined."},
	{ReasonExcludedInternal, false, "Nobody from outside the org attends, and the policy leaves internal events out; change exclude.internal_only."},
	{ReasonSeriesSkipped, false, "The event recurs, and the policy leaves recurring events out; change series."},
	{ReasonNotSelected, false, "The policy syncs the events that the rep marks, and this one is not marked; label it, or change scope."},
	{ReasonNotRelated, false, "The policy syncs events that a contact or lead attends, and none does; add the person to the CRM, or change scope."},
	{ReasonFilterError, true, "The policy's filter could not be evaluated on this item; correct the filter."},
	{ReasonDeleteReview, true, "The item was deleted on one side, and the policy wants a person to decide; delete it on the other side, or restore it."},
	{ReasonConflictReview, true, "Both sides differ in this field, and the policy wants a person to decide; give both the same value, or set a winner."},
	{ReasonAmbiguousMatch, true, "Several items could be the same, or one address belongs to several people; merge the duplicates, or set match.on_ambiguous."},
	{ReasonMatchNotVisible, true, "The same item exists, but the rep may not see it; share the record with the rep."},
	{ReasonNoFamilyName, true, "The target needs a last name and the item has none; fill it in."},
	{ReasonRequiredMissing, true, "The target needs a field that is empty or not mapped; fill it in, or map it."},
	{ReasonTooLong, true, "A value is longer than the target can hold; shorten it."},
	{ReasonDateNeedsYear, true, "The target cannot hold a date without its year; add the year."},
	{ReasonCRMDeniesEdit, true, "The rep may not edit the CRM record; grant access, or undo the edit in the mailbox."},
	{ReasonUnreadable, true, "The item could not be decoded; it counts as present and is tried again when it changes."},
	{ReasonWaitingForClaim, true, "Another rep is creating the same record in the CRM; the item is linked to it once it is there."},
	{ReasonVendorRefused, true, "The vendor refused the write; see its own words with starter explain."},
	{ReasonWouldMail, true, "The write would send mail to attendees, which the policy forbids; make the change by hand, or set invitations."},
	{ReasonGuardHeld, true, "The pass would change more than the guard allows and is held; release it with starter release."},
	{ReasonNotOurs, true, "The meeting is organised by somebody outside, and the change made in the CRM is not ours to pass on; undo it, or ask the organiser."},
	{ReasonOrganizerSpeaks, true, "Another copy speaks for the meeting and has no CRM record yet; this one is linked once the record is there."},
	{ReasonEventTooLong, true, "The event is longer than the target can hold; shorten it, or split it."},
	{ReasonTimeInvalid, true, "The event's start and end make no time span; correct them."},
	{ReasonSeriesUnreadable, true, "The series' rule cannot be expanded exactly; simplify its recurrence."},
	{ReasonOccurrenceUnknown, true, "It is not known which occurrence of its series the row stands for; move it back to its slot, or delete it and make it anew."},
}

// Reasons returns every reason, in a stable order.
func Reasons() []Reason {
	out := make([]Reason, len(reasons))
	for i, r := range reasons {
		out[i] = r.reason
	}
	return out
}

// Parked reports whether an item with this reason waits, owned by its own row, for an admin or for a change.
func (r Reason) Parked() bool {
	for _, known := range reasons {
		if known.reason == r {
			return known.parked
		}
	}
	return false
}

// Explain returns one English sentence for people: what happened and what to do about it. A code that is not the
// planner's (a vendor's) is its own explanation.
func (r Reason) Explain() string {
	for _, known := range reasons {
		if known.reason == r {
			return known.explain
		}
	}
	return string(r)
}
