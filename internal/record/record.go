// Package record holds the canonical, vendor-free form of every item that Repsync syncs.
//
// A record is a flat map from canonical field name to canonical value. Connectors translate a vendor's item into a
// record and back; the planner compares records; nothing else in the project knows what a vendor calls a field.
// Values keep what a person typed, apart from white space and Unicode form (see Canonical). Whether two values mean the
// same is a separate question, answered by Comparable and Equal: "(415) 555-0100" and "415-555-0100" are equal phones,
// and yet each side keeps its own way of writing it.
//
// The package imports nothing else of this project.
package record

// Kind is what an item is.
type Kind string

// The kinds.
const (
	Contact Kind = "contact"
	Event   Kind = "event"
	Task    Kind = "task"
	Email   Kind = "email"
)

// Side is one end of the sync.
type Side string

// The two sides.
const (
	CRM     Side = "crm"
	Mailbox Side = "mailbox"
)

// Other returns the opposite side.
func (s Side) Other() Side {
	if s == CRM {
		return Mailbox
	}
	return CRM
}

// Fields is a record: canonical field name to canonical value. An absent field and an empty value mean the same:
// the item has no such value. A connector that could not read a field (the rep may not see it, the vendor left it out)
// says so in its capabilities, never by an empty value.
type Fields map[string]string

// Canonical fields of a contact.
//
// A person has many emails, while a CRM contact has one. FieldEmail is the one that both sides speak of: the first work
// address, or without one the first address of all. FieldEmails lists every address, lower-cased, sorted and joined by
// newlines; it is derived, serves matching and is never written.
// Phones and addresses are one per type: of several of a type the first is the field, the others stay where they are.
const (
	FieldPrefix     = "name.prefix"
	FieldGiven      = "name.given"
	FieldMiddle     = "name.middle"
	FieldFamily     = "name.family"
	FieldSuffix     = "name.suffix"
	FieldCompany    = "company"
	FieldTitle      = "title"
	FieldDepartment = "department"
	FieldEmail      = "email"
	FieldEmails     = "emails"
	FieldBirthday   = "birthday" // YYYY-MM-DD, or --MM-DD when the year is not known
	FieldNotes      = "notes"

	FieldPhoneWork      = "phone.work"
	FieldPhoneMobile    = "phone.mobile"
	FieldPhoneHome      = "phone.home"
	FieldPhoneOther     = "phone.other"
	FieldPhoneFax       = "phone.fax"
	FieldPhoneAssistant = "phone.assistant"

	FieldWorkStreet   = "address.work.street"
	FieldWorkCity     = "address.work.city"
	FieldWorkRegion   = "address.work.region"
	FieldWorkPostal   = "address.work.postal_code"
	FieldWorkCountry  = "address.work.country"
	FieldHomeStreet   = "address.home.street"
	FieldHomeCity     = "address.home.city"
	FieldHomeRegion   = "address.home.region"
	FieldHomePostal   = "address.home.postal_code"
	FieldHomeCountry  = "address.home.country"
	FieldOtherStreet  = "address.other.street"
	FieldOtherCity    = "address.other.city"
	FieldOtherRegion  = "address.other.region"
	FieldOtherPostal  = "address.other.postal_code"
	FieldOtherCountry = "address.other.country"
)
