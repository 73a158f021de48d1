package salesforce

// refusals are what Salesforce's token endpoint answers, and what to do. The first that fits counts: an empty code fits every
// code, empty words all words. In the texts, USERNAME, CLIENT and LOGIN stand for what is configured.
//
// Sources: Salesforce Help, "OAuth 2.0 Authorization Errors" and "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration";
// descriptions as administrators report them, since the vendor documents few.
var refusals = []struct{ code, words, means, remedy string }{
	{"invalid_app_access", "", "users have to be approved by an admin for the app, and USERNAME is not",
		"Add the permission set Repsync to the app: Setup → External Client App Manager → the app → Policies → App Policies → Select Permission Sets (connected app: Manage Connected Apps → the app → Manage Permission Sets). " +
			"Then assign it: sf org assign permset --name Repsync --on-behalf-of USERNAME"},
	{"invalid_grant", "approved", "the app waits for a person's consent, or the org has no user USERNAME",
		"Setup → External Client App Manager → the app → Policies → OAuth Policies → Permitted Users: Admin approved users are pre-authorized, and add the permission set Repsync there. Check auth's username too: of an unknown one Salesforce says the same."},
	{"app_not_found", "", "LOGIN leads to an org that does not have the app CLIENT",
		"Set crm.login_url to the org's own My Domain address (Setup → My Domain), or https://test.salesforce.com for a sandbox; or copy the consumer key from this org's app."},
	{"invalid_client_id", "", "no app has the consumer key CLIENT",
		"Copy it anew: Setup → External Client App Manager → the app → Settings → OAuth Settings → Consumer Key. A new app takes up to ten minutes. For a sandbox org set crm.login_url: https://test.salesforce.com."},
	{"invalid_client", "", "the consumer key or the client's secret is wrong",
		"Copy both anew: Setup → External Client App Manager → the app → Settings → OAuth Settings → Consumer Key and Secret."},
	{"", "audience", "crm.login_url is none of the addresses that Salesforce takes for it",
		"Set crm.login_url to https://login.salesforce.com, https://test.salesforce.com for a sandbox, or the org's My Domain address."},
	{"", "expired", "the sign-in was over before it arrived, so our clock is wrong",
		"Synchronize this machine's clock: timedatectl set-ntp true."},
	{"", "inactive user", "the user USERNAME is not active", "Setup → Users → the user → Edit → Active."},
	{"inactive_user", "", "the user USERNAME is not active", "Setup → Users → the user → Edit → Active."},
	{"", "user is locked", "the user USERNAME is locked", "Setup → Users → the user → Unlock."},
	{"inactive_org", "", "the org is locked or its trial is over", "Ask Salesforce to open the org, or connect another one."},
	{"", "inactive org", "the org is locked or its trial is over", "Ask Salesforce to open the org, or connect another one."},
	{"", "ip restricted", "this machine's address is not among those that the app or the user's profile allows",
		"Setup → External Client App Manager → the app → Policies → OAuth Policies → IP Relaxation: Relax IP restrictions; or add the address to Setup → Profiles → the user's profile → Login IP Ranges."},
	{"", "login rate exceeded", "the user signed in too often within the hour", "Stop what else signs in as USERNAME, and wait an hour."},
	{"rate_limit_exceeded", "", "the user signed in too often within the hour", "Stop what else signs in as USERNAME, and wait an hour."},
	{"invalid_grant", "invalid assertion", "the app has no certificate that belongs to the key",
		"Make the certificate of this very key (openssl req -new -x509 -key salesforce.key -days 730 -subj /CN=repsync -out salesforce.crt) and upload it: " +
			"Setup → External Client App Manager → the app → Settings → OAuth Settings → Enable JWT Bearer Flow (connected app: Use digital signatures)."},
	{"invalid_grant", "authentication failure", "user name, password or security token is wrong, or the org forbids this way of signing in",
		"Check them: the password file holds the password followed by the security token. Setup → OAuth and OpenID Connect Settings → Allow OAuth Username-Password Flows. Better: sign in by jwt."},
	{"unsupported_grant_type", "", "the app does not take this way of signing in",
		"Setup → External Client App Manager → the app → Settings → OAuth Settings → Flow Enablement: Enable JWT Bearer Flow, with the certificate."},
	{"invalid_scope", "", "the app does not grant what was asked for", "Give the app the OAuth scope \"Manage user data via APIs (api)\"."},
}
