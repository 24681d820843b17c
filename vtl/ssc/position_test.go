package ssc

import (
	"errors"
	"strings"
	"testing"
)

func TestSpace(t *testing.T) {
	tests := []struct {
		name  string
		tape  string
		at    int64
		cdb   string
		sense string
		lands int64
	}{
		{"nothing", "ab|c", 1, "11 00 00 00 00 00", "good", 1},
		{"blocks", "abc|", 0, "11 00 00 00 02 00", "good", 2},
		{"blocks up to a filemark", "abc|", 0, "11 00 00 00 03 00", "good", 3},
		{"blocks into a filemark", "abc|d", 1, "11 00 00 00 05 00", "0/00/01 FM info=3", 4},
		{"blocks at a filemark", "a|b", 1, "11 00 00 00 01 00", "0/00/01 FM info=1", 2},
		{"blocks into the end", "abc", 1, "11 00 00 00 05 00", "8/00/05 info=3", 3},
		{"blocks at the end", "abc", 3, "11 00 00 00 01 00", "8/00/05 info=1", 3},
		{"blocks back", "abc|", 3, "11 00 FF FF FE 00", "good", 1},
		{"blocks back to the beginning", "abc", 2, "11 00 FF FF FE 00", "good", 0},
		{"blocks back into the beginning", "abc", 2, "11 00 FF FF FB 00", "0/00/04 EOM info=3", 0},
		{"blocks back into a filemark", "a|bcd", 4, "11 00 FF FF FB 00", "0/00/01 FM info=3", 1},
		{"blocks back at a filemark", "a|b", 2, "11 00 FF FF FF 00", "0/00/01 FM info=1", 1},
		{"filemarks", "a|b|c", 0, "11 01 00 00 01 00", "good", 2},
		{"two filemarks", "a|b|c", 0, "11 01 00 00 02 00", "good", 4},
		{"filemarks into the end", "a|b|c", 1, "11 01 00 00 05 00", "8/00/05 info=3", 5},
		{"filemarks back", "a|b|c", 5, "11 01 FF FF FF 00", "good", 3},
		{"two filemarks back", "a|b|c", 5, "11 01 FF FF FE 00", "good", 1},
		{"filemarks back from behind one", "a|b", 2, "11 01 FF FF FF 00", "good", 1},
		{"filemarks back from before one", "a|b", 1, "11 01 FF FF FF 00", "0/00/04 EOM info=1", 0},
		{"filemarks back into the beginning", "a|b|c", 4, "11 01 FF FF FB 00", "0/00/04 EOM info=3", 0},
		{"no filemarks", "a|b", 1, "11 01 00 00 00 00", "good", 1},
		{"end of data", "a|b", 0, "11 03 00 00 00 00", "good", 3},
		{"end of data, count ignored", "a|b", 0, "11 03 FF FF FF 00", "good", 3},
		{"sequential filemarks", "a||b", 0, "11 02 00 00 02 00", "5/24/00 cdb[1].3", 0},
		{"setmarks", "a||b", 0, "11 04 00 00 02 00", "5/24/00 cdb[1].3", 0},
		{"16: blocks", "abc", 0, "91 00 00 00 00 00 00 00 00 00 00 02 00 00 00 00", "good", 2},
		{"16: filemarks back", "a|b", 3, "91 01 00 00 FF FF FF FF FF FF FF FF 00 00 00 00", "good", 1},
		{"16: end of data", "a|b", 0, "91 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "good", 3},
		// The residual does not fit in the 4 bytes of the INFORMATION field: VALID is zero.
		{"16: too far to tell", "abc", 0, "91 00 00 00 7F FF FF FF FF FF FF FF 00 00 00 00", "8/00/05", 3},
		{"16: too far back to tell", "abc", 3, "91 00 00 00 80 00 00 00 00 00 00 00 00 00 00 00", "0/00/04 EOM", 0},
		{"16: residual of 31 bits", "", 0, "91 00 00 00 00 00 00 00 7F FF FF FF 00 00 00 00", "8/00/05 info=2147483647", 0},
		{"16: residual of 32 bits", "", 0, "91 00 00 00 00 00 00 00 80 00 00 00 00 00 00 00", "8/00/05", 0},
		{"16: parameter list", "abc", 0, "91 00 00 00 00 00 00 00 00 00 00 02 00 10 00 00", "5/24/00 cdb[13].4", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tapeOf(tt.tape))
			r.s.position = tt.at
			r.want(tt.cdb, tt.sense)
			r.wantAt(tt.lands)
		})
	}
}

func TestLocate(t *testing.T) {
	const tape = "ab|c||d" // files: ab, c, empty, d
	tests := []struct {
		name, cdb, sense string
		lands            int64
	}{
		{"object", "2B 00 00 00 00 00 03 00 00 00", "good", 3},
		{"beginning", "2B 00 00 00 00 00 00 00 00 00", "good", 0},
		{"end of data", "2B 00 00 00 00 00 07 00 00 00", "good", 7},
		{"behind the end", "2B 00 00 00 00 00 08 00 00 00", "8/00/05", 7},
		{"far behind the end", "2B 00 00 FF FF FF FF 00 00 00", "8/00/05", 7},
		{"immediate, device specific address", "2B 05 00 00 00 00 03 00 00 00", "good", 3},
		{"partition 0", "2B 02 00 00 00 00 03 00 00 00", "good", 3},
		{"another partition", "2B 02 00 00 00 00 03 00 01 00", "5/24/00 cdb[8]", 1},
		{"partition without CP", "2B 00 00 00 00 00 03 00 01 00", "good", 3},
		{"16: object", "92 00 00 00 00 00 00 00 00 00 00 05 00 00 00 00", "good", 5},
		{"16: behind the end", "92 00 00 00 80 00 00 00 00 00 00 05 00 00 00 00", "8/00/05", 7},
		{"16: file 0", "92 08 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "good", 0},
		{"16: file 1", "92 08 00 00 00 00 00 00 00 00 00 01 00 00 00 00", "good", 3},
		{"16: file 2", "92 08 00 00 00 00 00 00 00 00 00 02 00 00 00 00", "good", 5},
		{"16: file 3", "92 08 00 00 00 00 00 00 00 00 00 03 00 00 00 00", "good", 6},
		{"16: file 4", "92 08 00 00 00 00 00 00 00 00 00 04 00 00 00 00", "8/00/05", 7},
		{"16: file 2^64-1", "92 08 00 00 FF FF FF FF FF FF FF FF 00 00 00 00", "8/00/05", 7},
		{"16: end of data", "92 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "good", 7},
		{"16: another partition", "92 02 00 01 00 00 00 00 00 00 00 00 00 00 00 00", "5/24/00 cdb[3]", 1},
		{"16: setmark", "92 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "5/24/00 cdb[1].5", 1},
		{"16: explicit blocks (BAM)", "92 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00", "5/24/00 cdb[2].0", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tapeOf(tape))
			r.s.position = 1
			r.want(tt.cdb, tt.sense)
			r.wantAt(tt.lands)
		})
	}
}

func TestReadPosition(t *testing.T) {
	tests := []struct {
		name        string
		at          int64
		short, long string
	}{
		{"beginning", 0,
			"80 00 0000 00000000 00000000 00 000000 00000000",
			"80 000000 00000000 0000000000000000 0000000000000000 0000000000000000"},
		{"middle", 4,
			"00 00 0000 00000004 00000004 00 000000 00000000",
			"00 000000 00000000 0000000000000004 0000000000000001 0000000000000000"},
		{"behind early warning", 6, // EOP and BPEW
			"41 00 0000 00000006 00000006 00 000000 00000000",
			"41 000000 00000000 0000000000000006 0000000000000002 0000000000000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := tapeOf("ab|c|d")
			m.warning = 10
			r := newRig(t, m)
			r.s.position = tt.at
			short, err := r.exec("34 00 00 00 00 00 00 00 00 00", nil, 64)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "short form", short, unhex(t, tt.short))
			long, err := r.exec("34 06 00 00 00 00 00 00 00 00", nil, 64)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, "long form", long, unhex(t, tt.long))
		})
	}
}

// A position that the short form has no room for is an overflow (PERR), not a wrong number.
func TestReadPositionShortOverflow(t *testing.T) {
	s, err := New(Config{Generation: "LTO-8", State: &State{Barcode: "V00001L8", Loaded: true, Position: 1 << 32}},
		&blackHole{memoryTape: newTape()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, s: s}
	got, err := r.exec("34 00 00 00 00 00 00 00 00 00", nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "short form", got, unhex(t, "02 00 0000 00000000 00000000 00 000000 00000000"))
}

// The vendor specific form, which Linux' st asks for, is the short form on LTO drives.
func TestReadPositionVendorSpecific(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("11 00 00 00 01 00", "good") // one block on
	want, err := r.exec("34 00 00 00 00 00 00 00 00 00", nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.exec("34 01 00 00 00 00 00 00 00 00", nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "vendor specific form", got, want)
}

func TestReadPositionRefusals(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("34 00 00 00 00 00 00 00 14 00", "5/24/00 cdb[8].4") // an allocation length is for the extended form
	r.want("34 06 00 00 00 00 00 00 20 00", "5/24/00 cdb[8].5")
	r.want("34 02 00 00 00 00 00 00 00 00", "5/24/00 cdb[1].4")
	r.want("34 03 00 00 00 00 00 00 00 00", "5/24/00 cdb[1].4")
}

func TestRewind(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	for _, cdb := range []string{"01 00 00 00 00 00", "01 01 00 00 00 00"} {
		r.s.position = 2
		r.want(cdb, "good")
		r.wantAt(0)
	}
}

// A tape whose rest is hidden by damage must not look like one that ends there.
func TestDamageIsNotTheEnd(t *testing.T) {
	for _, cdb := range []string{
		"11 01 00 00 02 00", "11 00 00 00 05 00", "2B 00 00 00 00 00 09 00 00 00",
		"92 08 00 00 00 00 00 00 00 00 00 02 00 00 00 00", "92 00 00 00 00 00 00 00 00 00 00 09 00 00 00 00",
	} {
		m := tapeOf("a|bc")
		m.damage = errBadBlock
		r := newRig(t, m)
		r.s.position = 2
		_, err := r.exec(cdb, nil, 0)
		if got := describe(t, err); !strings.HasPrefix(got, "3/11/00") || !errors.Is(err, errBadBlock) {
			t.Errorf("%s = %s (%v), want 3/11/00 with the cause", cdb, got, err)
		}
		r.wantAt(2)
	}
}

func TestFilemarkHiddenByDamage(t *testing.T) {
	for _, cdb := range []string{
		"11 00 00 00 05 00", "11 00 FF FF FB 00", "11 01 00 00 01 00", "11 01 FF FF FF 00",
		"92 08 00 00 00 00 00 00 00 00 00 01 00 00 00 00",
	} {
		m := tapeOf("a|b|c")
		m.hidden = true
		r := newRig(t, m)
		r.s.position = 2
		r.want(cdb, "3/11/00")
		r.wantAt(2)
	}
}
