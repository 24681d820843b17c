package ssc

import (
	"encoding/json"
	"errors"
	"testing"

	"calypso/vtl/spc"
)

const readyCDB = "00 00 00 00 00 00"

// cleaningTape is a cleaning cartridge with so many cleanings left.
func cleaningTape(left int64) *memoryTape {
	m := newTape()
	m.meta.Barcode, m.meta.Generation, m.meta.DensityCode = "CLNU01CU", "universal", 0
	m.meta.Cleaning, m.meta.CleaningsLeft, m.meta.LoadCount = true, left, 0
	return m
}

func (r *rig) insert(m *memoryTape, barcode string) {
	r.Helper()
	if err := r.s.Insert(m, barcode); err != nil {
		r.Fatal(err)
	}
	r.want(readyCDB, "6/28/00")
}

func (r *rig) wantAlerts(flags ...int) {
	r.Helper()
	var want alerts
	for _, flag := range flags {
		want |= 1 << (64 - flag)
	}
	if r.s.alerts != want {
		r.Errorf("alerts %016x, want %016x: %v", r.s.alerts, want, flags)
	}
}

// cleaningRequested says whether the drive asks to be cleaned: flag 20 or 21 was raised and it has not
// been cleaned since, whoever may have read the flags.
func (s *Server) cleaningRequested() bool {
	return s.raised(alertCleanNow) || s.raised(alertCleanPeriodic)
}

func TestCleaning(t *testing.T) {
	r := newRig(t, nil)
	r.s.raise(20)
	r.s.raise(21)
	if !r.s.cleaningRequested() {
		t.Error("the drive does not ask for cleaning")
	}
	m := cleaningTape(2)
	r.insert(m, "CLNU01CU")
	if r.s.cleaningRequested() {
		t.Error("the drive asks for cleaning after it was cleaned")
	}
	r.wantAlerts(11)
	if got := m.meta; got.CleaningsLeft != 1 || got.LoadCount != 1 {
		t.Errorf("%d cleanings left after %d loads, want 1 after 1", got.CleaningsLeft, got.LoadCount)
	}
	if got := r.s.life.Cleanings; got != 1 {
		t.Errorf("%d cleanings in the life of the drive, want 1", got)
	}
	// It is there and no tape: what needs one is refused, unloading is not, and loading cleans once.
	for _, cdb := range []string{readyCDB, "01 00 00 00 00 00", "0A 00 00 00 01 00", "1B 00 00 00 01 00"} {
		r.want(cdb, "2/30/03")
	}
	r.want("1B 00 00 00 00 00", "good")
	r.want(readyCDB, "2/30/03")
	r.want("1E 00 00 00 01 00", "good") // a lock holds what is loaded, and this is not
	if err := r.s.Remove(); err != nil {
		t.Fatal(err)
	}
	r.wantAlerts()
	r.want(readyCDB, "2/3a/00")
	if m.meta.CleaningsLeft != 1 {
		t.Errorf("%d cleanings left, want 1", m.meta.CleaningsLeft)
	}
}

func TestExpiredCleaningCartridge(t *testing.T) {
	r := newRig(t, nil)
	r.s.raise(20)
	m := cleaningTape(1)
	r.insert(m, "CLN001L8")
	r.want(readyCDB, "2/30/03") // the last one cleans
	if err := r.s.Remove(); err != nil {
		t.Fatal(err)
	}
	r.s.raise(21)
	r.insert(m, "CLN001L8")
	r.want(readyCDB, "2/30/07")
	r.wantAlerts(11, 21, 22)
	if !r.s.cleaningRequested() || m.meta.CleaningsLeft != 0 || m.meta.LoadCount != 2 || r.s.life.Cleanings != 1 {
		t.Errorf("asks %v, %d left, %d loads, %d cleanings", r.s.cleaningRequested(), m.meta.CleaningsLeft, m.meta.LoadCount, r.s.life.Cleanings)
	}
	if err := r.s.Remove(); err != nil {
		t.Fatal(err)
	}
	r.wantAlerts(21, 22)
	r.insert(cleaningTape(50), "CLN002L8")
	r.wantAlerts(11)
}

// A write of the cartridge memory that fails is no cleaning: it would be one that nobody counts.
func TestUnbookedCleaning(t *testing.T) {
	r := newRig(t, nil)
	r.s.raise(20)
	m := cleaningTape(5)
	m.metaErr = errors.New("worn out")
	if err := r.s.Insert(m, "CLN001L8"); !errors.Is(err, m.metaErr) {
		t.Errorf("insert = %v", err)
	}
	if !r.s.cleaningRequested() || r.s.life.Cleanings != 0 {
		t.Error("it counts as cleaned")
	}
	r.want(readyCDB, "6/28/00")
	r.want(readyCDB, "2/30/07")
}

// A data cartridge under the barcode of a cleaning cartridge does not clean, and is not loaded either.
func TestNoCleaningCartridge(t *testing.T) {
	r := newRig(t, nil)
	if err := r.s.Insert(newTape(), "CLN001L8"); !errors.Is(err, spc.ErrIncompatible) {
		t.Errorf("insert = %v, want incompatible", err)
	}
	r.wantAlerts(23)
	r.want(readyCDB, "6/28/00")
	r.want(readyCDB, "2/30/00")
}

// The request outlives the flags, which a host clears by reading them, and a power cycle.
func TestCleaningRequestIsKept(t *testing.T) {
	r := newRig(t, nil)
	r.s.raise(21)
	r.s.alerts = 0
	text, err := json.Marshal(r.s.State())
	if err != nil {
		t.Fatal(err)
	}
	for _, dirty := range []bool{false, true} {
		var st State
		if err := json.Unmarshal(text, &st); err != nil {
			t.Fatal(err)
		}
		st.Dirty = dirty
		s, err := New(Config{Generation: "LTO-8", State: &st}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !s.cleaningRequested() {
			t.Errorf("dirty %v: the request is gone", dirty)
		}
		if raised := s.alerts != 0; raised != dirty {
			t.Errorf("dirty %v: alerts %016x", dirty, s.alerts)
		}
	}
	r.s.lower(21)
	if r.s.cleaningRequested() {
		t.Error("the request stays when its flag is lowered")
	}
}

func TestMemoryOfCleaningCartridge(t *testing.T) {
	r := newRig(t, nil)
	r.want("8C 00 00 00 00 00 00 00 04 08 00 00 FF FF 00 00", "2/3a/00")
	r.insert(cleaningTape(7), "CLNU01CU")
	for first, want := range map[string]string{
		"04 08": "00000006 0408 80 0001 01",
		"04 09": "00000007 0409 80 0002 0032",
		"00 03": "0000000d 0003 80 0008 0000000000000001",
	} {
		w := unhex(t, want)
		got, err := r.exec("8C 00 00 00 00 00 00 00 "+first+" 00 00 FF FF 00 00", nil, 1<<16)
		if err != nil || len(got) < len(w) {
			t.Fatalf("%s: % x, %v", first, got, err)
		}
		wantBytes(t, first, got[4:len(w)], w[4:])
	}
	r.want("8D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "2/30/03")
}
