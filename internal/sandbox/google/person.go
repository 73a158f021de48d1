package google

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// This file is the Go API for what people do in their own address books, and for looking at what is stored.

// Insert adds a contact to a user's book, given as a People v1 person in JSON, and returns its resource name. Errors: no
// such user, or what people.createContact would refuse.
func (s *Server) Insert(email, person string) (resourceName string, err error) {
	err = s.act(email, func(u *user) error {
		var body Person
		if err := decode([]byte(person), "person", &body); err != nil {
			return err
		}
		p, apiErr := newPerson(&body)
		if apiErr != nil {
			return apiErr
		}
		resourceName = u.book.insert(p, s.cfg.Clock()).name
		return nil
	})
	return resourceName, err
}

// Update replaces the fields that the JSON person has, an empty list clearing one; fields that it does not have stay.
// Errors: no such user or contact, or what people.updateContact would refuse.
func (s *Server) Update(email, resourceName, person string) error {
	return s.act(email, func(u *user) error {
		var body Person
		var present map[string]json.RawMessage
		if err := json.Unmarshal([]byte(person), &present); err != nil {
			return fmt.Errorf("google sandbox: update: %w", err)
		}
		if err := decode([]byte(person), "person", &body); err != nil {
			return err
		}
		var fields []string
		for _, f := range updateFields {
			if _, ok := present[f]; ok {
				fields = append(fields, f)
			}
		}
		c, v, ok := u.book.find(resourceName)
		if !ok {
			return notFound()
		}
		body.Etag, body.Metadata = "#"+v.etag, nil
		if _, err := checkUpdate(u.book, resourceName, &body, fields); err != nil {
			return err
		}
		u.book.update(c, &body, fields, s.cfg.Clock())
		return nil
	})
}

// Delete deletes a contact. Errors: no such user or contact.
func (s *Server) Delete(email, resourceName string) error {
	return s.act(email, func(u *user) error {
		c, _, ok := u.book.find(resourceName)
		if !ok {
			return notFound()
		}
		u.book.remove(c, s.cfg.Clock())
		return nil
	})
}

// Merge joins contacts into one, as "Merge & fix" does: the first keeps its resource name, the others leave tombstones.
// Errors: no such user or contact.
func (s *Server) Merge(email, into string, others ...string) error {
	return s.act(email, func(u *user) error {
		var list []*contact
		for _, name := range append([]string{into}, others...) {
			c, _, ok := u.book.find(name)
			if !ok || slices.Contains(list, c) {
				return notFound()
			}
			list = append(list, c)
		}
		u.book.merge(list[0], list[1:], s.cfg.Clock())
		return nil
	})
}

// Rename gives a contact another resource name, as happens when it gains or loses a link to a profile, and returns it.
// The old name goes on finding the contact. Errors: no such user or contact.
func (s *Server) Rename(email, resourceName string) (newName string, err error) {
	err = s.act(email, func(u *user) error {
		c, _, ok := u.book.find(resourceName)
		if !ok {
			return notFound()
		}
		newName = u.book.rename(c, s.cfg.Clock())
		return nil
	})
	return newName, err
}

// Contact is one contact as the book holds it.
type Contact struct {
	ResourceName string
	Deleted      bool
	Person       map[string]any // all fields, as people.get shows them; nil when deleted
	Writes       int            // how often it was written, deletes included
}

// All returns every contact that a user's book has or had, oldest first, nil for an unknown user.
func (s *Server) All(email string) []Contact {
	var out []Contact
	_ = s.act(email, func(u *user) error {
		for _, c := range u.book.order {
			v := c.now()
			item := Contact{ResourceName: v.name, Deleted: v.person == nil, Writes: len(c.versions)}
			if v.person != nil {
				item.Person = generic(s.shape(v, readFields))
			}
			out = append(out, item)
		}
		return nil
	})
	return out
}

// Living returns the contacts that a user's book has now.
func (s *Server) Living(email string) []Contact {
	return slices.DeleteFunc(s.All(email), func(c Contact) bool { return c.Deleted })
}

// act runs f on a user, disabled or not, with the lock held.
func (s *Server) act(email string, f func(*user) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[strings.ToLower(email)]; u != nil {
		return f(u)
	}
	return fmt.Errorf("google sandbox: no user %s: add it with AddUser first", email)
}

// generic is a person as JSON values.
func generic(p *Person) map[string]any {
	b, err := json.Marshal(p)
	if err != nil {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil
	}
	return out
}
