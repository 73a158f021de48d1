package salesforce

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// User finds one user by id, active or not, or by email address, active ones only.
// Errors: Park with Code "user_not_found" or "user_ambiguous"; Retry, Reconnect.
func (c *crm) User(ctx context.Context, idOrEmail string) (connector.User, error) {
	const op = "find User"
	where := "Email = " + quote(record.NormalEmail(idOrEmail)) + " AND IsActive = true"
	if !strings.Contains(idOrEmail, "@") {
		if !itemID.MatchString(idOrEmail) {
			return connector.User{}, &connector.Error{Class: connector.Park, Code: "user_not_found", Op: "salesforce " + op}
		}
		where = "Id = " + quote(idOrEmail)
	}
	fields := "Id,Username,Email,Name,IsActive,Profile.Name"
	users, err := c.users(ctx, op, fields, where)
	if isCode(err, "INVALID_FIELD") { // a server without profiles
		users, err = c.users(ctx, op, "Id,Username,Email,Name,IsActive", where)
	}
	switch {
	case err != nil:
		return connector.User{}, err
	case len(users) == 0:
		return connector.User{}, &connector.Error{Class: connector.Park, Code: "user_not_found", Op: "salesforce " + op}
	case len(users) > 1:
		return connector.User{}, &connector.Error{Class: connector.Park, Code: "user_ambiguous", Op: "salesforce " + op}
	}
	return users[0], nil
}

func (c *crm) users(ctx context.Context, op, fields, where string) ([]connector.User, error) {
	var users []connector.User
	err := c.each(ctx, op, fields, "User", where, false, func(raw json.RawMessage) error {
		var row struct {
			ID, Username, Email, Name string
			IsActive                  bool
			Profile                   *struct{ Name string }
		}
		if err := json.Unmarshal(raw, &row); err != nil {
			return &connector.Error{Class: connector.Bug, Code: "answer_not_json", Op: "salesforce " + op}
		}
		u := connector.User{ID: row.ID, Username: row.Username, Email: row.Email, Name: row.Name, Active: row.IsActive}
		if row.Profile != nil {
			u.Profile = row.Profile.Name
		}
		users = append(users, u)
		return nil
	})
	return users, err
}

// Access tells which records a user may read and edit, from UserRecordAccess, which takes 200 records a query. Where the
// server does not offer that object, a record that the integration user sees is readable, and editable where describe
// says that its object is.
func (c *crm) Access(ctx context.Context, k record.Kind, user string, ids []string) (map[string]connector.Access, error) {
	s, err := shapeOf("access", k)
	if err != nil {
		return nil, err
	}
	asked := map[string][]string{} // short form → ids as given
	var list []string
	for _, id := range unique(ids) {
		if itemID.MatchString(id) {
			asked[same(id)] = append(asked[same(id)], id)
			list = append(list, id)
		}
	}
	out := map[string]connector.Access{}
	set := func(id string, a connector.Access) {
		for _, given := range asked[same(id)] {
			if a.Read {
				out[given] = a
			}
		}
	}
	for _, batch := range batches(list, c.room("")) {
		if err := c.accessOf(ctx, s, user, batch, set); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// accessOf asks for one batch, and again for the rest of it while the server cuts its answers short: what an answer leaves
// out is not out of the user's sight.
func (c *crm) accessOf(ctx context.Context, s *shape, user string, batch []string, set func(string, connector.Access)) error {
	for len(batch) > 0 {
		// No keyset: beside UserId and RecordId the object is filtered by access alone (Object Reference, "UserRecordAccess").
		page, err := c.query(ctx, "access "+s.object, "SELECT RecordId,HasReadAccess,HasEditAccess,HasDeleteAccess FROM UserRecordAccess WHERE UserId = "+
			quote(user)+" AND RecordId IN ("+quoteAll(batch)+")", false)
		if notServed(err) {
			return c.accessByDescribe(ctx, s, batch, set)
		}
		if err != nil {
			return err
		}
		answered := map[string]bool{}
		for _, raw := range page.Records {
			var row struct {
				RecordID                                      string
				HasReadAccess, HasEditAccess, HasDeleteAccess bool
			}
			if json.Unmarshal(raw, &row) == nil {
				answered[same(row.RecordID)] = true
				set(row.RecordID, connector.Access{Read: row.HasReadAccess, Edit: row.HasEditAccess, Delete: row.HasDeleteAccess})
			}
		}
		if page.Done && len(answered) == len(page.Records) {
			return nil
		}
		rest := slices.DeleteFunc(slices.Clone(batch), func(id string) bool { return answered[same(id)] })
		if len(rest) == len(batch) { // nothing of what was asked for: asking again would not end
			return &connector.Error{Class: connector.Retry, Code: "answer_incomplete", Op: "access " + s.object}
		}
		batch = rest
	}
	return nil
}

// accessByDescribe answers as describe does for the integration user.
func (c *crm) accessByDescribe(ctx context.Context, s *shape, ids []string, set func(string, connector.Access)) error {
	d, err := c.describe(ctx, s.object)
	if err != nil {
		return err
	}
	return c.each(ctx, "access "+s.object, "Id", s.object, "Id IN ("+quoteAll(ids)+")", false, func(raw json.RawMessage) error {
		var row struct{ ID string }
		if json.Unmarshal(raw, &row) == nil {
			set(row.ID, connector.Access{Read: true, Edit: d.Updateable, Delete: d.Deletable})
		}
		return nil
	})
}
