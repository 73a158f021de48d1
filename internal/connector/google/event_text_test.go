package google

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainTextOfADescription(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"plain text":                 {"Agenda\n1. Start\n\n\n\nEnd", "Agenda\n1. Start\n\n\n\nEnd"},
		"a lone less-than":           {"a < b and c > d", "a < b and c > d"},
		"an arrow":                   {"x <- y <--> z", "x <- y <--> z"},
		"no tag that is known":       {"Dear <NAME>, <a@b>", "Dear <NAME>, <a@b>"},
		"an address in brackets":     {"Jo <jo@x.test>", "Jo <jo@x.test>"},
		"an ampersand":               {"R&D at AT&T", "R&D at AT&T"},
		"a link's parameters":        {"https://x.test/?a=1&copy=2&lt=3", "https://x.test/?a=1&copy=2&lt=3"},
		"entities":                   {"a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#39; f&nbsp;g", `a & b <c> "d" 'e' f g`},
		"line ends":                  {"one<br>two<br/>three<BR />four", "one\ntwo\nthree\nfour"},
		"paragraphs":                 {"<p>one</p><p>two</p>", "one\n\ntwo"},
		"blocks":                     {"<div>one</div><div>two<div>three</div></div>", "one\ntwo\nthree"},
		"bold and the like":          {"<b>one</b> <i>two</i> <span style=\"color:red\">three</span>", "one two three"},
		"a list":                     {"Bring:<ul><li>pen</li><li>paper</li></ul>Thanks", "Bring:\n- pen\n- paper\nThanks"},
		"a link":                     {`<a href="https://x.test/a?b=1&amp;c=2" target="_blank">Join</a> now`, "Join (https://x.test/a?b=1&c=2) now"},
		"a link that says itself":    {`<a href="https://x.test/">https://x.test</a>`, "https://x.test"},
		"a link without a text":      {`<a href="https://x.test/"></a>`, "https://x.test/"},
		"a link of mail":             {`<a href="mailto:jo@x.test">jo@x.test</a>`, "jo@x.test"},
		"a script is no link":        {`<a href="javascript:alert(1)">press</a>`, "press"},
		"a greater-than in quotes":   {`<span title="a>b">x</span>`, "x"},
		"markup and a lone one":      {"<p>if a < b</p>", "if a < b"},
		"a link that never ends":     {`see <a href="https://x.test">there`, "see there"},
		"what closes was never open": {"</a></p>x", "x"},
		"an outlook table":           {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\tb\t\nc"},
		"nothing":                    {"", ""},
		"only markup":                {"<p></p><br>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, plainText(c.in))
		})
	}
}

func TestDescriptionThatShowsAText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a < b & c":        "a < b & c", // as it is
		"<b>not bold</b>":  "&lt;b&gt;not bold&lt;/b&gt;",
		"say &amp; mean":   "say &amp;amp; mean",
		"two\n\n\n\nlines": "two\n\n\n\nlines",
	} {
		require.Equal(t, want, descriptionOf(text))
		require.Equal(t, text, plainText(want))
	}
}

// descriptions are texts around markup, for the fuzzer to begin with.
var descriptions = []string{"a < b", "<p>a</p>", "&amp;", "&amp;amp;", "<a href=x>", `<a href="https://x">y</a>`, "<<b>b>", "&lt;b&gt;", "a&#0;b", "<br\n>"}

// checkDescription holds that what is written shows the very text, and what is read is stable.
func checkDescription(t *testing.T, s string) {
	t.Helper()
	text := strings.TrimSpace(plainText(s))
	require.Equal(t, text, strings.TrimSpace(plainText(descriptionOf(text))))
}
