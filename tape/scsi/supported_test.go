package scsi

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The bytes of SPC-5 tables 270 to 273: REWIND without, ERASE(6) and PERSISTENT RESERVE OUT with timeouts.
const supportedList = "00000044 01 00 0000 00 00 0006  19 00 0000 00 02 0006 000a 00 00 00004e20 0000bb80  5f 00 0006 00 03 000a 000a 00 00 00000001 0000003c 1b 00 0000 00 02 0006 0002 0000"

func TestParseSupportedOpcodes(t *testing.T) {
	want := []SupportedCommand{
		{Opcode: 0x01, Action: NoAction, Length: 6},
		{Opcode: 0x19, Action: NoAction, Length: 6, Nominal: 20000 * time.Second, Recommended: 48000 * time.Second},
		{Opcode: 0x5F, Action: 6, Length: 10, Nominal: time.Second, Recommended: time.Minute},
		{Opcode: 0x1B, Action: NoAction, Length: 6}, // a timeouts descriptor that is too short to say anything
	}
	data := unhex(t, supportedList)
	got, err := ParseSupportedOpcodes(data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for cut, n := range map[int]int{4: 0, 11: 0, 12: 1, 31: 1, 32: 2, 53: 3} {
		if got, err := ParseSupportedOpcodes(data[:cut]); err != nil || len(got) != n {
			t.Errorf("%d bytes: %d commands, %v; want %d", cut, len(got), err, n)
		}
	}
	if _, err := ParseSupportedOpcodes(data[:3]); err == nil {
		t.Error("3 bytes: no error")
	}
}

func FuzzSupportedOpcodes(f *testing.F) {
	f.Add(unhex(f, supportedList))
	f.Add([]byte{0, 0, 0, 10, 0xA3, 0, 0, 12, 0, 3, 0, 12, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := ParseSupportedOpcodes(exact(data))
		if len(list)*8 > len(data) {
			t.Errorf("%d commands in %d bytes", len(list), len(data))
		}
	})
}
