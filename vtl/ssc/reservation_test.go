package ssc

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"calypso/tape/scsi"
)

// host is one I_T nexus of a drive under test.
type host struct {
	testing.TB
	via scsi.Transport
}

func (r *rig) host(name string) host { return host{r.TB, r.s.Nexus(name)} }

func (h host) exec(cdb string, out []byte) ([]byte, string) {
	h.Helper()
	cmd := &scsi.Command{CDB: unhex(h, cdb), DataOut: out}
	if out == nil {
		cmd.DataIn = make([]byte, 512)
	}
	err := h.via.Exec(h.Context(), cmd)
	return cmd.DataIn[:min(cmd.Transferred, len(cmd.DataIn))], describe(h, err)
}

func (h host) want(cdb, outcome string) {
	h.Helper()
	if _, got := h.exec(cdb, nil); got != outcome {
		h.Errorf("%s = %s, want %s", cdb, got, outcome)
	}
}

func (h host) get(cdb, want string) {
	h.Helper()
	got, outcome := h.exec(cdb, nil)
	if outcome != "good" {
		h.Errorf("%s = %s", cdb, outcome)
	}
	wantBytes(h, cdb, got, unhex(h, want))
}

// out is PERSISTENT RESERVE OUT with one hexadecimal digit for each key.
func (h host) out(action byte, kind, key, actionKey, outcome string) {
	h.Helper()
	list := unhex(h, strings.Repeat(key, 16)+strings.Repeat(actionKey, 16)+"0000000000000000")
	if _, got := h.exec("5F 0"+hex.EncodeToString([]byte{action})[1:]+kind+"00 00 00000018 00", list); got != outcome {
		h.Errorf("PERSISTENT RESERVE OUT %d, type %s, keys %s %s = %s, want %s", action, kind, key, actionKey, got, outcome)
	}
}

const (
	register = iota
	reserve
	release
	clearAll
	preempt
	preemptAbort
	registerIgnoring
)

const testReady = "00 00 00 00 00 00"

// threeHosts gives a drive with a cartridge and three hosts, their power-on attentions taken.
func threeHosts(t *testing.T) (r *rig, a, b, c host) {
	t.Helper()
	r = newRig(t, tapeOf("5a|3||b"))
	a, b, c = r.host("iqn.2026-01.org.example:a"), r.host("b"), r.host("")
	a.want(testReady, "6/29/00")
	b.want(testReady, "6/29/00")
	return r, a, b, c
}

func TestReservationData(t *testing.T) {
	_, a, b, c := threeHosts(t)
	a.get("5E 00 00 00 00 00 00 00 FF 00", "00000000 00000000")
	a.get("5E 01 00 00 00 00 00 00 FF 00", "00000000 00000000")
	a.get("5E 02 00 00 00 00 00 00 FF 00", "0008 10 80 ea01 0000")
	a.out(register, "00", "0", "1", "good")
	b.out(registerIgnoring, "00", "9", "2", "good")
	a.out(reserve, "06", "1", "0", "good")
	c.get("5E 00 00 00 00 00 00 00 FF 00", "00000002 00000010 1111111111111111 2222222222222222")
	c.get("5E 01 00 00 00 00 00 00 FF 00", "00000002 00000010 1111111111111111 00000000 00 06 0000")
	full, outcome := c.exec("5E 03 00 00 00 00 00 02 00 00", nil)
	if outcome != "good" || len(full) != 8+24+32+24+24 {
		t.Fatalf("READ FULL STATUS = %d bytes, %s", len(full), outcome)
	}
	want := unhex(t, "00000002 00000068  1111111111111111 00000000 01 06 00000000 0001 00000020  05 00 001c")
	want = append(want, "iqn.2026-01.org.example:a\x00\x00\x00"...)
	want = append(want, unhex(t, "2222222222222222 00000000 00 00 00000000 0001 00000018  06 00 0000")...)
	wantBytes(t, "READ FULL STATUS", full[:len(want)], want)
	if sas := full[len(want):]; sas[0]>>4 != 3 || strings.Trim(string(sas[8:]), "\x00") != "" {
		t.Errorf("SAS address and what follows = % x", sas)
	}
	c.get("5E 00 00 00 00 00 00 00 04 00", "00000002")
	c.want("5E 04 00 00 00 00 00 00 FF 00", "5/24/00 cdb[1].4")
}

func TestReserveOutParameters(t *testing.T) {
	_, a, _, _ := threeHosts(t)
	for _, tt := range []struct{ cdb, list, want string }{
		{"5F 00 00 00 00 00000000 00", "", "5/1a/00"},
		{"5F 00 00 00 00 00000017 00", strings.Repeat("00", 23), "5/1a/00"},
		{"5F 00 00 00 00 00000019 00", strings.Repeat("00", 25), "5/1a/00"},
		{"5F 00 00 00 00 00000018 00", strings.Repeat("00", 23), "b/4b/00"},
		{"5F 00 00 00 00 00000018 00", strings.Repeat("00", 15) + "01 00000000 01 00 0000", "5/26/00 param[20].0"}, // APTPL
		{"5F 06 00 00 00 00000018 00", strings.Repeat("00", 15) + "01 00000000 04 00 0000", "5/26/00 param[20].2"}, // ALL_TG_PT
		{"5F 00 00 00 00 00000018 00", strings.Repeat("00", 15) + "01 00000000 08 00 0000", "5/26/00 param[20].3"}, // SPEC_I_PT
		{"5F 00 00 00 00 00000018 00", strings.Repeat("00", 15) + "01 00000000 00 40 0000", "5/26/00 param[21].6"},
		{"5F 00 00 00 00 00000018 00", strings.Repeat("00", 15) + "01 ffffffff 00 00 ffff", "good"}, // obsolete fields
		{"5F 07 00 00 00 00000018 00", strings.Repeat("00", 24), "5/24/00 cdb[1].4"},                // REGISTER AND MOVE
		{"5F 00 00 01 00 00000018 00", strings.Repeat("00", 24), "5/24/00 cdb[3].0"},
	} {
		if _, got := a.exec(tt.cdb, unhex(t, tt.list)); got != tt.want {
			t.Errorf("%s with %s = %s, want %s", tt.cdb, tt.list, got, tt.want)
		}
	}
	list := unhex(t, "0000000000000001 0000000000000000 00000000 00 00 0000")
	for cdb, want := range map[string]string{
		"5F 01 13 00 00 00000018 00": "5/24/00 cdb[2].7", // element scope
		"5F 01 02 00 00 00000018 00": "5/24/00 cdb[2].3", // an obsolete type
		"5F 01 09 00 00 00000018 00": "5/24/00 cdb[2].3",
		"5F 04 03 00 00 00000018 00": "5/26/00 param[8]", // PREEMPT of key 0
	} {
		if _, got := a.exec(cdb, list); got != want {
			t.Errorf("%s = %s, want %s", cdb, got, want)
		}
	}
}

// shutOut are commands with what comes of them for a host that is shut out by a reservation for writing,
// by one for all access, and by RESERVE: c conflict, - not.
var shutOut = map[string]string{
	testReady:                                         "--c",
	"01 00 00 00 00 00":                               "-cc", // REWIND
	"03 00 00 00 FF 00":                               "---", // REQUEST SENSE
	"05 00 00 00 00 00":                               "---", // READ BLOCK LIMITS
	"08 00 00 00 01 00":                               "-cc", // READ(6)
	"0A 00 00 00 00 00":                               "ccc", // WRITE(6)
	"10 00 00 00 00 00":                               "ccc", // WRITE FILEMARKS(6)
	"11 01 00 00 00 00":                               "-cc", // SPACE(6)
	"12 00 00 00 FF 00":                               "---", // INQUIRY
	"15 10 00 00 00 00":                               "ccc", // MODE SELECT(6)
	"17 00 00 00 00 00":                               "cc-", // RELEASE(6), which does nothing
	"16 00 00 00 00 00":                               "ccc", // RESERVE(6)
	"19 00 00 00 00 00":                               "ccc", // ERASE(6)
	"1A 00 3F 00 FF 00":                               "-cc", // MODE SENSE(6)
	"1B 00 00 00 01 00":                               "ccc", // LOAD UNLOAD
	"1C 01 00 00 FF 00":                               "-cc", // RECEIVE DIAGNOSTIC RESULTS
	"1D 04 00 00 00 00":                               "ccc", // SEND DIAGNOSTIC
	"1E 00 00 00 00 00":                               "---", // PREVENT ALLOW MEDIUM REMOVAL that allows
	"1E 00 00 00 01 00":                               "ccc",
	"2B 00 00 00 00 00 00 00 00 00":                   "-cc", // LOCATE(10)
	"34 00 00 00 00 00 00 00 00 00":                   "-cc", // READ POSITION
	"5E 00 00 00 00 00 00 00 FF 00":                   "--c", // PERSISTENT RESERVE IN
	"8C 00 00 00 00 00 00 00 00 00 00 00 00 FF 00 00": "-cc", // READ ATTRIBUTE
	"8D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00": "ccc", // WRITE ATTRIBUTE
	"91 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00": "-cc", // SPACE(16)
	"92 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00": "-cc", // LOCATE(16)
	"A0 00 00 00 00 00 00 00 00 FF 00 00":             "---", // REPORT LUNS
	"A3 0C 00 00 00 00 00 00 00 FF 00 00":             "-cc", // REPORT SUPPORTED OPERATION CODES
	"A3 0D 00 00 00 00 00 00 00 FF 00 00":             "-cc",
	"A3 0F 00 00 00 00 00 00 00 FF 00 00":             "---", // REPORT TIMESTAMP
	"A4 0F 00 00 00 00 00 00 00 00 00 00":             "ccc", // SET TIMESTAMP
}

// TestConflicts is the standards' table of commands in the presence of reservations.
func TestConflicts(t *testing.T) {
	for column, kinds := range [][]string{{"01", "05", "07"}, {"03", "06", "08"}, {""}} {
		for _, kind := range kinds {
			_, a, b, c := threeHosts(t)
			if kind == "" {
				a.want("56 00 00 00 00 00 00 00 00 00", "good")
			} else {
				a.out(register, "00", "0", "1", "good")
				b.out(register, "00", "0", "2", "good")
				a.out(reserve, kind, "1", "0", "good")
			}
			for cdb, columns := range shutOut {
				want := columns[column] == 'c'
				if _, got := c.exec(cdb, nil); (got == "conflict") != want {
					t.Errorf("type %s: %s = %s, want a conflict: %v", kind, cdb, got, want)
				}
				registrant := kind == "01" || kind == "03" || kind == ""
				if _, got := b.exec(cdb, nil); (got == "conflict") != (want && registrant) {
					t.Errorf("type %s: registered host: %s = %s", kind, cdb, got)
				}
				if _, got := a.exec(cdb, nil); got == "conflict" && cdb[:2] != "5E" && cdb[:2] != "16" {
					t.Errorf("type %s: holder: %s = %s", kind, cdb, got)
				}
				if kind == "" {
					a.want("56 00 00 00 00 00 00 00 00 00", "good")
				}
				for _, h := range []host{a, b, c} { // what one did is news to the others
					h.exec("03 00 00 00 FF 00", nil)
				}
			}
		}
	}
}

// A power on is told before a reservation, a medium change after it (SAM-6).
func TestConflictAndAttention(t *testing.T) {
	r, a, b, _ := threeHosts(t)
	a.out(register, "00", "0", "1", "good")
	a.out(reserve, "03", "1", "0", "good")
	r.host("late").want("0A 00 00 00 00 00", "6/29/00")
	r.host("late").want("0A 00 00 00 00 00", "conflict")
	r.s.Attention(0x2800)
	b.want("0A 00 00 00 00 00", "conflict")
	b.want(testReady, "6/28/00")
	a.want(testReady, "6/28/00")
	r.s.PowerOn()
	b.want("0A 00 00 00 00 00", "6/29/00")
	b.want("0A 00 00 00 00 00", "good")
	a.want(testReady, "6/29/00")
	a.get("5E 00 00 00 00 00 00 00 FF 00", "00000000 00000000")
}

func TestAttentionsOfOtherHosts(t *testing.T) {
	_, a, b, c := threeHosts(t)
	if _, got := a.exec("15 10 00 00 0C 00", unhex(t, "00 00 10 08 00000000 00000200")); got != "good" {
		t.Fatalf("MODE SELECT(6) = %s", got)
	}
	a.want(testReady, "good")
	b.want(testReady, "6/2a/01")
	c.want(testReady, "6/2a/01")
	if _, got := a.exec("15 10 00 00 0C 00", unhex(t, "00 00 10 08 00000000 00000200")); got != "good" {
		t.Fatalf("MODE SELECT(6) = %s", got)
	}
	b.want(testReady, "good") // nothing changed
	if _, got := b.exec("A4 0F 00 00 00 00 00 00 00 0C 00 00", unhex(t, "00000000 0123456789ab 0000")); got != "good" {
		t.Fatalf("SET TIMESTAMP = %s", got)
	}
	b.want(testReady, "good")
	a.want(testReady, "6/2a/10")
	c.want(testReady, "6/2a/10")
	b.want("1B 00 00 00 00 00", "good")
	a.want(testReady, "2/3a/00")
	b.want("1B 00 00 00 01 00", "good")
	b.want("1B 00 00 00 01 00", "good") // rewinds: no news
	b.want(testReady, "good")
	a.want(testReady, "6/28/00")
	c.want(testReady, "6/28/00")
	c.want(testReady, "good")
}

// What a killed process leaves is a power cycle: no reservation outlives it. A clean end keeps all.
func TestReservationsAndState(t *testing.T) {
	r, a, b, _ := threeHosts(t)
	a.out(register, "00", "0", "1", "good")
	b.out(register, "00", "0", "2", "good")
	a.out(reserve, "05", "1", "0", "good")
	a.out(release, "05", "1", "0", "good")
	a.out(reserve, "03", "1", "0", "good")
	again := func(dirty bool) *rig {
		text, err := json.Marshal(r.s.State())
		if err != nil {
			t.Fatal(err)
		}
		state := new(State)
		if err := json.Unmarshal(text, state); err != nil {
			t.Fatal(err)
		}
		state.Dirty = dirty
		s, err := New(Config{Generation: "LTO-8", Serial: "CAL0000001", State: state}, r.m)
		if err != nil {
			t.Fatal(err)
		}
		return &rig{t, s, r.m}
	}
	kept := again(false)
	kept.host("b").want(testReady, "6/2a/04")
	kept.host("b").want("0A 00 00 00 00 00", "conflict")
	kept.host("b").get("5E 00 00 00 00 00 00 00 FF 00", "00000002 00000010 1111111111111111 2222222222222222")
	lost := again(true)
	lost.host("b").want(testReady, "6/29/00")
	lost.host("b").get("5E 00 00 00 00 00 00 00 FF 00", "00000000 00000000")
}

// An observer sees reservations and changes none.
func TestObserverOfReservations(t *testing.T) {
	s, err := New(Config{Generation: "LTO-8", Observe: true, State: &State{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, s: s}
	for _, cdb := range []string{"16 00 00 00 00 00", "17 00 00 00 00 00", "56 00 00 00 00 00 00 00 00 00",
		"5F 06 00 00 00 00 00 00 18 00", "5F 03 00 00 00 00 00 00 18 00", "1D 04 00 00 00 00", "A4 0F 00 00 00 00 00 00 00 00 00 00"} {
		r.want(cdb, "7/27/00")
	}
	r.want("5E 00 00 00 00 00 00 00 FF 00", "good")
}

// PREEMPT of key 0 takes a reservation of all registrants over.
func TestPreemptAllRegistrants(t *testing.T) {
	_, a, b, c := threeHosts(t)
	a.out(register, "00", "0", "1", "good")
	b.out(register, "00", "0", "2", "good")
	c.out(register, "00", "0", "2", "good")
	a.out(reserve, "07", "1", "0", "good")
	a.get("5E 01 00 00 00 00 00 00 FF 00", "00000003 00000010 0000000000000000 00000000 00 07 0000")
	b.out(reserve, "07", "2", "0", "good") // it holds it already
	b.out(preempt, "03", "2", "0", "good")
	b.get("5E 00 00 00 00 00 00 00 FF 00", "00000004 00000008 2222222222222222")
	b.get("5E 01 00 00 00 00 00 00 FF 00", "00000004 00000010 2222222222222222 00000000 00 03 0000")
	for _, h := range []host{a, c} {
		h.want("0A 00 00 00 00 00", "conflict")
		h.want(testReady, "6/2a/05")
		h.want(testReady, "good")
	}
}

// The key of the holder passes its reservation on; those that stay learn of the new type.
func TestPreemptHolder(t *testing.T) {
	_, a, b, c := threeHosts(t)
	a.out(register, "00", "0", "1", "good")
	b.out(register, "00", "0", "2", "good")
	c.out(register, "00", "0", "3", "good")
	a.out(reserve, "01", "1", "0", "good")
	b.out(preemptAbort, "06", "2", "9", "conflict") // nobody's key
	b.out(preemptAbort, "02", "2", "1", "5/24/00 cdb[2].3")
	b.out(preemptAbort, "06", "2", "1", "good")
	a.want(testReady, "6/2a/05")
	b.want(testReady, "good")
	c.want(testReady, "6/2a/04")
	c.want("0A 00 00 00 00 00", "good")
	a.want("0A 00 00 00 00 00", "conflict")
	b.out(clearAll, "00", "2", "0", "good")
	c.want(testReady, "6/2a/03")
	a.want("0A 00 00 00 00 00", "good")
	a.get("5E 00 00 00 00 00 00 00 FF 00", "00000005 00000000")
}
