package cmd

import (
	"slices"
	"strings"
)

// request is a command line resolved against the tree, before any value has taken effect.
type request struct {
	path  []string // words that lead to cmd
	cmd   *command
	given []given
	args  []string
	help  bool
	json  bool // --json was seen, so that even a usage error is JSON
}

// given is one flag as it was given.
type given struct {
	flag flag
	text string
}

// resolve reads a command line (without argv[0]). Flags may stand anywhere before "--", so that one
// appended to a recalled line (--dry-run!) counts. The request is usable for its help and json fields
// even when an error comes with it: help about a command wins over what is wrong behind its name.
func resolve(top *command, argv []string) (*request, error) {
	p := &argvParser{req: &request{cmd: top}, top: top, rest: argv}
	for len(p.rest) > 0 {
		p.step()
	}
	p.finish()
	return p.req, p.err
}

type argvParser struct {
	req  *request
	top  *command
	rest []string
	err  error // the first; parsing goes on to learn --json and --help
	only bool  // "--" was seen: only arguments follow
	lost bool  // an unknown command was named: there is no help about it
}

// fail keeps the first error; nil is none.
func (p *argvParser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *argvParser) step() {
	word := p.rest[0]
	p.rest = p.rest[1:]
	switch {
	case p.only || word == "-" || !strings.HasPrefix(word, "-"):
		p.word(word)
	case word == "--":
		p.only = true
	case strings.HasPrefix(word, "--"):
		p.long(word[2:])
	default:
		p.short(word[1:])
	}
}

// word takes the next word of the command's path, or an argument once a verb is reached.
func (p *argvParser) word(word string) {
	if !p.req.cmd.isGroup() {
		p.req.args = append(p.req.args, word)
		return
	}
	if p.err != nil && len(p.req.path) == 0 {
		return // after an unknown command no word means anything
	}
	sub := p.req.cmd.child(word)
	if sub == nil && word == "help" && len(p.req.path) == 0 {
		p.req.help = true
		return
	}
	if sub == nil {
		p.fail(unknownCommand(p.req, word))
		p.lost = true
		return
	}
	p.req.cmd, p.req.path = sub, append(p.req.path, word)
}

// long takes --name, --name=value or --name value.
func (p *argvParser) long(word string) {
	name, text, joined := strings.Cut(word, "=")
	if name == "version" && p.req.cmd == p.top && p.top.child("version") != nil {
		p.word("version")
		return
	}
	f, ok := p.find(func(f flag) bool { return f.name == name })
	if !ok {
		p.fail(unknownFlag(p.req, "--"+name))
		return
	}
	p.take(f, "--"+name, text, joined)
}

// short takes -f value, -fvalue, -f=value, and bools grouped as in -nq.
func (p *argvParser) short(word string) {
	for word != "" {
		letter := word[:1]
		word = word[1:]
		f, ok := p.find(func(f flag) bool { return f.short == letter })
		if !ok {
			p.fail(unknownFlag(p.req, "-"+letter))
			return
		}
		text, joined := strings.CutPrefix(word, "=")
		if f.takesValue() || joined {
			p.take(f, "-"+letter, text, joined || word != "")
			return
		}
		p.take(f, "-"+letter, "", false)
	}
}

// take records a flag, fetching its value from the next word when it is not joined.
func (p *argvParser) take(f flag, shown, text string, joined bool) {
	if !joined && !f.takesValue() {
		text = "true"
	} else if !joined {
		if len(p.rest) == 0 || p.isFlagWord(p.rest[0]) {
			p.fail(usageErrorf("flag %s needs a value (%s)", shown, f.placeholder).
				WithHint("write %s=%s, also when the value begins with '-'", f.shown(), f.placeholder))
			return
		}
		text, p.rest = p.rest[0], p.rest[1:]
	}
	switch {
	case f.name == helpFlag.name:
		p.req.help = p.req.help || text != "false"
		return
	case f.name == "json":
		p.req.json = text != "false"
	}
	p.fail(f.check(text, shown))
	p.req.given = append(p.req.given, given{f, text})
}

// isFlagWord says whether a word is a flag of the command: "--name --dry-run" must not run for real
// with the name "--dry-run".
func (p *argvParser) isFlagWord(word string) bool {
	if word == "--" {
		return true
	}
	name, _, _ := strings.Cut(word, "=")
	_, ok := p.find(func(f flag) bool {
		return name == "--"+f.name || f.short != "" && name == "-"+f.short
	})
	return ok
}

// finish checks what can be checked once the verb and all its words are known.
func (p *argvParser) finish() {
	c := p.req.cmd
	p.req.help = p.req.help && !p.lost
	if p.err != nil || p.req.help {
		return
	}
	if c.isGroup() {
		p.fail(missingCommand(p.req))
		return
	}
	own := flagsOf(c)
	for _, g := range p.req.given { // a flag before the verb may belong to another verb
		if !slices.ContainsFunc(own, func(f flag) bool { return f.name == g.flag.name }) {
			p.fail(unknownFlag(p.req, g.flag.shown()))
		}
	}
	p.fail(checkArgs(c, p.req.args))
}

// find looks for a flag of the verb. Before the verb is known any flag of the group's verbs will do
// (a test holds that a name means the same in all of them), before the group only the common ones.
func (p *argvParser) find(match func(flag) bool) (flag, bool) {
	if match(helpFlag) {
		return helpFlag, true
	}
	if i := slices.IndexFunc(commonFlags(), match); i >= 0 {
		return commonFlags()[i], true
	}
	if p.req.cmd == p.top {
		return flag{}, false
	}
	return findOwnFlag(p.req.cmd, match)
}

func findOwnFlag(c *command, match func(flag) bool) (flag, bool) {
	for _, f := range c.Flags {
		if match(f) {
			return f, true
		}
	}
	for _, sub := range c.Commands {
		if f, ok := findOwnFlag(sub, match); ok {
			return f, true
		}
	}
	return flag{}, false
}

// checkArgs holds the arguments against the declared ones.
func checkArgs(c *command, args []string) error {
	required, most := 0, len(c.Args)
	for _, a := range c.Args {
		if !a.Optional {
			required++
		}
		if a.Repeated {
			most = len(args)
		}
	}
	if len(args) < required {
		return usageErrorf("%s is missing", missingArg(c, len(args)))
	}
	if len(args) > most {
		return usageErrorf("unexpected argument %q", args[most])
	}
	for i, text := range args {
		if err := checkArg(c.Args[min(i, len(c.Args)-1)], text); err != nil {
			return err
		}
	}
	return nil
}

// missingArg names the first required argument that have arguments do not reach.
func missingArg(c *command, have int) string {
	for _, a := range c.Args[have:] {
		if !a.Optional {
			return a.Name
		}
	}
	return "an argument"
}

func checkArg(a arg, text string) error {
	if len(a.Choices) > 0 && !slices.Contains(a.Choices, text) {
		return usageErrorf("%s: %q is not one of %s", a.Name, text, strings.Join(a.Choices, ", "))
	}
	if text == "" {
		return usageErrorf("%s is empty", a.Name)
	}
	return nil
}
