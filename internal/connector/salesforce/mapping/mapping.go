// Package mapping is the standard mapping between canonical fields and Salesforce's API names.
//
// It stands apart from the connector so that the policy can tell a standard mapping from one of the admin's own without
// importing a vendor's client. API names are those of Salesforce's Object Reference, Contact and Event
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

// Event maps a canonical field to the field of Salesforce's Event that holds it, or that stands for the several that do:
// with StartDateTime goes the end, the length and whether the event is all-day, and EventRelations, the name of the child
// relationship, stands for WhoId, WhatId and the rows of EventRelation. Attendees are those rows' people by their
// addresses, and can be read only, as can the rule of a series. The rep's own answer is the Status of the rep's row.
// Fields that Salesforce has no place for (UID, status, labels) are absent. Source: Object Reference, Event and EventRelation
// (https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_event.htm).
var Event = map[string]string{
	record.FieldSubject:     "Subject",
	record.FieldTime:        "StartDateTime",
	record.FieldLocation:    "Location",
	record.FieldDescription: "Description",
	record.FieldShowAs:      "ShowAs",
	record.FieldPrivacy:     "IsPrivate",
	record.FieldRelations:   "EventRelations",
	record.FieldAttendees:   "EventRelations",
	record.FieldRecurrence:  "Recurrence2PatternText",
}
