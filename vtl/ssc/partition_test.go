package ssc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// dividedTape is a cartridge with a partition for each picture, 1.1 TB each.
func dividedTape(pictures ...string) *memoryTape {
	m := tapeOf(pictures[0])
	for _, p := range pictures[1:] {
		m.others = append(m.others, tapeOf(p))
	}
	m.meta.CapacityBytes *= int64(len(pictures))
	return m
}

func (r *rig) wantIn(partition int, position int64) {
	r.Helper()
	if got := r.s.heads.Partition; got != partition {
		r.Errorf("partition = %d, want %d", got, partition)
	}
	r.wantAt(position)
}

// modePage asks for the current values of a mode page.
func (r *rig) modePage(code, subpage byte) []byte {
	r.Helper()
	got, err := r.exec(fmt.Sprintf("1A 08 %02x %02x FF 00", code, subpage), nil, 255)
	if err != nil {
		r.Fatal(err)
	}
	return got[4:]
}

// selects sends a mode page in hexadecimal.
func (r *rig) selects(page, outcome string) {
	r.Helper()
	list := append([]byte{0, 0, 0x10, 0}, unhex(r, page)...)
	if got := r.senseOut(fmt.Sprintf("15 10 00 00 %02x 00", len(list)), list); got != outcome {
		r.Errorf("MODE SELECT(6) of %s = %s, want %s", page, got, outcome)
	}
}

func TestLocatePartition(t *testing.T) {
	tests := []struct {
		name, cdb, sense string
		partition        int
		lands            int64
	}{
		{"beginning", "2B 02 00 00000000 00 01 00", "good", 1, 0},
		{"object", "2B 02 00 00000002 00 01 00", "good", 1, 2},
		{"end of data of a blank one", "2B 02 00 00000000 00 02 00", "good", 2, 0},
		{"behind the end", "2B 02 00 00000009 00 01 00", "8/00/05", 1, 4},
		{"the same", "2B 02 00 00000001 00 00 00", "good", 0, 1},
		{"none such", "2B 02 00 00000000 00 03 00", "5/24/00 cdb[8]", 0, 3},
		{"without CP", "2B 00 00 00000000 00 01 00", "good", 0, 0},
		{"16: object", "92 02 00 01 0000000000000003 00000000", "good", 1, 3},
		{"16: file", "92 0A 00 01 0000000000000001 00000000", "good", 1, 3},
		{"16: end of data", "92 1A 00 01 0000000000000000 00000000", "good", 1, 4},
		{"16: none such", "92 02 00 FF 0000000000000000 00000000", "5/24/00 cdb[3]", 0, 3},
		{"16: no destination, another partition", "92 22 00 01 0000000000000000 00000000", "5/24/00 cdb[1].5", 0, 3},
		{"rewind", "01 00 00 00 00 00", "good", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, dividedTape("abcd|", "xy|z", ""))
			r.s.position = 3
			r.want(tt.cdb, tt.sense)
			r.wantIn(tt.partition, tt.lands)
			if got := r.modePage(configPage, 0)[3]; got != byte(tt.partition) {
				t.Errorf("active partition of mode page 10h = %d, want %d", got, tt.partition)
			}
		})
	}
}

// Where the structure of the other partition is damaged the tape is there all the same.
func TestLocateIntoDamagedPartition(t *testing.T) {
	m := dividedTape("abc", "xy")
	m.others[0].damage = errBadBlock
	r := newRig(t, m)
	r.s.position = 3
	r.want("2B 02 00 00000007 00 01 00", "3/11/00")
	r.wantIn(1, 0)
}

// All that moves stays in the partition; LOAD goes to the first one.
func TestCommandsStayInThePartition(t *testing.T) {
	r := newRig(t, dividedTape("ab|c|", "x|y"))
	r.want("2B 02 00 00000002 00 01 00", "good")
	if got, err := r.exec("08 00 00 00 01 00", nil, 1); err != nil || string(got) != "y" {
		t.Errorf("READ(6) = %q, %v, want y", got, err)
	}
	r.want("11 00 00 00 01 00", "8/00/05 info=1")
	r.want("11 01 FF FF FE 00", "0/00/04 EOM info=1")
	r.wantIn(1, 0)
	r.want("11 03 00 00 00 00", "good")
	r.wantIn(1, 3)
	r.want("01 00 00 00 00 00", "good")
	r.wantIn(1, 0)
	if got := r.senseOut("0A 00 00 00 01 00", []byte("n")); got != "good" {
		t.Fatal(got)
	}
	r.want("10 00 00 00 01 00", "good")
	r.wantIn(1, 2)
	r.want("19 00 00 00 00 00", "good")
	if got := r.m.picture() + " " + r.m.others[0].picture(); got != "ab|c| n|" {
		t.Errorf("tape = %q, want %q", got, "ab|c| n|")
	}
	r.want("1B 00 00 00 01 00", "good")
	r.wantIn(0, 0)
	r.want("2B 02 00 00000002 00 01 00", "good")
	r.want("1B 00 00 00 00 00", "good")
	r.want("1B 00 00 00 01 00", "good")
	r.wantIn(0, 0)
}

func TestReadPositionInPartition(t *testing.T) {
	m := dividedTape("ab", "xy|z|")
	m.others[0].warning = 10
	r := newRig(t, m)
	for at, want := range map[int64][3]string{
		0: {"80 01 0000 00000000 00000000 00 000000 00000000",
			"80 000000 00000001 0000000000000000 0000000000000000 0000000000000000",
			"80 01 001c 00 000000 0000000000000000 0000000000000000 0000000000000000"},
		4: {"00 01 0000 00000004 00000004 00 000000 00000000",
			"00 000000 00000001 0000000000000004 0000000000000001 0000000000000000",
			"00 01 001c 00 000000 0000000000000004 0000000000000004 0000000000000000"},
		5: {"41 01 0000 00000005 00000005 00 000000 00000000",
			"41 000000 00000001 0000000000000005 0000000000000002 0000000000000000",
			"41 01 001c 00 000000 0000000000000005 0000000000000005 0000000000000000"},
	} {
		r.want(fmt.Sprintf("2B 02 00 %08x 00 01 00", at), "good")
		for i, cdb := range []string{"34 00 00 00 00 00 00 00 00 00", "34 06 00 00 00 00 00 00 00 00", "34 08 00 00 00 00 00 00 20 00"} {
			got, err := r.exec(cdb, nil, 64)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, cdb, got, unhex(t, want[i]))
		}
		got, _ := r.exec("34 08 00 00 00 00 00 00 05 00", nil, 64)
		wantBytes(t, "extended form, 5 bytes", got, unhex(t, want[2])[:5])
	}
}

// The drive finds its partition again after the program that plays it was closed, unless the cartridge
// has no such place any more.
func TestPartitionIsKept(t *testing.T) {
	m := dividedTape("ab", "xyz")
	r := newRig(t, m)
	r.want("2B 02 00 00000002 00 01 00", "good")
	r.want("82 00 01 01 0000000000000002 00000000", "good")
	state := r.s.State()
	for _, tt := range []struct {
		change    func(*State)
		partition int
		position  int64
		first     string
	}{
		{func(*State) {}, 1, 2, "good"},
		{func(s *State) { s.Heads.Partition = 2 }, 0, 0, "6/28/00"},
		{func(s *State) { s.Heads.Partition = -1 }, 0, 0, "6/28/00"},
		{func(s *State) { s.Position = 4 }, 0, 0, "6/28/00"},
		{func(s *State) { s.Dirty = true }, 0, 0, "6/29/00"},
	} {
		kept := state
		tt.change(&kept)
		s, err := New(Config{Generation: "LTO-8", State: &kept}, m)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t, s, m}
		r.want("00 00 00 00 00 00", tt.first)
		r.wantIn(tt.partition, tt.position)
		if allowed := s.heads.Overwrite == state.Heads.Overwrite; allowed != (tt.partition == 1) {
			t.Errorf("what ALLOW OVERWRITE set is %+v", s.heads.Overwrite)
		}
		if got := r.modePage(configPage, 0)[3]; got != byte(tt.partition) {
			t.Errorf("active partition of mode page 10h = %d, want %d", got, tt.partition)
		}
	}
}

func TestPartitionPage(t *testing.T) {
	blank := func(generation string, capacity int64) *memoryTape {
		m := newTape()
		m.meta.Generation, m.meta.CapacityBytes, m.capacity = generation, capacity, capacity
		return m
	}
	worm := blank("LTO-8", 12e12)
	worm.meta.WORM = true
	three := dividedTape("", "", "")
	three.meta.CapacityBytes = 12e12
	for name, tt := range map[string]struct {
		drive string
		m     Medium
		want  string
	}{
		"LTO-5":             {"LTO-5", blank("LTO-5", 15e11), "11 0a 01 00 1c 03 09 00 05dc 0000"},
		"LTO-5 in LTO-6":    {"LTO-6", blank("LTO-5", 15e11), "11 0e 01 00 1c 03 09 00 05dc 0000 0000 0000"},
		"LTO-8":             {"LTO-8", blank("LTO-8", 12e12), "11 0e 03 00 1c 03 09 00 2ee0 0000 0000 0000"},
		"LTO-10":            {"LTO-10", blank("LTO-10", 30e12), "11 0e 03 00 1c 03 09 00 7530 0000 0000 0000"},
		"small":             {"LTO-8", blank("LTO-8", 8<<20), "11 0e 03 00 1c 03 03 00 20c4 0000 0000 0000"},
		"WORM":              {"LTO-8", worm, "11 0e 00 00 1c 03 09 00 2ee0 0000 0000 0000"},
		"three of 1.1 TB":   {"LTO-8", three, "11 0e 03 02 3c 03 09 00 044b 044b 044b 0000"},
		"no cartridge":      {"LTO-8", nil, page11Default},
		"no cartridge, old": {"LTO-5", nil, "11 0a 01 00 1c 03 09 00 0000 0000"},
	} {
		s, err := New(Config{Generation: tt.drive}, tt.m)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{TB: t, s: s}
		r.want("00 00 00 00 00 00", "6/29/00")
		wantBytes(t, name, r.modePage(0x11, 0), unhex(t, tt.want))
	}
}

func TestFormatMedium(t *testing.T) {
	const none = "11 0e 03 00 1c 03 09 00 044b 0000 0000 0000"
	tests := []struct {
		name, page, cdb string
		want            []int64
	}{
		{"default", "11 0e 03 02 3c 03 09 00 0010 0010 ffff 0000", "04 00 00 00 00 00", []int64{1 << 40}},
		{"no partitions selected", "", "04 00 01 00 00 00", []int64{1 << 40}},
		{"no more selected", none, "04 00 02 00 00 00", []int64{1 << 40}},
		{"own sizes in GB", "11 0e 03 02 3c 03 09 00 0010 0020 ffff 0007", "04 00 01 00 00 00", []int64{16e9, 32e9, 1<<40 - 48e9}},
		{"own sizes in MB", "11 0e 03 01 34 03 09 00 ffff ea60 0000 0000", "04 00 02 00 00 00", []int64{1<<40 - 60e9, 60e9}},
		{"the smallest", "11 0e 03 01 2c 03 00 00 0001 ffff 0000 0000", "04 00 01 00 00 00", []int64{1 << 40 / 104, 1<<40 - 1<<40/104}},
		{"some left over", "11 0e 03 01 3c 03 0a 00 0010 0020 0000 0000", "04 00 01 00 00 00", []int64{16e10, 32e10}},
		{"of the drive's choice", "11 0e 03 03 9c 03 09 00 0000 0000 0000 0000", "04 03 01 00 00 00", []int64{1 << 38, 1 << 38, 1 << 38, 1 << 38}},
		{"of the drive's size", "11 0e 03 01 5c 03 09 00 0000 0000 0000 0000", "04 01 02 00 00 00", []int64{1 << 39, 1 << 39}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tapeOf("ab|"))
			if tt.page != "" {
				r.selects(tt.page, "good")
				wantBytes(t, "page after MODE SELECT", r.modePage(0x11, 0), unhex(t, tt.page))
			}
			if got := r.m.picture(); got != "ab|" {
				t.Fatalf("MODE SELECT with POFM left %q on the tape", got)
			}
			r.want(tt.cdb, "good")
			r.wantIn(0, 0)
			var got []int64
			for n := range r.m.Partitions() {
				got = append(got, r.m.partition(n).capacity)
			}
			if !slices.Equal(got, tt.want) || r.m.picture() != "" {
				t.Errorf("partitions of %d, with %q, want %d, blank", got, r.m.picture(), tt.want)
			}
			page := r.modePage(0x11, 0)
			if int(page[3]) != len(tt.want)-1 || page[4] != 0x1C|byte(min(1, len(tt.want)-1))<<5 {
				t.Errorf("page after the format = % x", page)
			}
		})
	}
}

func TestPartitionPageRefuses(t *testing.T) {
	for page, want := range map[string]string{
		"11 0e 03 04 3c 03 09 00 0001 0001 0001 0001": "5/26/00",             // five partitions
		"11 0e 03 01 7c 03 09 00 0001 0001 0000 0000": "5/26/00",             // SDP and IDP
		"11 0e 03 01 1c 03 09 00 0001 0001 0000 0000": "5/26/00",             // nobody says how
		"11 0e 03 01 3c 03 09 00 ffff ffff 0000 0000": "5/26/00",             // the rest twice
		"11 0e 03 01 3c 03 09 00 0400 0100 0000 0000": "5/26/00",             // 1.28 TB
		"11 0e 03 01 3c 03 0f 00 0000 2800 0000 0000": "5/26/00",             // 10^15 does not overflow
		"11 0e 03 01 38 03 09 00 0001 0001 0000 0000": "5/26/00 param[8].2",  // POFM
		"11 0e 02 01 3c 03 09 00 0001 0001 0000 0000": "5/26/00 param[6].0",  // maximum
		"11 0e 03 01 3d 03 09 00 0001 0001 0000 0000": "5/26/00 param[8].0",  // ADDP
		"11 0e 03 01 3c 03 19 00 0001 0001 0000 0000": "5/26/00 param[10].4", // partitioning type
		"11 0a 03 01 3c 03 09 00 0001 0001":           "5/26/00 param[5]",    // page length
	} {
		r := newRig(t, tapeOf("a"))
		r.selects(page, want)
		wantBytes(t, "page after the refusal", r.modePage(0x11, 0), unhex(t, page11))
	}
}

func TestFormatMediumRefuses(t *testing.T) {
	protected, worm, older := tapeOf("a"), newTape(), tapeOf("a")
	protected.meta.WriteProtect, worm.meta.WORM = true, true
	older.meta.Generation, older.meta.CapacityBytes = "LTO-7", 6e12
	for name, tt := range map[string]struct {
		m         *memoryTape
		at, sense string
		cdb       string
	}{
		"format 3":        {tapeOf("a"), "", "5/24/00 cdb[2].3", "04 00 03 00 00 00"},
		"parameter list":  {tapeOf("a"), "", "5/24/00 cdb[3]", "04 00 00 00 04 00"},
		"reserved":        {tapeOf("a"), "", "5/24/00 cdb[1].2", "04 04 00 00 00 00"},
		"not at BOP":      {tapeOf("a"), "2B 00 00 00000001 00 00 00", "5/3b/0c", "04 00 00 00 00 00"},
		"other partition": {dividedTape("a", ""), "2B 02 00 00000000 00 01 00", "5/3b/0c", "04 00 00 00 00 00"},
		"write protect":   {protected, "", "7/27/00", "04 00 00 00 00 00"},
		"WORM, blank":     {worm, "", "7/30/0c", "04 00 00 00 00 00"},
		"no medium":       {nil, "", "2/3a/00", "04 00 00 00 00 00"},
	} {
		r := newRig(t, tt.m)
		if tt.at != "" {
			r.want(tt.at, "good")
		}
		if got := r.sense(tt.cdb); got != tt.sense {
			t.Errorf("%s: %s, want %s", name, got, tt.sense)
		}
		if raised := r.s.alerts&(1<<(64-60)) != 0; raised != strings.HasPrefix(name, "WORM") {
			t.Errorf("%s: TapeAlert 60 raised: %v", name, raised)
		}
	}
	// A selection that fitted the cartridge before does not fit the next.
	r := newRig(t, tapeOf("a"))
	r.selects("11 0e 03 01 3c 03 09 00 0300 0100 0000 0000", "good")
	r.m.meta.CapacityBytes = 1e12
	r.s.memory = r.m.Meta()
	r.want("04 00 01 00 00 00", "5/24/00 cdb[2].3")
	r.m.writeErr = errBadBlock
	_, err := r.exec("04 00 00 00 00 00", nil, 0)
	if got := describe(t, err); got != "3/31/01" || !errors.Is(err, errBadBlock) {
		t.Errorf("format that fails = %s, %v", got, err)
	}
}
