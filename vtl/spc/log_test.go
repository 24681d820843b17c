package spc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"calypso/tape/scsi"
)

// logRig is a device with three log pages.
type logRig struct {
	resets []string
	sent   int
}

func (r *logRig) logs() Logs {
	reset := func(name string) func() { return func() { r.resets = append(r.resets, name) } }
	counters := func() []LogParameter {
		return []LogParameter{
			{0x0000, LogCounter, []byte{1, 2}},
			{0x0005, LogFrozen, []byte{3}},
			{0x8000, LogData, []byte{4, 5, 6}},
		}
	}
	return Logs{
		{Code: 0x02, Parameters: counters, Reset: reset("02"), Sent: func() { r.sent++ }},
		{Code: 0x10, Parameters: func() []LogParameter { return nil }},
		{Code: 0x10, Subpage: 0x01, Parameters: counters, Reset: reset("10,01")},
	}
}

func logHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask runs a LOG SENSE or LOG SELECT and gives the data in hexadecimal, or the refusal.
func (r *logRig) ask(t testing.TB, cdb string, room int) string {
	t.Helper()
	cmd := &scsi.Command{CDB: logHex(t, cdb), DataIn: make([]byte, room)}
	c := &Call{CDB: cmd.CDB, Cmd: cmd}
	do := r.logs().Sense
	if cmd.CDB[0] == 0x4C {
		do = r.logs().Select
	}
	if err := do(c); err != nil {
		var k *Check
		if !errors.As(err, &k) {
			t.Fatalf("%s: %v", cdb, err)
		}
		return hex.EncodeToString(append([]byte{byte(k.Key), byte(k.ASC >> 8), byte(k.ASC)}, k.Raw()[15:18]...))
	}
	return hex.EncodeToString(cmd.DataIn[:cmd.Transferred])
}

func TestLogSense(t *testing.T) {
	const counters = "0000 40 02 0102  0005 c0 01 03  8000 43 03 040506"
	tests := []struct{ name, cdb, want string }{
		{"supported pages", "4D 00 40 00 00 00 00 00 FF 00", "00 00 0003 00 02 10"},
		{"supported pages, any PC", "4D 00 00 00 00 00 00 00 FF 00", "00 00 0003 00 02 10"},
		{"pages and subpages", "4D 00 40 FF 00 00 00 00 FF 00", "40 ff 000a 0000 00ff 0200 1000 1001"},
		{"subpages of a page", "4D 00 50 FF 00 00 00 00 FF 00", "50 ff 0004 1000 1001"},
		{"a page", "4D 00 42 00 00 00 00 00 FF 00", "02 00 0012 " + counters},
		{"a subpage", "4D 00 50 01 00 00 00 00 FF 00", "50 01 0012 " + counters},
		{"an empty page", "4D 00 50 00 00 00 00 00 FF 00", "10 00 0000"},
		{"from a parameter on", "4D 00 42 00 00 00 05 00 FF 00", "02 00 000c 0005 c0 01 03  8000 43 03 040506"},
		{"from between two parameters", "4D 00 42 00 00 00 06 00 FF 00", "02 00 0007 8000 43 03 040506"},
		{"default values", "4D 00 C2 00 00 00 00 00 FF 00", "02 00 0012 0000 40 02 0000  0005 c0 01 00  8000 43 03 040506"},
		{"cut", "4D 00 42 00 00 00 00 00 07 00", "02 00 0012 0000 40"},
		{"no room", "4D 00 42 00 00 00 00 00 00 00", ""},
		{"beyond the last parameter", "4D 00 42 00 00 80 01 00 FF 00", "052400 c00005"},
		{"pointer into the list of pages", "4D 00 40 00 00 00 01 00 FF 00", "052400 c00005"},
		{"no such page", "4D 00 43 00 00 00 00 00 FF 00", "052400 cd0002"},
		{"no such subpage", "4D 00 42 01 00 00 00 00 FF 00", "052400 cd0002"},
		{"subpages of no page", "4D 00 43 FF 00 00 00 00 FF 00", "052400 cd0002"},
		{"thresholds", "4D 00 02 00 00 00 00 00 FF 00", "052400 cf0002"},
		{"default thresholds", "4D 00 82 00 00 00 00 00 FF 00", "052400 cf0002"},
		{"save", "4D 01 42 00 00 00 00 00 FF 00", "052400 c80001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := new(logRig)
			if got, want := r.ask(t, tt.cdb, 255), strings.ReplaceAll(tt.want, " ", ""); got != want {
				t.Errorf("%s = %s, want %s", tt.cdb, got, want)
			}
		})
	}
	r := new(logRig)
	r.ask(t, "4D 00 42 00 00 00 00 00 04 00", 4)   // cut by the allocation length
	r.ask(t, "4D 00 42 00 00 00 00 00 FF 00", 4)   // and by the room
	r.ask(t, "4D 00 42 00 00 80 01 00 FF 00", 255) // refused
	r.ask(t, "4D 00 42 00 00 00 00 00 16 00", 255) // sent
	r.ask(t, "4D 00 42 00 00 80 00 00 FF 00", 255) // its last parameter alone
	if r.sent != 1 {
		t.Errorf("the page was sent once, said to be %d times", r.sent)
	}
}

func TestLogSelect(t *testing.T) {
	tests := []struct{ name, cdb, want, resets string }{
		{"reset all", "4C 02 40 00 00 00 00 00 00 00", "", "02 10,01"},
		{"reset all with subpages", "4C 02 40 FF 00 00 00 00 00 00", "", "02 10,01"},
		{"reset one", "4C 02 42 00 00 00 00 00 00 00", "", "02"},
		{"reset one without counters", "4C 02 50 00 00 00 00 00 00 00", "", ""},
		{"reset all subpages of one", "4C 02 50 FF 00 00 00 00 00 00", "", "10,01"},
		{"default values", "4C 00 C2 00 00 00 00 00 00 00", "", "02"},
		{"nothing", "4C 00 42 00 00 00 00 00 00 00", "", ""},
		{"thresholds", "4C 00 02 00 00 00 00 00 00 00", "052400 cf0002", ""},
		{"default thresholds", "4C 00 82 00 00 00 00 00 00 00", "052400 cf0002", ""},
		{"no such page", "4C 02 43 00 00 00 00 00 00 00", "052400 cd0002", ""},
		{"save", "4C 03 40 00 00 00 00 00 00 00", "052400 c80001", ""},
		{"reset with a list", "4C 02 42 00 00 00 00 00 04 00", "052400 c90001", ""},
		{"a list", "4C 00 42 00 00 00 00 00 04 00", "052400 c00007", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := new(logRig)
			if got, want := r.ask(t, tt.cdb, 0), strings.ReplaceAll(tt.want, " ", ""); got != want {
				t.Errorf("%s = %s, want %s", tt.cdb, got, want)
			}
			if got := strings.Join(r.resets, " "); got != tt.resets {
				t.Errorf("%s resets %q, want %q", tt.cdb, got, tt.resets)
			}
		})
	}
}

// TestLogSenseAnything: whatever a CDB asks for, the answer is a refusal or the start of a page that says
// its own length, within the allocation length and the host's room.
func TestLogSenseAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cdb := rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(rt, "CDB")
		cdb[0], cdb[7] = 0x4D, cdb[7]&0x01
		room := rapid.IntRange(0, 300).Draw(rt, "room")
		cmd := &scsi.Command{CDB: bytes.Clone(cdb), DataIn: make([]byte, room)}
		c := &Call{CDB: cmd.CDB, Cmd: cmd}
		err := new(logRig).logs().Sense(c)
		got := cmd.DataIn[:cmd.Transferred]
		switch {
		case err != nil && len(got) != 0:
			rt.Errorf("% x: %v, and %d bytes", cdb, err, len(got))
		case len(got) > int(c.U16(7)):
			rt.Errorf("% x: %d bytes", cdb, len(got))
		case len(got) >= 4 && (got[0]&0x3F != cdb[2]&0x3F || got[1] != cdb[3] || 4+int(got[2])<<8+int(got[3]) < len(got)):
			rt.Errorf("% x = % x", cdb, got)
		}
	})
}
