package salesforce

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/probe"
)

// setup looks whether permissions of others can be seen: without "View Setup and Configuration" a user sees its own alone,
// and what a rep may see would have to be guessed. Source: Object Reference, "PermissionSetAssignment".
func (k *checks) setup(ctx context.Context) connector.Finding {
	others := "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId != " + quote(k.me) + " LIMIT 1"
	page, err := k.query(ctx, "permissions", others, false)
	switch {
	case notServed(err):
		return probe.Warning("Nothing, if this server knows no field-level security: reps then see what the integration user sees.", "the server keeps no permission sets")
	case err != nil:
		return k.trouble(err, k.assign(""))
	case len(page.Records) == 0:
		return probe.Lacking(k.assign("View Setup and Configuration"), "no other user's permission sets are in sight, so that what a rep may see is not known and nothing is shown to reps")
	}
	return probe.Fine("View Setup and Configuration is there")
}

// object looks whether an object is open, by what describe says to this user.
func (k *checks) object(ctx context.Context, use Use) connector.Finding {
	d, err := k.describe(ctx, use.Object)
	what := map[string]string{
		"Account": "companies of contacts are not synced", "Lead": "leads are not found among a meeting's guests",
		tieObject: "guests of events are limited to one contact or lead", "Event": "events are not synced",
	}[use.Object]
	remedy := k.assign("rights on " + strings.ToLower(use.Object) + "s")
	switch use.Object {
	case "Event", tieObject:
		remedy = k.assign("Access Activities and Edit Events")
		if use.Object == tieObject {
			remedy += ". More than one contact: Setup → Activity Settings → Allow Users to Relate Multiple Contacts to Tasks and Events."
		}
	case "Contact", "User":
		if connector.ClassOf(err) == connector.Unsupported {
			return probe.Lacking(remedy, "%s is not open to the user", use.Object)
		}
	}
	switch {
	case connector.ClassOf(err) == connector.Unsupported:
		return probe.Warning(remedy, "%s is not open to the user: %s", use.Object, what)
	case err != nil:
		return k.trouble(err, remedy)
	}
	var not []string
	for _, right := range []struct {
		name      string
		want, has bool
	}{{"create", use.Create, d.Createable}, {"edit", use.Edit, d.Updateable}, {"delete", use.Delete, d.Deletable}} {
		if right.want && !right.has {
			not = append(not, right.name)
		}
	}
	if len(not) > 0 {
		return probe.Lacking(remedy, "the user may read %s, but not %s", use.Object, strings.Join(not, ", "))
	}
	rights := []string{"read"}
	if use.Create {
		rights = append(rights, "create", "edit", "delete")
	}
	return probe.Fine("%s", strings.Join(rights, ", "))
}

// marker looks at the field that holds our key.
func (k *checks) marker(ctx context.Context, use Use) connector.Finding {
	d, err := k.describe(ctx, use.Object)
	if err != nil {
		return k.trouble(err, k.assign(""))
	}
	home := use.Object
	if home == "Event" {
		home = "Activity"
	}
	const deploy = "cd deploy/salesforce && sf project deploy start"
	f := d.byName[k.KeyField]
	switch {
	case f == nil:
		return probe.Lacking(deploy+", then assign the permission set, which opens the field (Setup → Object Manager → "+home+" → Fields & Relationships).",
			"%s.%s is not there, or field-level security hides it: nothing is created in Salesforce without it", use.Object, k.KeyField)
	case !f.isText() || f.Length < 64:
		return probe.Lacking("Delete it, then "+deploy+".", "%s.%s is %s(%d); it has to be a text of 255", use.Object, k.KeyField, f.Type, f.Length)
	case !f.Createable || !f.Updateable:
		return probe.Lacking(k.assign("it for editing"), "%s.%s may be read and not written", use.Object, k.KeyField)
	case !f.ExternalID:
		return probe.Warning("Setup → Object Manager → "+home+" → Fields & Relationships → "+k.KeyField+" → Edit → External ID; or delete it, then "+deploy+".",
			"%s.%s is no external id, so that each create has to look for its key first, in a scan", use.Object, k.KeyField)
	case !f.Unique && use.Object == "Contact":
		return probe.Warning("Setup → Object Manager → Contact → Fields & Relationships → "+k.KeyField+" → Edit → Unique, case-sensitive.",
			"%s.%s is not unique, so that each create has to look for its key first", use.Object, k.KeyField)
	case !f.Unique:
		return probe.Fine("external id; not unique, so that a create looks for its key first")
	}
	return probe.Fine("external id, unique, writable")
}

// fields looks which fields of the standard mapping are open.
func (k *checks) fields(ctx context.Context, use Use) connector.Finding {
	d, err := k.describe(ctx, use.Object)
	if err != nil {
		return k.trouble(err, k.assign(""))
	}
	var hidden, readOnly, vital []string
	for _, f := range use.Fields {
		if f.Name == k.KeyField || k.mayLack(use.Object, f.Name) {
			continue
		}
		switch got := d.byName[f.Name]; {
		case got == nil && f.Vital:
			vital = append(vital, f.Name)
		case got == nil:
			hidden = append(hidden, governed(f.Name))
		case f.Write && (!got.Updateable || !got.Createable):
			readOnly = append(readOnly, governed(f.Name))
		}
	}
	var found []string
	if len(vital) > 0 {
		return probe.Lacking(k.assign(""), "nothing of %s is synced without %s, which is hidden", use.Object, strings.Join(vital, ", "))
	}
	if len(hidden) > 0 {
		found = append(found, "hidden: "+strings.Join(unique(hidden), ", "))
	}
	if len(readOnly) > 0 {
		found = append(found, "may be read, not written: "+strings.Join(unique(readOnly), ", "))
	}
	if len(found) > 0 {
		return probe.Warning(k.assign("")+". Leave closed what shall not be synced.", "%s", strings.Join(found, "; "))
	}
	return probe.Fine("%d fields", len(use.Fields))
}

// governed is the name by which an admin finds a field: parts of an address are opened as one.
func governed(field string) string {
	for _, address := range []string{"Mailing", "Other"} {
		switch strings.TrimPrefix(field, address) {
		case "Street", "City", "State", "PostalCode", "Country":
			return address + "Address"
		}
	}
	return field
}

// mayLack reports whether an org may well have no such field: parts of names that an admin enables, and what only some
// objects and releases have.
func (k *checks) mayLack(object, field string) bool {
	switch field {
	case "MiddleName", "Suffix", "Salutation", "MasterRecordId", "IsDeleted":
		return true
	case "LastActivityDate", "ActivityDateTime", "DurationInMinutes", "IsParent", "IsWhat", "IsInvitee", "IsRecurrence2Exclusion", "GroupEventType":
		return true
	}
	return object == "Event" && strings.HasPrefix(field, "Recurrence2") || field == "IsRecurrence2"
}

// open is what permission sets open of an object, whoever owns its records.
type open struct{ view, modify bool }

// sharing looks whether the records of all reps are in sight: what the integration user does not see, nobody syncs.
func (k *checks) sharing(ctx context.Context) connector.Finding {
	if k.org.DefaultContactAccess == "" || k.me == "" {
		return probe.Warning("Give the user View All on contacts and accounts, or sharing rules.", "the server does not tell its org-wide defaults, so that this has to be looked at by hand")
	}
	byObject, all, err := k.opened(ctx)
	if err != nil {
		return k.trouble(err, k.assign(""))
	}
	contacts := k.org.DefaultContactAccess
	if strings.HasPrefix(contacts, "ControlledBy") {
		contacts = k.org.DefaultAccountAccess
	}
	var unseen, unedited []string
	look := func(name, object, access string) {
		o := byObject[object]
		if !all.view && !o.view && (access == "None" || access == "") {
			unseen = append(unseen, name)
		}
		if object == "Contact" && !all.modify && !o.modify && access != "Edit" && !strings.HasPrefix(access, "ReadEdit") {
			unedited = append(unedited, name)
		}
	}
	look("contacts", "Contact", contacts)
	look("accounts", "Account", k.org.DefaultAccountAccess)
	look("leads", "Lead", k.org.DefaultLeadAccess)
	calendars := !all.view && strings.HasPrefix(k.org.DefaultCalendarAccess, "Hide")
	var found []string
	if len(unseen) > 0 {
		found = append(found, "only those "+strings.Join(unseen, ", ")+" are seen that are shared with the user (org-wide default: private)")
	} else if o := byObject["Contact"]; !all.view && !o.view {
		found = append(found, "contacts without an account are seen by their owners alone")
	}
	if len(unedited) > 0 {
		found = append(found, "only those contacts are edited that are shared with the user for editing (org-wide default: "+contacts+")")
	}
	if calendars {
		found = append(found, "only those events are seen that are shared with the user (calendars: "+k.org.DefaultCalendarAccess+")")
	}
	if len(found) == 0 {
		return probe.Fine("every contact, account and lead, and reps' events")
	}
	remedy := k.assign("View All on contacts, accounts and leads")
	if len(unedited) > 0 {
		remedy = "Give the user Modify All on contacts in a permission set of your own (Setup → Permission Sets → Object Settings → Contacts), or a sharing rule."
	}
	if calendars {
		remedy += " For events: Setup → Sharing Settings → Calendar: Show Details, or View All Data in a permission set of your own."
	}
	return probe.Warning(remedy, "%s", strings.Join(found, "; "))
}

// opened reads what the user's permission sets open regardless of sharing, by object and of everything.
func (k *checks) opened(ctx context.Context) (byObject map[string]open, all open, err error) {
	byObject = map[string]open{}
	var sets []string
	err = k.each(ctx, "permissions", "Id,PermissionSetId", "PermissionSetAssignment", "AssigneeId = "+quote(k.me), false, func(raw json.RawMessage) error {
		var row struct{ PermissionSetID string }
		sets = append(sets, "")
		err := json.Unmarshal(raw, &row)
		sets[len(sets)-1] = row.PermissionSetID
		return err
	})
	if err != nil || len(sets) == 0 {
		return byObject, all, err
	}
	in := "IN (" + quoteAll(unique(sets)) + ")"
	err = k.each(ctx, "permissions", "Id,PermissionsViewAllData,PermissionsModifyAllData", "PermissionSet", "Id "+in, false, func(raw json.RawMessage) error {
		var row struct{ PermissionsViewAllData, PermissionsModifyAllData bool }
		err := json.Unmarshal(raw, &row)
		all = open{all.view || row.PermissionsViewAllData || row.PermissionsModifyAllData, all.modify || row.PermissionsModifyAllData}
		return err
	})
	if err != nil {
		return byObject, all, err
	}
	err = k.each(ctx, "permissions", "Id,SobjectType,PermissionsViewAllRecords,PermissionsModifyAllRecords", "ObjectPermissions", "ParentId "+in, false, func(raw json.RawMessage) error {
		var row struct {
			SobjectType                                            string
			PermissionsViewAllRecords, PermissionsModifyAllRecords bool
		}
		err := json.Unmarshal(raw, &row)
		was := byObject[row.SobjectType]
		byObject[row.SobjectType] = open{was.view || row.PermissionsViewAllRecords || row.PermissionsModifyAllRecords, was.modify || row.PermissionsModifyAllRecords}
		return err
	})
	return byObject, all, err
}

// budget reads how many API requests the org has left of a day. Source: REST API Developer Guide, "Limits", which takes
// "View Setup and Configuration"; where it refuses, the header that comes with every answer says the same.
func (k *checks) budget(ctx context.Context) connector.Finding {
	var limits struct {
		DailyAPIRequests struct{ Max, Remaining int64 }
	}
	_, err := k.client.do(ctx, call{op: "salesforce limits", method: http.MethodGet, path: "/limits"}, &limits)
	used, most := limits.DailyAPIRequests.Max-limits.DailyAPIRequests.Remaining, limits.DailyAPIRequests.Max
	if err != nil || most == 0 {
		if isCode(err, "REQUEST_LIMIT_EXCEEDED") {
			return k.trouble(err, "")
		}
		if used, most = k.Usage(); most == 0 {
			return probe.Warning("Look at Setup → Company Information → API Requests, Last 24 Hours.", "the server does not tell its limits")
		}
	}
	left := most - used
	found := fmt.Sprintf("%d of %d were used in the last 24 hours", used, most)
	var feed int64
	if k.q.FeedEvery > 0 {
		feed = int64(24*time.Hour/k.q.FeedEvery) * int64(len(shapes))
		found += fmt.Sprintf("; Repsync's reading of changes takes %d a day (feed.every: %s)", feed, k.q.FeedEvery)
	}
	const remedy = "Set a longer feed.every under crm, stop what else uses requests up (Setup → API Usage), or buy more."
	switch {
	case left <= 0:
		return probe.Lacking(remedy, "none is left: %s", found)
	case feed > 0 && feed > most/2:
		return probe.Warning(remedy, "%s, more than half of all", found)
	case left < most/5:
		return probe.Warning(remedy, "fewer than a fifth are left: %s", found)
	}
	return probe.Fine("%s", found)
}

// rep looks whether the rep's CRM user is there and what it may see is known.
func (k *checks) rep(ctx context.Context) connector.Finding {
	u, err := k.User(ctx, k.q.User)
	const give = "Name the user with --crm-user when the rep is added: starter rep add … --crm-user 005…"
	switch {
	case isCode(err, "user_not_found"):
		return probe.Warning(give, "no active user has the email address %s", k.q.User)
	case isCode(err, "user_ambiguous"):
		return probe.Warning(give, "several active users have the email address %s", k.q.User)
	case err != nil:
		return k.trouble(err, k.assign(""))
	case !u.Active:
		return probe.Lacking("Setup → Users → the user → Edit → Active.", "%s is not active", u.Username)
	}
	if _, err := k.rights(ctx, "Contact", u.ID); err != nil {
		if isCode(err, "rights_not_visible") {
			return probe.Lacking(k.assign("View Setup and Configuration"), "what %s may see cannot be seen", u.Username)
		}
		return k.trouble(err, k.assign(""))
	}
	d, err := k.describe(ctx, "Contact")
	if err != nil {
		return k.trouble(err, k.assign(""))
	}
	rights, _ := k.rights(ctx, "Contact", u.ID)
	var hidden []string
	for _, f := range contactShape.uses(k.KeyField).Fields {
		field := d.byName[f.Name]
		if f.Name == k.KeyField || field == nil || rights == nil || !permissionable(d, field) {
			continue
		}
		if name := security(d, field); !rights[name].Read && !slices.Contains(hidden, name) {
			hidden = append(hidden, name)
		}
	}
	found := fmt.Sprintf("%s (%s, profile %s)", u.Username, u.ID, cmp.Or(u.Profile, "unknown"))
	if len(hidden) > 0 {
		return probe.Fine("%s; the CRM hides from this user, and so from the mailbox: %s", found, strings.Join(hidden, ", "))
	}
	return probe.Fine("%s", found)
}
