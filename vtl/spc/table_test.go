package spc

import (
	"context"
	"testing"

	"calypso/tape/scsi"
)

func nothing(int, context.Context, *Call) error { return nil }

func TestTableFindsServiceActions(t *testing.T) {
	table := NewTable(
		Command[int]{Name: "plain", Action: NoAction, Usage: "00 00 00 00 00 00", Run: nothing},
		Command[int]{Name: "six", Action: 6, Usage: "34 1F 00 00 00 00 00 00 00 00", Run: nothing},
		Command[int]{Name: "zero", Action: 0, Usage: "34 1F 00 00 00 00 00 00 00 00", Run: nothing},
	)
	for cdb, want := range map[string]string{"00": "plain", "3400": "zero", "3406": "six", "34e6": "six"} {
		c, err := table.Find(unhex(t, cdb))
		if err != nil || c.Name != want {
			t.Errorf("Find(%s) = %v, %v; want %s", cdb, c, err, want)
		}
	}
	for cdb, want := range map[string]scsi.ASC{"": InvalidOpcode, "01": InvalidOpcode, "3407": InvalidFieldInCDB, "34": InvalidFieldInCDB} {
		_, err := table.Find(unhex(t, cdb))
		k, ok := err.(*Check)
		if !ok || k.Key != scsi.IllegalRequest || k.ASC != want {
			t.Errorf("Find(%q) = %v, want 5/%04x", cdb, err, uint16(want))
		}
	}
}

// A wrong entry shows when the program starts, not when a host sends the command.
func TestMalformedEntriesPanic(t *testing.T) {
	for _, usage := range []string{"", "0", "zz", "00 00 00", "34 00 00 00 00 00", "7F 00 00 00 00 00", "C0 00 00 00 00 00"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("usage bitmap %q was taken", usage)
				}
			}()
			NewTable(Command[int]{Action: NoAction, Usage: usage, Run: nothing})
		}()
	}
}

func TestReplyIsCut(t *testing.T) {
	data := []byte{1, 2, 3, 4}
	for _, tt := range []struct{ allocation, room, want int }{{255, 255, 4}, {2, 255, 2}, {255, 3, 3}, {0, 255, 0}, {255, 0, 0}} {
		c := &Call{Cmd: &scsi.Command{DataIn: make([]byte, tt.room)}}
		if err := c.Reply(data, tt.allocation); err != nil || c.Cmd.Transferred != tt.want {
			t.Errorf("allocation %d, room %d: transferred %d, %v; want %d", tt.allocation, tt.room, c.Cmd.Transferred, err, tt.want)
		}
	}
}

func TestSubpagesEncodeAndSelect(t *testing.T) {
	m := NewModes(
		ModePage{Code: 0x0A, Default: []byte{1}, Changeable: []byte{0}},
		ModePage{Code: 0x0A, Subpage: 0xF0, Default: []byte{2, 3}, Changeable: []byte{0, 0xFF}},
	)
	sense := func(cdb string) string {
		c := &Call{CDB: unhex(t, cdb), Cmd: &scsi.Command{DataIn: make([]byte, 64)}}
		if err := m.Sense(c, ModeHeader{}); err != nil {
			t.Fatal(err)
		}
		return string(c.Cmd.DataIn[:c.Cmd.Transferred])
	}
	for cdb, want := range map[string]string{
		"1A 00 0A 00 FF 00": "06000000 0a01 01",
		"1A 00 0A F0 FF 00": "09000000 4af00002 0203",
		"1A 00 0A FF FF 00": "0c000000 0a01 01 4af00002 0203",
		"1A 00 3F 00 FF 00": "06000000 0a01 01",
		"1A 00 3F FF FF 00": "0c000000 0a01 01 4af00002 0203",
	} {
		if got := sense(cdb); got != string(unhex(t, want)) {
			t.Errorf("%s = % x, want %s", cdb, got, want)
		}
	}
	list := unhex(t, "00000000 4af00002 0299")
	sel, err := m.Select(&Call{CDB: unhex(t, "15 10 00 00 0A 00"), Cmd: &scsi.Command{DataOut: list}})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Current(0x0A, 0xF0)[1]; got != 3 {
		t.Errorf("Select alone changed the page to %02x", got)
	}
	if !m.Apply(sel) || m.Apply(sel) {
		t.Error("Apply() does not tell whether a value changed")
	}
	if got := m.Current(0x0A, 0xF0)[1]; got != 0x99 {
		t.Errorf("after Apply the byte is %02x, want 99", got)
	}
	if _, err := m.Select(&Call{CDB: unhex(t, "15 11 00 00 0A 00"), Cmd: &scsi.Command{DataOut: list}}); err == nil {
		t.Error("SP was taken although no page can be saved")
	}
}
