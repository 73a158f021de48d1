package load_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/wire"
)

func TestCSV(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in string
		want     []load.Item
		ignored  []string
		problems []string
	}{
		{"api names", "Id,LastName,FirstName,Account.Name,OwnerId\n003x,Okafor,Amara,Halden,005x\n",
			[]load.Item{{2, wire.Object{"LastName": "Okafor", "FirstName": "Amara", load.AccountName: "Halden"}}}, []string{"Id", "OwnerId"}, nil},
		{"labels, byte order mark, line ends of Windows", "\xef\xbb\xbf\"First Name\",\"Last Name\",\"Mailing Zip/Postal Code\"\r\n\"Amara\",\"Okafor\",\"02110\"\r\n",
			[]load.Item{{2, wire.Object{"LastName": "Okafor", "FirstName": "Amara", "MailingPostalCode": "02110"}}}, nil, nil},
		{"semicolons", "LastName;Title\nOkafor;\"Head; Procurement\"\n",
			[]load.Item{{2, wire.Object{"LastName": "Okafor", "Title": "Head; Procurement"}}}, nil, nil},
		{"Windows-1252", "LastName\nS\xf8rensen\n", []load.Item{{2, wire.Object{"LastName": "Sørensen"}}}, nil, nil},
		{"a value over several lines, doubled quotes, an empty line", "LastName,Description\nOkafor,\"says \"\"hi\"\"\nand goes\"\n\nPark,x\n",
			[]load.Item{{2, wire.Object{"LastName": "Okafor", "Description": "says \"hi\"\nand goes"}}, {5, wire.Object{"LastName": "Park", "Description": "x"}}}, nil, nil},
		{"a stray quote costs one row", "LastName,Title\nOkafor,\"Head\nPark,Lead\nKim,\"Chief\"\n",
			[]load.Item{{3, wire.Object{"LastName": "Park", "Title": "Lead"}}, {4, wire.Object{"LastName": "Kim", "Title": "Chief"}}}, nil,
			[]string{"line 2: a quoted value has no end"}},
		{"two stray quotes cost two rows", "LastName,Title\nOkafor,5\" pipe\nPark,Lead\nKim,6\" pipe\nChen,Chief\n",
			[]load.Item{{3, wire.Object{"LastName": "Park", "Title": "Lead"}}, {5, wire.Object{"LastName": "Chen", "Title": "Chief"}}}, nil,
			[]string{`line 2: the row cannot be read: bare " in non-quoted-field`, "line 4: a quoted value has no end"}},
		{"too few and too many values", "LastName,Title\nOkafor\nPark,Lead,x\nKim,Chief\n",
			[]load.Item{{4, wire.Object{"LastName": "Kim", "Title": "Chief"}}}, nil,
			[]string{"line 2: the row has 1 values, the head has 2", "line 3: the row has 3 values, the head has 2"}},
		{"no last name", "LastName,FirstName\n,Amara\nPark,\n", []load.Item{{3, wire.Object{"LastName": "Park"}}}, nil,
			[]string{"line 2: the row has no last name, which Salesforce requires"}},
		{"dates", "LastName,Birthdate\nA,1980-03-22\nB,3/22/1980\nC,22.3.1980\nD,22/3/1980\n",
			[]load.Item{{2, wire.Object{"LastName": "A", "Birthdate": "1980-03-22"}}, {3, wire.Object{"LastName": "B", "Birthdate": "1980-03-22"}}}, nil,
			[]string{"line 4: Birthdate is neither YYYY-MM-DD nor MM/DD/YYYY", "line 5: Birthdate is not a day as MM/DD/YYYY"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rows, ignored, problems, err := load.CSV(strings.NewReader(c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, rows)
			require.Equal(t, c.ignored, ignored)
			require.Equal(t, c.problems, lines(problems))
		})
	}
}

func TestCSVWithoutAHead(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{"empty": "", "no head": "Okafor,Amara\n", "another object": "Id,Name,Industry\n001,Halden,Energy\n", "broken head": "LastName,\"Title\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, _, err := load.CSV(strings.NewReader(in))
			require.Error(t, err)
		})
	}
}

func lines(problems []load.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}
