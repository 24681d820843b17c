package cmd

import (
	"fmt"
	"strings"
)

// helpWidth is the widest line of any help.
const helpWidth = 79

// writeHelp writes the help of a command: the same words as its manual page.
func writeHelp(p *page, path []string, c *command) {
	name := strings.Join(append([]string{"calypso"}, path...), " ")
	section(p, "NAME")
	p.raw(wrap(name+" - "+c.Summary, 2, helpWidth))
	section(p, "USAGE")
	p.line("  %s", c.usageLine(path))
	section(p, "DESCRIPTION")
	p.raw(layout(c.Description, 2, helpWidth))
	if c.isGroup() {
		helpCommands(p, name, c)
		helpGroup(p, path)
		return
	}
	helpArgs(p, c)
	section(p, "OPTIONS")
	helpFlags(p, c.Flags)
	if len(c.Flags) > 0 {
		p.blank()
	}
	helpFlags(p, append(commonFlags(), helpFlag))
	if len(c.Examples) > 0 {
		section(p, "EXAMPLES")
	}
	for _, e := range c.Examples {
		p.raw(wrap(e.Text+":", 2, helpWidth))
		p.line("    %s", e.Line)
	}
	helpExits(p, exitsOf(c))
}

func helpExits(p *page, exits []exitMeaning) {
	section(p, "EXIT STATUS")
	for _, m := range exits {
		p.line("  %3d  %s", m.status, m.meaning)
	}
}

// helpGroup ends the help of a group; that of calypso itself lists what all commands have in common.
func helpGroup(p *page, path []string) {
	if len(path) == 0 {
		section(p, "OPTIONS")
		helpFlags(p, append(commonFlags(), helpFlag, boolFlag("version", "print the version")))
	}
	helpExits(p, exitMeanings)
}

// section begins a section, with an empty line before all but the first.
func section(p *page, title string) {
	if p.b.Len() > 0 {
		p.blank()
	}
	p.line("%s", title)
}

func helpCommands(p *page, name string, c *command) {
	section(p, "COMMANDS")
	rows := [][2]string{}
	for _, sub := range c.visible() {
		rows = append(rows, [2]string{sub.Name, sub.Summary})
	}
	definitions(p, rows)
	p.blank()
	p.raw(wrap(fmt.Sprintf("'%s COMMAND --help' shows the flags, examples and exit statuses of each.", name), 2, helpWidth))
}

func helpArgs(p *page, c *command) {
	if len(c.Args) == 0 {
		return
	}
	section(p, "ARGUMENTS")
	rows := [][2]string{}
	for _, a := range c.Args {
		rows = append(rows, [2]string{a.shown(), a.Usage + choicesText(a.Choices)})
	}
	definitions(p, rows)
}

func helpFlags(p *page, flags []flag) {
	rows := [][2]string{}
	for _, f := range flags {
		rows = append(rows, [2]string{f.head(), f.explained()})
	}
	definitions(p, rows)
}

// head is "-f, --drive DEVICE".
func (f flag) head() string {
	s := "    --" + f.name
	if f.short != "" {
		s = "-" + f.short + ", --" + f.name
	}
	if f.placeholder != "" {
		s += " " + f.placeholder
	}
	return s
}

// explained is the usage with what else gives the value.
func (f flag) explained() string {
	s := f.usage + choicesText(f.choices)
	var more []string
	if f.kind == kindStrings {
		more = append(more, "may be repeated")
	}
	if f.required {
		more = append(more, "required")
	}
	if f.env != "" {
		more = append(more, "environment "+f.env)
	}
	if f.setting != "" {
		more = append(more, "config "+f.setting)
	}
	if f.def != "" {
		more = append(more, "default "+f.def)
	}
	if len(more) > 0 {
		s += " (" + strings.Join(more, "; ") + ")"
	}
	return s
}

func choicesText(choices []string) string {
	if len(choices) == 0 {
		return ""
	}
	return ": " + strings.Join(choices, ", ")
}

// definitions lists terms with their explanation beside them, below them when the term is long.
func definitions(p *page, rows [][2]string) {
	column := 0
	for _, r := range rows {
		column = max(column, min(len(r[0])+4, 30))
	}
	for _, r := range rows {
		text := wrap(r[1], column, helpWidth)
		if len(r[0])+4 <= column {
			p.raw("  " + r[0] + text[2+len(r[0]):])
			continue
		}
		p.raw("  " + r[0] + "\n" + text)
	}
}

// layout wraps paragraphs; one whose lines begin with two spaces is kept, only indented.
func layout(text string, indent, width int) string {
	var out []string
	for _, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			pad := strings.Repeat(" ", indent)
			out = append(out, pad+strings.ReplaceAll(paragraph, "\n", "\n"+pad)+"\n")
			continue
		}
		out = append(out, wrap(paragraph, indent, width))
	}
	return strings.Join(out, "\n")
}

// wrap breaks text at spaces into lines of at most width, each indented.
func wrap(text string, indent, width int) string {
	pad := strings.Repeat(" ", indent)
	var b strings.Builder
	line := pad
	for _, word := range strings.Fields(text) {
		if len(line) > indent && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = pad
		}
		if len(line) > indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}
