package salesforce

import (
	"slices"
	"strings"
)

// Type is a field type, by the name that describe shows.
type Type string

// The field types that the sandbox knows.
const (
	TypeID        Type = "id"
	TypeString    Type = "string"
	TypeTextArea  Type = "textarea"
	TypeEmail     Type = "email"
	TypePhone     Type = "phone"
	TypeURL       Type = "url"
	TypePicklist  Type = "picklist"
	TypeCombobox  Type = "combobox"
	TypeReference Type = "reference"
	TypeBoolean   Type = "boolean"
	TypeInt       Type = "int"
	TypeDouble    Type = "double"
	TypeDate      Type = "date"
	TypeDateTime  Type = "datetime"
	TypeAddress   Type = "address"
)

// Field describes one field of an object, with the words of the vendor's DescribeSObjectResult.
type Field struct {
	Name, Label      string
	Type             Type
	Length           int // in characters, of text types
	Required         bool
	ReadOnly         bool // neither createable nor updateable
	CreateOnly       bool // createable, not updateable
	ExternalID       bool
	Unique           bool
	CaseSensitive    bool
	IDLookup         bool
	NameField        bool
	Picklist         []string
	Restricted       bool     // of a picklist: other values are refused
	ReferenceTo      []string // of a reference: the objects it may point to
	RelationshipName string   // of a reference: the name of the parent in a dotted path
	ChildName        string   // of a reference: the name of the list of children on the parent
	CascadeDelete    bool     // of a reference: deleting the parent deletes this record
	Default          any      // value on create when none is given
	Compound         string   // the compound field that this one is part of: MailingAddress for MailingCity
	NoFLS            bool     // not permissionable: field-level security cannot hide it
	NoFilter         bool     // may not stand in WHERE or ORDER BY
	Indexed          bool     // of a reference: look-ups by it must not scan
	Custom           bool

	compute func(values map[string]any) any // set on calculated and compound fields
}

// Object describes one sObject type. Every object that the sandbox serves is such a table; see tables.go.
type Object struct {
	Name, Label, Plural string
	Prefix              string // first three characters of its ids
	Fields              []*Field
	ReadOnly            bool // no create, update or delete through the API
	Fixed               bool // rows are not soft-deleted and have no owner: setup objects
	// rows makes the rows of an object that is not stored but follows from others; nil for stored objects.
	rows func(s *Server, q *virtualQuery) ([]*row, *Error)
	// prepare completes and checks the values that a record is about to have; nil where fields do not depend on each other.
	prepare func(s *Server, w *writer, c *change) *Error
	// settle brings about in other records what a stored change entails. It cannot fail: prepare has checked it all.
	settle func(s *Server, w *writer, id string, before, after *state)

	byName map[string]*Field // by lower-cased name
}

// field finds a field, ignoring case as the vendor does. nil when there is none.
func (o *Object) field(name string) *Field { return o.byName[strings.ToLower(name)] }

// clone copies the table, so that custom fields of one server do not show in another.
func (o *Object) clone() *Object {
	c := *o
	c.Fields = slices.Clone(o.Fields)
	c.byName = make(map[string]*Field, len(c.Fields))
	for _, f := range c.Fields {
		c.byName[strings.ToLower(f.Name)] = f
	}
	return &c
}

func (o *Object) add(f *Field) {
	o.Fields = append(o.Fields, f)
	o.byName[strings.ToLower(f.Name)] = f
}

func (o *Object) remove(name string) {
	if f := o.field(name); f != nil {
		o.Fields = slices.DeleteFunc(o.Fields, func(g *Field) bool { return g == f })
		delete(o.byName, strings.ToLower(name))
	}
}

// owned tells whether records of the object have an owner, on whom sharing rests.
func (o *Object) owned() bool { return o.field("OwnerId") != nil }

// security is the name under which field-level security speaks of the field: parts of an address are governed by the
// compound field, so that FieldPermissions has a row for Contact.MailingAddress and none for Contact.MailingCity.
func (f *Field) security() string {
	if f.Type != TypeAddress && strings.HasSuffix(f.Compound, "Address") {
		return f.Compound
	}
	return f.Name
}

// indexed tells whether look-ups by this field must not scan.
func (f *Field) indexed() bool {
	return f.compute == nil && (f.Indexed || f.ExternalID || f.Unique || f.IDLookup || f.Type == TypeEmail) && f.Type != TypeID
}

func (f *Field) writable() bool   { return !f.ReadOnly && f.compute == nil }
func (f *Field) updateable() bool { return f.writable() && !f.CreateOnly }

func (f *Field) isText() bool {
	switch f.Type {
	case TypeString, TypeTextArea, TypeEmail, TypePhone, TypeURL, TypePicklist, TypeCombobox:
		return true
	}
	return false
}

// soapTypes maps field types to the soapType that describe shows.
var soapTypes = map[Type]string{
	TypeID: "tns:ID", TypeReference: "tns:ID", TypeBoolean: "xsd:boolean", TypeInt: "xsd:int", TypeDouble: "xsd:double",
	TypeDate: "xsd:date", TypeDateTime: "xsd:dateTime", TypeAddress: "urn:address",
}

// describe is the field as sobjects/X/describe shows it to somebody with these rights.
func (f *Field) describe(a Access, writable bool) map[string]any {
	soap := soapTypes[f.Type]
	if soap == "" {
		soap = "xsd:string"
	}
	length := f.Length
	if f.Type == TypeID || f.Type == TypeReference {
		length = 18
	}
	values := []map[string]any{}
	for _, v := range f.Picklist {
		values = append(values, map[string]any{"active": true, "defaultValue": f.Default == v, "label": v, "validFor": nil, "value": v})
	}
	var byteLength int
	if soap == "xsd:string" || soap == "tns:ID" {
		byteLength = length
		if soap == "xsd:string" {
			byteLength = 3 * length
		}
	}
	digits, precision, scale := 0, 0, 0
	if f.Type == TypeInt {
		digits = 9
	}
	if f.Type == TypeDouble {
		precision, scale = 18, 0
	}
	sortable := !f.NoFilter && f.Type != TypeAddress
	return map[string]any{
		"aggregatable": sortable, "aiPredictionField": false, "autoNumber": false, "byteLength": byteLength,
		"calculated": f.compute != nil && f.Type != TypeAddress && !f.NameField, "calculatedFormula": nil,
		"cascadeDelete": f.CascadeDelete, "caseSensitive": f.CaseSensitive,
		"compoundFieldName": nullable(f.Compound), "controllerName": nil, "createable": writable && f.writable() && a.Edit,
		"custom": f.Custom, "defaultValue": f.defaultValue(), "defaultValueFormula": nil,
		"defaultedOnCreate": f.Default != nil || f.Type == TypeBoolean || f.Name == "OwnerId" || isSystemField(f.Name),
		"dependentPicklist": false, "deprecatedAndHidden": false, "digits": digits, "displayLocationInDecimal": false,
		"encrypted": false, "externalId": f.ExternalID, "extraTypeInfo": nil, "filterable": sortable,
		"filteredLookupInfo": nil, "formulaTreatNullNumberAsZero": false, "groupable": sortable && f.Type != TypeDateTime,
		"highScaleNumber": false, "htmlFormatted": false, "idLookup": f.IDLookup || f.Type == TypeID, "inlineHelpText": nil,
		"label": f.Label, "length": length, "mask": nil, "maskType": nil, "name": f.Name, "nameField": f.NameField,
		"namePointing": len(f.ReferenceTo) > 1, "nillable": !f.Required && f.Type != TypeBoolean && f.Type != TypeID && f.Name != "OwnerId" && !isSystemField(f.Name),
		"permissionable": !f.NoFLS, "picklistValues": values, "polymorphicForeignKey": len(f.ReferenceTo) > 1, "precision": precision,
		"queryByDistance": f.Type == TypeAddress, "referenceTargetField": nil, "referenceTo": orEmpty(f.ReferenceTo),
		"relationshipName": nullable(f.RelationshipName), "relationshipOrder": nil, "restrictedDelete": false,
		"restrictedPicklist": f.Restricted, "scale": scale, "searchPrefilterable": f.Type == TypeReference, "soapType": soap,
		"sortable": sortable, "type": string(f.Type), "unique": f.Unique, "updateable": writable && f.updateable() && a.Edit,
		"writeRequiresMasterRead": false,
	}
}

func (f *Field) defaultValue() any {
	if f.Type == TypeBoolean {
		return f.Default == true
	}
	return nil
}

// isSystemField names the fields that the platform itself keeps on every record.
func isSystemField(name string) bool {
	switch name {
	case "Id", "IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp":
		return true
	}
	return false
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
