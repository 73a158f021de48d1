package google

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// systemGroups are the contact groups that every account has.
var systemGroups = []string{"myContacts", "starred", "friends", "family", "coworkers", "blocked", "chatBuddies", "all"}

// group is google.people.v1.ContactGroup, as far as system groups have it.
type group struct {
	ResourceName        string   `json:"resourceName"`
	Etag                string   `json:"etag,omitempty"`
	Name                string   `json:"name"`
	FormattedName       string   `json:"formattedName"`
	GroupType           string   `json:"groupType"`
	MemberCount         int      `json:"memberCount,omitempty"`
	MemberResourceNames []string `json:"memberResourceNames,omitempty"`
}

// group is one contact group of the book, with the names of its members.
func (b *book) group(id string) *group {
	g := &group{ResourceName: "contactGroups/" + id, Name: id, FormattedName: strings.ToUpper(id[:1]) + id[1:], GroupType: "SYSTEM_CONTACT_GROUP"}
	if id == "myContacts" {
		g.FormattedName = "My Contacts"
	}
	for _, v := range b.living(b.seq()) {
		if slices.ContainsFunc(v.person.Memberships, func(m Membership) bool {
			return m.ContactGroupMembership != nil && m.ContactGroupMembership.ContactGroupResourceName == g.ResourceName
		}) {
			g.MemberResourceNames = append(g.MemberResourceNames, v.name)
		}
	}
	g.MemberCount = len(g.MemberResourceNames)
	return g
}

// listGroups serves contactGroups.list. All groups fit on one page; members are not listed here.
func (s *Server) listGroups(c *call) (any, *apiError) {
	var out []*group
	for _, id := range systemGroups {
		g := c.book.group(id)
		g.MemberResourceNames = nil
		out = append(out, g)
	}
	return map[string]any{"contactGroups": out, "totalItems": len(out)}, nil
}

// getGroup serves contactGroups.get.
func (s *Server) getGroup(c *call) (any, *apiError) {
	id := strings.TrimPrefix(c.resource, "contactGroups/")
	if !slices.Contains(systemGroups, id) {
		return nil, notFound()
	}
	limit, err := strconv.Atoi(cmp.Or(c.query.Get("maxMembers"), "0"))
	if err != nil || limit < 0 {
		return nil, invalid("Invalid value at 'max_members' (TYPE_INT32), %q", c.query.Get("maxMembers"))
	}
	g := c.book.group(id)
	g.MemberResourceNames = g.MemberResourceNames[:min(limit, len(g.MemberResourceNames))]
	return g, nil
}
