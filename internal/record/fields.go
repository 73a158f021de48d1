package record

import "slices"

// contactFields lists the fields of a contact in the order in which a person reads them, with their labels.
var contactFields = []struct{ field, label string }{
	{FieldPrefix, "salutation"},
	{FieldGiven, "first name"},
	{FieldMiddle, "middle name"},
	{FieldFamily, "last name"},
	{FieldSuffix, "name suffix"},
	{FieldCompany, "company"},
	{FieldTitle, "job title"},
	{FieldDepartment, "department"},
	{FieldEmail, "email"},
	{FieldPhoneWork, "work phone"},
	{FieldPhoneMobile, "mobile phone"},
	{FieldPhoneHome, "home phone"},
	{FieldPhoneOther, "other phone"},
	{FieldPhoneFax, "fax"},
	{FieldPhoneAssistant, "assistant's phone"},
	{FieldBirthday, "birthday"},
	{FieldNotes, "notes"},
	{FieldWorkStreet, "work street"},
	{FieldWorkCity, "work city"},
	{FieldWorkRegion, "work region"},
	{FieldWorkPostal, "work postal code"},
	{FieldWorkCountry, "work country"},
	{FieldHomeStreet, "home street"},
	{FieldHomeCity, "home city"},
	{FieldHomeRegion, "home region"},
	{FieldHomePostal, "home postal code"},
	{FieldHomeCountry, "home country"},
	{FieldOtherStreet, "other street"},
	{FieldOtherCity, "other city"},
	{FieldOtherRegion, "other region"},
	{FieldOtherPostal, "other postal code"},
	{FieldOtherCountry, "other country"},
}

// ContactFields returns every field of a contact that can be written, in a stable order fit for people. The derived
// FieldEmails is not among them.
func ContactFields() []string {
	out := make([]string, len(contactFields))
	for i, c := range contactFields {
		out[i] = c.field
	}
	return out
}

// Label returns what people call a field: "work phone" for phone.work. A field that is of no kind's own (one that an
// admin mapped) is its own label.
func Label(field string) string {
	for _, fields := range [][]struct{ field, label string }{contactFields, eventFields} {
		if i := slices.IndexFunc(fields, func(c struct{ field, label string }) bool { return c.field == field }); i >= 0 {
			return fields[i].label
		}
	}
	return field
}
