package scsi

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The pages are those of an HPE LTO-9 drive; the header is that of a data cartridge in it, write
// protected.
const (
	compressionPage = "0f 0e c0 80 00 00 00 ff 00 00 00 ff 00 00 00 00"
	devicePage      = "90 0e 00 00 00 00 01 2c 40 00 10 00 00 00 01 90"
)

func TestParseModeSense6(t *testing.T) {
	data := unhex(t, "2b 98 90 08 60 000000 00 004000"+compressionPage+devicePage)
	m, err := ParseModeSense6(data)
	if err != nil {
		t.Fatal(err)
	}
	want := ModeData{MediumType: 0x98, DeviceSpecific: 0x90, HasDescriptor: true, Density: 0x60, BlockLength: 0x4000,
		Pages: []ModePage{{0x0F, 0, unhex(t, compressionPage)}, {0x10, 0, unhex(t, devicePage)}}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	if !m.WriteProtected() {
		t.Error("WP not seen")
	}
	if m.Page(0x10, 0) == nil || m.Page(0x1D, 0) != nil {
		t.Error("page lookup")
	}
}

func TestParseModeSense10(t *testing.T) {
	data := unhex(t, "001e 98 10 00 00 0008 5e 000000 00 000000"+devicePage)
	m, err := ParseModeSense10(data)
	if err != nil || m.Density != 0x5E || m.BlockLength != 0 || m.WriteProtected() || len(m.Pages) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	subpage := unhex(t, "0010 00 00 00 00 0000 4a f0 0004 02 04 c0 00 1d 00")
	m, err = ParseModeSense10(subpage)
	if err != nil || m.Page(0x0A, 0xF0) == nil || len(m.Page(0x0A, 0xF0).Raw) != 8 || m.Page(0x1D, 0) == nil {
		t.Errorf("subpage: %+v, %v", m, err)
	}
	long := unhex(t, "0016 00 00 01 00 0010 ff00000000000000 0000000000000000")
	if m, err := ParseModeSense10(long); err != nil || m.HasDescriptor {
		t.Errorf("a long descriptor was read as a short one: %+v, %v", m, err)
	}
}

func TestParseModeSenseCutAndLying(t *testing.T) {
	full := unhex(t, "2b 98 90 08 60 000000 00 004000"+compressionPage+devicePage)
	for n := range full {
		m, err := ParseModeSense6(full[:n])
		if (n < 4) != errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if m.HasDescriptor != (n >= 12) {
			t.Errorf("%d bytes: descriptor %v", n, m.HasDescriptor)
		}
	}
	full[3] = 200 // a descriptor length that passes the end
	if m, err := ParseModeSense6(full); err != nil || len(m.Pages) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	full[0], full[3] = 11, 8 // the data says that no page follows
	if m, _ := ParseModeSense6(full); len(m.Pages) != 0 || m.Density != 0x60 {
		t.Errorf("%+v", m)
	}
}

func TestSelectList6(t *testing.T) {
	data := unhex(t, "1b 98 90 08 60 000102 00 004000"+devicePage)
	m, err := ParseModeSense6(data)
	if err != nil {
		t.Fatal(err)
	}
	page := bytes.Clone(m.Pages[0].Raw)
	got := m.SelectList6(page)
	want := unhex(t, "00 00 10 08 60 000102 00 004000 10"+devicePage[3:])
	if !bytes.Equal(got, want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
	if page[0] != 0x90 {
		t.Error("the caller's page was changed")
	}
	if got := (ModeData{}).SelectList6(nil); !bytes.Equal(got, []byte{0, 0, 0, 0}) {
		t.Errorf("empty list % x", got)
	}
}

func TestModePages(t *testing.T) {
	c, err := ParseCompression(unhex(t, compressionPage))
	if want := (Compression{true, true, true, 0xFF}); c != want || err != nil {
		t.Errorf("compression %+v, %v", c, err)
	}
	d, err := ParseDeviceConfiguration(unhex(t, devicePage))
	want := DeviceConfiguration{WriteDelay: 300, BlockIDs: true, SelectAlgorithm: 1}
	if d != want || err != nil {
		t.Errorf("device configuration %+v, %v", d, err)
	}
	if worm, err := ParseMediumConfiguration(unhex(t, "1d 1e 01 00 01")); !worm || err != nil {
		t.Error(worm, err)
	}
	if _, err := ParseCompression(unhex(t, devicePage)); err == nil {
		t.Error("another page accepted")
	}
	if _, err := ParseCompression(unhex(t, compressionPage)[:7]); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}

func TestParseElementAssignment(t *testing.T) {
	a, err := ParseElementAssignment(unhex(t, "1d 12 0001 0001 03e9 0028 0065 0005 0100 0002 0000"))
	want := ElementAssignment{Transports: ElementRange{1, 1}, Slots: ElementRange{0x3E9, 40},
		ImportExport: ElementRange{0x65, 5}, Drives: ElementRange{0x100, 2}}
	if a != want || err != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if !a.Drives.Contains(0x101) || a.Drives.Contains(0x102) || a.Drives.Contains(0xFF) {
		t.Error("range")
	}
	if !(ElementRange{0xFFFF, 1}).Contains(0xFFFF) {
		t.Error("the last address of all")
	}
}

func TestParseBlockLimits(t *testing.T) {
	l, err := ParseBlockLimits(unhex(t, "04 80 00 00 00 01"))
	if want := (BlockLimits{4, 1, 0x800000}); l != want || err != nil {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := ParseBlockLimits(make([]byte, 5)); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}

func TestParsePosition(t *testing.T) {
	tests := []struct {
		name, raw string
		parse     func([]byte) (PositionData, error)
		want      PositionData
	}{
		{"long", "01 00 00 00 00000001 0000000000012345 0000000000000007 0000000000000000", ParsePositionLong,
			PositionData{EarlyWarning: true, Partition: 1, Block: 0x12345, File: 7, Buffered: -1}},
		{"long, begin", "80 00 00 00 00000000 0000000000000000 0000000000000000 0000000000000000", ParsePositionLong,
			PositionData{BOP: true, Buffered: -1}},
		{"long, marks unknown", "48 00 00 00 00000000 0000000000000009 00000000000000ff 0000000000000000", ParsePositionLong,
			PositionData{EOP: true, Block: 9, File: -1, Buffered: -1}},
		{"long, number unknown", "04 00 00 00 00000000 0000000000000009 0000000000000002 0000000000000000", ParsePositionLong,
			PositionData{Partition: -1, Block: -1, File: 2, Buffered: -1}},
		{"long, nonsense", "00 00 00 00 00000000 ffffffffffffffff ffffffffffffffff 0000000000000000", ParsePositionLong,
			PositionData{Partition: -1, Block: -1, File: -1, Buffered: -1}},
		{"short", "00 01 0000 fffffffe 000003e8 00 000002 00080000", ParsePositionShort,
			PositionData{Partition: 1, Block: 0xFFFFFFFE, File: -1, Buffered: 2}},
		{"short, unknown", "e4 00 0000 00000005 00000005 00 000000 00000000", ParsePositionShort,
			PositionData{BOP: true, EOP: true, Block: -1, File: -1, Buffered: -1}},
		{"short, overflow", "02 00 0000 ffffffff ffffffff 00 000000 00000000", ParsePositionShort,
			PositionData{Overflow: true, Block: -1, File: -1}},
	}
	for _, tt := range tests {
		got, err := tt.parse(unhex(t, tt.raw))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if _, err := ParsePositionLong(make([]byte, 31)); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	if _, err := ParsePositionShort(make([]byte, 19)); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}
