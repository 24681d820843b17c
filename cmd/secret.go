package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"calypso/sys/errcode"
	"calypso/tape/key"
)

// maxPassphrase bounds a passphrase.
const maxPassphrase = 4 << 10

// unlockFlags are those of every verb that unwraps keys. Secrets come from a file, a descriptor or the
// terminal, never from the command line or the environment.
func unlockFlags() []flag {
	return append(passphraseFlags(), stringsFlag("identity", "FILE", "age or SSH private key that opens the key").Files())
}

func passphraseFlags() []flag {
	return []flag{
		stringFlag("passphrase-file", "FILE", "file with the passphrase of the key").Files(),
		intFlag("passphrase-fd", "N", "descriptor that gives the passphrase of the key"),
	}
}

// wrapFlags are those of verbs that wrap a key.
func wrapFlags() []flag {
	return []flag{
		stringsFlag("recipient", "KEY", "wrap for age1..., ssh-..., or a file with those"),
		boolFlag("passphrase", "wrap with a passphrase"),
		boolFlag("plain", "do not wrap: who reads the file has the key"),
	}
}

// declares tells whether the verb has a flag.
func (inv *invocation) declares(name string) bool {
	_, ok := inv.values[name]
	return ok
}

// passphraseGiven tells whether the command line says where a passphrase comes from.
func (inv *invocation) passphraseGiven() bool {
	return inv.isSet("passphrase-file") || inv.isSet("passphrase-fd")
}

// checkPassphraseFlags finds what is wrong with the flags before anything is asked or touched.
func (inv *invocation) checkPassphraseFlags() error {
	switch {
	case inv.isSet("passphrase-file") && inv.isSet("passphrase-fd"):
		return usageErrorf("want either --passphrase-file or --passphrase-fd")
	case inv.isSet("passphrase-fd") && (inv.integer("passphrase-fd") < 0 || inv.integer("passphrase-fd") > 1<<20):
		return usageErrorf("--passphrase-fd: %d is no descriptor", inv.integer("passphrase-fd"))
	}
	return nil
}

// readPassphrase reads the passphrase that the flags name: one line, without its end. A descriptor can be
// read only once.
func (inv *invocation) readPassphrase() ([]byte, error) {
	if err := inv.checkPassphraseFlags(); err != nil {
		return nil, err
	}
	text, err := inv.passphraseText()
	if err != nil {
		return nil, err
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	if len(bytes.TrimSpace(rest)) > 0 {
		clear(text)
		return nil, usageErrorf("the passphrase has more than one line")
	}
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, usageErrorf("the passphrase is empty")
	}
	return line, nil
}

func (inv *invocation) passphraseText() ([]byte, error) {
	if inv.isSet("passphrase-file") {
		return key.ReadSecretFile(inv.str("passphrase-file"), maxPassphrase)
	}
	fd := inv.integer("passphrase-fd")
	name := fmt.Sprintf("descriptor %d", fd)
	if fd == 0 {
		return key.ReadSecret(name, inv.In, maxPassphrase)
	}
	f := os.NewFile(uintptr(fd), name)
	if f == nil {
		return nil, usageErrorf("--passphrase-fd: %d is not open", fd)
	}
	text, err := key.ReadSecret(name, f, maxPassphrase)
	if errors.Is(err, os.ErrInvalid) || err != nil && errcode.Of(err) == errcode.Failed {
		return nil, usageErrorf("--passphrase-fd: %w", err)
	}
	return text, err
}

// person tells whether somebody can be asked. Streams that both go elsewhere are a script's: to wait for
// its terminal would hang it.
func (inv *invocation) person() bool { return (inv.InTTY || inv.ErrTTY) && !inv.json }

// askSecret asks for a secret on the terminal without showing it; asked is false when nobody is there.
func (inv *invocation) askSecret(ctx context.Context, question string) (text []byte, asked bool, err error) {
	if !inv.person() {
		return nil, false, nil
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, false, nil
	}
	defer terminal.Close()
	fmt.Fprintf(terminal, "calypso: %s: ", printable(question))
	defer fmt.Fprintln(terminal)
	text, err = readHidden(ctx, terminal)
	return text, true, err
}

// readHidden reads a line without echo, or ends with ctx; then the terminal is as it was.
func readHidden(ctx context.Context, terminal *os.File) ([]byte, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		return nil, context.Cause(ctx)
	}
}

// newPassphrase is the passphrase that a key is to be wrapped with: from the flags, else typed twice.
func (inv *invocation) newPassphrase(ctx context.Context) ([]byte, error) {
	if inv.passphraseGiven() {
		return inv.readPassphrase()
	}
	first, asked, err := inv.askSecret(ctx, "new passphrase")
	if err != nil {
		return nil, err
	}
	if !asked {
		return nil, usageErrorf("there is no terminal to ask for a passphrase").
			WithHint("give it with --passphrase-file FILE or --passphrase-fd N, or use --recipient")
	}
	second, _, err := inv.askSecret(ctx, "the same again")
	defer clear(second)
	switch {
	case err != nil:
		return nil, err
	case len(first) == 0:
		return nil, usageErrorf("the passphrase is empty")
	case !bytes.Equal(first, second):
		return nil, usageErrorf("the two passphrases differ")
	}
	return first, nil
}

// scryptWork is what a guess at a passphrase costs, see key.Wrapping; 0 is age's own.
var scryptWork = 0

// wrapping is how the flags want a key to be wrapped: with a passphrase unless they say otherwise.
func (inv *invocation) wrapping(ctx context.Context) (key.Wrapping, error) {
	w := key.Wrapping{WorkFactor: scryptWork}
	ways := 0
	byPassphrase := inv.flag("passphrase") || inv.passphraseGiven()
	for _, way := range []bool{inv.isSet("recipient"), inv.flag("plain"), byPassphrase} {
		if way {
			ways++
		}
	}
	switch {
	case ways > 1:
		return w, usageErrorf("want one of --recipient, --passphrase and --plain")
	case inv.flag("plain"):
		w.Plain = true
		return w, nil
	case inv.isSet("recipient"):
		list, err := key.Recipients(inv.strs("recipient"))
		w.Recipients = list
		return w, err
	}
	text, err := inv.newPassphrase(ctx)
	w.Passphrase = text
	return w, err
}
