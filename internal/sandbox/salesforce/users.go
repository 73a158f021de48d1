package salesforce

import (
	"strings"
)

// User is a user to add.
type User struct {
	Username, Name     string
	Email              string // default: Username
	Profile            string // the profile's name, made if there is none; default "Standard User"
	Password           string // for the password grant; "" refuses it
	Active             bool
	ViewAll, ModifyAll bool   // View All Data, Modify All Data: an integration user has them
	NoSetup            bool   // lacks View Setup and Configuration
	NoAPI              bool   // lacks API Enabled
	TimeZone           string // IANA name, for date literals such as TODAY; default UTC
}

// account is what the org knows of a user beside the User record.
type account struct {
	password           string
	profileSet         string
	permissionSets     []string
	viewAll, modifyAll bool
	noSetup, noAPI     bool
}

// seed makes what every org has.
func (s *Server) seed() {
	w := &writer{actor: &actor{system: true}, tx: &tx{}}
	s.nextID["005"]++
	s.system = makeID("005", 1)
	w.actor.id = s.system
	stamp := s.now().Truncate(1e9)
	audit := func(id string, v map[string]any) *state {
		v["Id"], v["CreatedDate"], v["LastModifiedDate"], v["SystemModstamp"] = id, stamp, stamp, stamp
		v["CreatedById"], v["LastModifiedById"] = s.system, s.system
		return &state{values: v}
	}
	s.accounts[s.system] = &account{}
	s.table("User").put(w.tx, s.system, audit(s.system, map[string]any{"Username": "autoproc@" + strings.ToLower(s.cfg.OrgID), "LastName": "Automated Process",
		"Email": "noreply@org.invalid", "IsActive": true, "UserType": "AutomatedProcess", "Alias": "autoproc"}), s.now(), 0)
	s.table("Organization").put(w.tx, s.cfg.OrgID, audit(s.cfg.OrgID, map[string]any{"Name": s.cfg.OrgName, "InstanceName": "RPS1", "IsSandbox": false,
		"OrganizationType": "Developer Edition", "TimeZoneSidKey": "GMT", "DefaultLocaleSidKey": "en_US"}), s.now(), 0)
	for object := range defaultAccess {
		s.noteSharing(object, PublicReadWrite)
	}
	s.addProfile("System Administrator")
	s.addProfile("Standard User")
}

// AddProfile adds a profile, with the permission set that it owns, and returns its id; for a name that exists already
// it returns that one's id.
func (s *Server) AddProfile(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addProfile(name)
}

func (s *Server) addProfile(name string) string {
	t := s.table("Profile")
	for _, id := range t.order {
		if t.rows[id].cur.values["Name"] == name {
			return id
		}
	}
	w := s.seeder()
	id := must1(s.insert(w, t, map[string]any{"Name": name, "UserType": "Standard"}))
	must1(s.insert(w, s.table("PermissionSet"), map[string]any{"Name": "X" + id, "Label": name, "ProfileId": id, "IsOwnedByProfile": true}))
	return id
}

// AddPermissionSet adds a permission set that opens nothing yet, and returns its id.
func (s *Server) AddPermissionSet(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return must1(s.insert(s.seeder(), s.table("PermissionSet"), map[string]any{"Name": name, "Label": name, "IsOwnedByProfile": false}))
}

// Assign gives a user a permission set.
func (s *Server) Assign(user, permissionSet string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if acc := s.accounts[user]; acc != nil {
		acc.permissionSets = append(acc.permissionSets, permissionSet)
		s.assign(user, permissionSet)
	}
}

func (s *Server) assign(user, permissionSet string) {
	must1(s.insert(s.seeder(), s.table("PermissionSetAssignment"), map[string]any{"AssigneeId": user, "PermissionSetId": permissionSet, "IsActive": true}))
}

// must stops seeding code that asks for what no org can have.
func must(err *Error) {
	if err != nil {
		panic("salesforce sandbox: " + err.Error())
	}
}

func must1(id string, err *Error) string {
	must(err)
	return id
}

func (s *Server) seeder() *writer {
	return &writer{actor: &actor{id: s.system, system: true}, tx: &tx{}, version: "66.0"}
}

// AddUser adds a user and returns the 18-character id. A user whose Username exists already is changed instead. It panics
// on a user that no org could have (no username, an address that is none): that is a mistake in the seeding code.
func (s *Server) AddUser(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Profile == "" {
		u.Profile = "Standard User"
	}
	if u.Email == "" {
		u.Email = u.Username
	}
	if u.TimeZone == "" {
		u.TimeZone = "UTC"
	}
	first, last := "", strings.TrimSpace(u.Name)
	if i := strings.LastIndexByte(last, ' '); i >= 0 {
		first, last = last[:i], last[i+1:]
	}
	if last == "" {
		last = u.Username
	}
	profile := s.addProfile(u.Profile)
	values := map[string]any{"Username": u.Username, "Email": u.Email, "FirstName": first, "LastName": last, "IsActive": u.Active, "ProfileId": profile,
		"TimeZoneSidKey": u.TimeZone, "UserType": "Standard", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8"}
	t, w := s.table("User"), s.seeder()
	var id string
	if found := s.userByName(u.Username); found != nil {
		id = found.id
		must(s.update(w, t, id, values))
		s.dropAssignments(id)
	} else {
		id = must1(s.insert(w, t, values))
	}
	acc := &account{password: u.Password, viewAll: u.ViewAll, modifyAll: u.ModifyAll, noSetup: u.NoSetup, noAPI: u.NoAPI, profileSet: s.setOf(profile)}
	s.accounts[id] = acc
	s.assign(id, acc.profileSet)
	set := s.table("PermissionSet").rows[acc.profileSet].cur.values // the profile shows what its users have
	set["PermissionsViewAllData"] = set["PermissionsViewAllData"] == true || u.ViewAll || u.ModifyAll
	set["PermissionsModifyAllData"] = set["PermissionsModifyAllData"] == true || u.ModifyAll
	return id
}

// SetActive activates or deactivates a user. An inactive user cannot sign in, loses open sessions and can own nothing new.
func (s *Server) SetActive(user string, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	must(s.update(s.seeder(), s.table("User"), user, map[string]any{"IsActive": active}))
}

// SetFieldAccess sets what a profile, or a permission set, named by its name, may do with a field. Parts of an address
// stand for the whole address, as at the vendor. Edit without Read means neither. A name that is no permission set's
// makes a profile. It panics on a field that does not exist.
func (s *Server) SetFieldAccess(profile, object, field string, read, edit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(object)
	if t == nil || t.obj.field(field) == nil {
		panic("salesforce sandbox: set field access: no field " + object + "." + field)
	}
	set := s.setOf(s.addProfileUnlessSet(profile))
	if s.fls[set] == nil {
		s.fls[set] = map[string]Access{}
	}
	s.fls[set][t.obj.Name+"."+t.obj.field(field).security()] = Access{read, read && edit}
}

// addProfileUnlessSet returns the id of the permission set of that name, else of the profile, which it makes if need be.
func (s *Server) addProfileUnlessSet(name string) string {
	t := s.table("PermissionSet")
	for _, id := range t.order {
		if v := t.rows[id].cur.values; v["Name"] == name {
			return id
		}
	}
	return s.addProfile(name)
}

// setOf returns the permission set that a profile owns; a permission set's own id comes back as it is.
func (s *Server) setOf(profile string) string {
	t := s.table("PermissionSet")
	for _, id := range t.order {
		if t.rows[id].cur.values["ProfileId"] == profile {
			return id
		}
	}
	return profile
}

func (s *Server) dropAssignments(user string) {
	t := s.table("PermissionSetAssignment")
	for _, id := range append([]string(nil), t.order...) {
		if t.rows[id].cur.values["AssigneeId"] == user {
			t.purge(id, s.now())
		}
	}
}

// userByName finds a user by username, ignoring case.
func (s *Server) userByName(username string) *row {
	t := s.table("User")
	if rows := t.lookup(t.obj.field("Username"), username); len(rows) > 0 {
		return rows[0]
	}
	return nil
}

func (s *Server) isActive(user string) bool {
	r := s.table("User").rows[user]
	return r != nil && r.cur.values["IsActive"] == true
}
