package bench

import (
	"encoding/json"
	"fmt"
	"time"
)

// fields are an item as a vendor writes it.
type fields = map[string]any

// customer is the address of the n-th person whom the reps know.
func customer(n int) string { return fmt.Sprintf("person%d@customer.test", n) }

// related is how many events of a calendar come to one that has a customer in it.
const related = 5

// companies is how many companies the people of an address book work for.
const companies = 500

// crmContact is the n-th contact as the CRM has it.
func crmContact(n int, owner string) fields {
	return fields{
		"OwnerId": owner, "FirstName": fmt.Sprint("Given", n), "LastName": fmt.Sprint("Family", n), "Email": customer(n),
		"Phone": fmt.Sprintf("+1 617 555 %04d", n%10_000), "Title": fmt.Sprint("Head of Department ", n%50),
		"MailingStreet": fmt.Sprint(n, " Main Street"), "MailingCity": "Springfield", "MailingPostalCode": "01101", "MailingCountry": "United States",
		"Description": "Met at the fair. Wants an offer.",
	}
}

// person is the n-th contact as the address book has it.
func person(n int) fields {
	return fields{
		"names":          []fields{{"givenName": fmt.Sprint("Given", n), "familyName": fmt.Sprint("Family", n)}},
		"emailAddresses": []fields{{"value": customer(n), "type": "work"}},
		"phoneNumbers":   []fields{{"value": fmt.Sprintf("+1 617 555 %04d", n%10_000), "type": "work"}},
		"organizations":  []fields{{"name": fmt.Sprint("Company ", n%companies), "title": fmt.Sprint("Head of Department ", n%50)}},
		"addresses":      []fields{{"streetAddress": fmt.Sprint(n, " Main Street"), "city": "Springfield", "postalCode": "01101", "country": "United States", "type": "work"}},
		"biographies":    []fields{{"value": "Met at the fair. Wants an offer.", "contentType": "TEXT_PLAIN"}},
	}
}

// slot is the n-th half hour of a calendar: inside the window of the policy, no two alike.
func slot(n int) time.Time {
	now := time.Now().UTC()
	today := time.Date(now.Year(), now.Month(), now.Day(), 6, 0, 0, 0, time.UTC)
	const days = 350
	return today.AddDate(0, 0, n%days-10).Add(time.Duration(n/days) * 30 * time.Minute)
}

// crmEvent is the n-th event as the CRM has it; who is the contact whom it is about, if any.
func crmEvent(n int, owner, who string) fields {
	f := fields{
		"OwnerId": owner, "Subject": fmt.Sprint("Call ", n), "Location": fmt.Sprint("Room ", n%20), "Description": "To talk about the offer.",
		"StartDateTime": slot(n).Format(time.RFC3339), "EndDateTime": slot(n).Add(30 * time.Minute).Format(time.RFC3339),
	}
	if who != "" {
		f["WhoId"] = who
	}
	return f
}

// event is the n-th event as the calendar has it.
func event(n int) fields {
	f := fields{
		"summary": fmt.Sprint("Call ", n), "location": fmt.Sprint("Room ", n%20), "description": "To talk about the offer.",
		"start": fields{"dateTime": slot(n).Format(time.RFC3339)}, "end": fields{"dateTime": slot(n).Add(30 * time.Minute).Format(time.RFC3339)},
	}
	if n%related == 0 {
		f["attendees"] = []fields{{"email": customer(n)}, {"email": address(alice), "organizer": true, "self": true, "responseStatus": "accepted"}}
	}
	return f
}

// fillCRM makes contacts and events of alice's, and returns the contacts' ids.
func (w *world) fillCRM(contacts, events int) error {
	var ids []string
	owner := w.users[alice]
	for n := range contacts {
		id, err := w.box.Salesforce.Insert("Contact", crmContact(n, owner), owner)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for n := range events {
		who := ""
		if n%related == 0 && len(ids) > 0 {
			who = ids[n%len(ids)]
		}
		if _, err := w.box.Salesforce.Insert("Event", crmEvent(n, owner, who), owner); err != nil {
			return err
		}
	}
	return nil
}

// fillMailbox makes contacts and events in alice's mailbox.
func (w *world) fillMailbox(contacts, events int) error {
	for n := range contacts {
		if _, err := w.insertPerson(person(n)); err != nil {
			return err
		}
	}
	calendar := w.box.Google.Calendar(address(alice))
	for n := range events {
		if _, err := calendar.Insert(event(n)); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) insertPerson(p fields) (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return w.box.Google.Insert(address(alice), string(text))
}
