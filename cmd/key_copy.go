package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/key"
)

func outFlag(usage string) flag { return stringFlag("out", "FILE", usage).Files() }

func keyExportCommand() *command {
	return keyVerb(&command{
		Name: "export", Summary: "write a copy of a key for the safe",
		Description: "Writes a copy of the key to a new file, or to standard output with --out -. The copy is wrapped as the key is; --recipient wraps it for others, --passphrase with a passphrase. --plain unwraps it: whoever reads the copy has the key, and so it is never written to a terminal.",
		Args:        []arg{keyArg()},
		Flags:       []flag{outFlag("the new file; - is standard output").Required()},
		Examples: []example{
			{"calypso key export offsite --out /media/stick/offsite.key", "a copy, wrapped as the key is"},
			{"calypso key export offsite --recipient age1... --identity id.txt --out -", "a copy for somebody else"},
		},
		Exits: []errcode.Exit{errcode.ExitRefused}, Mutates: true,
		Run: runKeyExport,
	}, append(wrapFlags(), unlockFlags()...)...)
}

// keyCopyDoc is `calypso key export|paper --json`.
type keyCopyDoc struct {
	Key      keyDoc `json:"key"`
	Out      string `json:"out"`
	Plain    bool   `json:"plain"`
	Lines    *int   `json:"lines"`
	Checksum string `json:"checksum"`
}

func runKeyExport(ctx context.Context, inv *invocation) error {
	if err := inv.checkCopyFlags(); err != nil {
		return err
	}
	rec, err := inv.copyOf(ctx)
	if err != nil {
		return err
	}
	text, err := rec.Encode()
	if err != nil {
		return err
	}
	defer clear(text)
	return inv.deliver(rec, text, nil, rec.Checksum())
}

// checkCopyFlags finds what is wrong before a passphrase is asked for.
func (inv *invocation) checkCopyFlags() error {
	toStdout := inv.str("out") == "-"
	switch {
	case toStdout && inv.json:
		return usageErrorf("--out - gives the copy itself on standard output: it does not go with --json")
	case toStdout && inv.flag("plain") && inv.OutTTY:
		return usageErrorf("a key that is not wrapped is not written to a terminal").WithHint("send it into a file or to a printer")
	case inv.str("out") == "":
		return usageErrorf("--out: no file is named")
	}
	return inv.checkUnlockFlags()
}

// copyOf is the key of the command line, wrapped as the flags say.
func (inv *invocation) copyOf(ctx context.Context) (*key.Record, error) {
	rec, err := inv.keys().Find(inv.arg("KEY"))
	if err != nil {
		return nil, err
	}
	again := inv.flag("plain") || inv.declares("recipient") && (inv.isSet("recipient") || inv.flag("passphrase"))
	switch {
	case !again && rec.Plain():
		return nil, usageErrorf("the key %s is not wrapped: say how to wrap the copy, or that it is not to be with --plain", rec.Name)
	case !again, rec.Plain() && inv.flag("plain"):
		return rec, nil
	case rec.Wrap == key.WrapPassphrase && inv.declares("passphrase") && inv.flag("passphrase"):
		return nil, usageErrorf("the key %s is wrapped with a passphrase already, and so is its copy", rec.Name)
	}
	return inv.wrapAgain(ctx, rec)
}

func (inv *invocation) wrapAgain(ctx context.Context, rec *key.Record) (*key.Record, error) {
	ring := inv.newKeyring()
	defer ring.Close()
	k, err := ring.unlock(ctx, rec)
	if err != nil {
		return nil, err
	}
	about := key.About{Name: rec.Name, Generation: rec.Generation, Created: rec.Created}
	if inv.flag("plain") {
		return key.Wrap(k, about, key.Wrapping{Plain: true})
	}
	w := key.Wrapping{WorkFactor: scryptWork}
	if inv.isSet("recipient") {
		w.Recipients, err = key.Recipients(inv.strs("recipient"))
	} else {
		w.Passphrase, err = inv.newPassphrase(ctx)
	}
	if err != nil {
		return nil, err
	}
	defer clear(w.Passphrase)
	return key.Wrap(k, about, w)
}

// deliver writes a copy to where --out says.
func (inv *invocation) deliver(rec *key.Record, text []byte, lines *int, checksum string) error {
	out := inv.str("out")
	doc := keyCopyDoc{Key: newKeyDoc(rec, false), Out: out, Plain: rec.Plain(), Lines: lines, Checksum: checksum}
	switch {
	case inv.dryRun:
		return inv.emit(doc, func(p *page) { p.line("would write a copy of the key %s (%s) to %s", rec.Name, rec.ID, out) })
	case out == "-":
		_, err := inv.Out.Write(text)
		return err
	}
	if err := writeNew(out, text); err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) {
		p.line("wrote a copy of the key %s to %s: id %s, %s", rec.Name, out, rec.ID, wrapText(rec.Wrap))
	})
}

// writeNew writes a file that must not be there, durably and for its owner alone.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errcode.New(errcode.DestinationInvalid, path, "it exists already").WithHint("name a new file; a copy of a key is never written over another")
	}
	if err != nil {
		return errcode.New(errcode.DestinationInvalid, path, "%w", pathCause(err))
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func keyPaperCommand() *command {
	return keyVerb(&command{
		Name: "paper", Summary: "print a key for the safe",
		Description: "Gives a key as text to print and to type in again: numbered lines, each with a check of its own, a checksum of them all, and how to restore it. The key is printed wrapped as it is, so that the paper is worth nothing without the passphrase or identity. --plain prints the key itself.",
		Args:        []arg{keyArg()},
		Flags:       []flag{outFlag("the new file; - is standard output").Default("-"), boolFlag("plain", "print the key itself: who finds the paper has it")},
		Examples: []example{
			{"calypso key paper offsite | lp", "print it"},
			{"calypso key paper offsite --plain | lp", "print the key itself, for a safe that you trust"},
		},
		Exits: []errcode.Exit{errcode.ExitRefused}, Mutates: true,
		Run: runKeyPaper,
	}, unlockFlags()...)
}

func runKeyPaper(ctx context.Context, inv *invocation) error {
	if err := inv.checkCopyFlags(); err != nil {
		return err
	}
	rec, err := inv.copyOf(ctx)
	if err != nil {
		return err
	}
	lines, checksum := rec.PaperLines()
	n := len(lines)
	text := paperText(rec, lines, checksum)
	defer clear(text)
	return inv.deliver(rec, text, &n, checksum)
}

// paperText is what is printed.
func paperText(rec *key.Record, lines []string, checksum string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "CALYPSO KEY FOR ENCRYPTED TAPES\n\n  name        %s\n  id          %s\n  generation  %d\n  created     %s\n  wrapped     %s\n\n",
		rec.Name, rec.ID, rec.Generation, rec.Created.UTC().Format("2006-01-02 15:04:05 UTC"), paperWrap(rec.Wrap))
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "\n  %s, checksum of all lines %s\n\n", counted(len(lines), "line"), checksum)
	b.WriteString("To restore it, type the numbered lines into a file and run\n\n  calypso key import FILE\n\n")
	b.WriteString("Small letters are as good as capitals. There is no letter I, L, O or U in it. The four\ncharacters behind '=' check their line: a slip is named by its line.\n")
	b.WriteString("docs/keys.md has the form of the lines, should there be no calypso any more.\n")
	return []byte(b.String())
}

func paperWrap(wrap string) string {
	switch wrap {
	case key.WrapPassphrase:
		return "yes: the passphrase is needed as well. It is not on this paper."
	case key.WrapRecipients:
		return "yes: the age or SSH private key is needed as well. It is not on this paper."
	}
	return "NO: whoever has this paper can read the tapes."
}

func keyImportCommand() *command {
	return keyVerb(&command{
		Name: "import", Summary: "add a key from the safe",
		Description: "Adds a key from a copy that 'calypso key export' wrote, or from the lines that 'calypso key paper' printed, typed into a file. Checksums are compared in any case; the fingerprint of a wrapped key is when a flag says how to open it. A key that is not wrapped in the copy is wrapped for the store as for 'calypso key create'.",
		Args:        []arg{{Name: "FILE", Usage: "the copy; - is standard input", Files: true}},
		Examples: []example{
			{"calypso key import /media/stick/offsite.key", "add a key from a copy"},
			{"calypso key import typed.txt --passphrase-file p", "add a key from paper and make sure that it opens"},
		},
		Exits: []errcode.Exit{errcode.ExitRefused}, Mutates: true,
		Run: runKeyImport,
	}, append(wrapFlags(), unlockFlags()...)...)
}

// keyImportDoc is `calypso key import --json`.
type keyImportDoc struct {
	Key    keyDoc `json:"key"`
	Opened bool   `json:"opened"`
}

func runKeyImport(ctx context.Context, inv *invocation) error {
	if err := inv.checkUnlockFlags(); err != nil {
		return err
	}
	rec, err := inv.readCopy()
	if err != nil {
		return err
	}
	inv.setObject(rec.Name)
	rec, opened, err := inv.openCopy(ctx, rec)
	if err != nil {
		return err
	}
	doc := keyImportDoc{newKeyDoc(rec, false), opened}
	verb := "would import"
	if !inv.dryRun {
		verb = "imported"
		if err := inv.keys().Add(ctx, rec); err != nil {
			return err
		}
	}
	if !opened {
		inv.note("its checksum is right; 'calypso key show %s --check' makes sure that it opens", rec.ID)
	}
	return inv.emit(doc, func(p *page) {
		p.line("%s generation %d of the key %s: id %s, %s", verb, rec.Generation, rec.Name, rec.ID, wrapText(rec.Wrap))
	})
}

func (inv *invocation) readCopy() (*key.Record, error) {
	const most = 256 << 10
	name := inv.arg("FILE")
	if name == "-" {
		if inv.isSet("passphrase-fd") && inv.integer("passphrase-fd") == 0 {
			return nil, usageErrorf("standard input cannot give both the passphrase and the key")
		}
		text, err := key.ReadSecret("standard input", inv.In, most)
		if err != nil {
			return nil, err
		}
		defer clear(text)
		return key.Parse("standard input", text)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, errcode.New(errcode.Of(err), name, "%w", pathCause(err))
	}
	defer f.Close()
	text, err := key.ReadSecret(name, f, most)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return key.Parse(name, text)
}

// openCopy compares the fingerprint of a wrapped key where a flag says how, and wraps one that is not.
func (inv *invocation) openCopy(ctx context.Context, rec *key.Record) (*key.Record, bool, error) {
	if rec.Plain() {
		w, err := inv.wrapping(ctx)
		if err != nil {
			return nil, false, err
		}
		defer clear(w.Passphrase)
		k, err := rec.Unwrap(key.Opener{})
		if err != nil {
			return nil, false, err
		}
		defer k.Destroy()
		again, err := key.Wrap(k, key.About{Name: rec.Name, Generation: rec.Generation, Created: rec.Created}, w)
		return again, true, err
	}
	if inv.isSet("recipient") || inv.flag("plain") || inv.flag("passphrase") {
		return nil, false, usageErrorf("the key in the copy is wrapped and stays so; --recipient, --passphrase and --plain are for one that is not")
	}
	if !inv.passphraseGiven() && !inv.isSet("identity") {
		return rec, false, nil
	}
	ring := inv.newKeyring()
	defer ring.Close()
	_, err := ring.unlock(ctx, rec)
	return rec, err == nil, err
}
