package connect_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	connector "github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

const metadata = "../../deploy/salesforce/force-app/main/default"

// permissionSetFile is a permission set as the Metadata API writes it.
type permissionSetFile struct {
	Fields []struct {
		Field    string `xml:"field"`
		Readable bool   `xml:"readable"`
		Editable bool   `xml:"editable"`
	} `xml:"fieldPermissions"`
	Objects []struct {
		Object    string `xml:"object"`
		Read      bool   `xml:"allowRead"`
		Create    bool   `xml:"allowCreate"`
		Edit      bool   `xml:"allowEdit"`
		Delete    bool   `xml:"allowDelete"`
		ViewAll   bool   `xml:"viewAllRecords"`
		ModifyAll bool   `xml:"modifyAllRecords"`
	} `xml:"objectPermissions"`
	User []struct {
		Name    string `xml:"name"`
		Enabled bool   `xml:"enabled"`
	} `xml:"userPermissions"`
}

func (p permissionSetFile) may(name string) bool {
	for _, u := range p.User {
		if u.Name == name {
			return u.Enabled
		}
	}
	return false
}

func readPermissionSet(t *testing.T) permissionSetFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(metadata, "permissionsets", permissionSet+".permissionset-meta.xml"))
	require.NoError(t, err)
	var set permissionSetFile
	require.NoError(t, xml.Unmarshal(text, &set))
	return set
}

// described is what describe says of a field to an administrator.
type described struct {
	Name              string `json:"name"`
	Type              string `json:"type"`
	CompoundFieldName string `json:"compoundFieldName"`
	Permissionable    bool   `json:"permissionable"`
	Updateable        bool   `json:"updateable"`
}

// describe asks the sandbox as its administrator.
func describe(t *testing.T, box *sandbox.Sandbox, object string) []described {
	t.Helper()
	admin := box.Salesforce.AddUser(salesforce.User{Username: "admin@acme.test", Name: "Admin", Profile: "System Administrator", Active: true, ViewAll: true, ModifyAll: true})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, box.SalesforceURL+"/services/data/v65.0/sobjects/"+object+"/describe", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+box.Salesforce.NewSession(admin))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var d struct{ Fields []described }
	require.NoError(t, json.Unmarshal(text, &d), "%s", text)
	return d.Fields
}

// securityName is the name by which field-level security speaks of a field: parts of an address are governed by the whole.
func securityName(f described) string {
	if f.Type != "address" && strings.HasSuffix(f.CompoundFieldName, "Address") {
		return f.CompoundFieldName
	}
	return f.Name
}

// permissionable lists every field that field-level security can hide.
func permissionable(t *testing.T, box *sandbox.Sandbox) []string {
	t.Helper()
	var out []string
	for _, object := range []string{"Contact", "Account", "Lead", "Event"} {
		for _, f := range describe(t, box, object) {
			if name := object + "." + securityName(f); f.Permissionable && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// The permission set opens what the connector uses: nothing is missing, and nothing is too much.
func TestThePermissionSetOpensWhatIsUsedAndNoMore(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Key: goodKey()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	set := readPermissionSet(t)

	fields, objects := map[string]bool{}, map[string][4]bool{} // by name: whether it is written; read, create, edit, delete
	for _, use := range connector.Uses("") {
		if use.Object == "User" { // users are seen by everybody who may sign in, and have no field-level security
			continue
		}
		if use.Object != "Event" && use.Object != "EventRelation" { // activities are opened by user permissions
			objects[use.Object] = [4]bool{true, use.Create, use.Edit, use.Delete}
		}
		known := describe(t, box, use.Object)
		for _, f := range use.Fields {
			i := slices.IndexFunc(known, func(d described) bool { return d.Name == f.Name })
			if i >= 0 && known[i].Permissionable {
				name := use.Object + "." + securityName(known[i])
				fields[name] = fields[name] || f.Write
			}
		}
	}
	require.NotEmpty(t, fields)
	got := map[string]bool{}
	for _, f := range set.Fields {
		require.NotContains(t, got, f.Field, "%s stands twice", f.Field)
		require.True(t, f.Readable, f.Field)
		got[f.Field] = f.Editable
	}
	require.Equal(t, fields, got, "field permissions, and whether they are for editing")

	opened := map[string][4]bool{}
	for _, o := range set.Objects {
		opened[o.Object] = [4]bool{o.Read, o.Create, o.Edit, o.Delete}
		require.True(t, o.ViewAll, "%s: what the integration user does not see, nobody syncs", o.Object)
		require.False(t, o.ModifyAll, "%s: that is the admin's to choose", o.Object)
	}
	require.Equal(t, objects, opened, "object permissions: read, create, edit, delete")

	var user []string
	for _, p := range set.User {
		require.True(t, p.Enabled, p.Name)
		user = append(user, p.Name)
	}
	slices.Sort(user)
	// ActivitiesAccess and EditEvent open events; ViewSetup shows the permission sets of reps, and depends on ViewRoles.
	require.Equal(t, []string{"ActivitiesAccess", "ApiEnabled", "EditEvent", "ViewRoles", "ViewSetup"}, user)
}

// Each step of the guide names the lines of the check that it is done with, and no line is without a step.
func TestTheGuideNamesEachCheck(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/connect.md")
	require.NoError(t, err)
	guide := strings.Join(strings.Fields(string(text)), " ")
	w := newWorld(t)
	w.user = alice
	for _, s := range w.run().Steps {
		require.Contains(t, guide, "*"+s.Title+"*", "docs/connect.md does not say which step the check %s is of", s.ID)
	}
	for _, scope := range []string{contactsScope, eventsScope} {
		require.Contains(t, guide, scope)
	}
}

// The app's metadata holds the certificate that it is given, pre-authorizes the permission set, and never holds a private key.
func TestTheAppIsWrittenAsMetadata(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script, err := os.ReadFile("../../deploy/salesforce/app.sh")
	require.NoError(t, err)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	app := write("app.sh", string(script))
	const body = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
	certificate := write("salesforce.crt", body+"\n")
	out, err := exec.Command("sh", app, certificate, "admin@acme.com").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for path, want := range map[string]map[string]string{
		"externalClientApps/Repsync.eca-meta.xml":                            {"contactEmail": "admin@acme.com", "distributionState": "Local"},
		"extlClntAppGlobalOauthSets/Repsync_glbloauth.ecaGlblOauth-meta.xml": {"certificate": body, "externalClientApplication": "Repsync"},
		"extlClntAppOauthSettings/Repsync_oauth.ecaOauth-meta.xml":           {"commaSeparatedOauthScopes": "Api,RefreshToken", "externalClientApplication": "Repsync"},
		"extlClntAppOauthPolicies/Repsync_oauthPlcy.ecaOauthPlcy-meta.xml":   {"permittedUsersPolicyType": "AdminApprovedPreAuthorized", "commaSeparatedPermissionSet": permissionSet},
	} {
		text, err := os.ReadFile(filepath.Join(dir, "app", "main", "default", path))
		require.NoError(t, err)
		var component struct {
			Members []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		}
		require.NoError(t, xml.Unmarshal(text, &component), path)
		got := map[string]string{}
		for _, m := range component.Members {
			got[m.XMLName.Local] = m.Text
		}
		for name, value := range want {
			require.Equal(t, value, got[name], "%s %s", path, name)
		}
	}
	for name, args := range map[string][]string{
		"a key":         {write("both.pem", body+"\n"+string(pemOf(goodKey()))), "admin@acme.com"},
		"nothing":       {write("nothing.pem", ""), "admin@acme.com"},
		"no address":    {certificate, "admin"},
		"markup":        {certificate, "a<b@acme.com"},
		"too few words": {certificate},
	} {
		out, err := exec.Command("sh", append([]string{app}, args...)...).CombinedOutput()
		require.Error(t, err, "%s: %s", name, out)
	}
}
