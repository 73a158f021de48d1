package salesforce

// The setup objects: who may sign in, and what they may see. They are read like any object; the sandbox's Go API
// (AddUser, AddProfile, SetFieldAccess, …) writes them.

func userTable() *Object {
	username := text("Username", "Username", 80)
	username.Required, username.Unique, username.IDLookup = true, true, true
	email := typed("Email", "Email", TypeEmail, 128)
	email.Required, email.IDLookup = true, true
	fields := concat(
		[]*Field{idField("User"), username}, person("Full Name"),
		[]*Field{text("CompanyName", "Company Name", 80), text("Division", "Division", 80), text("Department", "Department", 80), text("Title", "Title", 80)},
		address("", ""),
		[]*Field{email, typed("Phone", "Phone", TypePhone, 40), typed("MobilePhone", "Mobile", TypePhone, 40), text("Alias", "Alias", 8),
			text("CommunityNickname", "Nickname", 40), typed("IsActive", "Active", TypeBoolean, 0), picklist("TimeZoneSidKey", "Time Zone"),
			picklist("LocaleSidKey", "Locale"), picklist("EmailEncodingKey", "Email Encoding"), picklist("LanguageLocaleKey", "Language"),
			reference("ProfileId", "Profile ID", "Profile", "Profile", "Users"), reference("UserRoleId", "Role ID", "UserRole", "UserRole", ""),
			reference("ManagerId", "Manager ID", "User", "Manager", ""), picklist("UserType", "User Type", "Standard", "AutomatedProcess"),
			text("FederationIdentifier", "SAML Federation ID", 512), {Name: "LastLoginDate", Label: "Last Login", Type: TypeDateTime, ReadOnly: true}},
		system())
	for _, f := range fields {
		f.NoFLS = true
	}
	return &Object{Name: "User", Label: "User", Plural: "Users", Prefix: "005", Fields: fields, ReadOnly: true, Fixed: true}
}

func profileTable() *Object {
	name := text("Name", "Name", 255)
	name.NameField = true
	return &Object{Name: "Profile", Label: "Profile", Plural: "Profile", Prefix: "00e", ReadOnly: true, Fixed: true, Fields: noFLS(concat(
		[]*Field{idField("Profile"), name, text("Description", "Description", 255), picklist("UserType", "User Type", "Standard"),
			typed("PermissionsViewAllData", "View All Data", TypeBoolean, 0), typed("PermissionsModifyAllData", "Modify All Data", TypeBoolean, 0)}, system()))}
}

func permissionSetTable() *Object {
	name := text("Name", "Permission Set Name", 80)
	name.NameField = true
	return &Object{Name: "PermissionSet", Label: "Permission Set", Plural: "Permission Sets", Prefix: "0PS", ReadOnly: true, Fixed: true, Fields: noFLS(concat(
		[]*Field{idField("PermissionSet"), name, text("Label", "Permission Set Label", 80), reference("ProfileId", "Profile ID", "Profile", "Profile", ""),
			typed("IsOwnedByProfile", "Is Owned By Profile", TypeBoolean, 0), typed("PermissionsViewAllData", "View All Data", TypeBoolean, 0),
			typed("PermissionsModifyAllData", "Modify All Data", TypeBoolean, 0)}, system()))}
}

func permissionSetAssignmentTable() *Object {
	return &Object{Name: "PermissionSetAssignment", Label: "Permission Set Assignment", Plural: "Permission Set Assignments", Prefix: "0Pa", ReadOnly: true, Fixed: true,
		Fields: noFLS([]*Field{idField("Assignment"), reference("PermissionSetId", "PermissionSet ID", "PermissionSet", "PermissionSet", "Assignments"),
			reference("AssigneeId", "Assignee ID", "User", "Assignee", "PermissionSetAssignments"), typed("IsActive", "Is Active", TypeBoolean, 0), system()[4]})}
}

// fieldPermissionsTable is FieldPermissions: one row per permission set and permissionable field that it opens. A field
// that it does not open has no row. (Object Reference, "FieldPermissions".)
func fieldPermissionsTable() *Object {
	return &Object{Name: "FieldPermissions", Label: "Field Permissions", Plural: "Field Permissions", Prefix: "01k", ReadOnly: true, Fixed: true, rows: fieldPermissionRows,
		Fields: noFLS([]*Field{idField("Field Permissions"), reference("ParentId", "Parent ID", "PermissionSet", "Parent", "FieldPerms"),
			picklist("SobjectType", "SObject Type Name"), picklist("Field", "Field Name"), typed("PermissionsEdit", "Edit Field", TypeBoolean, 0),
			typed("PermissionsRead", "Read Field", TypeBoolean, 0), system()[4]})}
}

// userRecordAccessTable is UserRecordAccess, which answers for one user and at most 200 records a query.
func userRecordAccessTable() *Object {
	var has []*Field
	for _, f := range [][2]string{{"HasReadAccess", "Has Read Access"}, {"HasEditAccess", "Has Edit Access"}, {"HasDeleteAccess", "Has Delete Access"},
		{"HasTransferAccess", "Has Transfer Access"}, {"HasAllAccess", "Has All Access"}} {
		has = append(has, typed(f[0], f[1], TypeBoolean, 0))
	}
	return &Object{Name: "UserRecordAccess", Label: "User Record Access", Plural: "User Record Access", ReadOnly: true, Fixed: true, rows: userRecordAccessRows,
		Fields: noFLS(concat([]*Field{idField("User Record Access"), reference("UserId", "User ID", "User", "User", ""), {Name: "RecordId", Label: "Record ID", Type: TypeReference}}, has,
			[]*Field{picklist("MaxAccessLevel", "Maximum Access Level", "None", "Read", "Edit", "Delete", "Transfer", "All")}))}
}

func organizationTable() *Object {
	name := text("Name", "Name", 80)
	name.NameField = true
	return &Object{Name: "Organization", Label: "Organization", Plural: "Organization", Prefix: "00D", ReadOnly: true, Fixed: true, Fields: noFLS(concat(
		[]*Field{idField("Organization"), name, text("InstanceName", "Instance Name", 5), typed("IsSandbox", "Is Sandbox", TypeBoolean, 0),
			picklist("OrganizationType", "Organization Type"), picklist("TimeZoneSidKey", "Time Zone"), picklist("DefaultLocaleSidKey", "Locale"),
			picklist("DefaultAccountAccess", "Default Account Access"), picklist("DefaultContactAccess", "Default Contact Access"),
			picklist("DefaultLeadAccess", "Default Lead Access"), picklist("DefaultCalendarAccess", "Default Calendar Access")}, system()))}
}

func noFLS(fields []*Field) []*Field {
	for _, f := range fields {
		f.NoFLS = true
	}
	return fields
}
