package load

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/repsync/repsync/internal/demo/wire"
)

// columns are the columns of a Salesforce export that load, by the label that reports and list views write (in lower
// case); the Data Loader and the weekly export write API names. Labels as in Salesforce's Object Reference, "Contact".
var columns = map[string]string{
	"salutation": "Salutation", "first name": "FirstName", "middle name": "MiddleName", "last name": "LastName", "suffix": "Suffix",
	"title": "Title", "department": "Department", "email": "Email", "birthdate": "Birthdate", "lead source": "LeadSource",
	"description": "Description", "contact description": "Description", "account name": AccountName, "account.name": AccountName,
	"phone": "Phone", "business phone": "Phone", "mobile": "MobilePhone", "mobile phone": "MobilePhone", "home phone": "HomePhone",
	"other phone": "OtherPhone", "fax": "Fax", "business fax": "Fax", "asst. phone": "AssistantPhone", "assistant phone": "AssistantPhone",
	"assistant": "AssistantName", "assistant's name": "AssistantName",
	"mailing street": "MailingStreet", "mailing city": "MailingCity", "mailing state/province": "MailingState", "mailing state": "MailingState",
	"mailing zip/postal code": "MailingPostalCode", "mailing country": "MailingCountry",
	"other street": "OtherStreet", "other city": "OtherCity", "other state/province": "OtherState", "other state": "OtherState",
	"other zip/postal code": "OtherPostalCode", "other country": "OtherCountry",
}

// apiName finds the field that a column's head means; "" for a column that does not load: an id of the org that it came
// from, an owner, a date that the org itself keeps.
func apiName(head string) string {
	head = strings.ToLower(strings.TrimSpace(head))
	if name := columns[head]; name != "" {
		return name
	}
	for _, name := range columns {
		if strings.EqualFold(name, head) {
			return name
		}
	}
	return ""
}

// CSV reads the rows of a Salesforce export of Contact: a head of API names or labels, then a row a contact. ignored lists
// the columns that do not load. Error: the file cannot be read, or its first line is not such a head.
func CSV(r io.Reader) (rows []Item, ignored []string, problems []Problem, err error) {
	text, err := lines(r)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read the .csv file: %w", err)
	}
	if len(text) == 0 {
		return nil, nil, nil, errors.New("the .csv file is empty")
	}
	t := table{text: text, comma: ','}
	if strings.Count(text[0], ";") > strings.Count(text[0], ",") {
		t.comma = ';' // as spreadsheets write in countries where the comma marks decimals
	}
	head, next, err := t.record(0)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the first line of the .csv file cannot be read: %w", err)
	}
	names := make([]string, len(head))
	for i, h := range head {
		if names[i] = apiName(h); names[i] == "" {
			ignored = append(ignored, strings.TrimSpace(h))
		}
	}
	if !slices.Contains(names, "LastName") {
		return nil, nil, nil, errors.New("the first line of the .csv file has no column LastName (or Last Name): is it an export of Contact, with its head?")
	}
	t.width = len(head)
	for at := next; at < len(text); at = next {
		if strings.TrimSpace(text[at]) == "" {
			next = at + 1
			continue
		}
		var values []string
		if values, next, err = t.record(at); err != nil {
			problems = append(problems, Problem{at + 1, err.Error()})
			continue
		}
		fields := wire.Object{}
		for i, v := range values {
			if v = strings.TrimSpace(v); v != "" && names[i] != "" {
				fields[names[i]] = v
			}
		}
		if reason := complete(fields); reason != "" {
			problems = append(problems, Problem{at + 1, reason})
			continue
		}
		rows = append(rows, Item{at + 1, fields})
	}
	return rows, ignored, problems, nil
}

// table reads records (RFC 4180) out of physical lines.
type table struct {
	text  []string
	comma rune
	width int // fields of a record, 0 while the head is being read
}

// record reads the record that begins on line at, and tells where the next one begins. A quoted value may run over several
// lines; when what comes out of that is no record, the first line alone is broken, so that a stray quote costs one row and
// not the rest of the file.
func (t table) record(at int) (values []string, next int, err error) {
	quotes := 0
	for next = at; next < len(t.text); next++ {
		if quotes += strings.Count(t.text[next], `"`); quotes%2 == 0 {
			break
		}
	}
	if next == len(t.text) {
		return nil, at + 1, errors.New("a quoted value has no end")
	}
	next++
	r := csv.NewReader(strings.NewReader(strings.Join(t.text[at:next], "\n")))
	r.Comma, r.FieldsPerRecord = t.comma, -1
	values, err = r.Read()
	if err == nil {
		if _, more := r.Read(); more != io.EOF {
			err = errors.New("a quote stands in the middle of a value")
		}
	} else {
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			err = parse.Err
		}
		err = fmt.Errorf("the row cannot be read: %w", err)
	}
	if err == nil && t.width > 0 && len(values) != t.width {
		err = fmt.Errorf("the row has %d values, the head has %d", len(values), t.width)
	}
	if err != nil {
		return nil, at + 1, err
	}
	return values, next, nil
}

var (
	isoDay    = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	reportDay = regexp.MustCompile(`^(\d{1,2})/(\d{1,2})/(\d{4})$`)
)

// complete checks what Salesforce asks of every contact, and brings a date into the API's form. It returns what is wrong.
func complete(fields wire.Object) (reason string) {
	if wire.Text(fields, "LastName") == "" {
		return "the row has no last name, which Salesforce requires"
	}
	born := wire.Text(fields, "Birthdate")
	if born == "" || isoDay.MatchString(born) {
		return ""
	}
	m := reportDay.FindStringSubmatch(born) // reports of English (United States) write month/day/year
	if m == nil {
		return "Birthdate is neither YYYY-MM-DD nor MM/DD/YYYY"
	}
	month, _ := strconv.Atoi(m[1])
	day, _ := strconv.Atoi(m[2])
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return "Birthdate is not a day as MM/DD/YYYY"
	}
	fields["Birthdate"] = fmt.Sprintf("%s-%02d-%02d", m[3], month, day)
	return ""
}
