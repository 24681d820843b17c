package cmd

import (
	"fmt"
	"strings"
)

// roff writes man(7) macros. Text is plain and escaped here, but for what is said to be raw.
type roff struct {
	b     strings.Builder
	fresh bool // a heading was just written: no paragraph macro may follow it
}

// line writes one raw line or more.
func (m *roff) line(raw string) {
	m.b.WriteString(raw + "\n")
	m.fresh = strings.HasPrefix(raw, ".S")
}

func (m *roff) title(name string) {
	m.line(`.\" Made from the command tree by 'calypso man'; do not edit.`)
	m.line(fmt.Sprintf(".TH %s 8 %s calypso \"calypso manual\"", strings.ToUpper(escape(name)), manDate))
}

func (m *roff) section(title string) { m.line(".SH " + title) }

// heading is a section on a page of one verb, a paragraph within a group's page.
func (m *roff) heading(depth int, title string) {
	if depth == 1 {
		m.section(strings.ToUpper(title))
		return
	}
	m.line(".PP\n" + title + ":")
}

// prose writes paragraphs; one whose lines begin with two spaces is kept as it is.
func (m *roff) prose(text string) {
	for _, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if !m.fresh {
			m.line(".PP")
		}
		if strings.HasPrefix(paragraph, "  ") {
			m.line(".nf")
			m.text(paragraph)
			m.line(".fi")
			continue
		}
		m.text(strings.TrimSuffix(wrap(paragraph, 0, 76), "\n"))
	}
}

// text writes plain lines.
func (m *roff) text(plain string) {
	for line := range strings.SplitSeq(plain, "\n") {
		m.line(escape(line))
	}
}

// example is what it does, then the line itself.
func (m *roff) example(e example) {
	m.prose(e.Text + ":")
	m.line(".RS 4\n.nf")
	m.text(e.Line)
	m.line(".fi\n.RE")
}

// term is a tagged paragraph; the tag is raw.
func (m *roff) term(raw, plain string) {
	m.line(".TP\n" + raw)
	m.text(strings.TrimSuffix(wrap(plain, 0, 76), "\n"))
}

func (m *roff) flags(flags []flag) {
	for _, f := range flags {
		var heads []string
		for _, s := range f.spellings() {
			head := `\fB` + escape(s) + `\fR`
			if f.placeholder != "" {
				head += ` \fI` + escape(f.placeholder) + `\fR`
			}
			heads = append([]string{head}, heads...)
		}
		m.term(strings.Join(heads, ", "), f.explained())
	}
}

// synopsis is one verb's line: calypso lto write [flags] NAME.
func (m *roff) synopsis(path []string, c *command) {
	line := `\fBcalypso ` + escape(strings.Join(path, " ")) + `\fR [\fIflags\fR]`
	for _, a := range c.Args {
		line += " " + strings.NewReplacer(a.Name, `\fI`+escape(a.Name)+`\fR`).Replace(a.shown())
	}
	m.line(line)
}

// seeAlso names the other pages.
func (m *roff) seeAlso(top *command, self string) {
	m.section("SEE ALSO")
	var refs []string
	if self != "" {
		refs = append(refs, `\fBcalypso\fR(8)`)
	}
	for _, c := range top.visible() {
		if c.Name != self {
			refs = append(refs, `\fBcalypso\-`+escape(c.Name)+`\fR(8)`)
		}
	}
	m.line(strings.Join(refs, ",\n"))
}

// escape makes plain text safe for roff: backslashes, hyphens that must stay hyphens to be copied,
// and lines that would be requests.
func escape(plain string) string {
	s := strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(plain)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
