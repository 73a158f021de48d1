package salesforce

// eventTable is Event, the calendar's object. Its fields depend on each other (event_time.go, event.go), and series of it
// are rows of the same table (event_series.go). (Object Reference, "Event"; labels and lengths from the Field Reference.)
func eventTable() *Object {
	kept := func(f *Field) *Field { f.ReadOnly, f.NoFLS = true, true; return f } // by the platform
	open := func(f *Field) *Field { f.NoFLS = true; return f }
	checkbox := func(name, label string) *Field { return typed(name, label, TypeBoolean, 0) }
	who := &Field{Name: "WhoId", Label: "Name ID", Type: TypeReference, ReferenceTo: []string{"Contact", "Lead"}, RelationshipName: "Who", ChildName: "Events"}
	// Of the many objects that an event may concern, this org has Account alone.
	what := &Field{Name: "WhatId", Label: "Related To ID", Type: TypeReference, ReferenceTo: []string{"Account", "Campaign", "Case", "Opportunity"}, RelationshipName: "What", ChildName: "Events"}
	owner := ownerField("Assigned To ID")
	owner.ReferenceTo = []string{"Calendar", "User"}
	description := typed("Description", "Description", TypeTextArea, 32000)
	description.NoFilter = true
	showAs := picklist("ShowAs", "Show Time As", "Busy", "OutOfOffice", "Free")
	showAs.Length, showAs.Restricted, showAs.Default = 40, true, "Busy"
	group := kept(picklist("GroupEventType", "Group Event Type", "0", "1", "2", "3"))
	group.Length, group.Restricted, group.Default = 40, true, eventSingle
	subtype := open(picklist("EventSubtype", "Event Subtype", "Event"))
	subtype.Length, subtype.Restricted, subtype.CreateOnly, subtype.Default = 40, true, true, "Event"
	pattern := kept(typed("Recurrence2PatternText", "Recurrence Pattern", TypeTextArea, 512))
	pattern.NoFilter = true
	version := kept(picklist("Recurrence2PatternVersion", "Pattern Version", "1"))
	version.Length, version.Restricted = 40, true
	return &Object{Name: "Event", Label: "Event", Plural: "Events", Prefix: "00U", prepare: prepareEvent, settle: settleEvent, Fields: concat(
		[]*Field{
			idField("Activity"), who, what, open(typed("Subject", "Subject", TypeCombobox, 255)), text("Location", "Location", 255),
			open(checkbox("IsAllDayEvent", "All-Day Event")), open(typed("ActivityDateTime", "Due Date Time", TypeDateTime, 0)),
			open(typed("ActivityDate", "Due Date Only", TypeDate, 0)), open(typed("DurationInMinutes", "Duration", TypeInt, 0)),
			open(typed("StartDateTime", "Start Date Time", TypeDateTime, 0)), open(typed("EndDateTime", "End Date Time", TypeDateTime, 0)),
			{Name: "EndDate", Label: "End Date", Type: TypeDate, ReadOnly: true, NoFLS: true, compute: endDate},
			description, kept(reference("AccountId", "Account ID", "Account", "Account", "")), owner,
			picklist("Type", "Type", "Call", "Email", "Meeting", "Other"), checkbox("IsPrivate", "Private"), showAs, deletedField(),
			kept(checkbox("IsChild", "Is Child")), kept(checkbox("IsGroupEvent", "Is Group Event")), group,
		}, system(), []*Field{
			kept(checkbox("IsArchived", "Archived")), kept(checkbox("IsRecurrence", "Create Recurring Series of Events")),
			open(typed("ReminderDateTime", "Reminder Date/Time", TypeDateTime, 0)), open(checkbox("IsReminderSet", "Reminder Set")), subtype,
			kept(checkbox("IsRecurrence2Exclusion", "Historical Event, Not Following Recurrence")), pattern, version,
			kept(checkbox("IsRecurrence2", "Repeat")), kept(checkbox("IsRecurrence2Exception", "Is Exception")),
			kept(typed("Recurrence2PatternStartDate", "Recurrence Pattern Start", TypeDateTime, 0)),
			kept(text("Recurrence2PatternTimeZone", "Recurrence Pattern Time Zone Reference", 255)),
			keyField(),
		})}
}

// Values of GroupEventType. The second kind, a proposed meeting, is no longer used.
const (
	eventSingle = "0"
	eventGroup  = "1"
	eventSeries = "3"
)

// endDate is the day on which an event ends.
func endDate(v map[string]any) any {
	if end := instant(v, "EndDateTime"); !end.IsZero() {
		return end.Format(dateLayout)
	}
	return nil
}

// eventRelationTable is EventRelation as an org with Shared Activities has it: one row for each person or record that an
// event concerns. IsInvitee: asked to come. IsParent: the event is filed under it; IsWhat then tells WhatId from WhoId.
// (Object Reference, "EventRelation".)
func eventRelationTable() *Object {
	relation := &Field{Name: "RelationId", Label: "Relation ID", Type: TypeReference, ReferenceTo: []string{"Account", "Contact", "Lead", "User"},
		RelationshipName: "Relation", ChildName: "EventRelations", Required: true, CreateOnly: true, Indexed: true}
	event := reference("EventId", "Event ID", "Event", "Event", "EventRelations")
	event.Required, event.CreateOnly, event.CascadeDelete, event.Indexed = true, true, true, true
	status := picklist("Status", "Status", "New", "Declined", "Accepted")
	status.Length, status.Restricted = 40, true
	account := reference("AccountId", "Account ID", "Account", "Account", "")
	account.ReadOnly = true
	what := typed("IsWhat", "Is What", TypeBoolean, 0)
	what.CreateOnly = true
	return &Object{Name: "EventRelation", Label: "Event Relation", Plural: "Event Relations", Prefix: "0RE", prepare: prepareRelation, settle: settleRelation,
		Fields: noFLS(concat([]*Field{idField("Event Relation"), relation, event, status, typed("RespondedDate", "Response Date", TypeDateTime, 0),
			text("Response", "Comment", 255), account, what, typed("IsParent", "Is Parent", TypeBoolean, 0), typed("IsInvitee", "Is Invitee", TypeBoolean, 0),
			deletedField()}, system()))}
}

// nameObject is what a path through a reference reaches that may point to several objects: Who.Name, Relation.Email,
// Owner.Username. It holds no rows of its own. (Object Reference, "Name".)
var nameObject = (&Object{Name: "Name", Label: "Name", Plural: "Names", ReadOnly: true, Fixed: true, Fields: noFLS([]*Field{
	idField("Name"), text("Name", "Name", 255), text("LastName", "Last Name", 80), text("FirstName", "First Name", 40), picklist("Type", "Type"),
	text("Alias", "Alias", 8), {Name: "UserRoleId", Label: "Role ID", Type: TypeReference}, typed("IsActive", "Active", TypeBoolean, 0),
	{Name: "ProfileId", Label: "Profile ID", Type: TypeReference}, text("Title", "Title", 128), typed("Email", "Email", TypeEmail, 128),
	typed("Phone", "Phone", TypePhone, 40), text("Username", "Username", 80)})}).clone()

// nameOf is a record as a row of Name.
func nameOf(o *Object, st *state) *state {
	values := map[string]any{"Type": o.Name}
	for _, f := range nameObject.Fields {
		if own := o.field(f.Name); own != nil && f.Name != "Type" {
			if v := st.get(own); v != nil {
				values[f.Name] = v
			}
		}
	}
	return &state{values: values}
}
