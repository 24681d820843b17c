package tape

import (
	"context"
	"errors"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// clearTimeout bounds the commands that take the key out of the drive at the end.
const clearTimeout = 5 * time.Minute

// Keyed reads tapes whose blocks are encrypted with any keys, or in clear: it gives the drive the key that
// a block needs when it meets the block, and takes it away for a block in clear. Its user calls Clear at
// the end in any case.
type Keyed struct {
	drive *Drive
	// find gives the key with an id. The bytes stay the finder's.
	find func(ctx context.Context, id string) ([]byte, error)

	reading  string // id of the key set for reading
	writing  bool   // the key set is for writing: it is not exchanged for another
	touched  bool   // the drive's key is ours to clear
	replaced string // what was set in the drive before, "" for nothing
	last     string // id of the key that the last block read needed
}

// NewKeyed makes a Keyed of a drive. Nothing is sent before a block needs a key.
func NewKeyed(d *Drive, find func(ctx context.Context, id string) ([]byte, error)) *Keyed {
	return &Keyed{drive: d, find: find}
}

// Read is Drive.Read. When the key that a block needs cannot be had, the tape stands before the block, and
// the error has code errcode.KeyNeeded (or what find says) and a *KeyError in its chain.
func (k *Keyed) Read(ctx context.Context, buf []byte) (int, error) {
	n, err := k.drive.Read(ctx, buf)
	if err == nil {
		k.last = k.reading
		return n, nil
	}
	if k.writing || !k.keyTrouble(err) {
		return n, err
	}
	if err := k.exchange(ctx, err); err != nil {
		return 0, err
	}
	if n, err = k.drive.Read(ctx, buf); err == nil {
		k.last = k.reading
	}
	return n, err
}

// Need makes sure that the key with an id is at hand, before the tape is wound to what needs it. The error
// is that of Read.
func (k *Keyed) Need(ctx context.Context, id string) error {
	if _, err := k.find(ctx, id); err != nil {
		return k.noKey(&KeyError{ID: id, Err: err}, err)
	}
	return nil
}

// LastKeyID is the id of the key that the last block read was encrypted with; "": it was in clear.
func (k *Keyed) LastKeyID() string { return k.last }

// Replaced tells what key was in the drive before Keyed put another there or took it away.
func (k *Keyed) Replaced() string { return k.replaced }

// keyTrouble tells an error of keys from all others.
func (k *Keyed) keyTrouble(err error) bool {
	var needed *KeyError
	return errors.As(err, &needed) || inClear(err)
}

// inClear tells that a block in clear was met by a drive that decrypts all it reads.
func inClear(err error) bool {
	s, ok := scsi.SenseOf(err)
	return ok && s.Key == scsi.DataProtect && s.ASC == scsi.ASCInClear
}

// exchange gives the drive the key that the next block needs.
func (k *Keyed) exchange(ctx context.Context, cause error) error {
	if err := k.touch(ctx); err != nil {
		return errors.Join(cause, err)
	}
	if inClear(cause) {
		k.reading = ""
		return k.drive.ClearEncryption(ctx)
	}
	var needed *KeyError
	if !errors.As(cause, &needed) || needed.ID == "" || needed.ID == k.reading {
		return cause
	}
	secret, err := k.find(ctx, needed.ID)
	if err != nil {
		return k.noKey(needed, err)
	}
	k.reading = ""
	if err := k.drive.SetEncryption(ctx, secret, needed.ID, EncryptionOptions{ReadOnly: true}); err != nil {
		return err
	}
	k.reading = needed.ID
	return nil
}

// noKey is the error of a block whose key the finder does not give.
func (k *Keyed) noKey(needed *KeyError, err error) error {
	k.last = needed.ID
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errcode.Of(err) != errcode.KeyNotFound {
		e := errcode.New(errcode.Of(err), k.drive.Name, "the data is encrypted with the key with the id %s: %v", needed.ID, err)
		e.Err = errors.Join(needed, err)
		return e.WithHint("%s", errcode.HintOf(err))
	}
	e := errcode.New(errcode.KeyNeeded, k.drive.Name, "the data is encrypted with the key with the id %s, which is not in the key store", needed.ID)
	e.Err = needed
	return e
}

// touch remembers what is in the drive before the first change.
func (k *Keyed) touch(ctx context.Context) error {
	if k.touched {
		return nil
	}
	s, err := k.drive.EncryptionStatus(ctx)
	if err != nil {
		return err
	}
	if !Idle(s) {
		if k.replaced = KeyID(s.KADs); k.replaced == "" {
			k.replaced = "unnamed"
		}
	}
	k.touched = true
	return nil
}

// Encrypt has all that is written from now on encrypted with the key.
func (k *Keyed) Encrypt(ctx context.Context, secret []byte, id string) error {
	if err := k.touch(ctx); err != nil {
		return err
	}
	k.reading = ""
	err := k.drive.SetEncryption(ctx, secret, id, EncryptionOptions{})
	k.writing = err == nil
	return err
}

// InClear has all that is written from now on in clear: what was set for reading is taken away.
func (k *Keyed) InClear(ctx context.Context) error {
	if !k.touched {
		return nil
	}
	k.reading, k.writing = "", false
	return k.drive.ClearEncryption(ctx)
}

// Clear takes the key out of the drive, if one was put there. It works after ctx is over too.
func (k *Keyed) Clear(ctx context.Context) error {
	if !k.touched {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
	defer cancel()
	if err := k.drive.ClearEncryption(ctx); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	k.touched, k.reading, k.writing = false, "", false
	return nil
}
