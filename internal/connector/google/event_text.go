package google

import (
	"html"
	"regexp"
	"strings"
)

// Google shows a description as HTML, and its editor writes it: <br> for a line end, <a> for a link, &amp; for "&". Other
// programs write plain text with line feeds, which Google shows as line ends too. So a description is a mixture: known tags
// and whole entities are markup, everything else ("a < b", "R&D") is text.

// tag finds a tag of a name that Google's editor, or an office program, writes.
var tag = regexp.MustCompile(`(?i)<(/?)(a|abbr|b|big|blockquote|br|center|code|dd|div|dl|dt|em|font|h[1-6]|hr|html-blob|i|img|li|ol|p|pre|s|small|span|strike|strong|sub|sup|table|tbody|td|th|thead|tr|u|ul)(\s(?:[^<>"']|"[^"]*"|'[^']*')*)?\s*/?>`)

// entity finds a whole entity. html.UnescapeString also knows those without a semicolon, such as the "&copy" of a link's
// "?a=1&copy=2", which no editor writes.
var entity = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)

var (
	href  = regexp.MustCompile(`(?i)\shref\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+)`)
	blank = regexp.MustCompile(`\n[ \t]*\n(?:[ \t]*\n)+`)
)

// plainText returns what a person reads in a description.
func plainText(s string) string {
	found := tag.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return unescape(s)
	}
	var out strings.Builder
	link, linked := "", 0 // the open link's address, and where its text begins
	last := 0
	line := func() { // the next word begins a line
		if text := out.String(); text != "" && !strings.HasSuffix(text, "\n") {
			out.WriteByte('\n')
		}
	}
	for _, m := range found {
		out.WriteString(unescape(s[last:m[0]]))
		last = m[1]
		closing := m[2] != m[3]
		attributes := ""
		if m[6] >= 0 {
			attributes = s[m[6]:m[7]]
		}
		switch name := strings.ToLower(s[m[4]:m[5]]); name {
		case "br":
			out.WriteByte('\n')
		case "a":
			if !closing {
				link, linked = address(attributes), out.Len()
				continue
			}
			switch text := strings.TrimSpace(out.String()[linked:]); {
			case link == "" || sameLink(text, link):
			case text == "":
				out.WriteString(link)
			default:
				out.WriteString(" (" + link + ")")
			}
			link = ""
		case "li":
			line()
			if !closing {
				out.WriteString("- ")
			}
		case "p":
			line()
			if closing {
				out.WriteByte('\n')
			}
		case "td", "th":
			if closing {
				out.WriteByte('\t')
			}
		case "blockquote", "center", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "pre", "table", "tr", "ul":
			line()
		}
	}
	out.WriteString(unescape(s[last:]))
	return strings.TrimSpace(blank.ReplaceAllString(out.String(), "\n\n"))
}

// unescape turns entities into what they stand for; a space that does not break becomes a space.
func unescape(s string) string {
	return entity.ReplaceAllStringFunc(s, func(e string) string {
		return strings.ReplaceAll(html.UnescapeString(e), "\u00a0", " ")
	})
}

// address returns a link's address, "" for one that a text cannot use.
func address(attributes string) string {
	m := href.FindStringSubmatch(attributes)
	if m == nil {
		return ""
	}
	to := strings.TrimSpace(unescape(strings.Trim(m[1], `"'`)))
	if lower := strings.ToLower(to); !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
		return ""
	}
	return to
}

// sameLink reports whether a link's text says its address already.
func sameLink(text, to string) bool {
	bare := func(s string) string {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
		return strings.TrimSuffix(s, "/")
	}
	return bare(text) == bare(to)
}

// descriptionOf returns the description that shows a plain text. It is the text itself, which Google keeps as it is, unless
// parts of it would be taken for markup.
func descriptionOf(text string) string {
	if plainText(text) == strings.TrimSpace(text) {
		return text
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
