package ssc

import (
	"fmt"
	"testing"

	"calypso/vtl/spc"
)

func descriptor52(density byte, flags byte, bits, tracks, megabytes int, name, description string) string {
	return fmt.Sprintf("%02x %02x %02x 0000 %06x 007f %04x %08x ", density, density, flags, bits, tracks, megabytes) +
		ascii("LTO-CVE", 8) + ascii(name, 8) + ascii(description, 20)
}

// TestReportDensityOfLTO5 is what an HP LTO-5 drive answered, as sg3_utils has it recorded: 158 bytes.
func TestReportDensityOfLTO5(t *testing.T) {
	s, err := New(Config{Generation: "LTO-5", Serial: "X"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	*s.attentions.Of(spc.DefaultNexus) = nil
	r := &rig{t, s, nil}
	got, err := r.exec("44 00 00 00 00 00 00 10 00 00", nil, 4096)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "densities", got, unhex(t, `00 9e 00 00 44 44 00 00  00 00 25 a6 00 7f 02 c0
		00 06 1a 80 4c 54 4f 2d  43 56 45 20 55 2d 33 31
		36 20 20 20 55 6c 74 72  69 75 6d 20 33 2f 31 36
		54 20 20 20 20 20 20 20  46 46 80 00 00 00 31 b5
		00 7f 03 80 00 0c 35 00  4c 54 4f 2d 43 56 45 20
		55 2d 34 31 36 20 20 20  55 6c 74 72 69 75 6d 20
		34 2f 31 36 54 20 20 20  20 20 20 20 58 58 a0 00
		00 00 3b 26 00 7f 05 00  00 16 e3 60 4c 54 4f 2d
		43 56 45 20 55 2d 35 31  36 20 20 20 55 6c 74 72
		69 75 6d 20 35 2f 31 36  54 20 20 20 20 20 20 20`))
}

func TestReportDensity(t *testing.T) {
	nine := descriptor52(0x60, 0xA0, 21458, 8960, 18_000_000, "U-932", "Ultrium 9/32T")
	eight := descriptor52(0x5E, 0x80, 20669, 6656, 12_000_000, "U-832", "Ultrium 8/32T")
	m := tapeOf("ab")
	m.capacity = 500_000_000
	r := newStatsRig(t, Config{Generation: "LTO-9", Serial: "X"}, m)
	tests := []struct{ name, cdb, want string }{
		{"drive", "44 00 00 00 00 00 00 02 00 00", "006a 0000 " + eight + nine},
		{"cut", "44 00 00 00 00 00 00 00 06 00", "006a 0000 5e5e"},
		{"cartridge", "44 01 00 00 00 00 00 02 00 00", "0036 0000 " + descriptor52(0x5E, 0x80, 20669, 6656, 500, "U-832", "Ultrium 8/32T")},
		{"types of the cartridge", "44 03 00 00 00 00 00 02 00 00", "003a 0000 88 00 0034 01 5e 0000000000000000 007f 03c0 0000 " +
			ascii("LTO-CVE", 8) + ascii("LTO8Data", 8) + ascii("Ultrium 8 Data Tape", 20)},
	}
	for _, tt := range tests {
		got, err := r.exec(tt.cdb, nil, 512)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		wantBytes(t, tt.name, got, unhex(t, tt.want))
	}
	got, err := r.exec("44 02 00 00 00 00 00 02 00 00", nil, 512)
	if err != nil || len(got) != 4+4*56 {
		t.Fatalf("medium types: %d bytes, %v", len(got), err)
	}
	for i, want := range []byte{0x88, 0x8C, 0x98, 0x9C} {
		if got[4+56*i] != want {
			t.Errorf("medium type %d = %02x, want %02x", i, got[4+56*i], want)
		}
	}
	empty := newStatsRig(t, Config{}, nil)
	empty.want("44 01 00 00 00 00 00 02 00 00", "2/3a/00")
	empty.want("44 00 00 00 00 00 00 02 00 00", "good")
}

// TestFormats: a generation without a format of its own would be taken for another.
func TestFormats(t *testing.T) {
	for _, g := range generations {
		f := formatOf(g.density)
		if f.density != g.density {
			t.Errorf("no format of %s", g.name)
		}
		heads := 32
		if g.number < 7 {
			heads = 16
		}
		if f.tracks != f.wraps*heads {
			t.Errorf("%s: %d tracks in %d wraps", g.name, f.tracks, f.wraps)
		}
	}
}
