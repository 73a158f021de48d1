package salesforce_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/salesforce"
)

// What each thing that is missing looks like stands in internal/connect, which runs all checks. Here is what takes a clock.
func TestClockCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		off  time.Duration
		want connector.Standing
	}{{0, connector.OK}, {-time.Minute, connector.Warning}, {time.Minute, connector.Warning}, {5 * time.Minute, connector.Lacking}, {-time.Hour, connector.Lacking}} {
		k, err := salesforce.NewChecker(salesforce.Config{Org: "acme", LoginURL: b.url, Now: func() time.Time { return time.Now().Add(c.off) },
			Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: "app", Username: "api@acme.test", Key: credential.Fixed("no key at all")}}})
		require.NoError(t, err, "a key that is none is what a check says")
		list := k.Checks(connector.CheckQuery{})
		for _, id := range []string{"salesforce.reach", "salesforce.clock"} {
			i := slices.IndexFunc(list, func(c connector.Check) bool { return c.ID == id })
			f := list[i].Run(t.Context())
			if id == "salesforce.clock" {
				require.Equal(t, c.want, f.Standing, "%s: %s", c.off, f.Found)
			}
		}
	}
}

// An org that has no sign-in of its own is not asked for one.
func TestChecksOfAnOrgBehindBasicAuthentication(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	k, err := salesforce.NewChecker(salesforce.Config{Org: "acme", BaseURL: b.url, Auth: salesforce.Auth{Basic: &salesforce.Basic{Username: "u", Password: credential.Fixed("p")}}})
	require.NoError(t, err)
	list := k.Checks(connector.CheckQuery{})
	for _, c := range list[:4] {
		f := c.Run(t.Context())
		require.Equal(t, connector.OK, f.Standing, "%s: %s", c.ID, f.Found)
	}
	require.Equal(t, "salesforce.api", list[4].ID)
	f := list[4].Run(t.Context())
	require.Equal(t, connector.Lacking, f.Standing)
	require.Contains(t, f.Found, "not accepted by the API")
	_, err = salesforce.NewChecker(salesforce.Config{Org: "acme"})
	require.Error(t, err)
}

// Everything that a kind is read from or written to is among the uses that the permission set is held against.
func TestUsesCoverTheMapping(t *testing.T) {
	t.Parallel()
	written := map[string]bool{}
	for _, use := range salesforce.Uses("Key__c") {
		for _, f := range use.Fields {
			written[use.Object+"."+f.Name] = f.Write
		}
	}
	for name, write := range map[string]bool{
		"Contact.LastName": true, "Contact.AccountId": true, "Contact.Key__c": true, "Contact.SystemModstamp": false, "Contact.MailingCity": true, "Account.Name": false,
		"Event.StartDateTime": true, "Event.EndDateTime": true, "Event.IsChild": false, "Event.Key__c": true, "Event.WhoId": true, "EventRelation.RelationId": false,
		"Event.Recurrence2PatternText": false, "Lead.Email": false, "Lead.IsConverted": false, "User.Username": false,
	} {
		got, has := written[name]
		require.True(t, has, name)
		require.Equal(t, write, got, name)
	}
}
