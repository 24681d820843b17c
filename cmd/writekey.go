package cmd

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/key"
)

// writeKey is the key that lto write encrypts with; nil: the archive is in clear.
type writeKey struct {
	key  *key.Key
	ring *keyring
}

// writeKey opens the key of --key, before anything is touched; stdin says that standard input is to be written.
func (inv *invocation) writeKey(ctx context.Context, stdin bool) (*writeKey, error) {
	if err := inv.checkUnlockFlags(); err != nil {
		return nil, err
	}
	if inv.isSet("passphrase-fd") && inv.integer("passphrase-fd") == 0 && stdin {
		return nil, usageErrorf("standard input cannot give both the passphrase and what is to be written")
	}
	if !inv.isSet("key") {
		return nil, nil
	}
	rec, err := inv.keys().Find(inv.str("key"))
	if err != nil {
		return nil, err
	}
	ring := inv.newKeyring()
	k, err := ring.unlock(ctx, rec)
	if err != nil {
		return nil, err
	}
	return &writeKey{key: k, ring: ring}, nil
}

func (w *writeKey) close() {
	if w != nil {
		_ = w.ring.Close()
	}
}

// id is that of the key, "" for none.
func (w *writeKey) id() string {
	if w == nil {
		return ""
	}
	return w.key.ID()
}

// check tells before the tape moves whether the drive can do what is wanted.
func (w *writeKey) check(ctx context.Context, d *drive) error {
	if w == nil {
		return d.mustNotEncrypt(ctx)
	}
	// Reads of earlier archives use the key too, without a second question.
	d.ring.lend(w.key)
	return d.CheckEncryption(ctx)
}

// set is called when all that is read of the tape was read and nothing was written yet.
func (w *writeKey) set(ctx context.Context, d *drive) error {
	if w == nil {
		return d.keyed.InClear(ctx)
	}
	err := d.keyed.Encrypt(ctx, w.key.Secret(), w.key.ID())
	if errcode.Of(err) == errcode.EncryptionState {
		return errcode.New(errcode.EncryptionState, d.name, "%w", err).WithState("nothing was written")
	}
	return err
}

// keyText says what an archive is encrypted with.
func keyText(id *string) string {
	if id == nil {
		return "none: in clear"
	}
	return *id
}
