package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// manDate is the date in the manual pages: that of their last change of substance. It is not the
// date of the build, so that pages made anew are the same.
const manDate = "2026-11-20"

func manCommand() *command {
	return &command{
		Name: "man", Summary: "write the manual pages", Hidden: true, Stateless: true,
		Description: "Writes calypso.8 and one page a group, made from the command tree, into a directory.",
		Args:        []arg{{Name: "DIR", Usage: "the directory", Files: true}},
		Examples:    []example{{"calypso man man", "write the pages of the source tree"}},
		Run:         runMan,
	}
}

// manDoc is `calypso man --json`.
type manDoc struct {
	Files []string `json:"files"`
}

func runMan(_ context.Context, inv *invocation) error {
	var doc manDoc
	for _, m := range manPages(root()) {
		if !inv.dryRun {
			if err := os.WriteFile(filepath.Join(inv.arg("DIR"), m.file), []byte(m.text), 0o644); err != nil {
				return err
			}
		}
		doc.Files = append(doc.Files, m.file)
	}
	return inv.emit(doc, func(p *page) {
		for _, f := range doc.Files {
			p.line("%s", f)
		}
	})
}

// manPage is one manual page: calypso.8, calypso-lto.8.
type manPage struct{ file, text string }

// manPages are all pages of the tree, in its order: one for calypso and one a visible command below it.
func manPages(top *command) []manPage {
	pages := []manPage{{"calypso.8", manTop(top)}}
	for _, c := range top.visible() {
		pages = append(pages, manPage{"calypso-" + c.Name + ".8", manOf(c)})
	}
	return pages
}

// manTop is the page of the program: what all commands have in common.
func manTop(top *command) string {
	m := &roff{}
	m.title("calypso")
	m.section("NAME")
	m.line("calypso \\- " + escape(top.Summary))
	m.section("SYNOPSIS")
	m.line("\\fBcalypso\\fR \\fICOMMAND\\fR [\\fIflags\\fR] [\\fIarguments\\fR]")
	m.section("DESCRIPTION")
	m.prose(top.Description)
	m.section("COMMANDS")
	for _, c := range top.visible() {
		m.term("\\fBcalypso\\-"+escape(c.Name)+"\\fR(8)", c.Summary)
	}
	m.section("COMMON OPTIONS")
	m.prose("These are accepted by every command, before or after it.")
	m.flags(append(commonFlags(), helpFlag))
	for _, s := range manProse {
		m.section(s.title)
		m.prose(s.text)
	}
	m.section("EXIT STATUS")
	for _, e := range exitMeanings {
		m.term(fmt.Sprintf("\\fB%d\\fR", e.status), e.meaning)
	}
	m.prose("An unknown non-zero status must be treated as failure.")
	m.seeAlso(top, "")
	return m.b.String()
}

// manOf is the page of a group, with all its verbs, or of a verb that stands alone.
func manOf(c *command) string {
	m := &roff{}
	m.title("calypso-" + c.Name)
	m.section("NAME")
	m.line("calypso\\-" + escape(c.Name) + " \\- " + escape(c.Summary))
	m.section("SYNOPSIS")
	first := true
	c.walk([]string{c.Name}, func(path []string, c *command) {
		if c.Hidden || c.isGroup() {
			return
		}
		if !first {
			m.line(".br")
		}
		first = false
		m.synopsis(path, c)
	})
	m.section("DESCRIPTION")
	m.prose(c.Description)
	if c.isGroup() {
		m.section("COMMANDS")
	}
	c.walk([]string{c.Name}, m.verb)
	m.section("OPTIONS OF EVERY COMMAND")
	m.prose("See calypso(8) for the flags that every command accepts, such as --json and --dry-run.")
	m.seeAlso(root(), c.Name)
	return m.b.String()
}

// verb writes all about one verb.
func (m *roff) verb(path []string, c *command) {
	if c.Hidden || c.isGroup() && len(path) == 1 {
		return
	}
	if len(path) > 1 {
		m.line(".SS " + escape(strings.Join(append([]string{"calypso"}, path...), " ")))
		m.prose(c.Description)
	}
	if c.isGroup() {
		return
	}
	for _, a := range c.Args {
		m.term("\\fI"+escape(a.Name)+"\\fR", a.Usage+choicesText(a.Choices))
	}
	m.flags(c.Flags)
	m.heading(len(path), "Examples")
	for _, e := range c.Examples {
		m.example(e)
	}
	m.heading(len(path), "Exit status")
	var list []string
	for _, e := range exitsOf(c) {
		list = append(list, fmt.Sprintf("%d (%s)", e.status, e.meaning))
	}
	m.prose(strings.Join(list, "; ") + ".")
}
