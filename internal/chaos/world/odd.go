package world

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// Admin does what an org's Salesforce admin does: Deny and Allow.
func (w *World) Admin(step scenario.Step) error {
	o := w.Orgs[step.Org]
	if o == nil {
		return fmt.Errorf("%s: there is no org %q", step.Do, step.Org)
	}
	sf, denied := o.Box.Salesforce, step.Do == scenario.Deny
	o.denied[step.What] = denied
	switch step.What {
	case "title", "title_edit":
		read := !o.denied["title"]
		sf.SetFieldAccess("Field Sales", "Contact", "Title", read, read && !o.denied["title_edit"])
	case "records", "edits":
		sharing := salesforce.PublicReadWrite
		switch {
		case o.denied["records"]:
			sharing = salesforce.Private
		case o.denied["edits"]:
			sharing = salesforce.PublicReadOnly
		}
		sf.SetSharing("Contact", sharing)
	case "values":
		sf.ClearValidations("Contact")
		if denied {
			sf.AddValidation("Contact", func(values map[string]any) (message, field string) {
				if title, _ := values["Title"].(string); strings.HasSuffix(title, "3") || strings.HasSuffix(title, "7") {
					return "A title ends in no 3 and no 7.", "Title"
				}
				return "", ""
			})
		}
	case "duplicates":
		sf.SetDuplicateRule("Contact", nil)
		if denied {
			sf.SetDuplicateRule("Contact", &salesforce.DuplicateRule{Block: true})
		}
	default:
		return fmt.Errorf("%s: %q is none of an admin's", step.Do, step.What)
	}
	return nil
}

// merge joins two people of one side: To goes into Item.
func (o *Org) merge(step scenario.Step) (bool, error) {
	if step.Side == scenario.CRM {
		master, loser := o.find("Contact", "LastName", step.Item, false), o.find("Contact", "LastName", step.To, false)
		if master == nil || loser == nil || step.Item == step.To {
			return false, nil
		}
		err := o.Box.Salesforce.Merge("Contact", fmt.Sprint(master["Id"]), fmt.Sprint(loser["Id"]), "")
		return err == nil, err
	}
	address, names := Address(o.Name, step.Rep), map[string]string{}
	for _, c := range o.Box.Google.Living(address) {
		name, _ := first(c.Person, "names")["familyName"].(string)
		names[name] = c.ResourceName
	}
	if names[step.Item] == "" || names[step.To] == "" || step.Item == step.To {
		return false, nil
	}
	err := o.Box.Google.Merge(address, names[step.Item], names[step.To])
	return err == nil, err
}

// split makes an occurrence and those that follow a series of their own, which reads as the step says.
func (o *Org) split(step scenario.Step, master, at map[string]any) (bool, error) {
	when, err := time.Parse(time.RFC3339, original(at))
	if err != nil {
		return false, nil //nolint:nilerr // a whole day is not split
	}
	item, _, _ := strings.Cut(step.Item, "@")
	id, _ := master["id"].(string)
	_, err = o.Box.Google.SplitSeries(Address(o.Name, step.Rep), id, when, o.change(item, step, at))
	return err == nil, err
}

// answer is what somebody who was asked says in the own copy of a meeting.
func (o *Org) answer(step scenario.Step, event map[string]any) (bool, error) {
	guests, _ := event["attendees"].([]any)
	list := slices.Clone(guests)
	for i, g := range list {
		guest, _ := g.(map[string]any)
		if guest["email"] != Address(o.Name, step.Rep) {
			continue
		}
		list[i] = map[string]any{"email": guest["email"], "responseStatus": step.What}
		id, _ := event["id"].(string)
		_, err := o.Box.Google.Calendar(Address(o.Name, step.Rep)).Patch(id, map[string]any{"attendees": list})
		return err == nil, err
	}
	return false, nil
}

// times stand in what a story makes that is unusual: {t:90} is the time 90 minutes after its start, {c:90} the same as
// Salesforce writes it, {d:90} the day.
var times = regexp.MustCompile(`\{([tcd]):(-?\d+)\}`)

// odd makes something unusual, as a vendor's page or another program would, from the vendor's own JSON. What says of what
// kind it is: person, event, invite (by somebody from outside), contact, record, and foreign, a copy of the entry of that name
// in the mailbox of To, who is a rep of another org.
func (w *World) odd(o *Org, step scenario.Step) (bool, error) {
	address, book := Address(o.Name, step.Rep), o.Box.Google
	if step.What == "foreign" {
		return w.foreign(o, step)
	}
	text := times.ReplaceAllStringFunc(step.Set["json"], func(match string) string {
		part := times.FindStringSubmatch(match)
		return o.moment(part[2]).Format(map[string]string{"t": gcalTime, "c": crmTime, "d": time.DateOnly}[part[1]])
	})
	var body map[string]any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return false, fmt.Errorf("odd %s: %w", step.What, err)
	}
	var err error
	switch step.What {
	case "person":
		_, err = book.Insert(address, text)
	case "event":
		_, err = book.Calendar(address).Insert(body)
	case "invite":
		_, err = book.Invite(address, body)
	case "contact", "record":
		body["OwnerId"] = o.Users[step.Rep]
		object := map[string]string{"contact": "Contact", "record": "Event"}[step.What]
		if object == "Contact" {
			body["AccountId"] = o.account
		}
		_, err = o.Box.Salesforce.Insert(object, body, o.Users[step.Rep])
	default:
		return false, fmt.Errorf("odd: there is no %q", step.What)
	}
	return err == nil, err
}

// foreign copies an entry of another org's rep, with all that it has.
func (w *World) foreign(o *Org, step scenario.Step) (bool, error) {
	for _, other := range w.Orgs {
		if other == o {
			continue
		}
		for _, c := range other.Box.Google.Living(Address(other.Name, step.To)) {
			if first(c.Person, "names")["familyName"] != step.Item {
				continue
			}
			copied := map[string]any{"names": []any{map[string]any{"familyName": step.Item}}, "clientData": c.Person["clientData"], "userDefined": c.Person["userDefined"]}
			body, err := json.Marshal(copied)
			if err == nil {
				_, err = o.Box.Google.Insert(Address(o.Name, step.Rep), string(body))
			}
			return err == nil, err
		}
	}
	return false, nil
}
