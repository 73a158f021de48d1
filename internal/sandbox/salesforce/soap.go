package salesforce

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// soapLogin answers the partner API's login(), with which older clients begin (jsforce without a client id,
// simple_salesforce with a security token): the session works for REST. The vendor serves it up to version 64.0.
// (SOAP API Developer Guide, "login()".) The password may carry a security token at its end; the sandbox has none.
func (s *Server) soapLogin(r *http.Request, body []byte, version string) reply {
	s.calls["token"]++
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 31 || n >= 65 {
		return soapFault("UNSUPPORTED_API_VERSION", "The SOAP login() is not available in API version "+major)
	}
	var in struct {
		Login struct {
			Username string `xml:"username"`
			Password string `xml:"password"`
		} `xml:"Body>login"`
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		return soapFault("INVALID_SOAP_HEADER", "The request is no SOAP envelope")
	}
	u := s.userByName(in.Login.Username)
	if u == nil || !s.isActive(u.id) || s.accounts[u.id].password == "" || s.accounts[u.id].password != in.Login.Password {
		return soapFault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
	}
	server := fmt.Sprintf("%s/services/Soap/u/%s/%s", s.base(r), version, s.cfg.OrgID[:15])
	var info strings.Builder
	for _, f := range [][2]string{{"organizationId", s.cfg.OrgID}, {"organizationName", s.cfg.OrgName}, {"userId", u.id}, {"userName", in.Login.Username}, {"sessionSecondsValid", "7200"}} {
		info.WriteString("<" + f[0] + ">" + escape(f[1]) + "</" + f[0] + ">")
	}
	return soapReply(http.StatusOK, "<loginResponse><result><metadataServerUrl>"+escape(server)+"</metadataServerUrl><passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>"+
		escape(server)+"</serverUrl><sessionId>"+escape(s.newSession(u.id, []string{"full"}))+"</sessionId><userId>"+u.id+"</userId><userInfo>"+info.String()+"</userInfo></result></loginResponse>")
}

func escape(text string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return ""
	}
	return b.String()
}

func soapFault(code, words string) reply {
	return soapReply(http.StatusInternalServerError, "<soapenv:Fault><faultcode>sf:"+code+"</faultcode><faultstring>"+code+": "+escape(words)+
		`</faultstring><detail><sf:fault xmlns:sf="urn:fault.partner.soap.sforce.com"><sf:exceptionCode>`+code+"</sf:exceptionCode><sf:exceptionMessage>"+escape(words)+
		"</sf:exceptionMessage></sf:fault></detail></soapenv:Fault>")
}

// soapReply wraps a body in an envelope.
func soapReply(status int, body string) reply {
	return reply{status: status, header: map[string]string{"Content-Type": "text/xml; charset=UTF-8"}, body: rawBody(
		`<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns="urn:partner.soap.sforce.com"><soapenv:Body>` +
			body + "</soapenv:Body></soapenv:Envelope>")}
}
