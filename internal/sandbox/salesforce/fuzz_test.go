package salesforce_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// FuzzSOQL sends arbitrary queries: the server answers each with rows or with one of SOQL's errors, and never fails.
func FuzzSOQL(f *testing.F) {
	for _, seed := range []string{
		"SELECT Id, Name, Account.Name FROM Contact WHERE SystemModstamp >= 2026-11-22T04:27:00.000Z ORDER BY SystemModstamp, Id LIMIT 2000 OFFSET 1",
		"SELECT Id FROM Contact c WHERE (c.LastName LIKE 'a\\_%' OR Email IN ('a@b.c', null)) AND NOT (DoNotCall = true)",
		"SELECT COUNT(), MAX(CreatedDate) FROM Contact GROUP BY OwnerId ORDER BY COUNT() DESC NULLS LAST",
		"SELECT FIELDS(ALL) FROM Contact LIMIT 200",
		"SELECT Name, (SELECT Id FROM Contacts WHERE Birthdate = LAST_N_DAYS:30) FROM Account",
		"SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE CreatedDate < TODAY) AND CreatedDate = NEXT_N_MONTHS:99999999",
		"SELECT Id FROM FieldPermissions WHERE ParentId NOT IN (SELECT PermissionSetId FROM PermissionSetAssignment)",
		"SELECT RecordId FROM UserRecordAccess WHERE UserId = '005' AND RecordId = ''",
		"SELECT Id FROM Contact WHERE LastName = '\\u00e4\\", "SELECT", "select id from contact where id='", "SELECT Id FROM Contact LIMIT 99999999999999999999",
		"SELECT Id, (SELECT COUNT(), Id FROM Contacts GROUP BY Id) FROM Account GROUP BY COUNT()", "SELECT MAX(MailingAddress) FROM Contact GROUP BY MailingAddress",
		"SELECT ((((", "SELECT Id.Id FROM Contact", "SELECT Owner.Manager.Manager.Manager.Manager.Manager.Name FROM Contact", "\x00\xff é 😀",
		"SELECT Id FROM Contact WHERE Score = -.5e+9 ORDER BY", "SELECT COUNT(Id) FROM Contact USING SCOPE", "SELECT Account.FIELDS(ALL) FROM Contact LIMIT 1",
	} {
		f.Add(seed)
	}
	s := salesforce.New(salesforce.Config{DailyLimit: 1 << 40})
	user := s.AddUser(salesforce.User{Username: "api@acme.test", Active: true, ModifyAll: true})
	token := s.NewSession(user)
	account, err := s.Insert("Account", map[string]any{"Name": "Acme"}, user)
	require.NoError(f, err)
	for _, name := range []string{"a_b", "É", "O'Neil"} {
		_, err := s.Insert("Contact", map[string]any{"LastName": name, "AccountId": account}, user)
		require.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, soql string) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/services/data/v65.0/queryAll?q="+url.QueryEscape(soql), nil)
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		switch w.Code {
		case http.StatusOK:
			var body struct {
				TotalSize *int
				Done      bool
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			require.NotNil(t, body.TotalSize)
		case http.StatusBadRequest:
			var body []struct{ ErrorCode, Message string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
			require.Len(t, body, 1)
			require.True(t, strings.HasPrefix(body[0].ErrorCode, "MALFORMED_") || strings.HasPrefix(body[0].ErrorCode, "INVALID_") ||
				body[0].ErrorCode == "NUMBER_OUTSIDE_VALID_RANGE" || body[0].ErrorCode == "EXCEEDED_ID_LIMIT", body[0].ErrorCode)
			require.NotEmpty(t, body[0].Message)
		case http.StatusRequestURITooLong:
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	})
}
