package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/demo/wire"
)

// platformMade are the fields of a Contact that Salesforce itself fills in. They are not compared.
var platformMade = []string{"Id", "IsDeleted", "Name", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById",
	"SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate", "PhotoUrl", "IsEmailBounced", "CleanStatus", "JigsawContactId"}

// readCRM reads every field that the org's describe lists, of every contact, also of those in the recycle bin. Two
// references are shown by what people know them by: AccountId as Account (its name), OwnerId as Owner (the user's email
// address).
func readCRM(ctx context.Context, sf wire.Salesforce) (live, deleted []Item, err error) {
	fields, err := fieldsOf(ctx, sf, "Contact", platformMade)
	if err != nil {
		return nil, nil, err
	}
	accounts, err := lookup(ctx, sf, "SELECT Id, Name FROM Account", "Name")
	if err != nil {
		return nil, nil, err
	}
	users, err := lookup(ctx, sf, "SELECT Id, Email FROM User", "Email")
	if err != nil {
		return nil, nil, err
	}
	rows, err := sf.QueryAll(ctx, "SELECT Id, IsDeleted, "+strings.Join(fields, ", ")+" FROM Contact ORDER BY Id")
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		it := Item{ID: wire.Text(row, "Id"), Fields: FlattenContact(row, fields, accounts, users)}
		if row["IsDeleted"] == true {
			deleted = append(deleted, it)
		} else {
			live = append(live, it)
		}
	}
	return live, deleted, nil
}

// FlattenContact turns a row of a query into flat fields: the API names of the fields asked for, without empty ones, and
// Account and Owner in the place of their ids.
func FlattenContact(row wire.Object, fields []string, accounts, users map[string]string) map[string]string {
	flat := map[string]string{}
	for _, f := range fields {
		s := scalar(row[f])
		switch {
		case s == "":
		case f == "AccountId":
			flat["Account"] = known(accounts, s)
		case f == "OwnerId":
			flat["Owner"] = known(users, s)
		default:
			flat[f] = s
		}
	}
	return flat
}

func known(names map[string]string, id string) string {
	if name := names[id]; name != "" {
		return name
	}
	return id
}

// fieldsOf asks the org which fields an object has, but for some. External ids are left out: apps leave their marks in
// them.
func fieldsOf(ctx context.Context, sf wire.Salesforce, object string, but []string) ([]string, error) {
	describe, err := sf.Describe(ctx, object)
	if err != nil {
		return nil, err
	}
	list, _ := describe["fields"].([]any)
	var names []string
	for _, v := range list {
		f, _ := v.(wire.Object)
		name := wire.Text(f, "name")
		if name == "" || slices.Contains(but, name) || f["externalId"] == true || wire.Text(f, "type") == "address" {
			continue
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("describe of %s lists no fields: is this a Salesforce org?", object)
	}
	return names, nil
}

// lookup reads a table of id → what people know it by.
func lookup(ctx context.Context, sf wire.Salesforce, soql, field string) (map[string]string, error) {
	rows, err := sf.Query(ctx, soql)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(rows))
	for _, row := range rows {
		names[wire.Text(row, "Id")] = wire.Text(row, field)
	}
	return names, nil
}
