package demo

import "github.com/repsync/repsync/internal/planner"

// places says where each field of a Salesforce contact stands in a Google address book, written down once more: neither
// the engine's table nor the verifier's judges itself.
var places = map[string]string{
	"Salutation": "names.honorificPrefix", "FirstName": "names.givenName", "MiddleName": "names.middleName",
	"LastName": "names.familyName", "Suffix": "names.honorificSuffix",
	"Account": "organizations.name", "Title": "organizations.title", "Department": "organizations.department",
	"Email": "emailAddresses.work", "Birthdate": "birthdays", "Description": "biographies",
	"Phone": "phoneNumbers.work", "MobilePhone": "phoneNumbers.mobile", "HomePhone": "phoneNumbers.home",
	"OtherPhone": "phoneNumbers.other", "Fax": "phoneNumbers.workFax", "AssistantPhone": "phoneNumbers.assistant",
	"MailingStreet": "addresses.work.streetAddress", "MailingCity": "addresses.work.city", "MailingState": "addresses.work.region",
	"MailingPostalCode": "addresses.work.postalCode", "MailingCountry": "addresses.work.country",
	"OtherStreet": "addresses.other.streetAddress", "OtherCity": "addresses.other.city", "OtherState": "addresses.other.region",
	"OtherPostalCode": "addresses.other.postalCode", "OtherCountry": "addresses.other.country",
}

// realPerson is the one card of a real file, and what must become of it, read by hand from the file: every mapped field,
// the first work address or else the first of all, the first number of each type, a number or address without a type as
// "other". Home addresses, further numbers and addresses, parts of an address beside street, city, region, postal code and
// country, pictures, dates and relations stay in the mailbox that has them: Salesforce has no standard place for them.
type realPerson struct {
	file   string
	crm    map[string]string
	note   note           // Description, where it is too long to stand here
	parked planner.Reason // why the card does not reach the CRM, and over which field
	field  string
	// together is why it is parked when all cards are in one address book.
	together planner.Reason
}

// note is a long text by its length and its ends.
type note struct {
	runes        int
	starts, ends string
}

var realPeople = []realPerson{
	{
		file: "John_Doe_EVOLUTION.vcf",
		crm: map[string]string{
			"Salutation": "Mr.", "FirstName": "John", "MiddleName": "Richter, James", "LastName": "Doe", "Suffix": "Sr.",
			"Account": "IBM", "Title": "Money Counter", "Department": "Accounting, Dungeon",
			"Email": "john.doe@ibm.com", "Birthdate": "1980-03-22",
			"Phone": "905-555-1234", "MobilePhone": "905-666-1234",
		},
		note: note{755, "THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS", "OF SUCH DAMAGE."},
		// Three programs exported the same man. One address on three entries of one book is a double that a person must
		// merge: the first to claim the address has the record.
		together: planner.ReasonAmbiguousMatch,
	},
	{
		file: "John_Doe_GMAIL.vcf",
		crm: map[string]string{
			"Salutation": "Mr.", "FirstName": "John", "MiddleName": "Richter, James", "LastName": "Doe", "Suffix": "Sr.",
			"Account": "IBM", "Title": "Money Counter",
			"Email": "john.doe@ibm.com", "Birthdate": "1980-03-22",
			"MobilePhone": "905-555-1234", "HomePhone": "905-666-1234",
		},
		note:     note{776, "THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS", "OF SUCH DAMAGE.\nFavotire Color: Blue"},
		together: planner.ReasonAmbiguousMatch,
	},
	{
		file: "John_Doe_IPHONE.vcf",
		crm: map[string]string{
			"Salutation": "Mr.", "FirstName": "John", "MiddleName": "Richter,James", "LastName": "Doe", "Suffix": "Sr.",
			"Account": "IBM", "Title": "Money Counter", "Department": "Accounting",
			"Email": "john.doe@ibm.com", "Birthdate": "2012-06-06",
			"Phone": "905-777-1234", "MobilePhone": "905-555-1234", "HomePhone": "905-666-1234", "Fax": "905-999-1234", "AssistantPhone": "905-222-1234",
			"MailingStreet": "Street4\nBuilding 6\nFloor 8", "MailingCity": "New York", "MailingPostalCode": "12345", "MailingCountry": "USA",
		},
	},
	{
		file: "John_Doe_MS_OUTLOOK.vcf",
		crm: map[string]string{
			"Salutation": "Mr.", "FirstName": "John", "MiddleName": "Richter,James", "LastName": "Doe", "Suffix": "Sr.",
			"Account": "IBM", "Title": "Money Counter", "Department": "Accounting",
			"Email": "john.doe@ibm.cm", "Birthdate": "1980-03-22",
			"Phone": "(905) 555-1234", "HomePhone": "(905) 666-1234",
			"MailingStreet": "Cresent moon drive", "MailingCity": "Albaney", "MailingState": "New York", "MailingPostalCode": "12345", "MailingCountry": "United States of America",
		},
		note: note{731, "THIS SOFTWARE IS PROVIDED BY GEORGE EL-HADDAD ''AS IS''", "OF SUCH DAMAGE."},
	},
	{
		file: "fullcontact.vcf",
		crm: map[string]string{
			"Salutation": "Prefix", "FirstName": "FirstName", "MiddleName": "MiddleName", "LastName": "LastName", "Suffix": "Suffix",
			"Account": "Organization1", "Title": "Title1", "Department": "Department1",
			"Email": "work@example.com", "Birthdate": "2016-08-01", "Description": "Notes line 1\nNotes line 2",
			"Phone": "555-555-1112", "MobilePhone": "555-555-1113", "HomePhone": "555-555-1111", "OtherPhone": "555-555-1115", "Fax": "555-555-1117",
			"MailingStreet": "WorkStreet", "MailingCity": "WorkCity", "MailingState": "WorkState", "MailingPostalCode": "WorkPostal", "MailingCountry": "WorkCountry",
			"OtherStreet": "OtherStreet", "OtherCity": "OtherCity", "OtherState": "OtherState", "OtherPostalCode": "OtherPostal", "OtherCountry": "OtherCountry",
		},
	},
	{
		file: "gmail-single2.vcf",
		crm: map[string]string{
			"FirstName": "VCard", "LastName": "Test", "Account": "TheCompany", "Title": "TheJobTitle",
			"Email": "workemail@example.com", "Birthdate": "1912-06-23", "Description": "note line 1\nnote line 2\nCustomField: field value",
			"Phone": "5555551113", "MobilePhone": "5555551115", "HomePhone": "5555551112", "OtherPhone": "5555551111", "Fax": "5555551118",
			"MailingStreet": "113 Main St", "MailingCity": "NY", "MailingState": "New York", "MailingPostalCode": "10011",
			"OtherStreet": "111 Main St", "OtherCity": "NY", "OtherState": "New York", "OtherPostalCode": "10011",
		},
	},
	{
		file: "rfc6350-example.vcf",
		// A birthday without its year, which Salesforce's date cannot hold. The fields are those that a person would type
		// into the CRM, for the other direction.
		parked: planner.ReasonDateNeedsYear, field: "birthday",
		crm: map[string]string{
			"FirstName": "Simon", "LastName": "Perreault", "Suffix": "ing. jr,M.Sc.", "Account": "Viagenie",
			"Email":         "simon.perreault@viagenie.ca",
			"Phone":         "+1-418-656-9254 ext. 102",
			"MailingStreet": "2875 Laurier", "MailingCity": "Quebec", "MailingState": "QC", "MailingPostalCode": "G1V 2M2", "MailingCountry": "Canada",
		},
	},
}
