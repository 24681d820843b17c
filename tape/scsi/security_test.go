package scsi

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Pages as LTO drives gave them: recorded from a drive with AES-256-GCM under index 1 (the first of two
// algorithms), and from mhvtl's LTO-8.
const (
	capabilitiesOfDrive = "00 10 00 3c 09 000000000000000000000000000000" +
		"01 00 00 14 8a 8c 0020 003c 0020 ed 00 0000 0000 0000 00010014" +
		"02 00 00 14 8a 8f 0020 003c 0020 d9 00 0000 0000 0000 00010010"
	capabilitiesOfMhvtl = "00 10 00 28 01 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00 01 00 00 14  ba 10 00 20 00 0c 00 20  09 00 00 00 00 00 00 00  00 01 00 14"
	statusOfDrive       = "00 20 00 24 42 02 02 01 00000001 18 00 0000 0000000000000000 00 01 00 0c 48656c6c6f20776f726c6421"
	// The length that mhvtl states is 8 too many.
	statusOfMhvtl = "00 20 00 2d 21 02 02 01  00 00 00 01 00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 09 6c 61 62 20 6b 65 79 20 31"
	nextOfDrive   = "00 21 00 1c 0000000000000001 05 01 00 00 00 01 00 0c 48656c6c6f20776f726c6421"
	nextOfMhvtl   = "00 21 00 0c 00 00 00 00  00 00 00 09 02 01 00 00"
)

func TestSecurityCDBs(t *testing.T) {
	in := SecurityProtocolIn(ProtocolTapeEncryption, PageNextBlockEncryption, 512)
	if want := unhex(t, "a2 20 00 21 00 00 00 00 02 00 00 00"); !bytes.Equal(in[:], want) {
		t.Errorf("SECURITY PROTOCOL IN = % x; want % x", in, want)
	}
	out := SecurityProtocolOut(ProtocolTapeEncryption, PageSetEncryption, 0x48)
	if want := unhex(t, "b5 20 00 10 00 00 00 00 00 48 00 00"); !bytes.Equal(out[:], want) {
		t.Errorf("SECURITY PROTOCOL OUT = % x; want % x", out, want)
	}
}

func TestProtocols(t *testing.T) {
	for _, test := range []struct{ data, want string }{
		{"000000000000 0002 00 20", "00 20"},
		{"000000000000 0200 00 20", "00 20"}, // a length that lies
		{"000000000000 0001 00 20", "00"},
		{"000000000000 0000", ""},
	} {
		got, err := ParseProtocols(unhex(t, test.data))
		if err != nil || !bytes.Equal(got, unhex(t, test.want)) {
			t.Errorf("ParseProtocols(%s) = % x, %v; want %s", test.data, got, err, test.want)
		}
	}
}

func TestEncryptionPages(t *testing.T) {
	got, err := ParseEncryptionPages(unhex(t, "0000 000a 0000 0001 0010 0020 0021"), PageEncryptionIn)
	if want := []uint16{0, 1, 0x10, 0x20, 0x21}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("ParseEncryptionPages = %x, %v; want %x", got, err, want)
	}
	got, err = ParseEncryptionPages(unhex(t, "0001 0002 0010"), PageEncryptionOut)
	if want := []uint16{0x10}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("ParseEncryptionPages = %x, %v; want %x", got, err, want)
	}
}

func TestEncryptionCapabilities(t *testing.T) {
	got, err := ParseEncryptionCapabilities(unhex(t, capabilitiesOfDrive))
	want := EncryptionCapabilities{External: 2, Control: ControlHost, Algorithms: []EncryptionAlgorithm{
		{Index: 1, Mounted: true, Decrypt: 2, Encrypt: 2, AtPosition: 2, NameFormat: true, MaxUKAD: 32, MaxAKAD: 60, KeyBytes: 32, Code: 0x10014},
		{Index: 2, Mounted: true, Decrypt: 2, Encrypt: 2, AtPosition: 2, NameFormat: true, FixedUKAD: true, FixedAKAD: true, MaxUKAD: 32, MaxAKAD: 60, KeyBytes: 32, Code: 0x10010},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("capabilities: %v\n%s", err, diff)
	}
	got, err = ParseEncryptionCapabilities(unhex(t, capabilitiesOfMhvtl))
	want = EncryptionCapabilities{Control: ControlHost, Algorithms: []EncryptionAlgorithm{
		{Index: 1, Mounted: true, Mac: true, Distinguish: true, Decrypt: 2, Encrypt: 2, Nonce: 1, MaxUKAD: 32, MaxAKAD: 12, KeyBytes: 32, Code: AlgorithmAES256GCM}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("capabilities of mhvtl: %v\n%s", err, diff)
	}
}

func TestEncryptionStatus(t *testing.T) {
	got, err := ParseEncryptionStatus(unhex(t, statusOfDrive))
	want := EncryptionStatus{Scope: ScopeAll, KeyScope: ScopeAll, Encryption: Encrypt, Decryption: Decrypt, Algorithm: 1, KeyInstance: 1,
		Control: 1, VolumeMixed: true, KADs: []KAD{{Type: UKAD, Authenticated: 1, Data: []byte("Hello world!")}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("status: %v\n%s", err, diff)
	}
	got, err = ParseEncryptionStatus(unhex(t, statusOfMhvtl))
	want = EncryptionStatus{Scope: ScopeLocal, KeyScope: ScopeLocal, Encryption: Encrypt, Decryption: Decrypt, Algorithm: 1, KeyInstance: 1,
		KADs: []KAD{{Type: UKAD, Data: []byte("lab key 1")}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("status of mhvtl: %v\n%s", err, diff)
	}
}

func TestNextBlock(t *testing.T) {
	got, err := ParseNextBlock(unhex(t, nextOfDrive))
	want := NextBlock{Block: 1, Status: BlockThisKey, Algorithm: 1, KADs: []KAD{{Type: UKAD, Authenticated: 1, Data: []byte("Hello world!")}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("next block: %v\n%s", err, diff)
	}
	got, err = ParseNextBlock(unhex(t, nextOfMhvtl))
	if diff := cmp.Diff(NextBlock{Block: 9, Status: BlockNone, Algorithm: 1}, got); err != nil || diff != "" {
		t.Errorf("next block of mhvtl: %v\n%s", err, diff)
	}
}

// The lists are those that stenc 2 sends for the same wishes, but for CKOD.
func TestSetEncryptionList(t *testing.T) {
	key := unhex(t, "00112233445566778899aabbccddeeff 00112233445566778899aabbccddeeff")
	for what, test := range map[string]struct {
		set  SetEncryption
		want string
	}{
		"off": {SetEncryption{Scope: ScopeAll, Algorithm: 1}, "0010 0010 40 40 00 00 01 00 00 00000000000000 0000"},
		"on":  {SetEncryption{Scope: ScopeAll, Algorithm: 1, Encryption: Encrypt, Decryption: Decrypt, Key: key}, "0010 0030 40 40 02 02 01 00 00 00000000000000 0020 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
		"name, until unload": {SetEncryption{Scope: ScopeAll, Algorithm: 1, Encryption: Encrypt, Decryption: Decrypt, Key: key, ClearOnUnload: true,
			KADFormat: KADFormatASCII, KADs: []KAD{{Type: UKAD, Data: []byte("Hello world!")}}},
			"0010 0040 40 44 02 02 01 00 02 00000000000000 0020 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 00 00 000c 48656c6c6f20776f726c6421"},
		"mixed, local, authenticated": {SetEncryption{Scope: ScopeLocal, Algorithm: 3, Encryption: Encrypt, Decryption: DecryptMixed, Key: key,
			KADs: []KAD{{Type: UKAD, Data: []byte("u")}, {Type: AKAD, Data: []byte("a")}}},
			"0010 003a 20 40 02 03 03 00 00 00000000000000 0020 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 00 00 0001 75 01 00 0001 61"},
	} {
		got := test.set.List()
		if !bytes.Equal(got, unhex(t, test.want)) || cap(got) != len(got) {
			t.Errorf("%s = % x (room for %d); want %s", what, got, cap(got), test.want)
		}
	}
}

func TestSecurityPagesShortOrOther(t *testing.T) {
	parsers := map[uint16]func([]byte) error{
		PageEncryptionCapabilities: func(b []byte) error { _, err := ParseEncryptionCapabilities(b); return err },
		PageEncryptionStatus:       func(b []byte) error { _, err := ParseEncryptionStatus(b); return err },
		PageNextBlockEncryption:    func(b []byte) error { _, err := ParseNextBlock(b); return err },
	}
	for code, parse := range parsers {
		if err := parse([]byte{0, byte(code), 0xFF, 0xFF, 1, 2, 3}); !errors.Is(err, ErrShort) {
			t.Errorf("page %04Xh of 7 bytes: %v; want ErrShort", code, err)
		}
		if err := parse(append([]byte{0, byte(code), 0, 2}, make([]byte, 40)...)); !errors.Is(err, ErrShort) {
			t.Errorf("page %04Xh that states 2 bytes: %v; want ErrShort", code, err)
		}
		var page *PageError
		if err := parse(append([]byte{0, 0x7F, 0, 40}, make([]byte, 40)...)); !errors.As(err, &page) {
			t.Errorf("page 007Fh for %04Xh: %v; want a PageError", code, err)
		}
	}
}

func FuzzSecurity(f *testing.F) {
	for _, seed := range []string{capabilitiesOfDrive, capabilitiesOfMhvtl, statusOfDrive, statusOfMhvtl, nextOfDrive, nextOfMhvtl,
		"000000000000 0002 00 20", "0000 000a 0000 0001 0010 0020 0021", "0001 0002 0010"} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ParseProtocols(exact(data))
		_, _ = ParseEncryptionPages(exact(data), PageEncryptionIn)
		_, _ = ParseEncryptionPages(exact(data), PageEncryptionOut)
		if c, err := ParseEncryptionCapabilities(exact(data)); err == nil && algorithmBytes*len(c.Algorithms) > len(data) {
			t.Errorf("%d algorithms in %d bytes", len(c.Algorithms), len(data))
		}
		s, _ := ParseEncryptionStatus(exact(data))
		n, _ := ParseNextBlock(exact(data))
		for _, k := range append(s.KADs, n.KADs...) {
			if len(k.Data) > len(data) {
				t.Errorf("%d bytes of key-associated data in %d bytes", len(k.Data), len(data))
			}
		}
	})
}
