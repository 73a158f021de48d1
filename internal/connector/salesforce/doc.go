// Package salesforce speaks Salesforce's REST API and knows records.
//
// # How it reads
//
// Every read is a SOQL query with a keyset (ORDER BY …, Id and "after this one") and a LIMIT. The vendor's query locators
// are never followed: they die, and a keyset survives a lost worker, a lost locator and a page that the vendor cut short
// because its rows are wide.
//
// SystemModstamp has whole seconds and is set when a transaction writes a row, while the row appears when the transaction
// commits. So an incremental read reaches back by Config.Overlap, up to twice that while nothing changes, and the token carries short hashes of the rows that it
// already gave inside the overlap: (id, stamp, content). Content is in it because two edits within a second share a stamp.
// For the same reason Version.Tag is a short digest of the stamp and the record; Version.At is the stamp.
//
// # Deleted, merged, hidden
//
// Reads go through queryAll, which shows rows in the recycle bin: IsDeleted is the explicit tombstone, MasterRecordId the
// record that a contact was merged into. A row that queryAll does not show was purged, never existed, or is not visible to
// the integration user, and the API says the same of all three. This proves nothing, so Get answers that it left the
// view, never that it was deleted. The recycle bin keeps rows for 15 days, so a worker that polls more often than that
// sees every delete.
//
// # Markers
//
// The field Config.KeyField holds our marker, "<org>/<key>". Op.Key and the keys of Find may be given with or without
// "<org>/". Item.Key is the whole marker as it stands on the record, also another org's ("other/…"): callers compare.
//
// # Writing
//
// Creates are upserts by the marker, so that sending one again makes no second record. Where an org's field is not unique
// or no external id, Caps.Create says GuardLookup and creates are plain; where the field is missing, GuardNone and creates
// are refused. Collections take no precondition per row and answer with no version: Caps.Conditional is false, ReadBack
// true. A Get after a write sets Item.Moved where somebody else than the integration user modified the record last.
//
// # Events
//
// What differs between kinds is declared in a shape; everything above holds for all of them. Rows with IsChild are
// invitees' copies and never shown; archived rows are, so events are read through queryAll also where deleted ones are not
// wanted. A full read bounded by a window shows a series' record whatever the window.
//
// Times are instants in UTC: Salesforce keeps no zone. The last day of an all-day event is part of it here, and not so in a
// record.
//
// Who takes part stands in EventRelation, whose rows do not move the event's stamp: Version.Tag digests them, Version.At is
// the stamp all the same, and outside the overlap only a sweep tells. FieldRelations has whom the event is with (WhoId)
// first, then other people by id, then what it is about (WhatId); the event's owner is none of them. An invitee who was
// "Uninvited" is left out, "Maybe" is tentative. FieldAttendees is the same people by address. A rep's own answer stands in
// FieldRelations under the rep's user id: a row does not know for whom it is read, so FieldAnswer itself is never set.
//
// An event and its relations are written one after the other. Where the second part fails after the first, the op is
// Unclear; sending it again compares with what stands and adds what is missing.
//
// A native series is read: its record with the rule, its rows with FieldSeries. Neither the rule nor a row that follows it
// is written (Code "native_series"), because an update of one row would be one of all.
//
// # Company
//
// Company is the name of the contact's account. It is written by pointing the contact at the one account of exactly that
// name; where there is none, or several, the contact's account is left alone. The read back then shows what stands.
//
// # Servers that say less
//
// What a server does not offer (queryAll, collections, upserts, parts of describe) is found out and filled: gaps.go and
// docs/servers.md. Where a recycle bin is not seen to work, an id that no query shows is asked for by its address.
//
// Sources: REST API Developer Guide and Object Reference (developer.salesforce.com); docs/decisions/0002 for series.
package salesforce
