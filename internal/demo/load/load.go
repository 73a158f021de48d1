// Package load reads a person's own data for the demo: an address book exported as .vcf, and the contacts of a Salesforce
// export as .csv, and puts them into the two sandboxes.
//
// Exports are written by many programs and edited by hand. A card or a row that cannot be read is skipped and named, with
// its line and the reason, and all others load. What is read becomes what the vendor's own import would make of it: a
// person of Google's People API (see person.go), a Contact of Salesforce (see csv.go).
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/repsync/repsync/internal/demo/wire"
)

// Problem is something of a file that was not loaded.
type Problem struct {
	Line   int // where it begins, from 1
	Reason string
}

// String is the line that the demo prints behind the file's name.
func (p Problem) String() string { return fmt.Sprintf("line %d: %s", p.Line, p.Reason) }

// Item is one card or row that was read.
type Item struct {
	Line   int
	Fields wire.Object // a person of the People API, or a Contact's fields by API name; an account's name stands under AccountName
}

// AccountName is the key of Item.Fields under which a row holds its account's name.
const AccountName = "Account.Name"

// lines reads a whole file into physical lines, without their ends. A byte order mark is dropped; a file that is not
// UTF-8 is read as Windows-1252, in which older programs export.
func lines(r io.Reader) ([]string, error) {
	all, err := io.ReadAll(bufio.NewReader(r))
	if err != nil {
		return nil, err
	}
	all = bytes.TrimPrefix(all, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(all) {
		if all, err = charmap.Windows1252.NewDecoder().Bytes(all); err != nil {
			return nil, err
		}
	}
	for _, end := range []string{"\r\r\n", "\r\n", "\r"} { // the first is what a file becomes that was translated twice
		all = bytes.ReplaceAll(all, []byte(end), []byte("\n"))
	}
	var out []string
	for l := range bytes.SplitSeq(bytes.TrimSuffix(all, []byte("\n")), []byte("\n")) {
		out = append(out, string(l))
	}
	return out, nil
}

// IntoBook puts people into an address book. Those that the vendor refuses come back as problems. Error: the vendor could
// not be asked at all.
func IntoBook(ctx context.Context, book wire.People, people []Item) (loaded int, problems []Problem, err error) {
	persons := make([]wire.Object, len(people))
	for i, p := range people {
		persons[i] = p.Fields
	}
	ids, err := book.CreateAll(ctx, persons)
	if err == nil {
		return len(ids), nil, nil
	}
	if !refused(err) {
		return 0, nil, err
	}
	// A batch is refused as a whole, but for those before it. One by one shows which person it was.
	have, err := book.Connections(ctx)
	if err != nil {
		return 0, nil, err
	}
	loaded = len(have)
	for _, p := range people[min(loaded, len(people)):] {
		switch _, err := book.Create(ctx, p.Fields); {
		case err == nil:
			loaded++
		case refused(err):
			problems = append(problems, Problem{p.Line, "the address book refuses this card: " + err.Error()})
		default:
			return loaded, problems, err
		}
	}
	return loaded, problems, nil
}

// refused tells a request that the vendor looked at and did not want from one that it could not take.
func refused(err error) bool {
	var status *wire.StatusError
	return errors.As(err, &status) && status.Status == http.StatusBadRequest
}

// IntoCRM puts contacts into a Salesforce org, owned by one user, and their accounts before them. Those that the org
// refuses come back as problems, in the org's own words.
func IntoCRM(ctx context.Context, crm wire.Salesforce, owner string, rows []Item) (loaded int, problems []Problem, err error) {
	accounts := map[string]string{}
	var names []wire.Object
	for _, row := range rows {
		name := wire.Text(row.Fields, AccountName)
		if _, seen := accounts[name]; !seen && name != "" {
			accounts[name] = ""
			names = append(names, wire.Object{"Name": name, "OwnerId": owner})
		}
	}
	ids, why, err := crm.CreateAll(ctx, "Account", names)
	if err != nil {
		return 0, nil, err
	}
	for i, account := range names {
		accounts[wire.Text(account, "Name")] = ids[i]
		if why[i] != "" {
			return 0, nil, fmt.Errorf("create the account of a contact: %s", why[i])
		}
	}
	contacts := make([]wire.Object, len(rows))
	for i, row := range rows {
		contacts[i] = wire.Object{"OwnerId": owner}
		for k, v := range row.Fields {
			if k != AccountName {
				contacts[i][k] = v
			}
		}
		if id := accounts[wire.Text(row.Fields, AccountName)]; id != "" {
			contacts[i]["AccountId"] = id
		}
	}
	_, why, err = crm.CreateAll(ctx, "Contact", contacts)
	if err != nil {
		return 0, nil, err
	}
	for i, reason := range why {
		if reason == "" {
			loaded++
			continue
		}
		problems = append(problems, Problem{rows[i].Line, "Salesforce refuses this row: " + reason})
	}
	return loaded, problems, nil
}
