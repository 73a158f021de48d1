package record_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/record"
)

// anyField draws one field of every class that normalisation tells apart.
var anyField = rapid.SampledFrom([]string{
	record.FieldTitle, record.FieldNotes, record.FieldEmail, record.FieldEmails, record.FieldPhoneWork, record.FieldWorkCountry,
})

// rawValue draws what vendors and people send: any text, broken bytes, and things that look like phones.
var rawValue = rapid.OneOf(
	rapid.String(),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	rapid.StringMatching(`(tel:)?\+?[0-9 ()./-]{0,14}((x|ext\.?|;ext=|#) ?[0-9]{1,4} ?){0,2}`),
	rapid.StringMatching("[ a\u0308\r\n\t\x00\u00a0]{0,8}"),
)

func checkText(t require.TestingT, field, raw string) {
	c := record.Canonical(field, raw)
	require.Equal(t, c, record.Canonical(field, c), "Canonical is idempotent")
	require.True(t, utf8.ValidString(c) && norm.NFC.IsNormalString(c), "valid, NFC")
	require.Equal(t, strings.TrimSpace(c), c)
	require.False(t, strings.ContainsFunc(c, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }))

	v := record.Comparable(record.Normaliser, field, raw)
	require.Equal(t, v, record.Comparable(record.Normaliser, field, v), "Comparable is idempotent")
	require.Equal(t, v, record.Comparable(record.Normaliser, field, c), "canonical form changes no meaning")
	require.Equal(t, c == "", v == "", "only the empty value compares as empty")
	require.True(t, record.Equal(field, raw, c) && record.Equal(field, c, raw))

	f := record.Fold(raw)
	require.Equal(t, f, record.Fold(f), "Fold is idempotent")
}

func TestNormalisation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkText(t, anyField.Draw(t, "field"), rawValue.Draw(t, "raw")) })
}

func TestPhonesKeepTheirDigits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[1-9][0-9]{6,11}`).Draw(t, "digits")
		plus := rapid.SampledFrom([]string{"", "+"}).Draw(t, "plus")
		gap := rapid.SampledFrom([]string{" ", "-", ".", "/", ""}).Draw(t, "gap")
		typed := plus + digits[:3] + gap + "(" + digits[3:5] + ")" + gap + digits[5:]
		require.Equal(t, plus+digits, record.Comparable(record.Normaliser, record.FieldPhoneWork, typed))
	})
}
