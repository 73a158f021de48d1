// Package mapping is the standard mapping between canonical fields and Salesforce's API names.
//
// It stands apart from the connector so that the policy can tell a standard mapping from one of the admin's own without
// importing a vendor's client. API names are those of Salesforce's Object Reference, Contact
// (https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm).
package mapping

import "github.com/repsync/repsync/internal/record"

// Contact maps a canonical field to the field of Salesforce's Contact that holds it. A dot leads to a parent record's
// field, which can be read and not written: a contact's company is its account's name. Fields that Salesforce has no
// standard place for (the home address, and the list of all emails) are absent.
var Contact = map[string]string{
	record.FieldPrefix:     "Salutation",
	record.FieldGiven:      "FirstName",
	record.FieldMiddle:     "MiddleName",
	record.FieldFamily:     "LastName",
	record.FieldSuffix:     "Suffix",
	record.FieldCompany:    "Account.Name",
	record.FieldTitle:      "Title",
	record.FieldDepartment: "Department",
	record.FieldEmail:      "Email",
	record.FieldBirthday:   "Birthdate",
	record.FieldNotes:      "Description",

	record.FieldPhoneWork:      "Phone",
	record.FieldPhoneMobile:    "MobilePhone",
	record.FieldPhoneHome:      "HomePhone",
	record.FieldPhoneOther:     "OtherPhone",
	record.FieldPhoneFax:       "Fax",
	record.FieldPhoneAssistant: "AssistantPhone",

	record.FieldWorkStreet:   "MailingStreet",
	record.FieldWorkCity:     "MailingCity",
	record.FieldWorkRegion:   "MailingState",
	record.FieldWorkPostal:   "MailingPostalCode",
	record.FieldWorkCountry:  "MailingCountry",
	record.FieldOtherStreet:  "OtherStreet",
	record.FieldOtherCity:    "OtherCity",
	record.FieldOtherRegion:  "OtherState",
	record.FieldOtherPostal:  "OtherPostalCode",
	record.FieldOtherCountry: "OtherCountry",
}
