// Package cmd is the command tree of calypso: it parses the command line, calls one domain package
// and renders what comes back. It is the only package that prints, prompts, knows urfave/cli,
// tablewriter and isatty, and turns errors into exit statuses.
//
// How to declare a group and its verbs (see errors.go and version.go for whole examples):
//
//	func vtlGroup() *command {                          // add one line for it in tree.go
//		return &command{Name: "vtl", Summary: "make and run virtual tape libraries", Description: "Prose.\n\nMore prose.",
//			Commands: []*command{{
//				Name: "create", Summary: "make a virtual library", Description: "...",
//				Args:     []arg{{Name: "LIBRARY", Usage: "name of the new library"}},          // also Optional, Repeated
//				Flags:    []flag{intFlag("slots", "N", "number of slots").Default("10"), stringFlag("media", "GENERATION", "...").Choices("LTO-8")},
//				Examples: []example{{"calypso vtl create vtl01 --slots 10", "make a library with ten slots"}},
//				Exits:    []errcode.Exit{errcode.ExitNotFound}, // beyond those every verb has
//				Mutates:  true,                                 // audited, and refused when the audit log cannot be written
//				Run:      runVTLCreate,
//			}}}
//	}
//
//	func runVTLCreate(ctx context.Context, inv *invocation) error   // parse inv, call the domain, inv.emit(document, page)
//
// Descriptions are paragraphs parted by blank lines; a paragraph whose lines begin with two spaces is
// kept as it is. The common flags (--json, --dry-run, ...) are on every verb: never declare them.
package cmd

import (
	"context"
	"strings"

	"calypso/sys/errcode"
)

// command is a group (it has Commands) or a verb (it has Run). Everything a user can learn about it
// (help, manual page, completion, exit statuses) and the parser itself come from this declaration.
type command struct {
	Name        string // one lower-case word
	Summary     string // one line, lower case, no full stop
	Description string // paragraphs parted by blank lines

	Commands []*command // of a group

	Args          []arg
	Flags         []flag
	Examples      []example
	Exits         []errcode.Exit // beyond those every verb has (commonExits)
	Mutates       bool           // changes something: one audit line a run, unless --dry-run
	MutatesWith   string         // the bool flag with which alone it changes something
	Danger        danger
	SchemaVersion int    // of the JSON document; 0 means 1
	ObjectFlag    string // the flag that names the object in messages and audit, e.g. "drive"; "" is the first argument
	Stateless     bool   // works without a home or state directory (version, errors, ...)
	Hidden        bool   // not in help, manual or completion

	Run func(ctx context.Context, inv *invocation) error
}

// danger says how a verb that destroys something is confirmed (invocation.confirm, confirmName).
type danger int

const (
	safe     danger = iota
	moderate        // prompts y/N on a terminal, else wants --yes
	severe          // wants the name of the object typed, or --confirm NAME
)

// arg is a positional argument.
type arg struct {
	Name     string // upper case, as shown in USAGE
	Usage    string
	Optional bool
	Repeated bool     // takes all that follow; only as the last
	Choices  []string // nothing else is accepted
	Files    bool     // completes to file names
}

// example is a command line and what it does.
type example struct {
	Line string
	Text string
}

// mayMutate says whether the verb changes something, be it with a flag alone.
func (c *command) mayMutate() bool { return c.Mutates || c.MutatesWith != "" }

// version of the JSON document of a verb.
func (c *command) schemaVersion() int { return max(c.SchemaVersion, 1) }

// child finds a command of a group by its exact name.
func (c *command) child(name string) *command {
	for _, sub := range c.Commands {
		if sub.Name == name {
			return sub
		}
	}
	return nil
}

// visible lists the commands of a group that help shows.
func (c *command) visible() []*command {
	var list []*command
	for _, sub := range c.Commands {
		if !sub.Hidden {
			list = append(list, sub)
		}
	}
	return list
}

// isGroup says whether c has commands rather than a Run.
func (c *command) isGroup() bool { return c.Run == nil }

// walk calls fn for c and everything below it with the words that lead there, without the program name.
func (c *command) walk(path []string, fn func(path []string, c *command)) {
	fn(path, c)
	for _, sub := range c.Commands {
		sub.walk(append(path[:len(path):len(path)], sub.Name), fn)
	}
}

// usageLine is "calypso vtl create [flags] LIBRARY".
func (c *command) usageLine(path []string) string {
	words := append([]string{"calypso"}, path...)
	if c.isGroup() {
		return strings.Join(append(words, "COMMAND [flags] [args]"), " ")
	}
	words = append(words, "[flags]")
	for _, a := range c.Args {
		words = append(words, a.shown())
	}
	return strings.Join(words, " ")
}

// shown is the argument as USAGE prints it: NAME, [NAME], NAME..., [NAME...].
func (a arg) shown() string {
	s := a.Name
	if a.Repeated {
		s += "..."
	}
	if a.Optional {
		s = "[" + s + "]"
	}
	return s
}
