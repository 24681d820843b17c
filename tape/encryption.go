package tape

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// pageRoom is the room for a page of the tape data encryption protocol.
const pageRoom = 8 << 10

// EncryptionOptions say how SetEncryption sets a key.
type EncryptionOptions struct {
	ReadOnly bool // decrypt what is read, leave what is written in clear
	Mixed    bool // let blocks in clear pass on reading, where without it they are an error
}

// EncryptionCapabilities asks what the drive can encrypt with. errcode.EncryptionMissing: it does not
// know the tape data encryption protocol at all.
func (d *Drive) EncryptionCapabilities(ctx context.Context) (scsi.EncryptionCapabilities, error) {
	const op = "read encryption capabilities"
	data, err := d.securityIn(ctx, op, scsi.ProtocolInformation, scsi.PageProtocols)
	if err != nil {
		return scsi.EncryptionCapabilities{}, err
	}
	protocols, err := scsi.ParseProtocols(data)
	if err != nil {
		return scsi.EncryptionCapabilities{}, d.garbled(op, err)
	}
	if !slices.Contains(protocols, scsi.ProtocolTapeEncryption) {
		return scsi.EncryptionCapabilities{}, d.noEncryption("the drive does not have the tape data encryption protocol")
	}
	return securityPage(ctx, d, op, scsi.PageEncryptionCapabilities, scsi.ParseEncryptionCapabilities)
}

// EncryptionStatus asks with what the drive encrypts and decrypts at present. It does not move the tape.
func (d *Drive) EncryptionStatus(ctx context.Context) (scsi.EncryptionStatus, error) {
	return securityPage(ctx, d, "read encryption status", scsi.PageEncryptionStatus, scsi.ParseEncryptionStatus)
}

// NextBlockEncryption asks how the block before which the tape stands is encrypted. It does not move the
// tape, so a drive that has not looked at the block yet says so (scsi.BlockNotRead).
func (d *Drive) NextBlockEncryption(ctx context.Context) (scsi.NextBlock, error) {
	return securityPage(ctx, d, "read next block encryption status", scsi.PageNextBlockEncryption, scsi.ParseNextBlock)
}

// securityPage reads and decodes one page of protocol 20h.
func securityPage[T any](ctx context.Context, d *Drive, op string, page uint16, parse func([]byte) (T, error)) (T, error) {
	data, err := d.securityIn(ctx, op, scsi.ProtocolTapeEncryption, page)
	if err != nil {
		var none T
		return none, err
	}
	v, err := parse(data)
	if err != nil {
		return v, d.garbled(op, err)
	}
	return v, nil
}

// securityIn reads a page. A drive that refuses the command or the page cannot encrypt under a host's key.
func (d *Drive) securityIn(ctx context.Context, op string, protocol byte, page uint16) ([]byte, error) {
	data := make([]byte, pageRoom)
	cdb := scsi.SecurityProtocolIn(protocol, page, uint32(len(data)))
	n, err := d.repeat(ctx, op, cdb[:], nil, data)
	if refused(err) {
		return nil, d.noEncryption("%w", err)
	}
	return data[:n], err
}

func (d *Drive) noEncryption(format string, args ...any) *errcode.Error {
	return errcode.New(errcode.EncryptionMissing, d.Name, format, args...)
}

// encryptionAlgorithm finds AES-256-GCM among what the drive offers for the cartridge in it.
func (d *Drive) encryptionAlgorithm(ctx context.Context) (scsi.EncryptionAlgorithm, error) {
	c, err := d.EncryptionCapabilities(ctx)
	if err != nil {
		return scsi.EncryptionAlgorithm{}, err
	}
	if c.Control == scsi.ControlOthers {
		return scsi.EncryptionAlgorithm{}, d.noEncryption("the encryption of this drive is not under the control of hosts").
			WithHint("set the library to application-managed encryption")
	}
	a := AES256GCM(c)
	switch {
	case a == nil:
		return scsi.EncryptionAlgorithm{}, d.noEncryption("the drive does not offer AES-256-GCM")
	case !a.Mounted:
		return *a, d.noEncryption("the cartridge in the drive cannot be encrypted")
	}
	return *a, nil
}

// AES256GCM finds the algorithm that calypso uses; nil: the drive does not have it.
func AES256GCM(c scsi.EncryptionCapabilities) *scsi.EncryptionAlgorithm {
	i := slices.IndexFunc(c.Algorithms, func(a scsi.EncryptionAlgorithm) bool {
		return a.Code == scsi.AlgorithmAES256GCM && a.Encrypt != 0 && a.Decrypt != 0 && a.KeyBytes == 32
	})
	if i < 0 {
		return nil
	}
	return &c.Algorithms[i]
}

// CheckEncryption tells whether the drive can encrypt the cartridge in it: errcode.EncryptionMissing.
func (d *Drive) CheckEncryption(ctx context.Context) error {
	_, err := d.encryptionAlgorithm(ctx)
	return err
}

// SetEncryption makes the drive encrypt and decrypt with the key, until the cartridge is unloaded or
// ClearEncryption is called. The id goes beside every block as key-associated data: authenticated where
// the drive has room for it. What the drive then says of itself is compared with what it was told; when
// they differ the key is cleared and the error is errcode.EncryptionState.
func (d *Drive) SetEncryption(ctx context.Context, key []byte, id string, o EncryptionOptions) error {
	a, err := d.encryptionAlgorithm(ctx)
	if err != nil {
		return err
	}
	set, err := d.encryptionFor(a, key, id, o)
	if err != nil {
		return err
	}
	// From here on the drive may have the key: a signal waits until it is known or gone.
	ctx = context.WithoutCancel(ctx)
	if set, err = d.sendEncryption(ctx, set, id); err == nil {
		err = d.checkEncryption(ctx, set, id)
	}
	if err != nil {
		return errors.Join(err, d.ClearEncryption(ctx))
	}
	return nil
}

// encryptionFor makes the parameters of SetEncryption.
func (d *Drive) encryptionFor(a scsi.EncryptionAlgorithm, key []byte, id string, o EncryptionOptions) (scsi.SetEncryption, error) {
	set := scsi.SetEncryption{Scope: scsi.ScopeAll, ClearOnUnload: true, Encryption: scsi.Encrypt, Decryption: scsi.Decrypt,
		Algorithm: a.Index, Key: key}
	if len(key) != a.KeyBytes {
		return set, errcode.New(errcode.Internal, d.Name, "a key of %d bytes", len(key))
	}
	if o.Mixed {
		set.Decryption = scsi.DecryptMixed
	}
	if o.ReadOnly {
		set.Encryption = scsi.EncryptOff // then there is nothing to associate data with
		return set, nil
	}
	kad, ok := keyAssociated(a, id)
	if !ok {
		return set, d.noEncryption("the drive has no room for the id of a key (%d and %d bytes)", a.MaxUKAD, a.MaxAKAD)
	}
	set.KADs = []scsi.KAD{kad}
	if a.NameFormat {
		set.KADFormat = scsi.KADFormatASCII
	}
	return set, nil
}

// keyAssociated puts the id where the drive has room for it. Where a length is fixed it is filled with
// blanks.
func keyAssociated(a scsi.EncryptionAlgorithm, id string) (scsi.KAD, bool) {
	for _, place := range []struct {
		kind  scsi.KADType
		room  int
		fixed bool
	}{{scsi.AKAD, a.MaxAKAD, a.FixedAKAD}, {scsi.UKAD, a.MaxUKAD, a.FixedUKAD}} {
		if len(id) > place.room {
			continue
		}
		data := []byte(id)
		if place.fixed {
			data = append(data, strings.Repeat(" ", place.room-len(id))...)
		}
		return scsi.KAD{Type: place.kind, Data: data}, true
	}
	return scsi.KAD{}, false
}

// sendEncryption sends the parameters; to a drive that refuses them, in the forms that are as good: for
// this host alone, and for reading with the encryption on as well.
func (d *Drive) sendEncryption(ctx context.Context, set scsi.SetEncryption, id string) (scsi.SetEncryption, error) {
	local := set
	local.Scope = scsi.ScopeLocal
	forms := []scsi.SetEncryption{set, local}
	if set.Encryption == scsi.EncryptOff && len(set.Key) > 0 {
		set.Encryption, set.KADs = scsi.Encrypt, []scsi.KAD{{Type: scsi.UKAD, Data: []byte(id)}}
		forms = append(forms, set)
	}
	var first error
	for _, form := range forms {
		err := d.securityOut(ctx, form)
		if err == nil {
			return form, nil
		}
		first = cmpError(first, err)
		if s, ok := scsi.SenseOf(err); !ok || s.Key != scsi.IllegalRequest {
			break
		}
	}
	return forms[0], first
}

// cmpError keeps the first of two errors.
func cmpError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (d *Drive) securityOut(ctx context.Context, set scsi.SetEncryption) error {
	const op = "set encryption"
	list := set.List()
	defer clear(list)
	cdb := scsi.SecurityProtocolOut(scsi.ProtocolTapeEncryption, scsi.PageSetEncryption, uint32(len(list)))
	_, err := d.repeat(ctx, op, cdb[:], list, nil)
	s, answered := scsi.SenseOf(err)
	switch {
	case answered && s.ASC == scsi.ASCInvalidOpcode:
		return d.noEncryption("%w", err)
	case answered && s.Key == scsi.IllegalRequest && s.ASC>>8 == scsi.ASCInvalidParameter>>8:
		return &errcode.Error{Code: errcode.EncryptionState, Op: op, Object: d.Name, Msg: "the drive refused the key: " + s.String(), Err: err}
	}
	return err
}

// checkEncryption compares the drive's status with what it was told.
func (d *Drive) checkEncryption(ctx context.Context, set scsi.SetEncryption, id string) error {
	got, err := d.EncryptionStatus(ctx)
	if err != nil {
		return err
	}
	kad := KeyID(got.KADs)
	if len(set.KADs) == 0 && kad == "" {
		kad = id // a drive that only decrypts need not say with what
	}
	if got.Encryption == set.Encryption && got.Decryption == set.Decryption && got.Algorithm == set.Algorithm && kad == id {
		return nil
	}
	return errcode.New(errcode.EncryptionState, d.Name,
		"the drive was told encryption %d, decryption %d, algorithm %d, key %q and says %d, %d, %d, %q",
		set.Encryption, set.Decryption, set.Algorithm, id, got.Encryption, got.Decryption, got.Algorithm, kad).WithOp("set encryption")
}

// ClearEncryption makes the drive forget its key, and checks that it did. A drive without encryption has
// none to forget.
func (d *Drive) ClearEncryption(ctx context.Context) error {
	status, err := d.EncryptionStatus(ctx)
	switch {
	case errcode.Of(err) == errcode.EncryptionMissing:
		return nil
	case err != nil:
		return d.keyMayStay(err)
	case Idle(status):
		return nil
	}
	off := scsi.SetEncryption{Scope: scsi.ScopeAll, Algorithm: status.Algorithm}
	if status.Scope == scsi.ScopeLocal {
		off.Scope = scsi.ScopeLocal
	}
	if _, err := d.sendEncryption(ctx, off, ""); err != nil {
		return d.keyMayStay(err)
	}
	if status, err = d.EncryptionStatus(ctx); err == nil && !Idle(status) {
		err = errcode.New(errcode.EncryptionState, d.Name, "the drive was told to forget its key and still has encryption %d, decryption %d",
			status.Encryption, status.Decryption).WithOp("clear encryption")
	}
	if err != nil {
		return d.keyMayStay(err)
	}
	return nil
}

// Idle tells that a drive neither encrypts nor decrypts.
func Idle(s scsi.EncryptionStatus) bool {
	return s.Encryption == scsi.EncryptOff && s.Decryption == scsi.DecryptOff
}

func (d *Drive) keyMayStay(err error) error {
	e := &errcode.Error{Code: errcode.Of(err), Op: "clear encryption", Object: d.Name, Msg: err.Error(), Err: err}
	return e.WithState("the key may still be in the drive until the cartridge is unloaded").WithHint("unload the cartridge: 'calypso lto eject'")
}

// KeyID gives the id of a key out of key-associated data: the authenticated first. Data that is no text
// comes in hexadecimal; without any it is "".
func KeyID(list []scsi.KAD) string {
	for _, kind := range []scsi.KADType{scsi.AKAD, scsi.UKAD} {
		for _, k := range list {
			if text := kadText(k.Data); k.Type == kind && text != "" {
				return text
			}
		}
	}
	return ""
}

func kadText(data []byte) string {
	text := strings.TrimRight(string(data), "\x00 ")
	for _, c := range []byte(text) {
		if c < 0x20 || c > 0x7E {
			return hex.EncodeToString(data)
		}
	}
	return text
}

// KeyError is in the chain of the error of a block that could not be decrypted.
type KeyError struct {
	ID  string // of the key that the block needs, as the drive tells it; "": it does not
	Err error
}

func (e *KeyError) Error() string {
	if e.ID == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("the block is encrypted with the key with the id %s: %v", e.ID, e.Err)
}

func (e *KeyError) Unwrap() error { return e.Err }

// tellKey adds which key the block needs, if the drive tells. The tape stands before the block then, also
// where a drive went behind it.
func (d *Drive) tellKey(ctx context.Context, failure error) error {
	e, ok := failure.(*errcode.Error)
	if !ok || e.Code != errcode.KeyNeeded && e.Code != errcode.KeyWrong {
		return failure
	}
	ctx = context.WithoutCancel(ctx)
	next, err := d.NextBlockEncryption(ctx)
	if err == nil && (next.Status == scsi.BlockNone || next.Status == scsi.BlockClear) && d.stepBack(ctx) == nil {
		next, err = d.NextBlockEncryption(ctx)
	}
	id := ""
	if err == nil {
		id = KeyID(next.KADs)
	}
	cause := &KeyError{ID: id, Err: e.Err}
	e.Err = cause
	if id != "" {
		e.Msg = fmt.Sprintf("the block is encrypted with the key with the id %s: %s", id, e.Msg)
	}
	return e
}

func (d *Drive) stepBack(ctx context.Context) error {
	p, err := d.Position(ctx)
	if err != nil {
		return err
	}
	return d.LocateBlock(ctx, p.Block-1)
}
