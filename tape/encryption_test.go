package tape

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// The key and the id of these tests, and the answers of an LTO-8 drive.
const (
	keyHex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	keyID  = "4b4ad03a569fb4d6"

	idHex     = "34623461643033613536396662346436"
	protocols = "000000000000 0003 00 20 21"
	// AES-256-GCM under index 1; 32 bytes of unauthenticated, 12 of authenticated data.
	capabilities = "0010 0028 01 000000000000000000000000000000 01 00 0014 ba 10 0020 000c 0020 09 00 000000000000 00010014"
	statusOff    = "0020 0014 00 00 00 00 00000000 00 00 0000 0000000000000000"
	statusOn     = "0020 0028 42 02 02 01 00000001 10 00 0000 0000000000000000 00 00 0010 " + idHex
	statusRead   = "0020 0014 42 00 02 01 00000001 10 00 0000 0000000000000000"

	setHead  = "0010 0044 40 44 02 02 01 00 00 00000000000000 0020 "
	setOn    = setHead + keyHex + "00 00 0010" + idHex
	setLocal = "0010 0044 20 44 02 02 01 00 00 00000000000000 0020 " + keyHex + "00 00 0010" + idHex
	setRead  = "0010 0030 40 44 00 02 01 00 00 00000000000000 0020 " + keyHex
	setOff   = "0010 0010 40 40 00 00 01 00 00 00000000000000 0000"

	noKeySense    = "70 00 07 00000000 0a 00000000 7401 00 000000"
	wrongKeySense = "70 00 07 00000000 0a 00000000 7403 00 000000"
	inClearSense  = "70 00 07 00000000 0a 00000000 7402 00 000000"
	badList       = "70 00 05 00000000 0a 00000000 2600 00 000000"
	nextOther     = "0021 0020 0000000000000007 06 01 00 00 00 01 0010 " + idHex
)

func spin(page, in string) step {
	return step{cdb: "a2 20 " + page + " 00 00 00 00 20 00 00 00", in: in}
}

var listProtocols = step{cdb: "a2 00 00 00 00 00 00 00 20 00 00 00", in: protocols}

func spout(list string) step {
	return step{cdb: "b5 20 00 10 00 00 00 00 00" + length(list) + "00 00", out: list}
}

func length(list string) string {
	n := len(strings.Join(strings.Fields(list), "")) / 2
	return string("0123456789abcdef"[n>>4]) + string("0123456789abcdef"[n&15])
}

func answered(s step, sense string) step {
	s.sense, s.in = sense, ""
	return s
}

func secret(t *testing.T) []byte { return unhex(t, keyHex) }

func TestSetEncryption(t *testing.T) {
	caps := spin("00 10", capabilities)
	for what, test := range map[string]struct {
		o     EncryptionOptions
		steps []step
		code  errcode.Code
	}{
		"on": {EncryptionOptions{}, []step{listProtocols, caps, spout(setOn), spin("00 20", statusOn)}, ""},
		"to read": {EncryptionOptions{ReadOnly: true},
			[]step{listProtocols, caps, spout(setRead), spin("00 20", statusRead)}, ""},
		"mixed": {EncryptionOptions{Mixed: true}, []step{listProtocols, caps,
			spout(strings.Replace(setOn, "02 02 01", "02 03 01", 1)), spin("00 20", strings.Replace(statusOn, "02 02 01", "02 03 01", 1))}, ""},
		"for this host alone": {EncryptionOptions{}, []step{listProtocols, caps, answered(spout(setOn), badList), spout(setLocal),
			spin("00 20", strings.Replace(statusOn, "42 02", "21 02", 1))}, ""},
		"encrypting to read": {EncryptionOptions{ReadOnly: true}, []step{listProtocols, caps, answered(spout(setRead), badList),
			answered(spout(strings.Replace(setRead, " 40 44", " 20 44", 1)), badList), spout(setOn), spin("00 20", statusOn)}, ""},
		"refused": {EncryptionOptions{}, []step{listProtocols, caps, answered(spout(setOn), badList), answered(spout(setLocal), badList),
			spin("00 20", statusOff)}, errcode.EncryptionState},
		"taken and not done": {EncryptionOptions{}, []step{listProtocols, caps, spout(setOn), spin("00 20", statusOff), spin("00 20", statusOff)}, errcode.EncryptionState},
		"another key": {EncryptionOptions{}, []step{listProtocols, caps, spout(setOn), spin("00 20", strings.Replace(statusOn, "3462", "3463", 1)),
			spin("00 20", statusOn), spout(setOff), spin("00 20", statusOff)}, errcode.EncryptionState},
		"another algorithm": {EncryptionOptions{}, []step{listProtocols, caps, spout(setOn), spin("00 20", strings.Replace(statusOn, "02 02 01", "02 02 02", 1)),
			spin("00 20", statusOn), spout(setOff), spin("00 20", statusOff)}, errcode.EncryptionState},
		"no such command":  {EncryptionOptions{}, []step{answered(listProtocols, badOpcode)}, errcode.EncryptionMissing},
		"no such protocol": {EncryptionOptions{}, []step{{cdb: listProtocols.cdb, in: "000000000000 0001 00"}}, errcode.EncryptionMissing},
		"no AES-256-GCM":   {EncryptionOptions{}, []step{listProtocols, spin("00 10", strings.Replace(capabilities, "00010014", "00010010", 1))}, errcode.EncryptionMissing},
		"not this cartridge": {EncryptionOptions{}, []step{listProtocols,
			spin("00 10", strings.Replace(capabilities, "0014 ba", "0014 3a", 1))}, errcode.EncryptionMissing},
		"under a library": {EncryptionOptions{}, []step{listProtocols, spin("00 10", strings.Replace(capabilities, "0028 01", "0028 02", 1))}, errcode.EncryptionMissing},
		"garbled":         {EncryptionOptions{}, []step{listProtocols, spin("00 10", "0010 0028")}, errcode.DeviceError},
	} {
		t.Run(what, func(t *testing.T) {
			d, _ := newDrive(t, test.steps...)
			err := d.SetEncryption(t.Context(), secret(t), keyID, test.o)
			if got := errcode.Of(err); got != test.code {
				t.Errorf("SetEncryption = %v (%s); want %q", err, got, test.code)
			}
		})
	}
}

// The id goes where there is room for it, authenticated if that can be; a fixed length is filled up.
func TestKeyAssociated(t *testing.T) {
	for _, test := range []struct {
		a    scsi.EncryptionAlgorithm
		want scsi.KADType
		data string
		ok   bool
	}{
		{scsi.EncryptionAlgorithm{MaxUKAD: 32, MaxAKAD: 60}, scsi.AKAD, keyID, true},
		{scsi.EncryptionAlgorithm{MaxUKAD: 32, MaxAKAD: 12}, scsi.UKAD, keyID, true},
		{scsi.EncryptionAlgorithm{MaxUKAD: 32}, scsi.UKAD, keyID, true},
		{scsi.EncryptionAlgorithm{MaxUKAD: 20, FixedUKAD: true}, scsi.UKAD, keyID + "    ", true},
		{scsi.EncryptionAlgorithm{MaxUKAD: 15, MaxAKAD: 15}, 0, "", false},
	} {
		got, ok := keyAssociated(test.a, keyID)
		if ok != test.ok || ok && (got.Type != test.want || string(got.Data) != test.data) {
			t.Errorf("keyAssociated(%+v) = %v %q, %v; want %v %q, %v", test.a, got.Type, got.Data, ok, test.want, test.data, test.ok)
		}
		if ok && KeyID([]scsi.KAD{got}) != keyID {
			t.Errorf("KeyID(%q) is not what was put there", got.Data)
		}
	}
}

func TestKeyID(t *testing.T) {
	for _, test := range []struct {
		list []scsi.KAD
		want string
	}{
		{nil, ""},
		{[]scsi.KAD{{Type: scsi.UKAD, Data: []byte("u\x00\x00")}}, "u"},
		{[]scsi.KAD{{Type: scsi.UKAD, Data: []byte("u")}, {Type: scsi.AKAD, Data: []byte("a  ")}}, "a"},
		{[]scsi.KAD{{Type: scsi.AKAD, Data: []byte("   ")}, {Type: scsi.UKAD, Data: []byte("u")}}, "u"},
		{[]scsi.KAD{{Type: scsi.NonceKAD, Data: []byte("n")}}, ""},
		{[]scsi.KAD{{Type: scsi.UKAD, Data: []byte{0x1B, '[', 0}}}, "1b5b00"},
	} {
		if got := KeyID(test.list); got != test.want {
			t.Errorf("KeyID(%v) = %q; want %q", test.list, got, test.want)
		}
	}
}

func TestClearEncryption(t *testing.T) {
	for what, test := range map[string]struct {
		steps []step
		code  errcode.Code
	}{
		"a key":         {[]step{spin("00 20", statusOn), spout(setOff), spin("00 20", statusOff)}, ""},
		"nothing":       {[]step{spin("00 20", statusOff)}, ""},
		"no encryption": {[]step{answered(spin("00 20", ""), badOpcode)}, ""},
		"kept":          {[]step{spin("00 20", statusOn), spout(setOff), spin("00 20", statusOn)}, errcode.EncryptionState},
		"lost":          {[]step{{cdb: spin("00 20", "").cdb, err: lost(0xA2)}}, errcode.DeviceUnknown},
	} {
		t.Run(what, func(t *testing.T) {
			d, _ := newDrive(t, test.steps...)
			err := d.ClearEncryption(t.Context())
			if got := errcode.Of(err); got != test.code {
				t.Errorf("ClearEncryption = %v (%s); want %q", err, got, test.code)
			}
			if err != nil && !strings.Contains(err.Error(), "the key may still be in the drive") {
				t.Errorf("%q does not say that the key may be in the drive", err)
			}
		})
	}
}

func TestReadTellsTheKey(t *testing.T) {
	for sense, code := range map[string]errcode.Code{noKeySense: errcode.KeyNeeded, wrongKeySense: errcode.KeyWrong,
		"70 00 07 00000000 0a 00000000 ef10 00 000000": errcode.KeyNeeded} {
		d, _ := newDrive(t, step{cdb: read4, sense: sense}, spin("00 21", nextOther))
		_, err := d.Read(t.Context(), make([]byte, 4))
		wantCode(t, err, code, "the block is encrypted with the key with the id "+keyID)
		var k *KeyError
		if !errors.As(err, &k) || k.ID != keyID {
			t.Errorf("%v has no KeyError of %s", err, keyID)
		}
	}
	d, _ := newDrive(t, step{cdb: read4, sense: noKeySense}, answered(spin("00 21", ""), badField))
	_, err := d.Read(t.Context(), make([]byte, 4))
	wantCode(t, err, errcode.KeyNeeded, "unable to decrypt")
	// A drive that went behind the block is sent back.
	d, _ = newDrive(t, step{cdb: read4, sense: noKeySense}, spin("00 21", "0021 000c 0000000000000008 02 01 00 00"), at(8, 1),
		step{cdb: "92 00 00 00 00000000 00000007 00 00 00 00"}, at(7, 1), spin("00 21", nextOther))
	_, err = d.Read(t.Context(), make([]byte, 4))
	wantCode(t, err, errcode.KeyNeeded, keyID)
}

// keyRing is a finder of one key.
func keyRing(t *testing.T) func(context.Context, string) ([]byte, error) {
	return func(_ context.Context, id string) ([]byte, error) {
		if id != keyID {
			return nil, errcode.New(errcode.KeyNotFound, id, "no such key")
		}
		return secret(t), nil
	}
}

func TestKeyedFindsTheKey(t *testing.T) {
	caps := spin("00 10", capabilities)
	d, _ := newDrive(t, step{cdb: read4, sense: noKeySense}, spin("00 21", nextOther),
		spin("00 20", statusOff), listProtocols, caps, spout(setRead), spin("00 20", statusRead),
		step{cdb: read4, in: "61626364"},
		// the next block is in clear
		step{cdb: read4, sense: inClearSense}, spin("00 20", statusRead), spout(setOff), spin("00 20", statusOff),
		step{cdb: read4, in: "65666768"},
		spin("00 20", statusOff))
	k := NewKeyed(d, keyRing(t))
	buf := make([]byte, 4)
	for _, want := range []struct{ data, id string }{{"abcd", keyID}, {"efgh", ""}} {
		n, err := k.Read(t.Context(), buf)
		if err != nil || string(buf[:n]) != want.data || k.LastKeyID() != want.id {
			t.Errorf("Read = %q, %v with key %q; want %q with %q", buf[:n], err, k.LastKeyID(), want.data, want.id)
		}
	}
	if err := k.Clear(t.Context()); err != nil {
		t.Error(err)
	}
	if k.Replaced() != "" {
		t.Errorf("Replaced = %q; want nothing", k.Replaced())
	}
}

func TestKeyedWithoutTheKey(t *testing.T) {
	other := strings.Replace(nextOther, "3462", "3463", 1)
	d, _ := newDrive(t, step{cdb: read4, sense: noKeySense}, spin("00 21", other), spin("00 20", statusOff), spin("00 20", statusOff))
	k := NewKeyed(d, keyRing(t))
	_, err := k.Read(t.Context(), make([]byte, 4))
	wantCode(t, err, errcode.KeyNeeded, "the id 4c4ad03a569fb4d6")
	if _, ok := scsi.SenseOf(err); !ok {
		t.Errorf("%v does not carry the drive's sense", err)
	}
	if err := k.Clear(t.Context()); err != nil {
		t.Error(err)
	}
}

// The key that has the right id and does not fit is not tried for ever.
func TestKeyedWrongKey(t *testing.T) {
	caps := spin("00 10", capabilities)
	bad := []step{{cdb: read4, sense: wrongKeySense}, spin("00 21", nextOther)}
	steps := append([]step{}, bad...)
	steps = append(steps, spin("00 20", statusOff), listProtocols, caps, spout(setRead), spin("00 20", statusRead))
	steps = append(append(steps, bad...), bad...)
	d, _ := newDrive(t, steps...)
	k := NewKeyed(d, keyRing(t))
	for range 2 {
		_, err := k.Read(t.Context(), make([]byte, 4))
		wantCode(t, err, errcode.KeyWrong, keyID)
	}
}

// While it writes no key is exchanged and none is taken away: what follows would be in clear.
func TestKeyedKeepsTheKeyOfAWriter(t *testing.T) {
	d, _ := newDrive(t, spin("00 20", strings.Replace(statusOn, "3462", "3463", 1)), listProtocols, spin("00 10", capabilities), spout(setOn), spin("00 20", statusOn),
		step{cdb: read4, sense: inClearSense},
		spin("00 20", statusOn), spout(setOff), spin("00 20", statusOff))
	k := NewKeyed(d, keyRing(t))
	if err := k.Encrypt(t.Context(), secret(t), keyID); err != nil {
		t.Fatal(err)
	}
	_, err := k.Read(t.Context(), make([]byte, 4))
	wantCode(t, err, errcode.EncryptionState)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Clear(over); err != nil { // a signal does not leave the key in the drive
		t.Error(err)
	}
	if k.Replaced() != "4c4ad03a569fb4d6" {
		t.Errorf("Replaced = %q; want what was there", k.Replaced())
	}
}

// The parameter list is zeroed when it was sent, in the very memory that the transport was handed.
func TestKeyIsZeroedAfterSending(t *testing.T) {
	k := &keeper{}
	d := NewDrive(k)
	_ = d.securityOut(t.Context(), scsi.SetEncryption{Key: secret(t)})
	if len(k.list) != 52 || !bytes.Equal(k.list, make([]byte, 52)) {
		t.Errorf("%d bytes of the list are left: % x", len(k.list), k.list)
	}
}

type keeper struct{ list []byte }

func (k *keeper) Exec(_ context.Context, cmd *scsi.Command) error {
	if cmd.DataOut != nil {
		k.list = cmd.DataOut
	}
	return nil
}
