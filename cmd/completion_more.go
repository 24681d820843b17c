package cmd

import (
	"fmt"
	"strings"
)

// zsh names its variable at, not place or path: path is special there.
func (t completionTree) zsh() string {
	var b strings.Builder
	b.WriteString("#compdef calypso")
	for _, n := range t.names() {
		b.WriteString(" " + n[0])
	}
	b.WriteString(`
# zsh completion for calypso; made by 'calypso completion zsh'
_calypso() {
    local at= word prev=${words[CURRENT-1]}
    local -a list
    case ${words[1]:t} in
`)
	for _, n := range t.names() {
		fmt.Fprintf(&b, "        %s) at=%s ;;\n", n[0], n[1])
	}
	fmt.Fprintf(&b, `    esac
    for word in "${(@)words[2,CURRENT-1]}"; do
        case $at/$word in
            (%s) at=$at/$word ;;
        esac
    done
    case $at:$prev in
`, t.below("|"))
	for _, p := range t.places {
		for _, f := range valueFlags(p.cmd) {
			zshValue(&b, p.place, f)
		}
	}
	for _, f := range commonValueFlags() {
		zshValue(&b, "*", f)
	}
	b.WriteString("    esac\n    case $at in\n")
	for _, p := range t.places {
		zshPlace(&b, p)
	}
	b.WriteString("    esac\n}\n_calypso \"$@\"\n")
	return b.String()
}

func zshValue(b *strings.Builder, place string, f flag) {
	var patterns []string
	for _, s := range f.spellings() {
		patterns = append(patterns, place+":"+s)
	}
	reply := "return"
	if f.files {
		reply = "_files; return"
	} else if len(f.choices) > 0 {
		reply = "compadd -- " + strings.Join(f.choices, " ") + "; return"
	}
	fmt.Fprintf(b, "        (%s) %s ;;\n", strings.Join(patterns, "|"), reply)
}

func zshPlace(b *strings.Builder, p completionPlace) {
	fmt.Fprintf(b, "        (%s)\n", singleQuoted(p.place))
	fmt.Fprintf(b, "            if [[ $PREFIX == -* ]]; then\n                compadd -- %s\n                return\n            fi\n", strings.Join(flagNames(p.cmd), " "))
	if p.cmd.isGroup() {
		b.WriteString("            list=(\n")
		for _, sub := range p.cmd.visible() {
			fmt.Fprintf(b, "                %s\n", singleQuoted(sub.Name+":"+strings.ReplaceAll(sub.Summary, ":", `\:`)))
		}
		b.WriteString("            )\n            _describe command list\n")
	} else if words, files := p.cmd.words(); len(words) > 0 {
		fmt.Fprintf(b, "            compadd -- %s\n", strings.Join(words, " "))
	} else if files {
		b.WriteString("            _files\n")
	}
	b.WriteString("            ;;\n")
}

func (t completionTree) fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for calypso; made by 'calypso completion fish'\n")
	b.WriteString("function __calypso_at\n    set -l tokens (commandline -opc)\n    set -l at ''\n    switch (basename -- $tokens[1])\n")
	for _, n := range t.names() {
		fmt.Fprintf(&b, "        case %s\n            set at %s\n", n[0], n[1])
	}
	fmt.Fprintf(&b, `    end
    for word in $tokens[2..-1]
        switch $at/$word
            case %s
                set at $at/$word
        end
    end
    test "$at" = "$argv[1]"
end
`, t.below(" "))
	programs := []string{"calypso"}
	for _, n := range t.names() {
		programs = append(programs, n[0])
	}
	fmt.Fprintf(&b, "for program in %s\n    complete -c $program -f\n", strings.Join(programs, " "))
	for _, f := range append(commonFlags(), helpFlag) {
		fishFlag(&b, "", f)
	}
	for _, p := range t.places {
		fishPlace(&b, p)
	}
	b.WriteString("end\n")
	return b.String()
}

func fishPlace(b *strings.Builder, p completionPlace) {
	condition := " -n " + singleQuoted("__calypso_at "+singleQuotedEmpty(p.place))
	for _, sub := range p.cmd.visible() {
		fmt.Fprintf(b, "    complete -c $program%s -a %s -d %s\n", condition, sub.Name, fishQuoted(sub.Summary))
	}
	for _, f := range p.cmd.Flags {
		fishFlag(b, condition, f)
	}
	if p.cmd.isGroup() {
		return
	}
	words, files := p.cmd.words()
	if len(words) > 0 {
		fmt.Fprintf(b, "    complete -c $program%s -a %s\n", condition, fishQuoted(strings.Join(words, " ")))
	}
	if files {
		fmt.Fprintf(b, "    complete -c $program%s -F\n", condition)
	}
}

func fishFlag(b *strings.Builder, condition string, f flag) {
	fmt.Fprintf(b, "    complete -c $program%s -l %s", condition, f.name)
	if f.short != "" {
		fmt.Fprintf(b, " -s %s", f.short)
	}
	switch {
	case f.files:
		b.WriteString(" -r -F")
	case len(f.choices) > 0:
		fmt.Fprintf(b, " -x -a %s", fishQuoted(strings.Join(f.choices, " ")))
	case f.takesValue():
		b.WriteString(" -x")
	}
	fmt.Fprintf(b, " -d %s\n", fishQuoted(f.usage))
}

// singleQuoted quotes for a POSIX shell and zsh.
func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// singleQuotedEmpty quotes the empty word only, inside another pair of quotes.
func singleQuotedEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

// fishQuoted quotes for fish, where a backslash escapes inside single quotes.
func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
