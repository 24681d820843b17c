package ssc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"calypso/vtl/spc"
)

// Every field of Set Data Encryption that can be wrong, with the pointer to it. A refused page changes nothing.
func TestSetDataEncryptionRefusals(t *testing.T) {
	good := func() []byte { return setList(t, "20 40 02 02 01 00 00", keyA) }
	with := func(at int, b byte) []byte {
		p := good()
		p[at] = b
		return p
	}
	for _, tt := range []struct {
		name string
		list []byte
		want string
	}{
		{"short", good()[:19], "5/1a/00"},
		{"page code", with(1, 0x11), "5/26/00 param[0]"},
		{"page length, longer", with(3, 0x31), "5/26/00 param[2]"},
		{"page length, shorter", with(3, 0x2F), "5/26/00 param[2]"},
		{"scope", with(4, 0x60), "5/26/00 param[4].7"},
		{"reserved beside LOCK", with(4, 0x28), "5/26/00 param[4].3"},
		{"RDMC reserved", with(5, 0x50), "5/26/00 param[5].5"},
		{"SDK", with(5, 0x48), "5/26/00 param[5].3"},
		{"CKORP without a reservation", with(5, 0x42), "5/26/00 param[5].1"},
		{"CKORL without a reservation", with(5, 0x41), "5/26/00 param[5].0"},
		{"encryption mode EXTERNAL", with(6, 1), "5/26/00 param[6]"},
		{"encryption mode reserved", with(6, 3), "5/26/00 param[6]"},
		{"decryption mode reserved", with(7, 4), "5/26/00 param[7]"},
		{"algorithm index 0", with(8, 0), "5/26/00 param[8]"},
		{"algorithm index 2", with(8, 2), "5/26/00 param[8]"},
		{"key format", with(9, 2), "5/26/00 param[9]"},
		{"KAD format", with(10, 3), "5/26/00 param[10]"},
		{"reserved", with(17, 1), "5/26/00 param[17]"},
		{"no key", setList(t, "20 40 02 02 01 00 00", ""), "5/26/00 param[18]"},
		{"no key to decrypt with", setList(t, "20 40 00 03 01 00 00", ""), "5/26/00 param[18]"},
		{"key of 128 bits", setList(t, "20 40 02 02 01 00 00", keyA[:32]), "5/26/00 param[18]"},
		{"key longer than the list", with(19, 33), "5/26/00 param[18]"},
		{"descriptor cut", setList(t, "20 40 02 02 01 00 00", keyA, "00 00 00"), "5/26/00 param[52]"},
		{"nonce", setList(t, "20 40 02 02 01 00 00", keyA, "02 00 0001 00"), "5/26/00 param[52]"},
		{"metadata", setList(t, "20 40 02 02 01 00 00", keyA, "03 00 0001 00"), "5/26/00 param[52]"},
		{"AUTHENTICATED set by the host", setList(t, "20 40 02 02 01 00 00", keyA, "00 01 0001 00"), "5/26/00 param[53].0"},
		{"UKAD of 33 bytes", setList(t, "20 40 02 02 01 00 00", keyA, "00 00 0021", strings.Repeat("00", 33)), "5/26/00 param[54]"},
		{"AKAD of 13 bytes", setList(t, "20 40 02 02 01 00 00", keyA, "01 00 000d", strings.Repeat("00", 13)), "5/26/00 param[54]"},
		{"KAD longer than the list", setList(t, "20 40 02 02 01 00 00", keyA, "00 00 0002 00"), "5/26/00 param[54]"},
		{"descending", setList(t, "20 40 02 02 01 00 00", keyA, "01 00 0001 00", "00 00 0001 00"), "5/26/00 param[57]"},
		{"twice", setList(t, "20 40 02 02 01 00 00", keyA, "00 00 0001 00", "00 00 0001 00"), "5/26/00 param[57]"},
	} {
		r := newRig(t, tapeOf("ab"))
		r.setKey(keyB)
		before := r.spin("00 20")
		if got := r.spout(tt.list); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.name, got, tt.want)
		}
		wantBytes(t, tt.name+": status", r.spin("00 20"), before)
	}
}

func TestSecurityProtocolOutCDB(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("B5 00 0010 00 00 00000034 00 00", "5/24/00 cdb[1]")
	r.want("B5 20 0011 00 00 00000034 00 00", "5/24/00 cdb[2]")
	r.want("B5 20 0010 80 00 00000034 00 00", "5/24/00 cdb[4].7")
	r.want("B5 20 0010 00 00 00010004 00 00", "5/24/00 cdb[6]")
	r.want("B5 20 0010 00 00 00000034 00 00", "b/4b/00") // announced, not sent
	r.want("B5 20 0010 00 00 00000000 00 00", "good")
	r.wantSecurity("00 20", "0020 0014 00 00 00 01 00000000 10 00 0000 0000000000000000")
}

// Scope PUBLIC gives the parameters up, whatever else the page says.
func TestScopePublicIgnoresTheRest(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.setKey(keyA)
	if got := r.spout(setList(t, "00 ff ff ff ff ff ff", "1234")); got != "good" {
		t.Fatal(got)
	}
	if r.s.Keys() != nil {
		t.Error("the drive kept the key")
	}
}

func TestObserverSetsNoKey(t *testing.T) {
	s, err := New(Config{Generation: "LTO-8", Serial: "X", Observe: true, State: &State{Barcode: "V00001L8", Loaded: true}}, tapeOf("ab"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, s: s}
	if got := r.spout(setList(t, "20 40 02 02 01 00 00", keyA)); got != "7/27/00" {
		t.Errorf("Set Data Encryption of an observer = %s", got)
	}
}

// Where a key ends: unload with CKOD, power cycle; it outlives an unload without.
func TestLifeOfTheKey(t *testing.T) {
	unload, load := "1B 00 00 00 00 00", "1B 00 00 00 01 00"
	for _, tt := range []struct {
		name, control, status string
		event                 func(*rig)
	}{
		{"unload without CKOD", "40", "02 02 01 00000001", func(r *rig) { r.want(unload, "good"); r.want(load, "good") }},
		{"unload with CKOD", "44", "00 00 01 00000002", func(r *rig) { r.want(unload, "good"); r.want(load, "good") }},
		{"removal with CKOD", "44", "00 00 01 00000002", func(r *rig) { check(r, r.s.Remove()); check(r, r.s.Insert(r.m, "V00001L8")); r.sense(load) }},
		{"rewinding load with CKOD", "44", "02 02 01 00000001", func(r *rig) { r.want(load, "good") }},
		{"power cycle", "40", "00 00 01 00000000", func(r *rig) { r.s.PowerOn(); r.want("00 00 00 00 00 00", "6/29/00") }},
	} {
		r := newRig(t, tapeOf("ab"))
		if got := r.spout(setList(t, "20 "+tt.control+" 02 02 01 00 00", keyA)); got != "good" {
			t.Fatal(got)
		}
		tt.event(r)
		wantBytes(t, tt.name, r.spin("00 20")[5:12], unhex(t, tt.status))
		if lost := r.s.Keys() == nil; lost != strings.HasPrefix(tt.status, "00") {
			t.Errorf("%s: key lost = %v", tt.name, lost)
		}
		if lost := r.s.protect.key == (Secret{}); lost != strings.HasPrefix(tt.status, "00") {
			t.Errorf("%s: key cleared in memory = %v", tt.name, lost)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// A host that locked its nexus to a key learns at the next WRITE that the key is gone, until it sets another.
func TestLockedNexusDoesNotWriteWithoutItsKey(t *testing.T) {
	r := newRig(t, newTape())
	if got := r.spout(setList(t, "21 44 02 02 01 00 00", keyA)); got != "good" {
		t.Fatal(got)
	}
	write := func() string { return r.senseOut("0A 00 00 00 01 00", []byte("a")) }
	if got := write(); got != "good" {
		t.Fatal(got)
	}
	r.want("1B 00 00 00 00 00", "good")
	r.want("1B 00 00 00 01 00", "good")
	if got := write(); got != "7/2a/13" {
		t.Errorf("WRITE(6) after the key was cleared = %s, want 7/2a/13", got)
	}
	r.setKey(keyA)
	if got := write(); got != "good" {
		t.Errorf("WRITE(6) with a new key = %s", got)
	}
}

// What is kept of a drive does not hold the key; with the key beside it the next process goes on, without it the
// drive has lost it and says so.
func TestStateHasNoKey(t *testing.T) {
	m := newTape()
	r := newRig(t, m)
	r.setKey(keyA, "00 00 0001 75")
	r.senseOut("0A 00 00 00 04 00", []byte("data"))
	state, keys := r.s.State(), r.s.Keys()
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{keyA, string(unhex(t, keyA)), "oaGhoaGh", "161,161"} {
		if bytes.Contains(text, []byte(leak)) {
			t.Fatalf("the state holds the key: %s", text)
		}
	}
	if shown := fmt.Sprintf("%v %+v %x %s %v", keys[0], keys[0], keys[0], &keys[0], keys); strings.Contains(shown, "a1") || strings.Contains(shown, "161") {
		t.Errorf("a key prints itself: %s", shown)
	}
	if _, err := json.Marshal(keys); err == nil {
		t.Error("a key encodes itself")
	}
	again := func(st State, keys []Secret, observe bool) *rig {
		s, err := New(Config{Generation: "LTO-8", Serial: "X", State: &st, Keys: keys, Observe: observe}, m)
		if err != nil {
			t.Fatal(err)
		}
		return &rig{t, s, m}
	}
	with := again(state, keys, false)
	with.want("01 00 00 00 00 00", "good")
	if got, err := with.exec("08 00 00 00 04 00", nil, 4); err != nil || string(got) != "data" {
		t.Errorf("with its key kept the drive reads %q, %v", got, err)
	}
	without := again(state, nil, false)
	without.want("00 00 00 00 00 00", "6/2a/12")
	wantBytes(t, "status without the key", without.spin("00 20")[5:12], unhex(t, "00 00 01 00000002"))
	observer := again(state, nil, true)
	observer.want("00 00 00 00 00 00", "good")
	wantBytes(t, "status for an observer", observer.spin("00 20")[5:12], unhex(t, "02 02 01 00000001"))
	observer.s.position = 0
	wantBytes(t, "next block for an observer", observer.spin("00 21")[12:13], []byte{0x35})
	observer.want("08 00 00 00 04 00", "b/4b/00")
	if _, err := observer.exec("08 00 00 00 04 00", nil, 4); describe(t, err) != "7/74/01 info=4" {
		t.Errorf("an observer reads: %v", err)
	}
	state.Dirty = true
	killed := again(state, keys, false)
	killed.want("00 00 00 00 00 00", "6/29/00")
	if killed.s.Keys() != nil {
		t.Error("a power cycle left the key")
	}
	state.Dirty, state.Barcode, state.Encryption.Control = false, "V00009L8", 0x44
	if swapped := again(state, keys, false); swapped.s.Keys() != nil {
		t.Error("CKOD: the cartridge was changed by hand, and the key is still there")
	}
}

// FuzzSetEncryption: any list gives a refusal, or parameters that hold what the page promises.
func FuzzSetEncryption(f *testing.F) {
	f.Add(setList(f, "20 40 02 02 01 00 00", keyA))
	f.Add(setList(f, "41 64 02 03 01 00 02", keyA, "00 00 0002 6162", "01 00 0001 61"))
	f.Add(setList(f, "20 40 00 00 01 00 00", ""))
	f.Add(setList(f, "00 ff ff ff ff ff ff", "12"))
	f.Fuzz(func(t *testing.T, list []byte) {
		before := bytes.Clone(list)
		e, key, err := decodeSet(list)
		if !bytes.Equal(list, before) {
			t.Fatal("changed what the host sent")
		}
		if err != nil {
			describe(t, spc.Finish([]byte{0xB5}, err))
			return
		}
		if e.needsKey() != (len(key) == KeyLength) {
			t.Fatalf("%+v with a key of %d bytes", e, len(key))
		}
		var p protection
		if err := p.set(e, key, 1); err != nil || !p.valid() {
			t.Fatalf("%+v is set: %v", p.Encryption, err)
		}
	})
}
