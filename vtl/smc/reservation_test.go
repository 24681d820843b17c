package smc

import (
	"encoding/json"
	"testing"

	"calypso/tape/scsi"
)

// send runs a command of another host.
func (r *rig) send(name, cdb, list string) string {
	r.Helper()
	cmd := &scsi.Command{CDB: unhex(r, cdb), DataOut: unhex(r, list)}
	return describe(r, r.s.Nexus(name).Exec(r.Context(), cmd))
}

// A reserved changer moves nothing for others, who may still look without moving the robot (SMC-3).
func TestReservedChanger(t *testing.T) {
	const move = "A5 00 0001 03E9 01F5 00 00 00 00"
	r := newRig(t, smallLibrary(t))
	if got := r.send("a", move, ""); got != "6/29/00" {
		t.Errorf("first command of a host = %s", got)
	}
	if got := r.send("a", "5F 06 00 00 00 00000018 00", "0000000000000000 0000000000000001 0000000000000000"); got != "good" {
		t.Fatalf("REGISTER AND IGNORE EXISTING KEY = %s", got)
	}
	if got := r.send("a", "5F 01 01 00 00 00000018 00", "0000000000000001 0000000000000000 0000000000000000"); got != "good" {
		t.Fatalf("RESERVE = %s", got)
	}
	for cdb, want := range map[string]string{
		move:                               "conflict",
		"07 00 00 00 00 00":                "conflict",
		"1E 00 00 00 01 00":                "conflict",
		"1E 00 00 00 00 00":                "good",
		"1A 00 3F 00 FF 00":                "good",
		"16 00 00 00 00 00":                "conflict",
		"B8 10 0000 FFFF 00 00 FFFF 00 00": "conflict",
		"B8 10 0000 FFFF 02 00 FFFF 00 00": "good",
		"00 00 00 00 00 00":                "good",
		"A3 0C 00 00 0000 00000FFF 00 00":  "good",
		"A4 0F 00 00 0000 00000000 00 00":  "conflict",
		"5E 03 00 00 00 00 00 00 FF 00":    "good",
		"5F 02 01 00 00 00000018 00":       "b/4b/00",
		"5A 18 1D 00 00 00 00 00 FF 00":    "good",
	} {
		r.want(cdb, want)
	}
	if len(r.h.moves) != 0 {
		t.Errorf("moves = %v", r.h.moves)
	}
	text, err := json.Marshal(r.s.State())
	if err != nil {
		t.Fatal(err)
	}
	state := new(State)
	if err := json.Unmarshal(text, state); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Serial: "CALLIB0001", State: state}, r.s.Inventory(), r.h)
	if err != nil {
		t.Fatal(err)
	}
	again := &rig{t, s, r.h}
	again.want(move, "conflict")
	if got := again.send("a", move, ""); got != "good" || len(r.h.moves) != 1 {
		t.Errorf("MOVE MEDIUM of the holder = %s, moves %v", got, r.h.moves)
	}
	s.PowerOn()
	again.want("07 00 00 00 00 00", "6/29/00")
	again.want("07 00 00 00 00 00", "good")
}

// The operator at a mail slot is news for every host.
func TestAttentionsOfEveryHost(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	r.send("a", "00 00 00 00 00 00", "")
	if err := r.s.Take(102); err != nil {
		t.Fatal(err)
	}
	if got := r.send("a", "00 00 00 00 00 00", ""); got != "6/28/01" {
		t.Errorf("host a: %s, want 6/28/01", got)
	}
	r.want("00 00 00 00 00 00", "6/28/01")
	r.want("00 00 00 00 00 00", "good")
}
