package ssc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// keyA and keyB are keys of data encryption; in hexadecimal for parameter lists.
var (
	keyA = strings.Repeat("a1", 32)
	keyB = strings.Repeat("b2", 32)
)

// setList is a Set Data Encryption page (SSC-5): the head is bytes 4 to 10, descriptors follow the key.
func setList(t testing.TB, head, key string, kads ...string) []byte {
	t.Helper()
	tail := unhex(t, fmt.Sprintf("%04x", len(key)/2)+key+strings.Join(kads, ""))
	body := append(append(unhex(t, head), make([]byte, 7)...), tail...)
	return append(unhex(t, fmt.Sprintf("0010 %04x", len(body))), body...)
}

// spout sends a parameter list of tape data encryption and gives the outcome.
func (r *rig) spout(list []byte) string {
	r.Helper()
	return r.senseOut(fmt.Sprintf("B5 20 00 10 00 00 %08x 00 00", len(list)), list)
}

// setKey encrypts and decrypts with a key, local scope.
func (r *rig) setKey(key string, kads ...string) {
	r.Helper()
	if got := r.spout(setList(r, "20 40 02 02 01 00 00", key, kads...)); got != "good" {
		r.Fatalf("Set Data Encryption = %s", got)
	}
}

func (r *rig) setOff() {
	r.Helper()
	if got := r.spout(setList(r, "20 40 00 00 01 00 00", "")); got != "good" {
		r.Fatalf("Set Data Encryption, off = %s", got)
	}
}

func (r *rig) spin(page string) []byte {
	r.Helper()
	data, err := r.exec("A2 20 "+page+" 00 00 00 00 20 00 00 00", nil, 8192)
	if err != nil {
		r.Fatalf("SECURITY PROTOCOL IN %s: %v", page, err)
	}
	return data
}

func (r *rig) wantSecurity(page, want string) {
	r.Helper()
	wantBytes(r, "page "+page, r.spin(page), unhex(r, want))
}

// The pages as SSC-5 has them for an LTO drive: one algorithm, AES-256-GCM, with descriptors of 32 and 12 bytes.
func TestSecurityPages(t *testing.T) {
	r := newRig(t, tapeOf("ab|"))
	for _, tt := range []struct{ cdb, want string }{
		{"A2 00 0000 00 00 00000200 00 00", "000000000000 0002 00 20"},
		{"A2 00 0001 00 00 00000200 00 00", "0000 0000"},
		{"A2 20 0000 00 00 00000200 00 00", "0000 0010 0000 0001 0010 0011 0012 0020 0021 0030"},
		{"A2 20 0001 00 00 00000200 00 00", "0001 0002 0010"},
		{"A2 20 0010 00 00 00000200 00 00", "0010 0028 05 000000000000000000000000000000" +
			"01 00 0014 ba 98 0020 000c 0020 c9 00 0000 0000 0000 00010014"},
		{"A2 20 0010 00 00 00000006 00 00", "0010 0028 05 00"},
		{"A2 20 0011 00 00 00000200 00 00", "0011 0001 00"},
		{"A2 20 0012 00 00 00000200 00 00", "0012 000c 01 07 00 07 0000000000000000"},
		{"A2 20 0020 00 00 00000200 00 00", "0020 0014 00 00 00 01 00000000 10 00 0000 0000000000000000"},
		{"A2 20 0021 00 00 00000200 00 00", "0021 000c 0000000000000000 33 00 00 00"},
	} {
		got, err := r.exec(tt.cdb, nil, 512)
		if err != nil {
			t.Errorf("%s: %v", tt.cdb, err)
		}
		wantBytes(t, tt.cdb, got, unhex(t, tt.want))
	}
	random := r.spin("00 30")
	if !bytes.HasPrefix(random, unhex(t, "0030 0020")) || len(random) != 36 || bytes.Equal(random, r.spin("00 30")) {
		t.Errorf("random number page % x", random)
	}
	r.want("A2 01 0000 00 00 00000200 00 00", "5/24/00 cdb[1]")
	r.want("A2 20 0031 00 00 00000200 00 00", "5/24/00 cdb[2]")
	r.want("A2 00 0002 00 00 00000200 00 00", "5/24/00 cdb[2]")
	r.want("A2 20 0000 80 00 00000001 00 00", "5/24/00 cdb[4].7") // INC_512
}

func TestSecurityPagesWithoutMedium(t *testing.T) {
	r := newRig(t, nil)
	r.wantSecurity("00 10", "0010 0028 05 000000000000000000000000000000 01 00 0014 3a 18 0020 000c 0020 c9 00 0000 0000 0000 00010014")
	r.want("A2 20 0021 00 00 00000200 00 00", "2/3a/00")
	// A key may be set before the cartridge comes, but not one that goes with it.
	if got := r.spout(setList(t, "20 44 02 02 01 00 00", keyA)); got != "5/26/00 param[5].2" {
		t.Errorf("CKOD without a volume = %s", got)
	}
	r.setKey(keyA)
}

func TestAlgorithmIsNotValidForProtectedVolume(t *testing.T) {
	m := tapeOf("ab")
	m.meta.WriteProtect = true
	r := newRig(t, m)
	if got := r.spin("00 10")[20+5]; got != 0x58 { // AVFCLP 01b
		t.Errorf("byte 5 of the algorithm = %02x, want 58", got)
	}
}

// Each field of the status page: what was set, the count of keys, the descriptors; never the key.
func TestEncryptionStatus(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.setKey(keyA, "00 00 0009 6c6162206b65792031", "01 00 0002 6964")
	r.wantSecurity("00 20", "0020 0027 21 02 02 01 00000001 13 00 0000 0000000000000000"+
		"00 01 0009 6c6162206b65792031 01 02 0002 6964")
	if bytes.Contains(r.spin("00 20"), unhex(t, keyA[:16])) {
		t.Error("the status page shows the key")
	}
	if got := r.spout(setList(t, "40 a4 02 03 01 00 02", keyB, "00 00 0001 78")); got != "good" {
		t.Fatal(got)
	}
	r.wantSecurity("00 20", "0020 0019 42 02 03 01 00000002 14 02 0000 0000000000000000 00 01 0001 78")
	r.setOff()
	r.wantSecurity("00 20", "0020 0014 21 00 00 01 00000003 12 00 0000 0000000000000000")
	if got := r.spout(setList(t, "00 00 00 00 00 00 00", "")); got != "good" { // PUBLIC
		t.Fatal(got)
	}
	r.wantSecurity("00 20", "0020 0014 00 00 00 01 00000004 10 00 0000 0000000000000000")
}

// The next block: where, what, which key, its descriptors; the position stays.
func TestNextBlockStatus(t *testing.T) {
	m := newTape()
	r := newRig(t, m)
	r.senseOut("0A 00 00 00 04 00", []byte("abcd"))
	r.setKey(keyA, "00 00 0001 75", "01 00 0001 61")
	r.senseOut("0A 00 00 00 04 00", []byte("efgh"))
	r.senseOut("0A 00 00 02 00 00", bytes.Repeat([]byte("x"), 512))
	r.want("10 01 00 00 01 00", "good")
	r.setRawKey()
	r.senseOut("0A 00 00 00 04 00", []byte("ijkl"))
	plain, kads := "33 00 00 00", "00 01 0001 75 01 02 0001 61"
	for _, tt := range []struct {
		key  string
		want []string
	}{
		{keyA, []string{"000c %016x " + plain, "0016 %016x 35 01 01 00" + kads, "0016 %016x 45 01 01 00" + kads,
			"000c %016x 22 00 00 00", "000c %016x 36 01 00 00", "000c %016x 11 00 00 00"}},
		{keyB, []string{"000c %016x " + plain, "0016 %016x 36 01 01 00" + kads, "0016 %016x 46 01 01 00" + kads,
			"000c %016x 22 00 00 00", "000c %016x 35 01 00 00", "000c %016x 11 00 00 00"}},
		{"", []string{"000c %016x " + plain, "0016 %016x 36 01 01 00" + kads, "0016 %016x 46 01 01 00" + kads,
			"000c %016x 22 00 00 00", "000c %016x 36 01 00 00", "000c %016x 11 00 00 00"}},
	} {
		if tt.key == "" {
			r.setOff()
		} else {
			r.setKey(tt.key)
		}
		for at, want := range tt.want {
			r.want(fmt.Sprintf("2B 00 00 %08x 00 00 00", at), "good")
			r.wantSecurity("00 21", "0021"+fmt.Sprintf(want, at))
			r.wantAt(int64(at))
		}
	}
}

// setRawKey sets key B for blocks that may be read in raw mode.
func (r *rig) setRawKey() {
	r.Helper()
	if got := r.spout(setList(r, "20 60 02 02 01 00 00", keyB)); got != "good" {
		r.Fatal(got)
	}
}
