package cmd

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"

	"filippo.io/age"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/key"
)

// keys is the key store.
func (inv *invocation) keys() *key.Store {
	return key.NewStore(filepath.Join(inv.places.StateDir, "keys"))
}

// keyring opens keys of the store when they are needed, and destroys them at the end.
type keyring struct {
	inv        *invocation
	open       map[string]*key.Key
	lent       *key.Key
	failed     map[string]error // why a key could not be had: nobody is asked twice
	passphrase []byte           // of the flags, once it was read
	identities []age.Identity
	loaded     bool
}

func (inv *invocation) newKeyring() *keyring {
	return &keyring{inv: inv, open: map[string]*key.Key{}, failed: map[string]error{}}
}

// Close zeroes all keys.
func (r *keyring) Close() error {
	for _, k := range r.open {
		k.Destroy()
	}
	clear(r.open)
	clear(r.passphrase)
	return nil
}

// lend gives the ring a key that stays its owner's.
func (r *keyring) lend(k *key.Key) { r.lent = k }

// find gives the key with an id, for tape.Keyed. errcode.KeyNotFound: the store does not have it.
func (r *keyring) find(ctx context.Context, id string) ([]byte, error) {
	if k := r.open[id]; k != nil {
		return k.Secret(), nil
	}
	if r.lent != nil && r.lent.ID() == id {
		return r.lent.Secret(), nil
	}
	if err := r.failed[id]; err != nil {
		return nil, err
	}
	k, err := r.byID(ctx, id)
	if err != nil {
		if ctx.Err() == nil {
			r.failed[id] = err
		}
		return nil, err
	}
	return k.Secret(), nil
}

func (r *keyring) byID(ctx context.Context, id string) (*key.Key, error) {
	if !key.IsID(id) {
		return nil, errcode.New(errcode.KeyNotFound, id, "it is not the id of a key of calypso")
	}
	rec, err := r.inv.keys().Get(id)
	if err != nil {
		return nil, err
	}
	return r.unlock(ctx, rec)
}

// unlock opens a key of the store with what the flags give, or what is typed.
func (r *keyring) unlock(ctx context.Context, rec *key.Record) (*key.Key, error) {
	if k := r.open[rec.ID]; k != nil {
		return k, nil
	}
	if err := r.load(ctx, rec); err != nil {
		return nil, err
	}
	k, err := rec.Unwrap(key.Opener{Identities: r.identities, Passphrase: func(rec *key.Record) ([]byte, error) {
		return r.askFor(ctx, "passphrase of the key "+rec.Name+" ("+rec.ID+")", rec)
	}})
	if err != nil {
		return nil, err
	}
	r.open[rec.ID] = k
	return k, nil
}

// load reads the identities when a key is wrapped for one.
func (r *keyring) load(ctx context.Context, rec *key.Record) error {
	if r.loaded || rec.Wrap != key.WrapRecipients {
		return nil
	}
	for _, path := range r.inv.strs("identity") {
		list, err := key.LoadIdentities(path, func(what string) ([]byte, error) {
			return r.askFor(ctx, "passphrase of "+what, rec)
		})
		if err != nil {
			return err
		}
		r.identities = append(r.identities, list...)
	}
	r.loaded = true
	return nil
}

// askFor gives a passphrase that its user may clear.
func (r *keyring) askFor(ctx context.Context, question string, rec *key.Record) ([]byte, error) {
	if r.inv.passphraseGiven() {
		if r.passphrase == nil {
			text, err := r.inv.readPassphrase()
			if err != nil {
				return nil, err
			}
			r.passphrase = text
		}
		return bytes.Clone(r.passphrase), nil
	}
	text, asked, err := r.inv.askSecret(ctx, question)
	switch {
	case err != nil:
		return nil, err
	case !asked:
		return nil, errcode.New(errcode.KeyLocked, rec.Name, "the key with the id %s wants a passphrase, and there is no terminal to ask", rec.ID).
			WithHint("give it with --passphrase-file FILE or --passphrase-fd N")
	}
	return text, nil
}

// checkUnlockFlags finds what is wrong with the flags before a drive is touched.
func (inv *invocation) checkUnlockFlags() error {
	if !inv.declares("identity") {
		return nil
	}
	if err := inv.checkPassphraseFlags(); err != nil {
		return err
	}
	for _, path := range inv.strs("identity") {
		if path == "" {
			return usageErrorf("--identity: no file is named")
		}
	}
	return nil
}

// useKeys has the drive find the keys that blocks need. Whatever ends the verb, the drive has forgotten
// them before it is closed.
func (d *drive) useKeys(inv *invocation) {
	if !inv.declares("identity") || d.keyed != nil {
		return
	}
	d.ring = inv.newKeyring()
	d.keyed = tape.NewKeyed(d.Drive, d.ring.find)
	d.closers = append(d.closers, func() error {
		err := d.keyed.Clear(context.Background())
		if was := d.keyed.Replaced(); was != "" {
			inv.warn("%s held the key %s before; it has none now", d.name, was)
		}
		return errors.Join(err, d.ring.Close())
	})
}

// Read is tape.Drive's, or that of tape.Keyed when the verb can open keys.
func (d *drive) Read(ctx context.Context, buf []byte) (int, error) {
	if d.keyed == nil {
		return d.Drive.Read(ctx, buf)
	}
	return d.keyed.Read(ctx, buf)
}

// LastKeyID is the id of the key that the last block read was encrypted with.
func (d *drive) LastKeyID() string {
	if d.keyed == nil {
		return ""
	}
	return d.keyed.LastKeyID()
}

// mustNotEncrypt refuses to write in clear on a drive that was told to encrypt, by 'lto encrypt on' or by
// another program: what is written would be encrypted, and the catalog would not know.
func (d *drive) mustNotEncrypt(ctx context.Context) error {
	s, err := d.EncryptionStatus(ctx)
	if errcode.Of(err) == errcode.EncryptionMissing || err == nil && s.Encryption == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return errcode.New(errcode.EncryptionState, d.name, "the drive was told to encrypt with the key %s, and this is to be written in clear; nothing was written", cell(tape.KeyID(s.KADs))).
		WithHint("name the key with 'calypso lto write --key', or take it out with 'calypso lto encrypt off -f %s'", d.name)
}
