package ssc

import (
	"encoding/json"
	"errors"
	"syscall"
	"testing"
	"time"

	"calypso/tape/scsi"
	"calypso/vtl/image"
	"calypso/vtl/spc"
)

// TestLoadIsBooked: at unload the cartridge gets what it went through, and the next drive finds it.
func TestLoadIsBooked(t *testing.T) {
	r := workedRig(t)
	r.m.bad = map[int64]bool{0: true}
	r.want("01 00 00 00 00 00", "good")
	r.exec("08 00 00 00 01 00", nil, 1)
	r.want("1B 00 00 00 00 00", "good")
	want := image.Usage{
		TapeAlerts:  0x3800000000000000, // 3, 4, 5
		WriteMounts: 1, DataSetsWritten: 1, DataSetsRead: 1, UnrecoveredReads: 1, HostWrittenBytes: 3_000_000, HostReadBytes: 1_000_000,
		LastUnrecoveredReads: 1, LastHostWrittenBytes: 3_000_000, LastMediumWrittenBytes: 3_000_000,
		LastHostReadBytes: 1_000_000, LastMediumReadBytes: 1_000_000, BeginningPasses: 2, MountSeconds: 7200,
	}
	if r.m.meta.Usage != want {
		t.Errorf("usage = %+v\nwant    %+v", r.m.meta.Usage, want)
	}
	r.m.bad = nil
	next := newStatsRig(t, Config{}, r.m)
	next.readMegabyte()
	got, err := next.readAttributes(0, 0x0002, 17)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "flags of the last load", got[4:], unhex(t, "0002 80 0008 3800000000000000"))
	history, err := next.readAttributes(0, 0x0340, 4+5+90)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "medium usage history", history[9:], unhex(t, "000000000000 000000000000 000000000000 000000000000"+
		"000000000002 000000000000 000000000000 000000000000"+
		"000000000042 000000000000 000000000007 000000000000  000000000003 000000000000 000000000001"))
	if page := next.page(0x17); page[8] != 1 || page[16] != 3 {
		t.Errorf("thread count = % x", page[:17])
	}
	if u := next.s.usage(next.s.medium.Meta()); u.HostReadBytes != 2_000_000 || u.WriteMounts != 1 || u.MountSeconds != 7200 {
		t.Errorf("usage in the second load = %+v", u)
	}
	next.want("1B 00 00 00 00 00", "good")
	if u := r.m.meta.Usage; u.HostReadBytes != 2_000_000 || u.WriteMounts != 1 || u.TapeAlerts != 0 || u.LastHostWrittenBytes != 0 {
		t.Errorf("usage after the second load = %+v", u)
	}
}

// TestVolumeChangeReference: attribute 0009h is another after a mount in which the content changed, and
// the same for all changes of one mount.
func TestVolumeChangeReference(t *testing.T) {
	reference := func(r *statsRig) byte {
		b, err := r.readAttributes(0, 0x0009, 13)
		if err != nil {
			t.Fatal(err)
		}
		return b[12]
	}
	for name, change := range map[string]string{"filemark": "10 00 00 00 01 00", "erase": "19 00 00 00 00 00"} {
		r := newStatsRig(t, Config{}, tapeOf("ab"))
		r.want("10 00 00 00 00 00", "good") // only a flush
		if _, err := r.exec("08 00 00 00 01 00", nil, 1); err != nil {
			t.Fatal(err)
		}
		if got := reference(r); got != 0 {
			t.Errorf("%s: reference before = %d", name, got)
		}
		for range 2 {
			r.want(change, "good")
			if got := reference(r); got != 1 {
				t.Errorf("%s: reference after = %d, want 1", name, got)
			}
		}
	}
	r := newStatsRig(t, Config{}, tapeOf("ab"))
	r.s.memory.WriteProtect = true
	r.want("10 00 00 00 01 00", "7/27/00")
	if got := reference(r); got != 0 {
		t.Errorf("reference after a refused write = %d", got)
	}
}

// TestStatisticsSurviveARun: the next process goes on counting, also through JSON.
func TestStatisticsSurviveARun(t *testing.T) {
	r := workedRig(t)
	r.want("4C 02 43 00 00 00 00 00 00 00", "good")
	r.s.raise(21)
	life, _ := r.s.Lifetime()
	text, err := json.Marshal(r.s.State())
	if err != nil {
		t.Fatal(err)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	clock := r.clock.Add(30 * time.Minute)
	s, err := New(Config{Generation: "LTO-8", Serial: "CAL0000001", State: &state, Lifetime: &life,
		Now: func() time.Time { return clock }}, r.m)
	if err != nil {
		t.Fatal(err)
	}
	next := &rig{t, s, r.m}
	next.readMegabyte()
	if got := next.page(0x03); got[53] != 0x0F { // a million bytes since the reset, not two
		t.Errorf("read counters = % x", got)
	}
	if u := s.usage(s.medium.Meta()); u.MountSeconds != 9000 || u.HostReadBytes != 2_000_000 {
		t.Errorf("usage = %+v, want 9000 s and two million bytes read", u)
	}
	if got, _ := s.Lifetime(); got.PowerOnSeconds != 9000 || got.PowerCycles != 1 || got.Loads != 1 {
		t.Errorf("lifetime = %+v, want 9000 s, one power cycle, one load", got)
	}
	if !s.raised(21) || s.alerts != 1<<43 {
		t.Errorf("alerts = %x", s.alerts)
	}
}

// TestLostStatistics: a drive that lost power with a cartridge in it says that it no longer knows what it
// counted, and that the content may have changed.
func TestLostStatistics(t *testing.T) {
	m := tapeOf("ab")
	s, err := New(Config{Generation: "LTO-8", Serial: "X", State: &State{Dirty: true, Barcode: "V00001L8", Loaded: true}}, m)
	if err != nil {
		t.Fatal(err)
	}
	if want := alerts(1 << (64 - 50)); s.alerts != want {
		t.Errorf("alerts = %016x, want %016x", s.alerts, want)
	}
	if got := s.usage(m.Meta()).WriteMounts; got != 1 {
		t.Errorf("write mounts = %d, want 1", got)
	}
	if got, _ := s.Lifetime(); got.PowerCycles != 1 {
		t.Errorf("power cycles = %d, want 1", got.PowerCycles)
	}
}

// TestTravel: the model of the tape, with LTO-8's 960 m in 208 wraps of 57.7 GB at 360 MB/s.
func TestTravel(t *testing.T) {
	r := newStatsRig(t, Config{}, bigTape())
	perWrap := int64(12_000_000_000_000 / 208)
	r.s.travelTo(perWrap - 1) // the far end
	if l, st := r.s.life, r.s.stats; l.TapeMillimetres != 959_999 || l.MotionSeconds != 160 || st.MiddlePasses != 1 || st.BeginningPasses != 2 {
		t.Errorf("one wrap: %d mm, %d s, %d and %d passes; want 959999, 160, 1, 2", l.TapeMillimetres, l.MotionSeconds, st.MiddlePasses, st.BeginningPasses)
	}
	r.s.travelTo(2*perWrap + perWrap/4) // two wraps on there is only a quarter of the way to wind: back from the end
	if l := r.s.life; l.TapeMillimetres != 959_999+719_999 {
		t.Errorf("after the second way %d mm, want 1679998", l.TapeMillimetres)
	}
	if got := r.s.life.Media; len(got) != 1 || got[0] != (MediaMotion{0x5E, 0x88, r.s.life.MotionSeconds}) {
		t.Errorf("motion by medium = %+v", got)
	}
}

func TestCleaningIsBooked(t *testing.T) {
	life := Lifetime{MotionSeconds: 100, MotionAtCleanings: []int64{90, 80, 70}}
	r := newStatsRig(t, Config{Lifetime: &life}, nil)
	r.s.raise(20)
	r.s.raise(21)
	r.s.didClean()
	got, _ := r.s.Lifetime()
	if got.Cleanings != 1 || len(got.MotionAtCleanings) != 3 || got.MotionAtCleanings[0] != 100 || got.MotionAtCleanings[2] != 80 {
		t.Errorf("lifetime = %+v", got)
	}
	if r.s.alerts != 0 || r.s.raised(20) || r.s.raised(21) {
		t.Errorf("alerts after cleaning = %x", r.s.alerts)
	}
}

// TestFullMemoryKeepsNoCartridge: what cannot be booked is an alert, not a cartridge that stays inside.
func TestFullMemoryKeepsNoCartridge(t *testing.T) {
	r := workedRig(t)
	r.m.metaErr = errors.New("test: disk full")
	r.want("1B 00 00 00 00 00", "good")
	if want := alerts(1 << (64 - 51)); r.s.alerts != want {
		t.Errorf("alerts = %016x, want %016x", r.s.alerts, want)
	}
}

// TestAlertsOfEvents: what SSC-5 wants a flag for.
func TestAlertsOfEvents(t *testing.T) {
	tests := []struct {
		name  string
		prep  func(*statsRig)
		cdb   string
		sense string
		flags []int
	}{
		{"bad block", func(r *statsRig) { r.m.bad = map[int64]bool{0: true} }, "08 00 00 00 01 00", "3/11/00 info=1", []int{3, 4, 5}},
		{"cannot write", func(r *statsRig) { r.m.writeErr = errBadBlock }, "10 00 00 00 01 00", "3/0c/00 info=1", []int{3, 4, 6}},
		{"host disk full", func(r *statsRig) { r.m.writeErr = syscall.ENOSPC }, "10 00 00 00 01 00", "3/0c/00 info=1", nil},
		{"memory chip", func(r *statsRig) { r.s.loaded = false; r.m.metaErr = errBadBlock }, "1B 00 00 00 01 00", "3/04/10", []int{15}},
		{"write protect", func(r *statsRig) { r.s.memory.WriteProtect = true }, "19 00 00 00 00 00", "7/27/00", []int{9}},
		{"WORM overwrite", func(r *statsRig) { r.s.memory.WORM = true }, "19 00 00 00 00 00", "7/30/0c", []int{60}},
		{"removal prevented", func(r *statsRig) { r.s.prevent = true }, "1B 00 00 00 00 00", "5/53/02", []int{10}},
		{"nothing wrong", func(*statsRig) {}, "01 00 00 00 00 00", "good", nil},
		{"bad CDB", func(*statsRig) {}, "4D 00 7F 00 00 00 00 00 FF 00", "5/24/00 cdb[2].5", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newStatsRig(t, Config{}, tapeOf("ab"))
			tt.prep(r)
			if _, err := r.exec(tt.cdb, nil, 1); describe(t, err) != tt.sense {
				t.Errorf("%s = %s, want %s", tt.cdb, describe(t, err), tt.sense)
			}
			var want uint64
			for _, f := range tt.flags {
				want |= 1 << (64 - f)
			}
			page := r.page(0x12)
			wantBytes(t, "TapeAlert response", page, append(unhex(t, "12 00 000c 0000 43 08"), u64(int64(want))...))
			if r.page(0x2E); r.s.alerts != 0 {
				t.Errorf("flags after reading the TapeAlert page: %x", r.s.alerts)
			}
		})
	}
}

func TestAlertsAtLoad(t *testing.T) {
	tests := []struct {
		name       string
		generation string
		prep       func(*memoryTape)
		flag       int
	}{
		{"good", "LTO-8", func(*memoryTape) {}, 0},
		{"worn", "LTO-8", func(m *memoryTape) { m.meta.LoadCount = 18_500 }, 19},
		{"worn out", "LTO-8", func(m *memoryTape) { m.meta.LoadCount = 20_000 }, 7},
		{"passed too often", "LTO-8", func(m *memoryTape) { m.meta.LifetimeReadBytes = 260 * 12_000_000_000_000 }, 7},
		{"damaged", "LTO-8", func(m *memoryTape) { m.damage = errBadBlock }, 18},
		{"read only", "LTO-7", func(m *memoryTape) { m.meta.Generation = "LTO-5" }, 17},
		{"unsupported", "LTO-9", func(m *memoryTape) { m.meta.Generation = "LTO-7" }, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newStatsRig(t, Config{Generation: tt.generation, Serial: "X"}, nil)
			r.s.raise(5)  // of the cartridge before
			r.s.raise(21) // of the drive
			m := tapeOf("ab")
			tt.prep(m)
			_ = r.s.Insert(m, "V00001L8")
			r.settle()
			want := alerts(1 << (64 - 21))
			if tt.flag != 0 {
				want |= 1 << (64 - tt.flag)
			}
			if r.s.alerts != want {
				t.Errorf("alerts = %016x, want %016x", r.s.alerts, want)
			}
		})
	}
}

func TestTapeAlertPage(t *testing.T) {
	r := newStatsRig(t, Config{}, nil)
	r.s.raise(1)
	r.s.raise(64)
	page := r.page(0x2E)
	if len(page) != 4+64*5 {
		t.Fatalf("%d bytes", len(page))
	}
	wantBytes(t, "header and first flags", page[:14], unhex(t, "2e 00 0140 0001 c0 01 01 0002 c0 01 00"))
	r.s.raise(1)
	r.s.raise(64)
	r.want("4D 00 6E 00 00 00 00 00 04 00", "good") // only the length
	if r.s.alerts != 0x8000000000000001 {
		t.Errorf("flags after a look at the length: %x", r.s.alerts)
	}
	wantBytes(t, "last flags", page[len(page)-10:], unhex(t, "003f c0 01 00 0040 c0 01 01"))
	r.page(0x2E)
	wantBytes(t, "read again", r.page(0x2E)[:14], unhex(t, "2e 00 0140 0001 c0 01 00 0002 c0 01 00"))
	r.s.raise(3)
	r.want("4D 00 6E 00 00 00 41 00 FF 00", "5/24/00 cdb[5]") // refused: nothing was read
	if r.s.alerts == 0 {
		t.Error("a refused LOG SENSE cleared the flags")
	}
	r.s.PowerOn()
	if r.s.alerts != 0 {
		t.Errorf("flags after power on: %x", r.s.alerts)
	}
}

// TestObserverHasNoPart: looking at a drive raises nothing and counts nothing.
func TestObserverHasNoPart(t *testing.T) {
	m := tapeOf("ab")
	s, err := New(Config{Generation: "LTO-8", Serial: "X", Observe: true, State: &State{Barcode: "V00001L8", Loaded: true}}, m)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, s, m}
	r.want("19 00 00 00 00 00", "7/27/00")
	if life, _ := s.Lifetime(); s.alerts != 0 || len(life.Diagnostics) != 0 {
		t.Errorf("alerts of an observer: %x, %+v", s.alerts, life)
	}
}

// TestLifetimeTakesAnything: a Lifetime from a file may hold anything.
func FuzzLifetime(f *testing.F) {
	good, err := json.Marshal(Lifetime{Loads: 1, MotionAtCleanings: []int64{1}, Media: []MediaMotion{{0x5E, 0x88, 1}},
		Diagnostics: []Diagnostic{{Key: scsi.MediumError, ASC: 0x1100, MediumSerial: "X"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"loads":-5,"motion_at_cleaning":[1,2,3,4,5],"diagnostics":[{"sense_key":255,"medium_serial":"0123456789012345678901234567890123456789"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var life Lifetime
		if json.Unmarshal(text, &life) != nil {
			return
		}
		s, err := New(Config{Generation: "LTO-8", Lifetime: &life}, tapeOf("5a|3"))
		if err != nil {
			t.Fatal(err)
		}
		*s.attentions.Of(spc.DefaultNexus) = nil
		for _, code := range []string{"42", "43", "4C", "51", "52", "54", "56", "57", "6E", "70", "71"} {
			fuzzOne(t, s, unhex(t, "4D 00 "+code+" 00 00 00 00 10 00 00"), nil, 4096)
		}
		if again, _ := s.Lifetime(); again.Loads < 0 || len(again.Diagnostics) > diagnosticsKept {
			t.Errorf("lifetime = %+v", again)
		}
	})
}

// TestIdleLifeIsNotKept: a run in which nothing happened leaves the time to the next one to count.
func TestIdleLifeIsNotKept(t *testing.T) {
	r := newStatsRig(t, Config{}, nil)
	if _, changed := r.s.Lifetime(); !changed {
		t.Error("a new drive has nothing to keep")
	}
	state, life := r.s.State(), r.s.life.clone()
	for range 3 {
		r.clock = r.clock.Add(25 * time.Minute)
		clock := r.clock
		s, err := New(Config{Generation: "LTO-8", State: &state, Lifetime: &life, Now: func() time.Time { return clock }}, nil)
		if err != nil {
			t.Fatal(err)
		}
		next, changed := s.Lifetime()
		past := clock.Sub(state.Statistics.PowerBooked)
		if changed != (past >= time.Hour) {
			t.Errorf("after %v: changed = %t", past, changed)
		}
		state, life = s.State(), next
	}
	if life.PowerOnSeconds != 75*60 {
		t.Errorf("power-on time = %d s, want 4500", life.PowerOnSeconds)
	}
}

// TestEachAlertHasItsParameter: flag n is parameter n of page 2Eh and the n-th bit from the left of page 12h.
func TestEachAlertHasItsParameter(t *testing.T) {
	r := newStatsRig(t, Config{}, nil)
	for n := 1; n <= 64; n++ {
		r.s.raise(n)
		response := r.page(0x12)[8:]
		page := r.page(0x2E)[4:]
		for k := 1; k <= 64; k++ {
			parameter := page[5*(k-1) : 5*k]
			set := byte(0)
			if k == n {
				set = 1
			}
			if int(parameter[1]) != k || parameter[4] != set {
				t.Errorf("flag %d: parameter %d = % x", n, k, parameter)
			}
			if got := response[(k-1)/8] >> (7 - (k-1)%8) & 1; got != set {
				t.Errorf("flag %d: bit %d of the response = %d", n, k, got)
			}
		}
	}
}
