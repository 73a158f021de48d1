package salesforce

import "strings"

// The object tables. An object joins the sandbox by a table like these and an entry in standardObjects; parsing,
// describe, field-level security, sharing, row errors, collections and replication follow from the table alone.

// standardObjects lists every object that a new server offers.
func standardObjects() []*Object {
	return []*Object{accountTable(), contactTable(), leadTable(), userTable(), profileTable(), permissionSetTable(), eventTable(), eventRelationTable(),
		permissionSetAssignmentTable(), fieldPermissionsTable(), objectPermissionsTable(), userRecordAccessTable(), organizationTable()}
}

func idField(label string) *Field {
	return &Field{Name: "Id", Label: label + " ID", Type: TypeID, ReadOnly: true, NoFLS: true}
}

// system lists the audit fields that every stored record has.
func system() []*Field {
	return []*Field{
		{Name: "CreatedDate", Label: "Created Date", Type: TypeDateTime, ReadOnly: true, NoFLS: true},
		{Name: "CreatedById", Label: "Created By ID", Type: TypeReference, ReferenceTo: []string{"User"}, RelationshipName: "CreatedBy", ReadOnly: true, NoFLS: true},
		{Name: "LastModifiedDate", Label: "Last Modified Date", Type: TypeDateTime, ReadOnly: true, NoFLS: true},
		{Name: "LastModifiedById", Label: "Last Modified By ID", Type: TypeReference, ReferenceTo: []string{"User"}, RelationshipName: "LastModifiedBy", ReadOnly: true, NoFLS: true},
		{Name: "SystemModstamp", Label: "System Modstamp", Type: TypeDateTime, ReadOnly: true, NoFLS: true},
	}
}

func deletedField() *Field {
	return &Field{Name: "IsDeleted", Label: "Deleted", Type: TypeBoolean, ReadOnly: true, NoFLS: true}
}

func masterField(object string) *Field {
	return &Field{Name: "MasterRecordId", Label: "Master Record ID", Type: TypeReference, ReferenceTo: []string{object}, RelationshipName: "MasterRecord", ReadOnly: true, NoFLS: true}
}

func ownerField(label string) *Field {
	return &Field{Name: "OwnerId", Label: label, Type: TypeReference, ReferenceTo: []string{"User"}, RelationshipName: "Owner", NoFLS: true}
}

func text(name, label string, length int) *Field {
	return &Field{Name: name, Label: label, Type: TypeString, Length: length}
}

func typed(name, label string, t Type, length int) *Field {
	return &Field{Name: name, Label: label, Type: t, Length: length}
}

func reference(name, label, to, relationship, children string) *Field {
	return &Field{Name: name, Label: label, Type: TypeReference, ReferenceTo: []string{to}, RelationshipName: relationship, ChildName: children}
}

func picklist(name, label string, values ...string) *Field {
	return &Field{Name: name, Label: label, Type: TypePicklist, Length: 255, Picklist: values}
}

// address lists a compound address and its parts, with the vendor's lengths.
func address(prefix, label string) []*Field {
	compound := prefix + "Address"
	if prefix == "" {
		compound = "Address"
	}
	part := func(name, label string, t Type, length int) *Field {
		return &Field{Name: prefix + name, Label: strings.TrimSpace(label), Type: t, Length: length, Compound: compound}
	}
	return []*Field{
		part("Street", label+" Street", TypeTextArea, 255),
		part("City", label+" City", TypeString, 40),
		part("State", label+" State/Province", TypeString, 80),
		part("PostalCode", label+" Zip/Postal Code", TypeString, 20),
		part("Country", label+" Country", TypeString, 80),
		part("Latitude", label+" Latitude", TypeDouble, 0),
		part("Longitude", label+" Longitude", TypeDouble, 0),
		part("GeocodeAccuracy", label+" Geocode Accuracy", TypePicklist, 40),
		{Name: compound, Label: strings.TrimSpace(label + " Address"), Type: TypeAddress, NoFilter: true, compute: addressValue(prefix)},
	}
}

// addressValue builds the compound value: null when every part is null, else an object of all parts.
func addressValue(prefix string) func(map[string]any) any {
	return func(v map[string]any) any {
		out, filled := map[string]any{}, false
		for _, p := range []struct{ key, field string }{{"city", "City"}, {"country", "Country"}, {"geocodeAccuracy", "GeocodeAccuracy"},
			{"latitude", "Latitude"}, {"longitude", "Longitude"}, {"postalCode", "PostalCode"}, {"state", "State"}, {"street", "Street"}} {
			value := v[prefix+p.field]
			out[p.key] = value
			filled = filled || value != nil
		}
		if !filled {
			return nil
		}
		return out
	}
}

// person lists the parts of a person's name and the compound Name.
func person(label string) []*Field {
	last := &Field{Name: "LastName", Label: "Last Name", Type: TypeString, Length: 80, Required: true, Compound: "Name", NoFLS: true}
	first := &Field{Name: "FirstName", Label: "First Name", Type: TypeString, Length: 40, Compound: "Name", NoFLS: true}
	salutation := &Field{Name: "Salutation", Label: "Salutation", Type: TypePicklist, Length: 40, Picklist: []string{"Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."}, Compound: "Name", NoFLS: true}
	middle := &Field{Name: "MiddleName", Label: "Middle Name", Type: TypeString, Length: 40, Compound: "Name", NoFLS: true}
	suffix := &Field{Name: "Suffix", Label: "Suffix", Type: TypeString, Length: 40, Compound: "Name", NoFLS: true}
	name := &Field{Name: "Name", Label: label, Type: TypeString, Length: 121, Required: true, NameField: true, ReadOnly: true, NoFLS: true, compute: fullName}
	return []*Field{last, first, salutation, middle, suffix, name}
}

// fullName is the read-only Name: first, middle, last and suffix. The salutation is shown by the vendor's pages only.
func fullName(v map[string]any) any {
	var parts []string
	for _, f := range []string{"FirstName", "MiddleName", "LastName", "Suffix"} {
		if s, _ := v[f].(string); s != "" {
			parts = append(parts, s)
		}
	}
	return nullable(strings.Join(parts, " "))
}

func concat(lists ...[]*Field) []*Field {
	var out []*Field
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// contactTable is Contact. (Object Reference, "Contact"; lengths as describe shows them.)
func contactTable() *Object {
	checkbox := func(name, label string) *Field { return typed(name, label, TypeBoolean, 0) }
	account := reference("AccountId", "Account ID", "Account", "Account", "Contacts")
	account.CascadeDelete = true
	email := typed("Email", "Email", TypeEmail, 80)
	email.IDLookup = true
	description := typed("Description", "Contact Description", TypeTextArea, 32000)
	description.NoFilter = true
	readOnly := func(f *Field) *Field { f.ReadOnly = true; return f }
	return &Object{Name: "Contact", Label: "Contact", Plural: "Contacts", Prefix: "003", Fields: concat(
		[]*Field{idField("Contact"), deletedField(), masterField("Contact"), account},
		person("Full Name"), address("Other", "Other"), address("Mailing", "Mailing"),
		[]*Field{
			typed("Phone", "Business Phone", TypePhone, 40), typed("Fax", "Business Fax", TypePhone, 40), typed("MobilePhone", "Mobile Phone", TypePhone, 40),
			typed("HomePhone", "Home Phone", TypePhone, 40), typed("OtherPhone", "Other Phone", TypePhone, 40), typed("AssistantPhone", "Asst. Phone", TypePhone, 40),
			reference("ReportsToId", "Reports To ID", "Contact", "ReportsTo", ""), email,
			text("Title", "Title", 128), text("Department", "Department", 80), text("AssistantName", "Assistant's Name", 40),
			picklist("LeadSource", "Lead Source", "Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
			typed("Birthdate", "Birthdate", TypeDate, 0), description, ownerField("Owner ID"),
			checkbox("HasOptedOutOfEmail", "Email Opt Out"), checkbox("HasOptedOutOfFax", "Fax Opt Out"), checkbox("DoNotCall", "Do Not Call"),
			{Name: "LastActivityDate", Label: "Last Activity", Type: TypeDate, ReadOnly: true, NoFLS: true},
			{Name: "LastCURequestDate", Label: "Last Stay-in-Touch Request Date", Type: TypeDateTime, ReadOnly: true},
			{Name: "LastCUUpdateDate", Label: "Last Stay-in-Touch Save Date", Type: TypeDateTime, ReadOnly: true},
			{Name: "LastViewedDate", Label: "Last Viewed Date", Type: TypeDateTime, ReadOnly: true, NoFLS: true},
			{Name: "LastReferencedDate", Label: "Last Referenced Date", Type: TypeDateTime, ReadOnly: true, NoFLS: true},
			readOnly(text("EmailBouncedReason", "Email Bounced Reason", 255)),
			{Name: "EmailBouncedDate", Label: "Email Bounced Date", Type: TypeDateTime, ReadOnly: true, NoFLS: true},
			{Name: "IsEmailBounced", Label: "Is Email Bounced", Type: TypeBoolean, ReadOnly: true, NoFLS: true},
			{Name: "PhotoUrl", Label: "Photo URL", Type: TypeURL, Length: 255, ReadOnly: true, NoFLS: true, compute: photoURL},
			text("Jigsaw", "Data.com Key", 20),
			{Name: "IndividualId", Label: "Individual ID", Type: TypeReference, ReadOnly: true},
			{Name: "Status__c", Label: "Status", Type: TypePicklist, Length: 255, Custom: true, Picklist: []string{"Active candidate", "Placed", "Do not contact", "Archived"}},
			keyField(),
		}, system())}
}

// keyField is the custom field that a new org holds Repsync's key in. Tests replace it with AddField and RemoveField, for
// orgs in which it is no external id, not unique, or not there.
func keyField() *Field {
	return &Field{Name: "Repsync_Key__c", Label: "Repsync Key", Type: TypeString, Length: 255, Custom: true, ExternalID: true, Unique: true, CaseSensitive: true, IDLookup: true}
}

func photoURL(v map[string]any) any {
	id, _ := v["Id"].(string)
	return nullable("/services/images/photo/" + id)
}

// accountTable is Account, with the fields that a contact sync reads.
func accountTable() *Object {
	name := text("Name", "Account Name", 255)
	name.Required, name.NameField, name.NoFLS = true, true, true
	description := typed("Description", "Account Description", TypeTextArea, 32000)
	description.NoFilter = true
	return &Object{Name: "Account", Label: "Account", Plural: "Accounts", Prefix: "001", Fields: concat(
		[]*Field{idField("Account"), deletedField(), masterField("Account"), name,
			picklist("Type", "Account Type", "Prospect", "Customer - Direct", "Customer - Channel", "Other"),
			reference("ParentId", "Parent Account ID", "Account", "Parent", "ChildAccounts")},
		address("Billing", "Billing"), address("Shipping", "Shipping"),
		[]*Field{typed("Phone", "Account Phone", TypePhone, 40), typed("Fax", "Account Fax", TypePhone, 40), text("AccountNumber", "Account Number", 40),
			typed("Website", "Website", TypeURL, 255), picklist("Industry", "Industry", "Agriculture", "Banking", "Consulting", "Technology", "Other"),
			typed("AnnualRevenue", "Annual Revenue", TypeDouble, 0), typed("NumberOfEmployees", "Employees", TypeInt, 0), description, ownerField("Owner ID"),
			{Name: "LastActivityDate", Label: "Last Activity", Type: TypeDate, ReadOnly: true, NoFLS: true}},
		system())}
}

// leadTable is Lead, with the fields that relating people to meetings reads.
func leadTable() *Object {
	company := text("Company", "Company", 255)
	company.Required, company.NoFLS = true, true
	email := typed("Email", "Email", TypeEmail, 80)
	email.IDLookup = true
	status := picklist("Status", "Status", "Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
	status.Default, status.Required, status.NoFLS = "Open - Not Contacted", true, true
	description := typed("Description", "Description", TypeTextArea, 32000)
	description.NoFilter = true
	converted := func(name, label string, t Type) *Field {
		return &Field{Name: name, Label: label, Type: t, ReadOnly: true, NoFLS: true}
	}
	return &Object{Name: "Lead", Label: "Lead", Plural: "Leads", Prefix: "00Q", Fields: concat(
		[]*Field{idField("Lead"), deletedField(), masterField("Lead")}, person("Full Name"),
		[]*Field{text("Title", "Title", 128), company}, address("", ""),
		[]*Field{typed("Phone", "Phone", TypePhone, 40), typed("MobilePhone", "Mobile Phone", TypePhone, 40), typed("Fax", "Fax", TypePhone, 40), email,
			typed("Website", "Website", TypeURL, 255), description, picklist("LeadSource", "Lead Source", "Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
			status, ownerField("Owner ID"), converted("IsConverted", "Converted", TypeBoolean), converted("ConvertedDate", "Converted Date", TypeDate),
			converted("ConvertedContactId", "Converted Contact ID", TypeReference), converted("ConvertedAccountId", "Converted Account ID", TypeReference)},
		system())}
}
