#!/bin/sh
# Writes the external client app as metadata, with your certificate in it, for `sf project deploy start --source-dir app`.
# The certificate is public; the private key is never read.
#
#   ./app.sh salesforce.crt admin@acme.com
set -eu
[ $# = 2 ] || { echo "usage: $0 CERTIFICATE CONTACT-ADDRESS" >&2; exit 2; }
certificate=$1 contact=$2
cd_to=$(dirname "$0")
grep -q "BEGIN CERTIFICATE" "$certificate" || { echo "$certificate holds no certificate in PEM form" >&2; exit 1; }
if grep -q "PRIVATE KEY" "$certificate"; then echo "$certificate holds a private key: give the certificate alone" >&2; exit 1; fi
case $contact in *[\<\>\&\"]* | *@*@* | *[!@]*@) echo "$contact is no address" >&2; exit 1 ;; *@*) ;; *) echo "$contact is no address" >&2; exit 1 ;; esac

base=$cd_to/app/main/default
# write FOLDER FILE TYPE: standard input becomes the inside of one component.
write() {
	mkdir -p "$base/$1"
	{
		echo '<?xml version="1.0" encoding="UTF-8"?>'
		echo "<$3 xmlns=\"http://soap.sforce.com/2006/04/metadata\">"
		cat
		echo "</$3>"
	} >"$base/$1/$2-meta.xml"
}
write externalClientApps Repsync.eca ExternalClientApplication <<XML
    <contactEmail>$contact</contactEmail>
    <description>Repsync keeps contacts and events in step with each rep's mailbox. It signs in by JWT with the certificate of its settings.</description>
    <distributionState>Local</distributionState>
    <isProtected>false</isProtected>
    <label>Repsync</label>
XML
write extlClntAppGlobalOauthSets Repsync_glbloauth.ecaGlblOauth ExtlClntAppGlobalOauthSettings <<XML
    <callbackUrl>https://login.salesforce.com/services/oauth2/success</callbackUrl>
    <certificate>$(cat "$certificate")</certificate>
    <externalClientApplication>Repsync</externalClientApplication>
    <isConsumerSecretOptional>false</isConsumerSecretOptional>
    <isPkceRequired>true</isPkceRequired>
    <isSecretRequiredForRefreshToken>true</isSecretRequiredForRefreshToken>
    <label>Repsync_glbloauth</label>
    <shouldRotateConsumerKey>false</shouldRotateConsumerKey>
    <shouldRotateConsumerSecret>false</shouldRotateConsumerSecret>
XML
write extlClntAppOauthSettings Repsync_oauth.ecaOauth ExtlClntAppOauthSettings <<XML
    <commaSeparatedOauthScopes>Api,RefreshToken</commaSeparatedOauthScopes>
    <externalClientApplication>Repsync</externalClientApplication>
    <label>Repsync_oauth</label>
XML
write extlClntAppOauthPolicies Repsync_oauthPlcy.ecaOauthPlcy ExtlClntAppOauthConfigurablePolicies <<XML
    <commaSeparatedPermissionSet>Repsync</commaSeparatedPermissionSet>
    <externalClientApplication>Repsync</externalClientApplication>
    <ipRelaxationPolicyType>Enforce</ipRelaxationPolicyType>
    <label>Repsync_oauthPlcy</label>
    <permittedUsersPolicyType>AdminApprovedPreAuthorized</permittedUsersPolicyType>
    <refreshTokenPolicyType>Zero</refreshTokenPolicyType>
XML
echo "wrote $base; now: sf project deploy start --source-dir app"
