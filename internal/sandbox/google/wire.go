package google

// The structures of People v1, as in its discovery document. Tags: out marks what clients may not set ("Output only"),
// enum lists the values of an enumeration.

// Person is google.people.v1.Person. Fields of type any are accepted and not kept: Google serves them from profiles, or
// no longer at all.
type Person struct {
	ResourceName string          `json:"resourceName,omitempty"`
	Etag         string          `json:"etag,omitempty"`
	Metadata     *PersonMetadata `json:"metadata,omitempty"`

	Addresses      []Address      `json:"addresses,omitempty"`
	Biographies    []Biography    `json:"biographies,omitempty"`
	Birthdays      []Birthday     `json:"birthdays,omitempty"`
	CalendarURLs   []TypedURL     `json:"calendarUrls,omitempty"`
	ClientData     []KeyValue     `json:"clientData,omitempty"`
	EmailAddresses []EmailAddress `json:"emailAddresses,omitempty"`
	Events         []Event        `json:"events,omitempty"`
	ExternalIDs    []TypedValue   `json:"externalIds,omitempty"`
	Genders        []Gender       `json:"genders,omitempty"`
	IMClients      []IMClient     `json:"imClients,omitempty"`
	Interests      []Value        `json:"interests,omitempty"`
	Locales        []Value        `json:"locales,omitempty"`
	Locations      []Location     `json:"locations,omitempty"`
	Memberships    []Membership   `json:"memberships,omitempty"`
	MiscKeywords   []TypedValue   `json:"miscKeywords,omitempty"`
	Names          []Name         `json:"names,omitempty"`
	Nicknames      []Nickname     `json:"nicknames,omitempty"`
	Occupations    []Value        `json:"occupations,omitempty"`
	Organizations  []Organization `json:"organizations,omitempty"`
	PhoneNumbers   []PhoneNumber  `json:"phoneNumbers,omitempty"`
	Photos         []Photo        `json:"photos,omitempty" out:"1"`
	Relations      []Relation     `json:"relations,omitempty"`
	SIPAddresses   []TypedValue   `json:"sipAddresses,omitempty"`
	URLs           []TypedValue   `json:"urls,omitempty"`
	UserDefined    []KeyValue     `json:"userDefined,omitempty"`

	AgeRange              any `json:"ageRange,omitempty" out:"1"`
	AgeRanges             any `json:"ageRanges,omitempty" out:"1"`
	BraggingRights        any `json:"braggingRights,omitempty" out:"1"`
	CoverPhotos           any `json:"coverPhotos,omitempty" out:"1"`
	FileAses              any `json:"fileAses,omitempty" out:"1"`
	RelationshipInterests any `json:"relationshipInterests,omitempty" out:"1"`
	RelationshipStatuses  any `json:"relationshipStatuses,omitempty" out:"1"`
	Residences            any `json:"residences,omitempty" out:"1"`
	Skills                any `json:"skills,omitempty" out:"1"`
	Taglines              any `json:"taglines,omitempty" out:"1"`
}

// PersonMetadata tells where a person's data comes from.
type PersonMetadata struct {
	Sources                   []Source `json:"sources,omitempty"`
	Deleted                   bool     `json:"deleted,omitempty" out:"1"`
	PreviousResourceNames     []string `json:"previousResourceNames,omitempty" out:"1"`
	LinkedPeopleResourceNames []string `json:"linkedPeopleResourceNames,omitempty" out:"1"`
	ObjectType                string   `json:"objectType,omitempty" out:"1"`
}

// Source is one place that data comes from; etag and updateTime stand in PersonMetadata only.
type Source struct {
	Type            string `json:"type,omitempty" enum:"SOURCE_TYPE_UNSPECIFIED,ACCOUNT,PROFILE,DOMAIN_PROFILE,CONTACT,OTHER_CONTACT,DOMAIN_CONTACT"`
	ID              string `json:"id,omitempty"`
	Etag            string `json:"etag,omitempty"`
	UpdateTime      string `json:"updateTime,omitempty" out:"1"`
	ProfileMetadata any    `json:"profileMetadata,omitempty" out:"1"`
}

// FieldMetadata tells where one value comes from.
type FieldMetadata struct {
	Primary       bool    `json:"primary,omitempty"`
	SourcePrimary bool    `json:"sourcePrimary,omitempty"`
	Verified      bool    `json:"verified,omitempty"`
	Source        *Source `json:"source,omitempty"`
}

// Meta is what every entry of a person's field has.
type Meta struct {
	Metadata *FieldMetadata `json:"metadata,omitempty"`
}

// Name is a person's name; a contact has one.
type Name struct {
	Meta
	DisplayName             string `json:"displayName,omitempty" out:"1"`
	DisplayNameLastFirst    string `json:"displayNameLastFirst,omitempty" out:"1"`
	UnstructuredName        string `json:"unstructuredName,omitempty"`
	FamilyName              string `json:"familyName,omitempty"`
	GivenName               string `json:"givenName,omitempty"`
	MiddleName              string `json:"middleName,omitempty"`
	HonorificPrefix         string `json:"honorificPrefix,omitempty"`
	HonorificSuffix         string `json:"honorificSuffix,omitempty"`
	PhoneticFullName        string `json:"phoneticFullName,omitempty"`
	PhoneticFamilyName      string `json:"phoneticFamilyName,omitempty"`
	PhoneticGivenName       string `json:"phoneticGivenName,omitempty"`
	PhoneticMiddleName      string `json:"phoneticMiddleName,omitempty"`
	PhoneticHonorificPrefix string `json:"phoneticHonorificPrefix,omitempty"`
	PhoneticHonorificSuffix string `json:"phoneticHonorificSuffix,omitempty"`
}

// Nickname is another name of a person.
type Nickname struct {
	Meta
	Value string `json:"value,omitempty"`
	Type  string `json:"type,omitempty" enum:"DEFAULT,MAIDEN_NAME,INITIALS,GPLUS,OTHER_NAME,ALTERNATE_NAME,SHORT_NAME"`
}

// Date is a day; 0 stands for a part that is not known.
type Date struct {
	Year  int `json:"year,omitempty"`
	Month int `json:"month,omitempty"`
	Day   int `json:"day,omitempty"`
}

// Birthday is a person's birthday; a contact has one.
type Birthday struct {
	Meta
	Date *Date  `json:"date,omitempty"`
	Text string `json:"text,omitempty"`
}

// Biography holds the notes on a contact; a contact has one.
type Biography struct {
	Meta
	Value       string `json:"value,omitempty"`
	ContentType string `json:"contentType,omitempty" enum:"CONTENT_TYPE_UNSPECIFIED,TEXT_PLAIN,TEXT_HTML"`
}

// Gender is a person's gender; a contact has one.
type Gender struct {
	Meta
	Value          string `json:"value,omitempty"`
	FormattedValue string `json:"formattedValue,omitempty" out:"1"`
	AddressMeAs    string `json:"addressMeAs,omitempty"`
}

// EmailAddress is an email address.
type EmailAddress struct {
	Meta
	Value         string `json:"value,omitempty"`
	Type          string `json:"type,omitempty"`
	FormattedType string `json:"formattedType,omitempty" out:"1"`
	DisplayName   string `json:"displayName,omitempty"`
}

// PhoneNumber is a phone number, as typed and, where it can be derived, in E.164.
type PhoneNumber struct {
	Meta
	Value         string `json:"value,omitempty"`
	CanonicalForm string `json:"canonicalForm,omitempty" out:"1"`
	Type          string `json:"type,omitempty"`
	FormattedType string `json:"formattedType,omitempty" out:"1"`
}

// Address is a postal address.
type Address struct {
	Meta
	FormattedValue  string `json:"formattedValue,omitempty"`
	Type            string `json:"type,omitempty"`
	FormattedType   string `json:"formattedType,omitempty" out:"1"`
	POBox           string `json:"poBox,omitempty"`
	StreetAddress   string `json:"streetAddress,omitempty"`
	ExtendedAddress string `json:"extendedAddress,omitempty"`
	City            string `json:"city,omitempty"`
	Region          string `json:"region,omitempty"`
	PostalCode      string `json:"postalCode,omitempty"`
	Country         string `json:"country,omitempty"`
	CountryCode     string `json:"countryCode,omitempty"`
}

// Organization is where a person works or worked.
type Organization struct {
	Meta
	Type                           string `json:"type,omitempty"`
	FormattedType                  string `json:"formattedType,omitempty" out:"1"`
	StartDate                      *Date  `json:"startDate,omitempty"`
	EndDate                        *Date  `json:"endDate,omitempty"`
	Current                        bool   `json:"current,omitempty"`
	Name                           string `json:"name,omitempty"`
	PhoneticName                   string `json:"phoneticName,omitempty"`
	Department                     string `json:"department,omitempty"`
	Title                          string `json:"title,omitempty"`
	JobDescription                 string `json:"jobDescription,omitempty"`
	Symbol                         string `json:"symbol,omitempty"`
	Domain                         string `json:"domain,omitempty"`
	Location                       string `json:"location,omitempty"`
	CostCenter                     string `json:"costCenter,omitempty"`
	FullTimeEquivalentMillipercent int    `json:"fullTimeEquivalentMillipercent,omitempty"`
}

// Event is an anniversary or another day that matters to a person.
type Event struct {
	Meta
	Date          *Date  `json:"date,omitempty"`
	Type          string `json:"type,omitempty"`
	FormattedType string `json:"formattedType,omitempty" out:"1"`
}

// Relation is a person who matters to a person.
type Relation struct {
	Meta
	Person        string `json:"person,omitempty"`
	Type          string `json:"type,omitempty"`
	FormattedType string `json:"formattedType,omitempty" out:"1"`
}

// IMClient is an address for instant messages.
type IMClient struct {
	Meta
	Username          string `json:"username,omitempty"`
	Type              string `json:"type,omitempty"`
	FormattedType     string `json:"formattedType,omitempty" out:"1"`
	Protocol          string `json:"protocol,omitempty"`
	FormattedProtocol string `json:"formattedProtocol,omitempty" out:"1"`
}

// Location is where a person sits.
type Location struct {
	Meta
	Value        string `json:"value,omitempty"`
	Type         string `json:"type,omitempty"`
	Current      bool   `json:"current,omitempty"`
	BuildingID   string `json:"buildingId,omitempty"`
	Floor        string `json:"floor,omitempty"`
	FloorSection string `json:"floorSection,omitempty"`
	DeskCode     string `json:"deskCode,omitempty"`
}

// TypedURL is a calendar's address.
type TypedURL struct {
	Meta
	URL           string `json:"url,omitempty"`
	Type          string `json:"type,omitempty"`
	FormattedType string `json:"formattedType,omitempty" out:"1"`
}

// TypedValue is a value with a type: a web address, an external id, a SIP address.
type TypedValue struct {
	Meta
	Value         string `json:"value,omitempty"`
	Type          string `json:"type,omitempty"`
	FormattedType string `json:"formattedType,omitempty" out:"1"`
}

// Value is a value without a type: an interest, a locale, an occupation.
type Value struct {
	Meta
	Value string `json:"value,omitempty"`
}

// KeyValue is a custom field, or a client's own data.
type KeyValue struct {
	Meta
	Key   string `json:"key,omitempty"`
	Value string `json:"value,omitempty"`
}

// Photo is a picture of a person.
type Photo struct {
	Meta
	URL     string `json:"url,omitempty"`
	Default bool   `json:"default,omitempty"`
}

// Membership says that a contact belongs to a contact group.
type Membership struct {
	Meta
	ContactGroupMembership *ContactGroupMembership `json:"contactGroupMembership,omitempty"`
	DomainMembership       any                     `json:"domainMembership,omitempty" out:"1"`
}

// ContactGroupMembership names a contact group.
type ContactGroupMembership struct {
	ContactGroupID           string `json:"contactGroupId,omitempty" out:"1"`
	ContactGroupResourceName string `json:"contactGroupResourceName,omitempty"`
}

// PersonResponse is one person's part of a batch's answer.
type PersonResponse struct {
	HTTPStatusCode        int     `json:"httpStatusCode,omitempty"`
	Person                *Person `json:"person,omitempty"`
	RequestedResourceName string  `json:"requestedResourceName,omitempty"`
	Status                *Status `json:"status,omitempty"`
}

// Status is google.rpc.Status; the code is a gRPC code, 0 is OK.
type Status struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Details []any  `json:"details,omitempty"`
}
