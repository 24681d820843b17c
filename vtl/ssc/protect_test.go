package ssc

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func wormTape(picture string) *memoryTape {
	m := tapeOf(picture)
	m.meta.WORM = true
	return m
}

// A WORM cartridge takes data at its end, and filemarks there may be overwritten but for the first.
func TestWORM(t *testing.T) {
	tests := []struct {
		tape string
		at   int64
		ok   bool
	}{
		{"", 0, true}, {"ab", 2, true}, {"ab", 1, false}, {"ab", 0, false},
		{"ab|", 3, true}, {"ab|", 2, false}, {"ab||", 3, true}, {"ab||", 2, false}, {"ab|||", 3, true},
		{"a|b|", 1, false}, {"a||b", 2, false}, {"|", 0, false}, {"||", 0, false}, {"||", 1, true},
	}
	for _, tt := range tests {
		for _, cdb := range []string{"0A 00 00 00 01 00", "10 01 00 00 01 00", "19 00 00 00 00 00"} {
			r := newRig(t, wormTape(tt.tape))
			r.s.position = tt.at
			want := map[bool]string{true: "good", false: "7/30/0c"}[tt.ok]
			got := r.senseOut(cdb, []byte("n"))
			if raised := r.s.alerts == 1<<(64-60); got != want || raised != !tt.ok {
				t.Errorf("%s at %d of %q = %s, TapeAlert 60 %v; want %s", cdb, tt.at, tt.tape, got, raised, want)
			}
			if !tt.ok && r.m.picture() != tt.tape {
				t.Errorf("%s at %d of %q left %q", cdb, tt.at, tt.tape, r.m.picture())
			}
		}
	}
	r := newRig(t, wormTape("ab"))
	r.want("10 00 00 00 00 00", "good")
	r.m.damage = errBadBlock
	r.s.position = 1
	r.want("10 00 00 00 01 00", "7/30/0c")
}

func TestAppendOnly(t *testing.T) {
	const on, off = "50 01 001c 00 12 0000 00 0000000000000000000000000000000000000000000000", "50 01 001c 00 02 0000 00 0000000000000000000000000000000000000000000000"
	r := newRig(t, dividedTape("abc|", "xy"))
	r.selects(on, "good")
	r.want("04 00 00 00 00 00", "7/30/0c")
	r.want("10 00 00 00 01 00", "7/30/0c")
	r.want("82 00 01 00 0000000000000001 00000000", "5/3b/00")
	r.want("82 00 01 01 0000000000000000 00000000", "5/3b/00")
	r.want("82 00 03 00 0000000000000000 00000000", "5/24/00 cdb[2].3")
	r.want("2B 00 00 00000002 00 00 00", "good")
	r.want("82 00 01 00 0000000000000002 00000000", "good")
	r.want("2B 00 00 00000001 00 00 00", "good")
	r.want("10 00 00 00 01 00", "7/30/0c") // it was for object 2
	r.want("2B 00 00 00000002 00 00 00", "good")
	r.want("82 00 01 00 0000000000000002 00000000", "good")
	r.want("82 00 00 00 0000000000000000 00000000", "good")
	r.want("10 00 00 00 01 00", "7/30/0c") // taken back
	r.want("82 00 01 00 0000000000000002 00000000", "good")
	r.want("10 00 00 00 01 00", "good")
	if got := r.m.picture(); got != "ab|" {
		t.Errorf("tape = %q, want ab|", got)
	}
	r.want("01 00 00 00 00 00", "good")
	r.want("82 00 02 00 0000000000000000 00000000", "good")
	r.want("10 00 00 00 01 00", "7/30/0c")
	r.want("04 00 00 00 00 00", "good")
	r.want("10 00 00 00 01 00", "good")
	if r.s.alerts != 0 {
		t.Errorf("TapeAlert flags %x for a tape that is not WORM", uint64(r.s.alerts))
	}
	r.want("01 00 00 00 00 00", "good")
	r.selects(off, "good")
	r.want("19 00 00 00 00 00", "good")
}

// config is page 10h with byte 10 and byte 15.
func config(byte10, byte15 string) string {
	return "10 0e 00 00 00 00 012c 40 00 " + byte10 + " 000000 01 " + byte15
}

func TestSoftwareWriteProtection(t *testing.T) {
	for _, tt := range []struct{ byte10, byte15, sense string }{
		{"14", "08", "7/27/02"}, {"10", "0c", "7/27/03"}, {"10", "0a", "7/27/04"}, {"10", "09", "7/27/05"},
		{"14", "0c", "7/27/03"}, {"14", "0e", "7/27/04"}, {"14", "0f", "7/27/05"},
	} {
		r := newRig(t, tapeOf("ab"))
		r.selects(config(tt.byte10, tt.byte15), "good")
		for _, cdb := range []string{"10 00 00 00 01 00", "19 00 00 00 00 00", "04 00 00 00 00 00"} {
			r.want(cdb, tt.sense)
		}
		if got, _ := r.exec("1A 00 10 00 04 00", nil, 4); got[2] != 0x90 {
			t.Errorf("device-specific parameter = %02x, want WP", got[2])
		}
		if got := r.m.picture(); got != "ab" {
			t.Errorf("tape = %q, want ab", got)
		}
	}
}

// How long each protection holds.
func TestSoftwareWriteProtectionEnds(t *testing.T) {
	for byte15, after := range map[string]string{"0c": "08", "0a": "0a", "09": "09"} {
		r := newRig(t, tapeOf("ab"))
		r.selects(config("10", byte15), "good")
		state := r.s.State()
		s, err := New(Config{Generation: "LTO-8", State: &state}, r.m)
		if err != nil {
			t.Fatal(err)
		}
		r = &rig{t, s, r.m}
		wantBytes(t, "after the program was closed", r.modePage(configPage, 0)[15:], unhex(t, byte15))
		if err := s.Remove(); err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "without the cartridge", r.modePage(configPage, 0)[15:], unhex(t, "08"))
		if err := s.Insert(r.m, "V00001L8"); err != nil {
			t.Fatal(err)
		}
		r.want("00 00 00 00 00 00", "6/28/00")
		wantBytes(t, "in the drive again", r.modePage(configPage, 0)[15:], unhex(t, after))
		s.PowerOn()
		r.want("00 00 00 00 00 00", "6/29/00")
		wantBytes(t, "after a power cycle", r.modePage(configPage, 0)[15:], unhex(t, after))
		r.selects(config("10", "08"), map[string]string{"08": "good", "0a": "good", "09": "7/27/05"}[after])
		if want := after == "09"; r.m.meta.PermanentProtect != want || r.m.meta.PersistentProtect {
			t.Errorf("cartridge memory: %+v", r.m.meta)
		}
	}
}

func TestSoftwareWriteProtectionRefuses(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("2B 00 00 00000001 00 00 00", "good")
	for _, byte15 := range []string{"0c", "0a", "09"} {
		r.selects(config("10", byte15), "5/3b/0c")
	}
	r.selects(config("14", "08"), "good") // of the drive: anywhere
	r.selects(config("10", "c8"), "5/26/00")
	r.selects(config("10", "88"), "good")
	r.want("01 00 00 00 00 00", "good")
	r.m.metaErr = errBadBlock
	list := append(unhex(t, "00 00 10 00"), unhex(t, config("10", "8a"))...)
	_, err := r.exec("15 10 00 00 14 00", list, 0)
	if got := describe(t, err); got != "3/04/10" || !errors.Is(err, errBadBlock) {
		t.Errorf("memory that cannot be written: %s, %v", got, err)
	}
	wantBytes(t, "page 10h after it", r.modePage(configPage, 0)[15:], unhex(t, "88"))
	newRig(t, nil).selects(config("10", "0a"), "2/3a/00")
	newRig(t, nil).selects(config("14", "08"), "good")
}

// SP saves what is the drive's; what is the cartridge's goes with the cartridge.
func TestSavedPagesWithoutTheCartridge(t *testing.T) {
	m := dividedTape("ab", "")
	r := newRig(t, m)
	list := append(unhex(t, "00 00 10 00"), unhex(t, config("14", "0a"))...)
	if got := func() string { _, err := r.exec("15 11 00 00 14 00", list, 0); return describe(t, err) }(); got != "good" {
		t.Fatal(got)
	}
	got, _ := r.exec("1A 08 D0 00 FF 00", nil, 255)
	wantBytes(t, "saved values", got[4:], unhex(t, "9"+strings.TrimPrefix(config("14", "08"), "1")))
	r.want("2B 02 00 00000000 00 01 00", "good")
	state := r.s.State()
	s, err := New(Config{Generation: "LTO-8", State: &state}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r = &rig{TB: t, s: s}
	wantBytes(t, "another time, no cartridge", r.modePage(configPage, 0), unhex(t, "9"+strings.TrimPrefix(config("14", "08"), "1")))
}

// pews is page 10h,01h with a zone of so many MB.
func pews(mb string) string {
	return "50 01 001c 00 02 " + mb + " 00 0000000000000000000000000000000000000000000000"
}

func TestProgrammableEarlyWarning(t *testing.T) {
	m := newTape()
	m.warning, m.capacity = 5e6+100, 1<<40 // early warning behind 100 bytes and 5 MB
	r := newRig(t, m)
	r.selects(pews("0005"), "good")
	wantBytes(t, "page 10h,01h", r.modePage(configPage, 1), unhex(t, "d"+strings.TrimPrefix(pews("0005"), "5")))
	flags := func() byte {
		got, err := r.exec("34 00 00 00 00 00 00 00 00 00", nil, 20)
		if err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
	write := func(n int, want string, position byte) {
		t.Helper()
		got := r.senseOut(fmt.Sprintf("0A 00 %06x 00", n), noise(n))
		if got != want || flags() != position {
			t.Errorf("WRITE(6) of %d = %s, flags %02x; want %s, %02x", n, got, flags(), want, position)
		}
	}
	write(50, "good", 0)                              // 58 with its cost
	write(50, "0/00/07 EOM info=0", 0x01)             // 116: in the zone
	write(50, "good", 0x01)                           // it was said
	r.want("10 00 00 00 01 00", "good")               // as well for filemarks
	write(5e6, "0/00/02 EOM info=0", 0x41)            // early warning
	r.want("10 00 00 00 01 00", "0/00/02 EOM info=0") // each time
	r.want("2B 00 00 00000001 00 00 00", "good")
	r.want("10 00 00 00 08 00", "0/00/07 EOM info=0") // in again, from before
	r.want("2B 00 00 00000000 00 00 00", "good")
	write(5e6+100, "0/00/02 EOM info=0", 0x41) // across both: early warning is what counts
	r.want("01 00 00 00 00 00", "good")
	r.selects(pews("0000"), "good")
	write(110, "good", 0)
}

// SEW: behind early warning a write is over when it is on the tape.
func TestSynchronizeAtEarlyWarning(t *testing.T) {
	m := newTape()
	m.warning = 20
	r := newRig(t, m)
	r.selects(config("18", "08"), "good")
	for i, synced := range []int{0, 0, 3} {
		r.senseOut("0A 00 00 00 01 00", []byte{1})
		if m.synced != synced {
			t.Errorf("after block %d %d are durable, want %d", i, m.synced, synced)
		}
	}
}
