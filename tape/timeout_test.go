package tape

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"testing"
	"time"

	"calypso/tape/scsi"
)

// clocked answers every command and keeps how long each was given.
type clocked struct {
	version   byte
	supported []byte // the answer to REPORT SUPPORTED OPERATION CODES; nil: the device does not know it
	given     map[byte]time.Duration
	asked     int
}

func (c *clocked) Exec(_ context.Context, cmd *scsi.Command) error {
	c.given[cmd.CDB[0]] = cmd.Timeout
	switch cmd.CDB[0] {
	case 0x12:
		cmd.Transferred = copy(cmd.DataIn, []byte{1, 0x80, c.version, 2, 31})
	case 0xA3:
		c.asked++
		if c.supported == nil {
			return &scsi.SenseError{CDB: cmd.CDB, Sense: scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidOpcode}}
		}
		cmd.Transferred = copy(cmd.DataIn, c.supported)
	default:
		cmd.Transferred = len(cmd.DataIn) + len(cmd.DataOut)
	}
	return nil
}

// supports is the list of commands with their recommended timeouts, as SPC-5 6.35 has it.
func supports(seconds map[byte]uint32) []byte {
	b := make([]byte, 4)
	for op, s := range seconds {
		b = append(b, op, 0, 0, 0, 0, 0x02, 0, 6, 0, 10, 0, 0, 0, 0, 0, 1, byte(s>>24), byte(s>>16), byte(s>>8), byte(s))
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func TestTimeoutsOfTheDevice(t *testing.T) {
	told := supports(map[byte]uint32{0x01: 5000, 0x0A: 1800, 0x10: 3, 0x11: 0})
	table := map[byte]time.Duration{0x01: 900 * time.Second, 0x0A: 2340 * time.Second, 0x10: 1620 * time.Second, 0x11: 3940 * time.Second}
	for name, tt := range map[string]struct {
		clocked
		want  map[byte]time.Duration
		asked int
	}{
		"told":           {clocked{version: 6, supported: told}, map[byte]time.Duration{0x01: 5000 * time.Second, 0x0A: 1800 * time.Second, 0x10: 1500 * time.Second, 0x11: 3940 * time.Second}, 1},
		"absurd":         {clocked{version: 6, supported: supports(map[byte]uint32{0x01: 1<<32 - 1, 0x0A: 1, 0x10: 0, 0x11: 200000})}, map[byte]time.Duration{0x01: 170000 * time.Second, 0x0A: 1500 * time.Second, 0x10: 1620 * time.Second, 0x11: 170000 * time.Second}, 1},
		"refused":        {clocked{version: 6}, table, 1},
		"before SPC-3":   {clocked{version: 4, supported: told}, table, 0},
		"short":          {clocked{version: 6, supported: told[:3]}, table, 1},
		"no timeouts":    {clocked{version: 6, supported: []byte{0, 0, 0, 8, 0x0A, 0, 0, 0, 0, 0, 0, 6}}, table, 1},
		"cut at the end": {clocked{version: 6, supported: supports(map[byte]uint32{0x01: 5000})[:23]}, table, 1},
	} {
		c := tt.clocked
		c.given = map[byte]time.Duration{}
		d := NewDrive(&c)
		err := errors.Join(d.Rewind(t.Context()), d.SpaceEOD(t.Context()), d.Flush(t.Context()))
		if _, e := d.Write(t.Context(), []byte("abc")); errors.Join(err, e) != nil {
			t.Fatal(name, err, e)
		}
		for op, want := range tt.want {
			if c.given[op] != want {
				t.Errorf("%s: command %02X got %v, want %v", name, op, c.given[op], want)
			}
		}
		if c.asked != tt.asked {
			t.Errorf("%s: asked %d times, want %d", name, c.asked, tt.asked)
		}
	}
}

// Who only looks sends no command more.
func TestTimeoutsAreNotAskedToLook(t *testing.T) {
	c := clocked{version: 6, supported: supports(nil), given: map[byte]time.Duration{}}
	d := NewDrive(&c)
	_, _ = d.Ready(t.Context())
	_, _ = d.Position(t.Context())
	_, _ = d.Medium(t.Context())
	_, _, _ = d.Limits(t.Context())
	if c.asked != 0 || len(c.given) < 3 {
		t.Errorf("asked %d times after %v", c.asked, maps.Keys(c.given))
	}
}
