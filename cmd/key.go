package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/catalog"
	"calypso/tape/key"
)

func keyGroup() *command {
	return &command{
		Name: "key", Summary: "make and keep the keys that tapes are encrypted with",
		Description: "A key is 32 random bytes, kept in a file of its own, wrapped with a passphrase or for an age or SSH key. Its id is a fingerprint: it is on the tape beside every encrypted block and in the catalog, and tells nothing of the key.\n\nWithout the key a tape is lost. Put a copy in the safe with 'calypso key paper' or 'calypso key export' before the first tape is written; docs/keys.md has the drill.",
		Commands: []*command{
			keyCreateCommand(), keyListCommand(), keyShowCommand(), keyExportCommand(), keyImportCommand(),
			keyPaperCommand(), keyRotateCommand(), keyDeleteCommand(),
		},
	}
}

func keyArg() arg { return arg{Name: "KEY", Usage: "name or id of the key"} }

// keyVerb completes the declaration of a verb of the group.
func keyVerb(c *command, more ...flag) *command {
	c.Flags = append(c.Flags, more...)
	c.Exits = append([]errcode.Exit{errcode.ExitNotFound, errcode.ExitMismatch}, c.Exits...)
	return c
}

// keyDoc is a key without its secret, as every answer shows it.
type keyDoc struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Generation int       `json:"generation"`
	Current    bool      `json:"current"`
	Created    time.Time `json:"created"`
	Wrap       string    `json:"wrap"`
	Recipients []string  `json:"recipients"`
}

func newKeyDoc(r *key.Record, current bool) keyDoc {
	return keyDoc{r.ID, r.Name, r.Generation, current, r.Created, r.Wrap, r.Recipients}
}

// keyChangedDoc is `calypso key create|rotate|import|delete --json`.
type keyChangedDoc struct {
	Key *keyDoc `json:"key"`
}

func keyCreateCommand() *command {
	return keyVerb(&command{
		Name: "create", Summary: "make a key",
		Description: "Makes a key of random bytes and stores it wrapped: with a passphrase that is asked for twice, unless a flag says otherwise. --plain stores it as it is, for machines that must write tapes with nobody there: then whoever reads the key file has the key.",
		Args:        []arg{{Name: "NAME", Usage: "name of the new key: letters, digits, '.', '_' and '-', at most 32"}},
		Examples: []example{
			{"calypso key create offsite", "make a key and ask for a passphrase"},
			{"calypso key create offsite --recipient ~/.ssh/id_ed25519.pub", "wrap it for an SSH key"},
			{"calypso key create nightly --plain", "one that cron can use"},
		},
		Exits: []errcode.Exit{errcode.ExitRefused}, Mutates: true,
		Run: runKeyCreate,
	}, append(wrapFlags(), passphraseFlags()...)...)
}

func runKeyCreate(ctx context.Context, inv *invocation) error {
	name := inv.arg("NAME")
	if err := errors.Join(key.CheckName(name), inv.checkPassphraseFlags()); err != nil {
		return err
	}
	switch _, err := inv.keys().Named(name); {
	case err == nil:
		return errcode.New(errcode.KeyExists, name, "the key store has a key of this name").WithHint("'calypso key rotate %s' makes its next generation", name)
	case errcode.Of(err) != errcode.KeyNotFound:
		return err
	}
	w, err := inv.wrapping(ctx)
	if err != nil {
		return err
	}
	return inv.makeKey(ctx, key.About{Name: name, Generation: 1, Created: time.Now()}, w)
}

// makeKey makes, stores and shows a key.
func (inv *invocation) makeKey(ctx context.Context, about key.About, w key.Wrapping) error {
	defer clear(w.Passphrase)
	if inv.dryRun {
		return inv.emit(keyChangedDoc{}, func(p *page) { p.line("would make generation %d of the key %s", about.Generation, about.Name) })
	}
	k, err := key.New()
	if err != nil {
		return err
	}
	defer k.Destroy()
	rec, err := key.Wrap(k, about, w)
	if err != nil {
		return err
	}
	if err := inv.keys().Add(ctx, rec); err != nil {
		return err
	}
	inv.note("put a copy in the safe before the first tape is written with it: 'calypso key paper %s'", rec.ID)
	return inv.emitKey(rec, "made")
}

func (inv *invocation) emitKey(rec *key.Record, verb string) error {
	doc := newKeyDoc(rec, true)
	return inv.emit(keyChangedDoc{&doc}, func(p *page) {
		p.line("%s generation %d of the key %s: id %s, %s", verb, rec.Generation, rec.Name, rec.ID, wrapText(rec.Wrap))
	})
}

// wrapText says how a key is wrapped.
func wrapText(wrap string) string {
	switch wrap {
	case key.WrapPassphrase:
		return "wrapped with a passphrase"
	case key.WrapRecipients:
		return "wrapped for age or SSH keys"
	}
	return "NOT wrapped"
}

func keyListCommand() *command {
	return keyVerb(&command{
		Name: "list", Summary: "list the keys",
		Description: "Lists all keys of the store and how many cartridges need each, as the catalog knows.",
		Examples:    []example{{"calypso key list", "which keys there are"}},
		Run:         runKeyList,
	})
}

// keyListDoc is `calypso key list --json`.
type keyListDoc struct {
	Keys []usedKeyDoc `json:"keys"`
}

type usedKeyDoc struct {
	keyDoc
	Volumes []keyUseDoc `json:"volumes"`
}

// keyUseDoc is a cartridge that needs a key.
type keyUseDoc struct {
	Volume string  `json:"volume"`
	Files  []int64 `json:"files"`
}

func newUsedKeyDoc(r *key.Record, current bool, uses []catalog.KeyUse) usedKeyDoc {
	doc := usedKeyDoc{keyDoc: newKeyDoc(r, current)}
	for _, u := range uses {
		doc.Volumes = append(doc.Volumes, keyUseDoc{u.Volume, u.Files})
	}
	return doc
}

func runKeyList(_ context.Context, inv *invocation) error {
	list, err := inv.keys().List()
	uses, e := inv.catalog().KeyUses()
	if err = errors.Join(err, e); list == nil && err != nil {
		return err
	}
	var doc keyListDoc
	t := newTable("name", ">gen", "id", "created", "wrap", ">volumes")
	for i, r := range list {
		current := i+1 == len(list) || list[i+1].Name != r.Name
		doc.Keys = append(doc.Keys, newUsedKeyDoc(r, current, uses[r.ID]))
		t.row(r.Name, r.Generation, r.ID, r.Created, r.Wrap, len(uses[r.ID]))
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.table(t, "no keys; 'calypso key create' makes one") }))
}

func keyShowCommand() *command {
	return keyVerb(&command{
		Name: "show", Summary: "show a key and which tapes need it",
		Description: "Shows all about a key but the key. Of a name the current generation is shown. --check unwraps it and compares its fingerprint, which is how to make sure of the passphrase or identity.",
		Args:        []arg{keyArg()},
		Flags:       []flag{boolFlag("check", "unwrap the key and compare its fingerprint")},
		Examples: []example{
			{"calypso key show offsite", "which tapes need it"},
			{"calypso key show offsite --check", "is the passphrase still the one in my head"},
		},
		Run: runKeyShow,
	}, unlockFlags()...)
}

// keyShowDoc is `calypso key show --json`.
type keyShowDoc struct {
	usedKeyDoc
	Generations []keyDoc `json:"generations"`
	Checked     bool     `json:"checked"`
}

func runKeyShow(ctx context.Context, inv *invocation) error {
	if err := inv.checkUnlockFlags(); err != nil {
		return err
	}
	rec, err := inv.keys().Find(inv.arg("KEY"))
	if err != nil {
		return err
	}
	all, err := inv.keys().Named(rec.Name)
	if err != nil {
		return err
	}
	uses, err := inv.catalog().KeyUses()
	if err != nil {
		return err
	}
	newest := all[len(all)-1].ID
	doc := keyShowDoc{usedKeyDoc: newUsedKeyDoc(rec, rec.ID == newest, uses[rec.ID]), Checked: inv.flag("check")}
	for _, r := range all {
		doc.Generations = append(doc.Generations, newKeyDoc(r, r.ID == newest))
	}
	if doc.Checked {
		ring := inv.newKeyring()
		defer ring.Close()
		if _, err := ring.unlock(ctx, rec); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) { p.key(doc) })
}

func (p *page) key(doc keyShowDoc) {
	checked := "not tried"
	if doc.Checked {
		checked = "opened, and the fingerprint is right"
	}
	p.pairs("name", doc.Name, "id", doc.ID, "generation", fmt.Sprintf("%d of %d", doc.Generation, len(doc.Generations)), "current", doc.Current,
		"created", doc.Created, "wrap", wrapText(doc.Wrap), "recipients", strings.Join(doc.Recipients, ", "), "check", checked)
	t := newTable("volume", "files")
	for _, v := range doc.Volumes {
		t.row(v.Volume, fileNumbers(v.Files))
	}
	p.blank()
	p.table(t, "no cartridge in the catalog needs it")
}

func keyRotateCommand() *command {
	return keyVerb(&command{
		Name: "rotate", Summary: "make the next generation of a key",
		Description: "Makes a new key under the same name. From now on tapes are written with it; earlier generations stay to read what was written with them. It is wrapped for the same age or SSH keys as the one before; a passphrase is asked for, and --plain must be said again.",
		Args:        []arg{{Name: "NAME", Usage: "name of the key"}},
		Examples:    []example{{"calypso key rotate offsite", "write with a new key from now on"}},
		Exits:       []errcode.Exit{errcode.ExitRefused}, Mutates: true,
		Run: runKeyRotate,
	}, append(wrapFlags(), passphraseFlags()...)...)
}

func runKeyRotate(ctx context.Context, inv *invocation) error {
	if err := inv.checkPassphraseFlags(); err != nil {
		return err
	}
	all, err := inv.keys().Named(inv.arg("NAME"))
	if err != nil {
		return err
	}
	last := all[len(all)-1]
	about := key.About{Name: last.Name, Generation: last.Generation + 1, Created: time.Now()}
	said := inv.isSet("recipient") || inv.flag("plain") || inv.flag("passphrase") || inv.passphraseGiven()
	if !said && last.Wrap == key.WrapRecipients && len(last.Recipients) > 0 {
		return inv.makeKey(ctx, about, key.Wrapping{Recipients: last.Recipients})
	}
	if !said && last.Plain() {
		return usageErrorf("the key %s is not wrapped: say with --plain that the next is not either, or how to wrap it", last.Name)
	}
	w, err := inv.wrapping(ctx)
	if err != nil {
		return err
	}
	return inv.makeKey(ctx, about, w)
}

func keyDeleteCommand() *command {
	return keyVerb(&command{
		Name: "delete", Summary: "delete a key that no tape needs any more",
		Description: "Deletes one generation of a key for good: by its id, or by its name when there is one only. As long as the catalog has an archive that is encrypted with it, that is refused, and the cartridges are listed; forget or label those first. Tapes that were never scanned here are not in the catalog, and copies in the safe are not touched.",
		Args:        []arg{keyArg()},
		Examples:    []example{{"calypso key delete 4b4ad03a569fb4d6 --confirm offsite", "delete an old generation"}},
		Exits:       []errcode.Exit{errcode.ExitRefused},
		Mutates:     true, Danger: severe,
		Run: runKeyDelete,
	})
}

func runKeyDelete(ctx context.Context, inv *invocation) error {
	rec, err := inv.toDelete()
	if err != nil {
		return err
	}
	if err := inv.unused(rec); err != nil {
		return err
	}
	if err := inv.confirmName(ctx, rec.Name, fmt.Sprintf("delete generation %d of the key %s, id %s; what is encrypted with it can then be read with a copy from the safe alone", rec.Generation, rec.Name, rec.ID)); err != nil {
		return err
	}
	doc := newKeyDoc(rec, false)
	if inv.dryRun {
		return inv.emit(keyChangedDoc{&doc}, func(p *page) {
			p.line("would delete generation %d of the key %s: id %s", rec.Generation, rec.Name, rec.ID)
		})
	}
	if err := inv.keys().Delete(ctx, rec.ID, func() error { return inv.unused(rec) }); err != nil {
		return err
	}
	return inv.emit(keyChangedDoc{&doc}, func(p *page) { p.line("deleted generation %d of the key %s: id %s", rec.Generation, rec.Name, rec.ID) })
}

// toDelete finds the key. A damaged one can be deleted by its id if its file can be told; a name stands
// for one generation only.
func (inv *invocation) toDelete() (*key.Record, error) {
	name := inv.arg("KEY")
	if key.IsID(name) {
		return inv.keys().Get(name)
	}
	all, err := inv.keys().Named(name)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, usageErrorf("the key %s has %d generations: name one by its id", name, len(all))
	}
	return all[0], nil
}

// unused refuses while the catalog has an archive that needs the key.
func (inv *invocation) unused(rec *key.Record) error {
	uses, err := inv.catalog().KeyUses()
	if err != nil {
		return err
	}
	var volumes []string
	for _, u := range uses[rec.ID] {
		volumes = append(volumes, fmt.Sprintf("%s (file %s)", u.Volume, fileNumbers(u.Files)))
	}
	if len(volumes) == 0 {
		return nil
	}
	return errcode.New(errcode.KeyInUse, rec.Name, "%s encrypted with the key with the id %s: %s", counted(len(volumes), "cartridge"), rec.ID, strings.Join(volumes, ", ")).
		WithState("nothing was deleted")
}
