// Package clients holds that strangers' clients work against the sandbox unchanged: jsforce for Salesforce, and Google's own
// Node clients for Calendar and People (@googleapis/calendar and @googleapis/people, the parts of googleapis that concern
// us) with google-auth-library. Our own connectors are tested elsewhere; they could share a mistake with the sandbox, since
// the same people wrote both, and these clients cannot.
//
// Each vendor has a script (salesforce.mjs, google.mjs) that performs named calls and prints one line of JSON for each: the
// HTTP requests that the client made of it, with their statuses, and what the caller got or what error was thrown. A table
// in Go (salesforce_test.go, google_test.go) lists every call in order with what it must be. A call that the table does not
// know fails, as does an entry that was not called.
//
// The clients get the configuration that any user of them gives: addresses, keys, names. google-auth-library has no setting
// for the address of the token endpoint of a service account, and so goes through an HTTPS proxy, as it does in many a
// company; the proxy (proxy_test.go) leads Google's hosts to the sandbox, under certificates of its own that Node is told of
// with NODE_EXTRA_CA_CERTS.
//
// docs/fidelity.md lists every endpoint of the sandboxes with what is known to differ from the vendor; fidelity_test.go holds
// that it names those that the strangers called, and says of no other that they did.
//
// Packages come from npm once, by the lock file, into the user's cache directory; later runs need no network. Where node or
// npm is missing, the tests skip and say so.
package clients
