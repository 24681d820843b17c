package cmd

import (
	"context"
	"fmt"
	"strings"
)

func completionCommand() *command {
	return &command{
		Name: "completion", Summary: "print a completion script for a shell", Stateless: true,
		Description: `Prints a script that completes commands, flags and their fixed values. It is complete in itself: completing
runs no calypso and touches no device.

  bash:  calypso completion bash > /etc/bash_completion.d/calypso
  zsh:   calypso completion zsh > "${fpath[1]}/_calypso"
  fish:  calypso completion fish > ~/.config/fish/completions/calypso.fish`,
		Args:     []arg{{Name: "SHELL", Usage: "the shell", Choices: []string{"bash", "zsh", "fish"}}},
		Examples: []example{{"eval \"$(calypso completion bash)\"", "complete in this shell"}},
		Run:      runCompletion,
	}
}

// completionDoc is `calypso completion SHELL --json`.
type completionDoc struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

func runCompletion(_ context.Context, inv *invocation) error {
	script := completionScript(inv.arg("SHELL"), root())
	return inv.emit(completionDoc{inv.arg("SHELL"), script}, func(p *page) { p.raw(script) })
}

// completionScript is the script for one of the shells that completionCommand offers.
func completionScript(shell string, top *command) string {
	t := newCompletionTree(top)
	switch shell {
	case "zsh":
		return t.zsh()
	case "fish":
		return t.fish()
	}
	return t.bash()
}

// completionTree is the tree as the scripts need it. A place is the words that lead to a command,
// each with a slash before it: "/lto/write"; the top is "".
type completionTree struct {
	top    *command
	places []completionPlace
}

type completionPlace struct {
	place string
	cmd   *command
}

func newCompletionTree(top *command) completionTree {
	t := completionTree{top: top}
	top.walk(nil, func(path []string, c *command) {
		place := ""
		for _, word := range path {
			place += "/" + word
		}
		if !c.Hidden {
			t.places = append(t.places, completionPlace{place, c})
		}
	})
	return t
}

// names are the program names that the script completes, without calypso itself: name and place.
func (t completionTree) names() [][2]string {
	var names [][2]string
	for _, sub := range t.top.visible() {
		if sub.isGroup() {
			names = append(names, [2]string{"calypso-" + sub.Name, "/" + sub.Name})
		}
	}
	for _, name := range bareNames {
		if t.top.child(name) != nil {
			names = append(names, [2]string{name, "/" + name})
		}
	}
	return names
}

// below joins the places under the top with a separator.
func (t completionTree) below(separator string) string {
	var list []string
	for _, p := range t.places[1:] {
		list = append(list, p.place)
	}
	return strings.Join(list, separator)
}

// flagNames lists the flags of a command with both dashes.
func flagNames(c *command) []string {
	var names []string
	for _, f := range append(flagsOf(c), helpFlag) {
		names = append(names, "--"+f.name)
	}
	return names
}

// valueFlags lists the flags of a command that take a value and are not common.
func valueFlags(c *command) []flag {
	var list []flag
	for _, f := range c.Flags {
		if f.takesValue() {
			list = append(list, f)
		}
	}
	return list
}

// commonValueFlags lists the common flags that take a value.
func commonValueFlags() []flag { return valueFlags(&command{Flags: commonFlags()}) }

// spellings are the ways to write a flag that takes the next word.
func (f flag) spellings() []string {
	list := []string{"--" + f.name}
	if f.short != "" {
		list = append(list, "-"+f.short)
	}
	return list
}

// words are what may stand next at a place besides flags, and whether file names may.
func (c *command) words() (words []string, files bool) {
	for _, sub := range c.visible() {
		words = append(words, sub.Name)
	}
	for _, a := range c.Args {
		words = append(words, a.Choices...)
		files = files || a.Files
	}
	return words, files
}

func (t completionTree) bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for calypso; made by 'calypso completion bash'
_calypso() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev= place= i words= flags= files=
    ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD-1]}
    if [[ $cur == "=" ]]; then
        cur=
    elif [[ $prev == "=" ]] && ((COMP_CWORD > 1)); then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    COMPREPLY=()
    case ${COMP_WORDS[0]##*/} in
`)
	for _, n := range t.names() {
		fmt.Fprintf(&b, "        %s) place=%s ;;\n", n[0], n[1])
	}
	fmt.Fprintf(&b, `    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case $place/${COMP_WORDS[i]} in
            %s) place=$place/${COMP_WORDS[i]} ;;
        esac
    done
    case $place:$prev in
`, t.below("|"))
	for _, p := range t.places {
		for _, f := range valueFlags(p.cmd) {
			bashValue(&b, p.place, f)
		}
	}
	for _, f := range commonValueFlags() {
		bashValue(&b, "*", f)
	}
	b.WriteString("    esac\n    case $place in\n")
	for _, p := range t.places {
		words, files := p.cmd.words()
		fmt.Fprintf(&b, "        %q) words=%q flags=%q files=%s ;;\n", p.place, strings.Join(words, " "), strings.Join(flagNames(p.cmd), " "), yesOrEmpty(files))
	}
	b.WriteString(`    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
        return
    fi
    [[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -F _calypso calypso`)
	for _, n := range t.names() {
		b.WriteString(" " + n[0])
	}
	b.WriteString("\n")
	return b.String()
}

// bashValue completes the value of one flag.
func bashValue(b *strings.Builder, place string, f flag) {
	var patterns []string
	for _, s := range f.spellings() {
		patterns = append(patterns, place+":"+s)
	}
	reply := "return"
	if f.files {
		reply = `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return`
	} else if len(f.choices) > 0 {
		reply = fmt.Sprintf(`COMPREPLY=($(compgen -W %q -- "$cur")); return`, strings.Join(f.choices, " "))
	}
	fmt.Fprintf(b, "        %s) %s ;;\n", strings.Join(patterns, "|"), reply)
}

func yesOrEmpty(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}
