package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
)

func TestBudgetDefaultsAreTheVendorsOwn(t *testing.T) {
	t.Parallel()
	vendors := map[connector.Quota]Pace{
		connector.QuotaCalendar: {600, 10_000}, connector.QuotaPeopleRead: {Mailbox: 90}, connector.QuotaPeopleWrite: {Mailbox: 90},
	}
	for name, c := range map[string]struct {
		mailbox []string // lines that are added to the entry
		want    map[connector.Quota]Pace
	}{
		"the vendor's servers":       {nil, vendors},
		"the same, written out":      {[]string{`base_urls: {calendar: "https://www.googleapis.com/calendar/v3", people: "https://people.googleapis.com"}`}, vendors},
		"servers elsewhere":          {[]string{`base_urls: {calendar: "http://127.0.0.1:1/calendar/v3/", people: "http://127.0.0.1:1/"}`}, map[connector.Quota]Pace{}},
		"servers elsewhere, limited": {[]string{`base_urls: {people: "http://127.0.0.1:1/"}`, `budget: {people_reads: {mailbox: 5}}`}, map[connector.Quota]Pace{connector.QuotaCalendar: {600, 10_000}, connector.QuotaPeopleRead: {Mailbox: 5}}},
		"none, and more":             {[]string{`budget: {calendar: {mailbox: -1, project: 50000}, people_writes: {project: 600}}`}, map[connector.Quota]Pace{connector.QuotaCalendar: {-1, 50_000}, connector.QuotaPeopleRead: {Mailbox: 90}, connector.QuotaPeopleWrite: {90, 600}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := ""
			for _, line := range c.mailbox {
				lines += "        " + line + "\n"
			}
			got, err := Parse("repsync.yaml", []byte(`
orgs:
  acme:
    crm: {connector: salesforce, base_url: https://acme.my.salesforce.com, auth: {bearer: {token_file: t}}, budget: {daily: 5000}}
    mailboxes:
      - connector: google
        domains: [acme.test]
        auth: {bearer: {token_file: t}}
`+lines))
			require.NoError(t, err)
			require.Equal(t, Budget{Daily: 5000, Reserve: 10}, got.Orgs["acme"].CRM.Budget)
			for _, q := range []connector.Quota{connector.QuotaCalendar, connector.QuotaPeopleRead, connector.QuotaPeopleWrite, connector.QuotaCRM} {
				require.Equal(t, c.want[q], got.Orgs["acme"].Mailboxes[0].Budget.Of(q), q)
			}
		})
	}
}
