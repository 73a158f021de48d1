// Package probe has the checks of a connection that are the same for every vendor: whether its servers can be reached, and
// whether our clock agrees with theirs. See connector.Check.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// patience is how long a server may take to say anything at all.
const patience = 10 * time.Second

// Place is a server's address and what says it.
type Place struct {
	URL string
	Key string // "crm.login_url"
}

// Reach asks each server for its front page and looks whether anything answers, by whatever status: names resolve, the
// network lets us through, TLS is in order. date is the clock of the first of them, zero when it told none.
func Reach(ctx context.Context, client *http.Client, places ...Place) (date time.Time, f connector.Finding) {
	var hosts []string
	for _, p := range places {
		u, err := url.Parse(p.URL)
		if err != nil || u.Host == "" {
			return date, connector.Finding{Standing: connector.Lacking, Found: p.Key + " is no address", Remedy: "Correct it in the configuration."}
		}
		root := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).String()
		at, err := ask(ctx, client, root)
		if err != nil {
			return date, unreachable(p.Key, u, err)
		}
		if date.IsZero() {
			date = at
		}
		if host := u.Host; len(hosts) == 0 || hosts[len(hosts)-1] != host {
			hosts = append(hosts, host)
		}
	}
	verb := " answers"
	if len(hosts) > 1 {
		verb = " answer"
	}
	return date, connector.Finding{Standing: connector.OK, Found: strings.Join(hosts, ", ") + verb}
}

// ask sends one request and returns the server's clock.
func ask(ctx context.Context, client *http.Client, address string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	_ = resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil
	}
	return date.UTC(), nil
}

// unreachable tells a name that does not resolve, a certificate that is not trusted and a network that is closed apart.
func unreachable(key string, u *url.URL, err error) connector.Finding {
	f := connector.Finding{Standing: connector.Lacking}
	var (
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		host    x509.HostnameError
		plain   tls.RecordHeaderError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns):
		f.Found = fmt.Sprintf("the name %s does not resolve", u.Hostname())
		f.Remedy = fmt.Sprintf("Correct %s, or let this machine's DNS (or HTTPS_PROXY) resolve it.", key)
	case errors.As(err, &host):
		f.Found = fmt.Sprintf("%s shows a certificate of another name", u.Host)
		f.Remedy = fmt.Sprintf("Correct %s; a proxy that looks into TLS shows a certificate of its own.", key)
	case errors.As(err, &cert):
		f.Found = fmt.Sprintf("the certificate of %s is not trusted here", u.Host)
		f.Remedy = "Install the system's CA certificates (package ca-certificates). Where a proxy looks into TLS, add its CA, or exempt this host."
	case errors.As(err, &plain):
		f.Found = fmt.Sprintf("%s does not speak TLS", u.Host)
		f.Remedy = fmt.Sprintf("Correct %s, or the proxy between.", key)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		f.Found = fmt.Sprintf("%s does not answer within %s", u.Host, patience)
		f.Remedy = fmt.Sprintf("Let this machine out to %s: the firewall, or set HTTPS_PROXY.", port(u))
	default:
		f.Found = fmt.Sprintf("%s accepts no connection", u.Host)
		f.Remedy = fmt.Sprintf("Correct %s, or let this machine out to %s: the firewall, or set HTTPS_PROXY.", key, port(u))
	}
	return f
}

// port is where a firewall has to be open.
func port(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return u.Host + ":80"
	}
	return u.Host + ":443"
}

// Clock compares our clock with a server's. Within tolerance is in order; beyond limit the vendor refuses to let us in.
func Clock(ours, theirs time.Time, tolerance, limit time.Duration) connector.Finding {
	if theirs.IsZero() {
		return connector.Finding{Standing: connector.Warning, Found: "the server tells no time to compare with", Remedy: "Make sure that this machine's clock is synchronized: timedatectl status."}
	}
	off := ours.Sub(theirs).Round(time.Second)
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	f := connector.Finding{Standing: connector.OK, Found: fmt.Sprintf("within %s of the server's", tolerance)}
	if off.Abs() <= tolerance {
		return f
	}
	f.Standing, f.Found = connector.Warning, fmt.Sprintf("this machine's clock is %s %s the server's", off.Abs(), way)
	f.Remedy = "Synchronize it: timedatectl set-ntp true, or the host's time service."
	if off.Abs() > limit {
		f.Standing = connector.Lacking
		f.Found += "; a sign-in is signed with the time and refused from " + limit.String() + " on"
	}
	return f
}
