package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

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
// Most values are sent as they are shown and many fields are empty, so that a contact of 30 fields packs into less than
// 250 bytes a side.
const packFormat = 1

// States of one hash.
const (
	packedNone  = 0 // not agreed on: absent from the map
	packedEmpty = 1 // the empty value: hash 0
	packedValue = 2
	packedSame  = 3 // Sent only: equal to Shown
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
}

var numberOf = func() map[string]byte {
	m := make(map[string]byte, len(fieldNumbers))
	for i, f := range fieldNumbers {
		m[f] = byte(i + 1)
	}
	return m
}()

// pack packs the hashes of a side; no hashes at all is nil. The same hashes always give the same bytes.
func pack(shown, sent planner.Hashes) []byte {
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
		n := numberOf[f]
		out = append(out, n)
		if n == 0 {
			out = binary.AppendUvarint(out, uint64(len(f)))
			out = append(out, f...)
		}
		shownState, sentState := state(shown, f), state(sent, f)
		if shownState == packedValue && sentState == packedValue && shown[f] == sent[f] {
			sentState = packedSame
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
func unpack(b []byte) (shown, sent planner.Hashes, err error) {
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
	value := func(state byte) (v uint64, ok bool) {
		if state != packedValue {
			return 0, true
		}
		if len(b) < 8 {
			return 0, false
		}
		v, b = binary.BigEndian.Uint64(b), b[8:]
		return v, true
	}
	for b = b[1:]; len(b) > 0; {
		n := int(b[0])
		b = b[1:]
		var field string
		switch {
		case n == 0:
			size, read := binary.Uvarint(b)
			if read <= 0 || uint64(len(b)-read) < size {
				return nil, nil, errPacked
			}
			field, b = string(b[read:read+int(size)]), b[read+int(size):]
		case n <= len(fieldNumbers):
			field = fieldNumbers[n-1]
		default:
			return nil, nil, fmt.Errorf("packed base has field number %d, newer than this build", n)
		}
		if len(b) == 0 {
			return nil, nil, errPacked
		}
		shownState, sentState := b[0]&0xf, b[0]>>4
		b = b[1:]
		a, ok1 := value(shownState)
		c, ok2 := value(sentState)
		if !ok1 || !ok2 || shownState > packedValue || sentState > packedSame {
			return nil, nil, errPacked
		}
		if sentState == packedSame {
			c = a
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

// Observations and operations are packed as a byte of format, the length of what follows as JSON (uvarint), that JSON, and
// what is most of them: the vendor's own form of the item as it is, or the hashes of the source as a base has them. In JSON
// these would be longer by a third, and five times as long, and every stage that opens the row would have to read through
// them. A row of an earlier build is JSON alone, which begins with a brace.
const boxFormat = 1

var errBox = errors.New("packed row is damaged")

// joinBox packs v as JSON, and what goes beside it.
func joinBox(v any, beside []byte) ([]byte, error) {
	text, err := json.Marshal(v)
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
	source := pack(o.Source, nil)
	o.Source = nil
	return joinBox(o, source)
}

func unpackOp(b []byte, o *planner.Op) error {
	text, source, err := splitBox(b)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, o); err != nil || len(source) == 0 {
		return err
	}
	o.Source, _, err = unpack(source)
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
	if err := json.Unmarshal(text, o); err != nil {
		return err
	}
	if len(image) > 0 {
		o.Item.Image = image
	}
	return nil
}
