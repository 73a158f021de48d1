package salesforce

import (
	"context"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/record"
)

// shape declares what a kind is in Salesforce. Everything else in the package is the same for all kinds.
type shape struct {
	kind    record.Kind
	object  string
	mapping map[string]string // canonical field → path; plain text, but for what special names
	special map[string]special
	fixed   []string // read where they are there, beside what every object has
	derived []string // canonical fields that stand in a record and are never written

	hidden   string // a boolean field; rows where it is true are never shown
	archived bool   // the vendor archives old rows: only queryAll shows them

	// window is the condition of rows inside a window; nil for kinds without one.
	window func(d *describe, from, to time.Time) string
	// guests is the object that ties users beside the owner to rows: RelationId to the id in the field tie.
	guests, tie string

	find map[connector.By]finder
	// attach reads what stands beside rows and puts it into their values.
	attach func(ctx context.Context, c *crm, rows []*row) error
	// finish completes an item from its row.
	finish func(r row, it *connector.Item) error
	// caps completes what describe of the object alone cannot tell.
	caps func(ctx context.Context, c *crm, d *describe, caps *connector.Caps) error
	// refuse looks at a whole row before it is sent; of a delete the row is empty.
	refuse func(op connector.Op, row map[string]any) *refusal
	// before looks up what the rows of a write refer to, and after writes what stands beside them.
	before func(ctx context.Context, w *writing) error
	after  func(ctx context.Context, w *writing)
}

// special is a canonical field that is not one column of plain text. What is nil is as for plain text.
type special struct {
	read  []string // fields that it is read from, where there; without the first one it cannot be read
	write []string // fields that must be writable; none makes the field read-only
	// decode reads the value; "" with no error where there is none.
	decode func(r row) (string, error)
	// encode puts a value into the row to send; "" clears.
	encode func(w *writing, op connector.Op, v string, row map[string]any) *refusal
	span   time.Duration // see connector.FieldCaps.MaxSpan
	must   bool          // an item without it is refused, whatever describe says
}

// refusal is why a value cannot be sent.
type refusal struct {
	class connector.Class
	code  string
}

var shapes = map[record.Kind]*shape{record.Contact: contactShape, record.Event: eventShape}

// shapeOf refuses the kinds that this connector does not know.
func shapeOf(op string, k record.Kind) (*shape, error) {
	if s := shapes[k]; s != nil {
		return s, nil
	}
	return nil, &connector.Error{Class: connector.Unsupported, Code: "kind", Op: "salesforce " + op + " " + string(k)}
}

// reads lists the fields that a canonical field is read from.
func (s *shape) reads(canonical string) []string {
	if sp, ok := s.special[canonical]; ok && len(sp.read) > 0 {
		return sp.read
	}
	return []string{s.mapping[canonical]}
}

// columns lists the fields that a canonical field is written to.
func (s *shape) columns(canonical string) []string {
	if sp, ok := s.special[canonical]; ok && (len(sp.write) > 0 || sp.encode == nil) {
		return sp.write
	}
	if path := s.mapping[canonical]; path != "" {
		return []string{path}
	}
	return nil
}

// always lists the conditions of every read.
func (s *shape) always(d *describe) []string {
	if s.hidden != "" && d.byName[s.hidden] != nil {
		return []string{s.hidden + " = false"}
	}
	return nil
}

// living lists the conditions of reads that show no deleted row; all says that the archive needs queryAll.
func (s *shape) living(d *describe) (conditions []string, all bool) {
	conditions = s.always(d)
	if all = s.archived && d.byName["IsDeleted"] != nil; all {
		conditions = append(conditions, "IsDeleted = false")
	}
	return conditions, all
}

var contactShape = &shape{
	kind:    record.Contact,
	object:  "Contact",
	mapping: mapping.Contact,
	derived: []string{record.FieldEmails},
	special: map[string]special{
		record.FieldBirthday: {read: []string{"Birthdate"}, write: []string{"Birthdate"}, decode: decodeBirthday, encode: encodeBirthday},
		record.FieldCompany:  {read: []string{"Account.Name"}, write: []string{"AccountId"}, encode: encodeCompany},
	},
	find: map[connector.By]finder{
		connector.ByKey: byKey,
		connector.ByEmail: {
			needs: []string{"Email"},
			form:  func(_ *crm, key string) string { return record.NormalEmail(key) },
			of:    func(it connector.Item) string { return record.NormalEmail(it.Fields[record.FieldEmail]) },
			where: func(_ *crm, terms []string) string { return "Email IN (" + quoteAll(terms) + ")" },
		},
		connector.ByName: {needs: []string{"LastName", "Account.Name"}, of: byNameKey, term: nameTerm, where: anyOf},
	},
	finish: func(_ row, it *connector.Item) error {
		if e := record.NormalEmail(it.Fields[record.FieldEmail]); e != "" {
			it.Fields[record.FieldEmails] = e
		}
		return nil
	},
	caps: func(_ context.Context, _ *crm, _ *describe, caps *connector.Caps) error {
		if f, ok := caps.Fields[record.FieldEmail]; ok {
			caps.Fields[record.FieldEmails] = connector.FieldCaps{Read: f.Read} // derived
		}
		return nil
	},
	before: func(ctx context.Context, w *writing) (err error) {
		w.accounts, err = w.crm.accounts(ctx, w.d, w.ops)
		return err
	},
}

func decodeBirthday(r row) (string, error) {
	v, bad := text(r.values["Birthdate"])
	switch v = record.Canonical(record.FieldBirthday, v); {
	case bad:
		return "", errRow{"Birthdate", "is not text"}
	case v != "" && !record.ValidDate(v):
		return v, errRow{"Birthdate", "is not a date"}
	}
	return v, nil
}

func encodeBirthday(_ *writing, _ connector.Op, v string, row map[string]any) *refusal {
	switch {
	case v == "":
		row["Birthdate"] = nil
	case !record.HasYear(v):
		return &refusal{connector.Park, "date_needs_year"}
	default:
		row["Birthdate"] = v
	}
	return nil
}

// encodeCompany points a contact at the one account of that name, and leaves it alone where there is none.
func encodeCompany(w *writing, _ connector.Op, v string, row map[string]any) *refusal {
	if id := w.accounts[fold(v)]; id != "" {
		row["AccountId"] = id
	} else if v == "" {
		row["AccountId"] = nil
	}
	return nil
}

// isDerived reports whether a canonical field is passed over in writes.
func (s *shape) isDerived(canonical string) bool { return slices.Contains(s.derived, canonical) }
