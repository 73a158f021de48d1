// Package google speaks Google's People API v1 and Calendar API v3 for one mailbox and knows records.
//
// A mailbox has a part for each kind: people serves contacts, calendar serves events. Each signs in for itself, with the
// scope that it needs and no other.
//
// # Why no generated client
//
// A contact in Google has more than a record: further phones, types, labels and parts of an address that nobody mapped,
// and fields that Google adds next year. An update replaces whole lists, so the lists are rebuilt from the very JSON that
// was read (Item.Image), where whatever is not known here survives. The generated client decodes into its own structs,
// drops what they lack, and fails a page of a thousand people for one that it cannot read; so the requests are made here,
// by hand, and each person is decoded for itself.
//
// The same holds for events: a patch names only what changes, and the list of attendees, which it replaces, is rebuilt from
// what was read.
//
// # How a person maps
//
//   - Email: the first work address, or without one the first of all. Writing replaces that very entry in place and keeps
//     its type; a first address becomes a work one; clearing removes only that entry.
//   - Phones, one per type, the first of each: work, mobile, home, workFax (fax), assistant (a custom type), other; a phone
//     without a type is an other one. All other types (main, pager, homeFax, custom ones) map to no field and stay.
//   - Addresses likewise: work, home, other or without a type. An address that has no parts but only its unstructured form
//     is nobody's field: writing a part makes a new entry.
//   - Company, title, department: those of the primary organization, or the first.
//   - Notes: the biography. Birthdays may lack their year: --MM-DD.
//   - Only values of the contact itself count (READ_SOURCE_TYPE_CONTACT), not those merged in from somebody's profile.
//
// # How an event maps
//
//   - A series is its master, with a recurrence; occurrences that differ from it are items of their own, whose Ref has the
//     master's id and the original start in the series' zone. Ids of occurrences are made by Google and taken as opaque.
//   - "This and following" makes a new series, whose id is the old one's with "_R" and a time: Item.Previous has the old id,
//     and an occurrence that is looked for in the old series is Gone with Into.
//   - Description: HTML is read as the text that people see. A text is written as it is, escaped only where it would be
//     taken for markup.
//   - Show as: transparency; an event of the type outOfOffice is out of office. Birthdays and working locations are no items.
//   - Privacy: private and confidential; public and default are none.
//   - Labels: hashtags in subject and description.
//   - Attendees: people, without rooms. They are added, never removed, and nobody's answer is written.
//   - Zones: an event keeps its own where a CRM, which knows instants only, writes its time.
//
// # Markers
//
// clientData entry "repsync" holds "<org>/<key>". Op.Key and the keys of Find may be given with or without "<org>/".
// Item.Key is the whole marker as it stands, also another org's ("other/…"): callers compare. Other applications' entries
// survive every write. clientData cannot be searched, so Find reads the whole list.
//
// Of an event the marker is the private extended property "repsync", and the id of one that Repsync creates is made from it:
// a repeated create is refused (Exists), Find is a get, and a duplicate that a person makes of the event is known by its id.
// Where an event that was there is marked, "repsyncId" says which one was meant.
//
// # Deleted, renamed, merged
//
// A tombstone in the sync feed, and a 404 for one resource name, prove a delete. previousResourceNames become
// Item.Previous; where the feed shows the tombstone of a former name on the same page, Gone.Into says which item it is now.
//
// # Writing
//
// Updates carry the etag of what was read and name only the fields that they touch. Batches are all or nothing: where
// Google refuses one for some of its contacts, these are taken out and the rest is sent again, which is safe since nothing
// of a refused batch was written. Deletes take no etag; they are preceded by a read that compares versions.
//
// Events are written in multipart batches, whose parts succeed and fail one by one, each under If-Match. All carry
// sendUpdates=none unless Op.Invite is set.
//
// # Servers that say less
//
// What a server does not offer (sync tokens, reports of deletes, etags, batches) is found out and filled: gaps.go, singles.go
// and docs/servers.md.
//
// Sources: People API reference (developers.google.com/people/api/rest/v1/people), Calendar API reference and guides
// (developers.google.com/workspace/calendar/api), their discovery documents, and AIP-193 for errors.
package google
