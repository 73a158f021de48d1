package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// A side's base is packed into one column: a byte of format, then per field
//
//	number  one byte of fieldNumbers; 0 is followed by the name's length (uvarint) and the name
//	states  one byte: low half of Shown, high half of Sent
//	shown   8 bytes, big-endian, when its state is packedValue
//	sent    8 bytes likewise
//
// Most values are sent as they are shown, many fields are empty, and the mailbox shows most of them as the CRM does: its base is
// packed against the CRM's. A contact of 30 fields packs into less than 400 bytes, both sides together.
const packFormat = 1

// States of one hash.
const (
	packedNone   = 0 // not agreed on: absent from the map
	packedEmpty  = 1 // the empty value: hash 0
	packedValue  = 2
	packedSame   = 3 // Sent only: equal to Shown
	packedTheirs = 4 // of a base that is packed against another: equal to what that one shows
)

// fieldNumbers numbers fields for ever: append, never reorder. Number 1 is the first.
var fieldNumbers = []string{
	record.FieldPrefix, record.FieldGiven, record.FieldMiddle, record.FieldFamily, record.FieldSuffix, record.FieldCompany,
	record.FieldTitle, record.FieldDepartment, record.FieldEmail, record.FieldEmails, record.FieldBirthday, record.FieldNotes,
	record.FieldPhoneWork, record.FieldPhoneMobile, record.FieldPhoneHome, record.FieldPhoneOther, record.FieldPhoneFax,
	record.FieldPhoneAssistant,
	record.FieldWorkStreet, record.FieldWorkCity, record.FieldWorkRegion, record.FieldWorkPostal, record.FieldWorkCountry,
	record.FieldHomeStreet, record.FieldHomeCity, record.FieldHomeRegion, record.FieldHomePostal, record.FieldHomeCountry,
	record.FieldOtherStreet, record.FieldOtherCity, record.FieldOtherRegion, record.FieldOtherPostal, record.FieldOtherCountry,
	record.FieldSubject, record.FieldTime, record.FieldLocation, record.FieldDescription, record.FieldShowAs, record.FieldPrivacy,
	record.FieldAttendees, record.FieldRelations, record.FieldAnswer, record.FieldRecurrence, record.FieldUID,
	record.FieldOccurrence, record.FieldStatus, record.FieldLabels, record.FieldSequence, record.FieldSeries,
}

var numberOf = func() map[string]byte {
	m := make(map[string]byte, len(fieldNumbers))
	for i, f := range fieldNumbers {
		m[f] = byte(i + 1)
	}
	return m
}()

// pack packs the hashes of a side; no hashes at all is nil. The same hashes always give the same bytes. theirs is what the other
// side shows, which unpack is to be given again: nil where there is none.
func pack(shown, sent, theirs planner.Hashes) []byte {
	if len(shown)+len(sent) == 0 {
		return nil
	}
	fields := slices.AppendSeq(make([]string, 0, len(shown)+len(sent)), maps.Keys(shown))
	for f := range sent {
		if _, both := shown[f]; !both {
			fields = append(fields, f)
		}
	}
	slices.Sort(fields)
	out := make([]byte, 1, 1+18*len(fields))
	out[0] = packFormat
	for _, f := range fields {
		out = appendField(out, f)
		shownState, sentState := state(shown, f), state(sent, f)
		if shownState == packedValue && sentState == packedValue && shown[f] == sent[f] {
			sentState = packedSame
		}
		if state(theirs, f) == packedValue {
			if shownState == packedValue && shown[f] == theirs[f] {
				shownState = packedTheirs
			}
			if sentState == packedValue && sent[f] == theirs[f] {
				sentState = packedTheirs
			}
		}
		out = append(out, shownState|sentState<<4)
		if shownState == packedValue {
			out = binary.BigEndian.AppendUint64(out, shown[f])
		}
		if sentState == packedValue {
			out = binary.BigEndian.AppendUint64(out, sent[f])
		}
	}
	return out
}

// appendField names a field: by its number, or by 0, its length and itself.
func appendField(out []byte, field string) []byte {
	n := numberOf[field]
	if out = append(out, n); n == 0 {
		out = binary.AppendUvarint(out, uint64(len(field)))
		out = append(out, field...)
	}
	return out
}

// cutField is the way back.
func cutField(b []byte) (field string, rest []byte, err error) {
	if len(b) == 0 {
		return "", nil, errPacked
	}
	switch n := int(b[0]); {
	case n == 0:
		return cutText(b[1:])
	case n <= len(fieldNumbers):
		return fieldNumbers[n-1], b[1:], nil
	default:
		return "", nil, fmt.Errorf("packed row has field number %d, newer than this build", n)
	}
}

// cutText cuts a text off that follows its length (uvarint).
func cutText(b []byte) (text string, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || uint64(len(b)-n) < size {
		return "", nil, errPacked
	}
	return string(b[n : n+int(size)]), b[n+int(size):], nil
}

func state(h planner.Hashes, field string) byte {
	switch v, ok := h[field]; {
	case !ok:
		return packedNone
	case v == 0:
		return packedEmpty
	}
	return packedValue
}

var errPacked = errors.New("packed base is damaged")

// unpack is the way back. A map without a field is nil.
func unpack(b []byte, theirs planner.Hashes) (shown, sent planner.Hashes, err error) {
	if len(b) == 0 {
		return nil, nil, nil
	}
	if b[0] != packFormat {
		return nil, nil, fmt.Errorf("packed base has format %d, newer than this build", b[0])
	}
	put := func(h *planner.Hashes, field string, v uint64) {
		if *h == nil {
			*h = planner.Hashes{}
		}
		(*h)[field] = v
	}
	for b = b[1:]; len(b) > 0; {
		var field string
		if field, b, err = cutField(b); err != nil {
			return nil, nil, err
		}
		if len(b) == 0 {
			return nil, nil, errPacked
		}
		shownState, sentState := b[0]&0xf, b[0]>>4
		b = b[1:]
		value := func(state byte) (v uint64, ok bool) {
			switch state {
			case packedNone, packedEmpty:
				return 0, true
			case packedTheirs:
				v, ok = theirs[field]
				return v, ok
			case packedValue:
				if len(b) < 8 {
					return 0, false
				}
				v, b = binary.BigEndian.Uint64(b), b[8:]
				return v, true
			}
			return 0, false
		}
		a, ok := value(shownState)
		if !ok {
			return nil, nil, errPacked
		}
		c := a
		if sentState != packedSame {
			if c, ok = value(sentState); !ok {
				return nil, nil, errPacked
			}
		}
		if shownState != packedNone {
			put(&shown, field, a)
		}
		if sentState != packedNone {
			put(&sent, field, c)
		}
	}
	return shown, sent, nil
}

// unpackBases unpacks both sides of a link. What can be read of a damaged pair is read.
func unpackBases(crm, mailbox []byte, l *planner.Link) error {
	var errs [2]error
	l.CRM.Shown, l.CRM.Sent, errs[0] = unpack(crm, nil)
	l.Mailbox.Shown, l.Mailbox.Sent, errs[1] = unpack(mailbox, l.CRM.Shown)
	return errors.Join(errs[:]...)
}

// The values of a journal line are packed as a byte of format, a byte of which values there are (a create has none before), then
// per field in order of its name: the field as in a base, and those of the values before, after and lost, each with its length in
// front.

func (c *Change) parts() []*string { return []*string{&c.Before, &c.After, &c.Lost} }

func packValues(values map[string]Change) []byte {
	out := make([]byte, 2, 16*(1+len(values)))
	out[0] = packFormat
	for _, c := range values {
		for i, v := range c.parts() {
			if *v != "" {
				out[1] |= 1 << i
			}
		}
	}
	for _, f := range slices.Sorted(maps.Keys(values)) {
		out = appendField(out, f)
		c := values[f]
		for i, v := range c.parts() {
			if out[1]&(1<<i) != 0 {
				out = binary.AppendUvarint(out, uint64(len(*v)))
				out = append(out, *v...)
			}
		}
	}
	return out
}

func unpackValues(b []byte) (map[string]Change, error) {
	if len(b) < 2 || b[0] != packFormat {
		return nil, errPacked
	}
	values, which := map[string]Change{}, b[1]
	for b = b[2:]; len(b) > 0; {
		field, rest, err := cutField(b)
		if err != nil {
			return nil, err
		}
		var c Change
		for i, v := range c.parts() {
			if which&(1<<i) == 0 {
				continue
			}
			if *v, rest, err = cutText(rest); err != nil {
				return nil, err
			}
		}
		values[field], b = c, rest
	}
	return values, nil
}

// Observations and operations are packed as a byte of format, the length of what follows as JSON (uvarint), that JSON, and
// what is most of them: the vendor's own form of the item as it is, or the hashes of the source as a base has them. In JSON
// these would be longer by a third, and five times as long, and every stage that opens the row would have to read through
// them. A row of an earlier build is JSON alone, which begins with a brace.
const boxFormat = 1

var errBox = errors.New("packed row is damaged")

// boxed is how that JSON is written and read: what is nil stays nil, what is empty is left out, and no text is refused.
var boxed = jsonv2.JoinOptions(jsonv2.FormatNilMapAsNull(true), jsonv2.FormatNilSliceAsNull(true),
	jsonv1.OmitEmptyWithLegacySemantics(true), connector.Lenient)

// joinBox packs v as JSON, and what goes beside it.
func joinBox(v any, beside []byte) ([]byte, error) {
	text, err := jsonv2.Marshal(v, boxed)
	if err != nil {
		return nil, fmt.Errorf("encode sealed column: %w", err)
	}
	out := make([]byte, 1, 1+binary.MaxVarintLen32+len(text)+len(beside))
	out[0] = boxFormat
	out = binary.AppendUvarint(out, uint64(len(text)))
	out = append(out, text...)
	return append(out, beside...), nil
}

// splitBox is the way back.
func splitBox(b []byte) (text, beside []byte, err error) {
	switch {
	case len(b) == 0:
		return nil, nil, errBox
	case b[0] == '{':
		return b, nil, nil
	case b[0] != boxFormat:
		return nil, nil, fmt.Errorf("packed row has format %d, newer than this build", b[0])
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 || uint64(len(b)-1-n) < size {
		return nil, nil, errBox
	}
	at := 1 + n + int(size)
	return b[1+n : at], b[at:], nil
}

func packOp(o planner.Op) ([]byte, error) {
	source := pack(o.Source, nil, nil)
	o.Source = nil
	return joinBox(o, source)
}

func unpackOp(b []byte, o *planner.Op) error {
	text, source, err := splitBox(b)
	if err != nil {
		return err
	}
	if err := jsonv2.Unmarshal(text, o, boxed); err != nil || len(source) == 0 {
		return err
	}
	o.Source, _, err = unpack(source, nil)
	return err
}

func packObservation(o planner.Observation) ([]byte, error) {
	image := o.Item.Image
	o.Item.Image = nil
	return joinBox(o, image)
}

func unpackObservation(b []byte, o *planner.Observation) error {
	text, image, err := splitBox(b)
	if err != nil {
		return err
	}
	if err := jsonv2.Unmarshal(text, o, boxed); err != nil {
		return err
	}
	if len(image) > 0 {
		o.Item.Image = image
	}
	return nil
}
