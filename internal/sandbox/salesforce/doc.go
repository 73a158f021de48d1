// Package salesforce is a Salesforce org in a box: an http.Handler that speaks the REST API as the vendor does, so that
// ordinary clients (our connector, jsforce, simple_salesforce, curl) work against it unchanged.
//
// # What it speaks
//
// OAuth (JWT bearer and password grants), versions 50.0 to 66.0 of the data API: describe, limits, query, queryAll and
// their pages, single records with conditional headers, upsert by external id, getDeleted and getUpdated, sObject
// collections, composite and batch. SOQL has a real parser (soql_lex.go, soql_parse.go) that is bound against the
// object tables as the calling user may see them (soql_bind.go). Wrong requests get the vendor's error, code and body.
//
// # How to read it
//
// An object is a table of fields (tables.go); everything else follows from the table. Rows live in store.go as
// immutable states. rows_write.go turns a client's values into a state or an error; access.go says who may see and do
// what; reply.go and server.go carry requests in and answers out, under one lock, so that every request is a
// transaction.
//
// # Time, and what polling clients see
//
// The clock is injected. SystemModstamp and the other audit times have whole seconds, shown as ".000", as the vendor
// shows them: two edits within a second carry the same stamp, so a client that polls with "SystemModstamp > last"
// loses the second one, and a client that polls with ">=" and compares contents does not. SlowCommit opens the
// vendor's other trap: a row's stamp is taken when its transaction writes it, and the row appears when the transaction
// commits, so it may appear with a stamp that is older than one already read. While such a transaction is open, API
// writes to the row answer UNABLE_TO_LOCK_ROW.
//
// A query's cursor keeps the ids that matched when the query ran; each page reads the rows as they are when the page is
// fetched, and leaves out those that were deleted meanwhile, so that a page may be short. totalSize stays.
//
// # Who sees what
//
// Field-level security rests on permission sets; each profile owns one. A field that a user may not read is absent from
// describe and unknown to SOQL, one that the user may not edit is refused on write. Parts of an address are governed by
// the compound field: FieldPermissions knows Contact.MailingAddress, never Contact.MailingCity. Records are public
// read/write unless SetSharing says otherwise; a contact without an account is private to its owner; deleting needs
// ownership or Modify All Data. A new field is visible to every profile until SetFieldAccess narrows it.
//
// # Events
//
// Event and EventRelation are tables like the others, in an org with Shared Activities and multiday events. Fields of an
// event depend on each other: event_time.go (when), event.go (whom it concerns), event_relation.go (who is invited; WhoId
// and WhatId have their rows there by themselves). A user who is invited gets a copy of the event, a row with IsChild that
// follows its event and cannot be edited. Changes of relations do not move the event's SystemModstamp. Archived events are
// for queryAll alone. References that may point to several objects (Who, What, Owner, Relation) lead to the fields of
// Name. Nothing here sends mail.
//
// An event series (event_pattern.go, event_series.go, event_lightning.go) is a record with GroupEventType 3 and a row for
// each occurrence. No field says which rows belong together, nor which slot of the pattern a row fills: that is so at the
// vendor. Rows show pattern, start and zone of their series. People make and change series with AddSeries,
// EditOccurrence, ChangeSeries and DeleteOnwards; clients may create them once SetSeriesCreatable says so. Four things
// surprise those who know RFC 5545 or other calendars, and are documented: a PATCH of one future occurrence changes the
// whole series (since version 58.0), Recurrence2PatternVersion is always 1, a month without a 31st has the occurrence on its
// last day, and fromThisEventOnwards answers before it is done: here, once the clock has moved or the client polls a
// second time.
//
// # Where no document says
//
// Some answers rest on memory of the vendor and may differ in wording: the bodies of 412, of UserRecordAccess queries
// without their filters and of misplaced aggregates; 403 for INSUFFICIENT_ACCESS_OR_READONLY; a deleted row falling out
// of later pages of an open query; and from published answers that e-mail addresses lose their capitals. HAVING, TYPEOF
// and the Bulk API are refused; answers are never compressed.
//
// Of events: codes and wordings of refusals (FIELD_INTEGRITY_EXCEPTION, INVALID_OPERATION, DUPLICATE_VALUE for somebody
// related twice), that an owner cannot be invited, that the former WhoId leaves the event unless invited, that an update
// of the start keeps the length, RespondedDate set with an answer, ActivityDate being the day in UTC, an invitation that
// goes when the invitee deletes the copy, a PATCH that moves an occurrence to another day making an exception,
// everything that ChangeSeries does to ids, rows of an endless series for one year, a pattern's text that shows no trace
// of deleted occurrences, which id creating a series answers with (the record's), and that the series' record is visible
// to queries. Answers are kept when an event moves (Classic's pages reset them), a declined copy stays, and deleting a
// person leaves the events. Classic recurrence, JunctionIdLists, resources and calendars are not there.
package salesforce
