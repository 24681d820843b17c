package cmd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"calypso/sys/errcode"
)

// confirm asks before a moderate change: y/N on a terminal, else --yes. It returns nil to go on.
// what reads on from "this will": "remove tape V00001L8 from vtl01".
func (inv *invocation) confirm(ctx context.Context, what string) error {
	inv.mustDeclare(moderate)
	if inv.dryRun || inv.flag("yes") {
		return nil
	}
	answer, asked, err := inv.ask(ctx, what, "go on? [y/N] ")
	switch {
	case err != nil:
		return err
	case !asked:
		return inv.refused(what, "--yes")
	}
	if a := strings.ToLower(answer); a != "y" && a != "yes" {
		return notConfirmed(what)
	}
	return nil
}

// confirmName asks before a severe change for the name of what it destroys: typed on a terminal, else
// --confirm NAME. --yes is not enough.
func (inv *invocation) confirmName(ctx context.Context, name, what string) error {
	inv.mustDeclare(severe)
	if inv.dryRun {
		return nil
	}
	if inv.isSet("confirm") {
		return matchName(name, inv.str("confirm"))
	}
	answer, asked, err := inv.ask(ctx, what, fmt.Sprintf("type %s to go on: ", name))
	switch {
	case err != nil:
		return err
	case !asked:
		return inv.refused(what, "--confirm="+name)
	case answer == "":
		return notConfirmed(what)
	}
	return matchName(name, answer)
}

// doomed is something that a change destroys: its name, and what reads on from "this will".
type doomed struct{ name, what string }

// confirmEach asks before a severe change that destroys several things for the name of each: typed one after
// the other on a terminal, else --confirm NAME for each. Names that are confirmed and not asked for do no harm.
func (inv *invocation) confirmEach(ctx context.Context, list []doomed) error {
	inv.mustDeclare(severe)
	if inv.dryRun || len(list) == 0 {
		return nil
	}
	var missing, whats []string
	for _, n := range list {
		if !slices.Contains(inv.strs("confirm"), n.name) {
			missing, whats = append(missing, "--confirm="+n.name), append(whats, n.what)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if inv.isSet("confirm") {
		return inv.refused(strings.Join(whats, ", "), missing...)
	}
	for _, n := range list {
		answer, asked, err := inv.ask(ctx, n.what, fmt.Sprintf("type %s to go on: ", n.name))
		switch {
		case err != nil:
			return err
		case !asked:
			return inv.refused(strings.Join(whats, ", "), missing...)
		case answer == "":
			return notConfirmed(n.what)
		}
		if err := matchName(n.name, answer); err != nil {
			return err
		}
	}
	return nil
}

// ask puts a question to the person at the terminal; asked is false when there is none. Only a
// standard input that is a terminal counts: a prompt elsewhere would hang a cron job or a script. The
// question goes to the terminal itself, so that redirected streams neither hide nor hold it.
func (inv *invocation) ask(ctx context.Context, what, question string) (answer string, asked bool, err error) {
	if !inv.InTTY || inv.json {
		return "", false, nil
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", false, nil
	}
	fmt.Fprintf(terminal, "calypso: this will %s\ncalypso: %s", printable(what), printable(question))
	answer, err = readLine(ctx, terminal)
	if ctx.Err() != nil {
		return "", true, context.Cause(ctx)
	}
	if err != nil { // the terminal was hung up, or ^D
		return "", true, notConfirmed(what)
	}
	return strings.TrimSpace(answer), true, nil
}

// readLine reads a line, or ends with ctx; then the read is left behind with the process.
func readLine(ctx context.Context, from io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := bufio.NewReader(from).ReadString('\n')
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// mustDeclare holds a verb to its declaration, from which its help and manual are made.
func (inv *invocation) mustDeclare(d danger) {
	if inv.cmd.Danger < d {
		panic(inv.verbName() + ": asks for a confirmation that its Danger does not declare")
	}
}

// refused says which flag to add, as a command line to copy.
func (inv *invocation) refused(what string, flags ...string) error {
	line := commandLine(inv.argv, flags)
	return errcode.New(errcode.ConfirmRequired, "", "this would %s; nothing was touched", what).
		WithHint("to do it: %s", line)
}

func notConfirmed(what string) error {
	return errcode.New(errcode.ConfirmRequired, "", "not confirmed to %s; nothing was touched", what).
		WithHint("answer with the asked word, or see --yes and --confirm in --help")
}

func matchName(want, got string) error {
	if want == got {
		return nil
	}
	return errcode.New(errcode.ConfirmMismatch, "", "%q was confirmed, but this is %q; nothing was touched", got, want)
}

// commandLine is argv with flags added, quoted for a shell. They go before a "--".
func commandLine(argv, flags []string) string {
	var words []string
	for i, word := range argv {
		if word == "--" {
			words = append(words, quoteAll(flags)...)
			return strings.Join(append(words, quoteAll(argv[i:])...), " ")
		}
		words = append(words, shellQuote(word))
	}
	return strings.Join(append(words, quoteAll(flags)...), " ")
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellQuote(w)
	}
	return quoted
}

// shellQuote quotes a word for a POSIX shell when it needs it.
func shellQuote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
