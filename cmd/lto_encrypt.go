package cmd

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/key"
	"calypso/tape/scsi"
)

func ltoEncryptGroup() *command {
	return &command{
		Name: "encrypt", Summary: "see and set how a drive encrypts",
		Description: "'calypso lto write --key' sets the key by itself and takes it out again. These verbs are for writing and reading with other programs, and to see what is set.",
		Commands:    []*command{encryptStatusCommand(), encryptOnCommand(), encryptOffCommand(), encryptVerifyCommand()},
	}
}

func encryptStatusCommand() *command {
	return ltoVerb(&command{
		Name: "status", Summary: "show how the drive encrypts",
		Description: "Shows what the drive can encrypt with, whether it does, the id of its key and what it says of the next block. Takes no lock and does not move the tape.",
		Examples:    []example{{"calypso lto encrypt status -f vtl01:0", "does the drive hold a key"}},
		Run:         runEncryptStatus,
	})
}

// encryptStatusDoc is `calypso lto encrypt status --json`.
type encryptStatusDoc struct {
	Drive      string        `json:"drive"`
	Supported  bool          `json:"supported"`
	Control    *string       `json:"control"`
	Algorithm  *algorithmDoc `json:"algorithm"`
	Encryption *string       `json:"encryption"`
	Decryption *string       `json:"decryption"`
	Scope      *string       `json:"scope"`
	KeyID      *string       `json:"key_id"`
	KeyName    *string       `json:"key_name"`
	NextBlock  *nextBlockDoc `json:"next_block"`
}

type algorithmDoc struct {
	Index                int    `json:"index"`
	Code                 string `json:"code"`
	ForCartridge         bool   `json:"usable_with_cartridge"`
	MaxUnauthenticatedID int    `json:"max_unauthenticated_data_bytes"`
	MaxAuthenticatedID   int    `json:"max_authenticated_data_bytes"`
}

type nextBlockDoc struct {
	Block  string  `json:"block"`
	Status string  `json:"status"`
	KeyID  *string `json:"key_id"`
}

var (
	encryptionModes = []string{"off", "external", "on"}
	decryptionModes = []string{"off", "raw", "on", "mixed"}
	encryptScopes   = []string{"public", "local", "all"}
	controls        = []string{"unknown", "host", "others"}
	blockStatuses   = []string{"unknown", "not read yet", "no block", "in clear", "encrypted, algorithm unknown", "encrypted with the key in the drive", "encrypted with another key"}
)

// wordOf is the word for a number of the standard, the number itself when there is none.
func wordOf[N ~byte](words []string, n N) string {
	if int(n) < len(words) {
		return words[n]
	}
	return fmt.Sprintf("%d", n)
}

func runEncryptStatus(ctx context.Context, inv *invocation) (err error) {
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	doc, err := inv.encryptStatus(ctx, d)
	if err != nil {
		return err
	}
	return inv.emit(doc, func(p *page) { p.encryption(doc) })
}

func (inv *invocation) encryptStatus(ctx context.Context, d *drive) (encryptStatusDoc, error) {
	doc := encryptStatusDoc{Drive: d.name}
	c, err := d.EncryptionCapabilities(ctx)
	if errcode.Of(err) == errcode.EncryptionMissing {
		return doc, nil
	}
	if err != nil {
		return doc, err
	}
	control := wordOf(controls, c.Control)
	doc.Control = &control
	if a := tape.AES256GCM(c); a != nil {
		doc.Supported = c.Control != scsi.ControlOthers
		doc.Algorithm = &algorithmDoc{int(a.Index), fmt.Sprintf("%08X", a.Code), a.Mounted, a.MaxUKAD, a.MaxAKAD}
	}
	s, err := d.EncryptionStatus(ctx)
	if err != nil {
		return doc, err
	}
	doc.set(s)
	if doc.KeyID != nil && key.IsID(*doc.KeyID) {
		if rec, err := inv.keys().Get(*doc.KeyID); err == nil {
			doc.KeyName = &rec.Name
		}
	}
	return doc, doc.next(ctx, d)
}

func (doc *encryptStatusDoc) set(s scsi.EncryptionStatus) {
	encryption, decryption, scope := wordOf(encryptionModes, s.Encryption), wordOf(decryptionModes, s.Decryption), wordOf(encryptScopes, s.KeyScope)
	doc.Encryption, doc.Decryption, doc.Scope = &encryption, &decryption, &scope
	doc.KeyID = orNull(tape.KeyID(s.KADs))
}

// next adds what the drive says of the next block, unless it has no tape to say it of.
func (doc *encryptStatusDoc) next(ctx context.Context, d *drive) error {
	n, err := d.NextBlockEncryption(ctx)
	if _, answered := scsi.SenseOf(err); answered || errcode.Of(err) == errcode.EncryptionMissing {
		return nil
	}
	if err != nil {
		return err
	}
	doc.NextBlock = &nextBlockDoc{fmt.Sprint(n.Block), wordOf(blockStatuses, n.Status), orNull(tape.KeyID(n.KADs))}
	return nil
}

func (p *page) encryption(doc encryptStatusDoc) {
	algorithm, next := "none", ""
	if a := doc.Algorithm; a != nil {
		algorithm = "AES-256-GCM"
		if !a.ForCartridge {
			algorithm += ", not with the cartridge in the drive"
		}
	}
	if n := doc.NextBlock; n != nil {
		next = n.Status
		if n.KeyID != nil {
			next += ", key " + *n.KeyID
		}
	}
	p.pairs("drive", doc.Drive, "algorithm", algorithm, "controlled by", doc.Control, "encryption", doc.Encryption, "decryption", doc.Decryption,
		"for", doc.Scope, "key", doc.KeyID, "name", doc.KeyName, "next block", next)
}

func keyFlag() flag { return stringFlag("key", "NAME", "the key: its name or id").Required() }

// encryptDoc is `calypso lto encrypt on|off|verify --json`.
type encryptDoc struct {
	Drive string  `json:"drive"`
	KeyID *string `json:"key_id"`
	Held  bool    `json:"held_until_unload"`
}

func encryptOnCommand() *command {
	return driveVerb(&command{
		Name: "on", Summary: "give the drive a key until the cartridge is unloaded",
		Description: "Has the drive encrypt all that is written and decrypt all that is read, by any program, until the cartridge is unloaded or 'calypso lto encrypt off'. Data in clear is then an error on reading, such as the label of calypso; --mixed lets it pass.\n\nThe drive holds the key all that time: whoever can use the drive can read the tape.",
		Flags:       []flag{keyFlag(), boolFlag("mixed", "let data in clear pass on reading")},
		Examples:    []example{{"calypso lto encrypt on -f vtl01:0 --key offsite", "encrypt what tar or Bacula write"}},
		Exits:       []errcode.Exit{errcode.ExitMismatch},
		Mutates:     true,
		Run:         runEncryptOn,
	}, unlockFlags()...)
}

func runEncryptOn(ctx context.Context, inv *invocation) (err error) {
	if err := inv.checkUnlockFlags(); err != nil {
		return err
	}
	rec, err := inv.keys().Find(inv.str("key"))
	if err != nil {
		return err
	}
	ring := inv.newKeyring()
	defer ring.Close()
	k, err := ring.unlock(ctx, rec)
	if err != nil {
		return err
	}
	d, _, err := inv.loadedDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	if inv.dryRun {
		err = d.CheckEncryption(ctx)
	} else {
		err = d.SetEncryption(ctx, k.Secret(), k.ID(), tape.EncryptionOptions{Mixed: inv.flag("mixed")})
	}
	if err != nil {
		return err
	}
	return inv.emit(encryptDoc{d.name, orNull(k.ID()), !inv.dryRun}, func(p *page) {
		if inv.dryRun {
			p.line("would give %s the key %s (%s)", d.name, rec.Name, rec.ID)
			return
		}
		p.line("%s encrypts with the key %s (%s) and HOLDS IT until the cartridge is unloaded; 'calypso lto encrypt off -f %s' takes it out before", d.name, rec.Name, rec.ID, d.name)
	})
}

func encryptOffCommand() *command {
	return driveVerb(&command{
		Name: "off", Summary: "take the key out of the drive",
		Description: "Makes the drive forget its key, whoever gave it, and checks that it did. What is written from then on is in clear.",
		Examples:    []example{{"calypso lto encrypt off -f vtl01:0", "write in clear again"}},
		Exits:       []errcode.Exit{errcode.ExitMismatch},
		Mutates:     true,
		Run:         runEncryptOff,
	})
}

func runEncryptOff(ctx context.Context, inv *invocation) (err error) {
	d, err := inv.openDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	s, err := d.EncryptionStatus(ctx)
	if err != nil {
		return err
	}
	if !inv.dryRun {
		if err := d.ClearEncryption(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	doc := encryptDoc{Drive: d.name, KeyID: orNull(tape.KeyID(s.KADs))}
	return inv.emit(doc, func(p *page) {
		switch {
		case tape.Idle(s):
			p.line("%s holds no key", d.name)
		case inv.dryRun:
			p.line("would take the key %s out of %s", cell(doc.KeyID), d.name)
		default:
			p.line("took the key %s out of %s", cell(doc.KeyID), d.name)
		}
	})
}

func encryptVerifyCommand() *command {
	return ltoVerb(&command{
		Name: "verify", Summary: "make sure that the drive encrypts with a key",
		Description: "Compares what the drive says of itself with the key: its id, and that it encrypts and decrypts. Anything else gives status 17. The key itself is not opened, the tape does not move and no lock is taken.",
		Flags:       []flag{keyFlag()},
		Examples:    []example{{"calypso lto encrypt verify -f vtl01:0 --key offsite && tar -c /srv", "write only if it will be encrypted"}},
		Exits:       []errcode.Exit{errcode.ExitMismatch},
		Run:         runEncryptVerify,
	})
}

func runEncryptVerify(ctx context.Context, inv *invocation) (err error) {
	rec, err := inv.keys().Find(inv.str("key"))
	if err != nil {
		return err
	}
	d, _, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	s, err := d.EncryptionStatus(ctx)
	if err != nil {
		return err
	}
	id := tape.KeyID(s.KADs)
	if s.Encryption != scsi.Encrypt || s.Decryption != scsi.Decrypt && s.Decryption != scsi.DecryptMixed || id != rec.ID {
		return errcode.New(errcode.EncryptionState, d.name, "encryption is %s, decryption %s, the key %s; want both on with %s (%s)",
			wordOf(encryptionModes, s.Encryption), wordOf(decryptionModes, s.Decryption), cell(id), rec.Name, rec.ID).
			WithHint("'calypso lto encrypt on -f %s --key %s' sets it", d.name, rec.Name)
	}
	return inv.emit(encryptDoc{d.name, &id, true}, func(p *page) { p.line("%s encrypts and decrypts with the key %s (%s)", d.name, rec.Name, rec.ID) })
}
