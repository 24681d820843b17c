package ssc

import (
	"testing"
)

// Page bodies as an LTO-9 drive has them (HPE), but for the bits that this drive does not do: RED of
// page 0Fh, WTRE and the other choice for reset of page 10h.
const (
	page0F = "0f 0e c0 80 000000ff 000000ff 00000000"
	page10 = "90 0e 00 00 00 00 012c 40 00 10 000000 01 08"

	page1001      = "d0 01 001c 00 02 0000 00 0000000000000000000000000000000000000000000000"
	page11        = "11 0e 03 00 1c 03 09 00 044b 0000 0000 0000" // of 1.1 TB
	page11Default = "11 0e 03 00 1c 03 09 00 0000 0000 0000 0000"
)

// modeSense6 is the answer to MODE SENSE(6) with these pages, from a drive with an LTO-8 cartridge.
func modeSense6(t testing.TB, pages string) []byte {
	b := unhex(t, "00 88 10 08 5e000000 00000000"+pages)
	b[0] = byte(len(b) - 1)
	return b
}

func TestModeSense(t *testing.T) {
	tests := []struct {
		name, cdb, want string
	}{
		{"6: compression", "1A 00 0F 00 FF 00", "1b 88 10 08 5e000000 00000000" + page0F},
		{"6: configuration", "1A 00 10 00 FF 00", "1b 88 10 08 5e000000 00000000" + page10},
		{"6: all", "1A 00 3F 00 FF 00", "b7 88 10 08 5e000000 00000000" + allPages},
		{"6: all with subpages", "1A 00 3F FF FF 00", "f7 88 10 08 5e000000 00000000" + page01 + page02 + page0A + page0A01 + page0F + page10 + page1001 + page11 + page1A + page1C + page1D},
		{"6: header, as Linux asks", "1A 00 00 00 0C 00", "0b 88 10 08 5e000000 00000000"},
		{"6: header alone", "1A 08 00 00 FF 00", "03 88 10 00"},
		{"6: changeable header", "1A 00 40 00 FF 00", "0b 88 10 08 00000000 00ffffff"},
		{"10: header", "5A 00 00 00 00 00 00 00 FF 00", "000e 88 10 00 00 0008 5e000000 00000000"},
		{"6: no block descriptor", "1A 08 0F 00 FF 00", "13 88 10 00" + page0F},
		{"6: cut", "1A 00 3F 00 0C 00", "b7 88 10 08 5e000000 00000000"},
		{"6: no room", "1A 00 3F 00 00 00", ""},
		{"10: all", "5A 00 3F 00 00 00 00 00 FF 00", "00ba 88 10 00 00 0008 5e000000 00000000" + allPages},
		{"10: no block descriptor", "5A 18 10 00 00 00 00 00 FF 00", "0016 88 10 00 00 0000" + page10},
		{"6: changeable", "1A 00 7F 00 FF 00", "b7 88 10 08 00000000 00ffffff" + none01 + none02 + changeable0A +
			"0f 0e 80 00 00000000 00000000 00000000" + "90 0e 00 00 00 00 ffff 00 00 0c 000000 01 c7" +
			"11 0e 00 ff f8 00 0f 00 ffff ffff ffff ffff" + page1A + changeable1C + none1D},
		{"6: default", "1A 00 BF 00 FF 00", "b7 88 10 08 5e000000 00000000" + defaultPages},
		{"6: saved, never saved", "1A 00 FF 00 FF 00", "b7 88 10 08 5e000000 00000000" + defaultPages},
	}
	r := newRig(t, tapeOf("ab"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := r.exec(tt.cdb, nil, 255)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, tt.cdb, got, unhex(t, tt.want))
		})
	}
	r.want("1A 00 03 00 FF 00", "5/24/00 cdb[2].5")
	r.want("1A 00 10 0F FF 00", "5/24/00 cdb[2].5")
	r.want("1A 00 00 01 FF 00", "5/24/00 cdb[2].5")
}

func TestModeSenseHeader(t *testing.T) {
	worm := tapeOf("ab")
	worm.meta.WORM = true
	protected := tapeOf("ab")
	protected.meta.WriteProtect = true
	older := tapeOf("ab")
	older.meta.Generation = "LTO-7"
	for name, tt := range map[string]struct {
		m    *memoryTape
		want string
	}{
		"no medium":       {nil, "0b 00 10 08 00000000 00000000"},
		"data":            {tapeOf("ab"), "0b 88 10 08 5e000000 00000000"},
		"WORM":            {worm, "0b 8c 10 08 5e000000 00000000"},
		"write protected": {protected, "0b 88 90 08 5e000000 00000000"},
		"LTO-7":           {older, "0b 78 10 08 5c000000 00000000"},
	} {
		r := newRig(t, tt.m)
		got, err := r.exec("1A 00 0F 00 0C 00", nil, 12)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, tt.want)
		want[0] = 0x1b
		wantBytes(t, name, got, want)
	}
}

// A cartridge that the drive can only read is write protected to the host.
func TestReadOnlyGenerationShowsAsProtected(t *testing.T) {
	m := tapeOf("ab")
	m.meta.Generation = "LTO-5"
	s, err := New(Config{Generation: "LTO-7", State: &State{Barcode: "V00001L8", Loaded: true, Buffered: true}}, m)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, s, m}
	got, _ := r.exec("1A 00 0F 00 0C 00", nil, 12)
	wantBytes(t, "MODE SENSE(6)", got, unhex(t, "1b 58 90 08 58000000 00000000"))
}

func TestModeSelect(t *testing.T) {
	tests := []struct {
		name, cdb, list, sense string
	}{
		{"nothing", "15 10 00 00 00 00", "", "good"},
		{"header alone", "15 10 00 00 04 00", "00 00 10 00", "good"},
		{"block length", "15 10 00 00 0C 00", "00 88 10 08 5e000000 00000200", "good"},
		{"longest block length", "15 10 00 00 0C 00", "00 00 10 08 00000000 00800000", "good"},
		{"no change of density", "15 10 00 00 0C 00", "00 00 10 08 7f000000 00000200", "good"},
		{"WP is not looked at", "15 10 00 00 04 00", "00 00 90 00", "good"},
		{"without PF", "15 00 00 00 0C 00", "00 00 10 08 00000000 00000000", "good"},
		{"10: block length", "55 10 00 00 00 00 00 00 10 00", "0000 00 10 00 00 0008 00000000 00000200", "good"},
		{"write delay", "15 10 00 00 14 00", "00 00 10 00 10 0e 00 00 00 00 0001 40 00 10 000000 01 08", "good"},
		{"mode data length", "15 10 00 00 04 00", "0b 00 10 00", "5/26/00 param[0]"},
		{"10: mode data length", "55 10 00 00 00 00 00 00 08 00", "0012 00 10 00 00 0000", "5/26/00 param[1]"},
		{"10: long LBA", "55 10 00 00 00 00 00 00 08 00", "0000 00 10 01 00 0000", "5/26/00 param[4].0"},
		{"medium type", "15 10 00 00 04 00", "00 98 10 00", "5/26/00 param[1]"},
		{"buffered mode 2", "15 10 00 00 04 00", "00 00 20 00", "5/26/00 param[2]"},
		{"speed", "15 10 00 00 04 00", "00 00 11 00", "5/26/00 param[2]"},
		{"half a header", "15 10 00 00 03 00", "00 00 10", "5/1a/00"},
		{"half a descriptor", "15 10 00 00 08 00", "00 00 10 08 00000000", "5/1a/00"},
		{"two descriptors", "15 10 00 00 14 00", "00 00 10 10 00000000 00000000 00000000 00000000", "5/26/00 param[3]"},
		{"another density", "15 10 00 00 0C 00", "00 00 10 08 60000000 00000000", "5/26/00 param[4]"},
		{"number of blocks", "15 10 00 00 0C 00", "00 00 10 08 00000100 00000000", "5/26/00 param[6]"},
		{"reserved byte", "15 10 00 00 0C 00", "00 00 10 08 00000000 01000000", "5/26/00 param[8]"},
		{"block length beyond the limit", "15 10 00 00 0C 00", "00 00 10 08 00000000 00800001", "5/26/00 param[9]"},
		{"PS", "15 10 00 00 14 00", "00 00 10 00 90 0e 00 00 00 00 012c 40 00 10 000000 01 08", "5/26/00 param[4].7"},
		{"unknown page", "15 10 00 00 06 00", "00 00 10 00 03 00", "5/26/00 param[4].5"},
		{"unknown subpage", "15 10 00 00 08 00", "00 00 10 00 50 0f 0000", "5/26/00 param[4].5"},
		{"page length", "15 10 00 00 06 00", "00 00 10 00 0f 0d", "5/26/00 param[5]"},
		{"half a page", "15 10 00 00 08 00", "00 00 10 00 0f 0e c0 80", "5/1a/00"},
		{"half a page header", "15 10 00 00 05 00", "00 00 10 00 0f", "5/1a/00"},
		{"unchangeable bit", "15 10 00 00 14 00", "00 00 10 00 0f 0e 80 80 000000ff 000000ff 00000000", "5/26/00 param[6].6"},
		{"unchangeable byte behind the descriptor", "15 10 00 00 1C 00",
			"00 00 10 08 00000000 00000200 0f 0e c0 80 00000010 000000ff 00000000", "5/26/00 param[19].7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tapeOf("ab"))
			if got := r.senseOut(tt.cdb, unhex(t, tt.list)); got != tt.sense {
				t.Errorf("%s = %s, want %s", tt.cdb, got, tt.sense)
			}
			if tt.sense != "good" {
				got, _ := r.exec("1A 00 3F 00 FF 00", nil, 255)
				wantBytes(t, "after the refusal", got, modeSense6(t, allPages))
			}
		})
	}
	r := newRig(t, nil)
	if got := r.senseOut("15 10 00 00 0C 00", make([]byte, 4)); got != "b/4b/00" {
		t.Errorf("MODE SELECT(6) of 12 bytes with 4 = %s, want b/4b/00", got)
	}
}

// Either of the two pages switches compression; both always say the same.
func TestCompressionPagesAgree(t *testing.T) {
	const (
		off0F = "0f 0e 40 80 000000ff 000000ff 00000000"
		off10 = "90 0e 00 00 00 00 012c 40 00 10 000000 00 08"
	)
	sel := func(r *rig, page string) {
		t.Helper()
		list := append(unhex(t, "00 00 10 00"), unhex(t, page)...)
		list[4] &^= 0x80
		if got := r.senseOut("15 10 00 00 14 00", list); got != "good" {
			t.Fatalf("MODE SELECT(6) = %s", got)
		}
	}
	want := func(r *rig, pages string) {
		t.Helper()
		zip, _ := r.exec("1A 08 0F 00 FF 00", nil, 255)
		config, _ := r.exec("1A 08 10 00 FF 00", nil, 255)
		wantBytes(t, "pages", append(zip[4:], config[4:]...), unhex(t, pages))
	}
	r := newRig(t, nil)
	sel(r, off0F)
	want(r, off0F+off10)
	sel(r, page10)
	want(r, page0F+page10)
	sel(r, off10)
	want(r, off0F+off10)
	sel(r, page0F)
	want(r, page0F+page10)
}

func TestSavedPages(t *testing.T) {
	r := newRig(t, nil)
	// SP saves page 10h, which can be saved, and not 0Fh.
	if got := r.senseOut("15 11 00 00 14 00", unhex(t, "00 00 10 00 10 0e 00 00 00 00 0007 40 00 10 000000 01 08")); got != "good" {
		t.Fatalf("MODE SELECT(6) = %s", got)
	}
	if got := r.senseOut("15 10 00 00 14 00", unhex(t, "00 00 10 00 10 0e 00 00 00 00 0009 40 00 10 000000 01 08")); got != "good" {
		t.Fatalf("MODE SELECT(6) = %s", got)
	}
	state := r.s.State()
	s, err := New(Config{Generation: "LTO-8", State: &state}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r = &rig{TB: t, s: s}
	for cdb, delay := range map[string]string{"1A 08 10 00 FF 00": "0009", "1A 08 D0 00 FF 00": "0007", "1A 08 90 00 FF 00": "012c"} {
		got, _ := r.exec(cdb, nil, 255)
		wantBytes(t, cdb, got[10:12], unhex(t, delay))
	}
	s.PowerOn()
	r.want("00 00 00 00 00 00", "6/29/00")
	got, _ := r.exec("1A 08 10 00 FF 00", nil, 255)
	wantBytes(t, "after a power cycle", got[10:12], unhex(t, "0007"))
}

func TestObserver(t *testing.T) {
	m := tapeOf("ab|")
	s, err := New(Config{Generation: "LTO-8", Observe: true, State: &State{Barcode: "V00001L8", Loaded: true, Buffered: true}}, m)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, s, m}
	for _, cdb := range []string{
		"0A 00 00 00 01 00", "10 00 00 00 01 00", "19 00 00 00 00 00", "15 10 00 00 00 00", "55 10 00 00 00 00 00 00 00 00",
		"1B 00 00 00 00 00", "1B 00 00 00 01 00", "1E 00 00 00 01 00", "8D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	} {
		r.want(cdb, "7/27/00")
	}
	r.want("10 00 00 00 00 00", "good")
	if got, err := r.exec("08 00 00 00 01 00", nil, 1); err != nil || string(got) != "a" {
		t.Errorf("READ(6) = %q, %v", got, err)
	}
	got, _ := r.exec("1A 00 0F 00 0C 00", nil, 12)
	wantBytes(t, "MODE SENSE(6), not write protected", got, unhex(t, "1b 88 10 08 5e000000 00000000"))
	if m.picture() != "ab|" {
		t.Errorf("tape = %q, want ab|", m.picture())
	}
}
