package ssc

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"syscall"
	"testing"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// mediaAccess are the commands that need a loaded cartridge.
var mediaAccess = []string{
	"00 00 00 00 00 00", "01 00 00 00 00 00", "08 00 00 00 01 00", "0A 00 00 00 01 00", "10 00 00 00 01 00",
	"11 00 00 00 01 00", "19 00 00 00 00 00", "2B 00 00 00 00 00 00 00 00 00", "34 06 00 00 00 00 00 00 00 00",
	"8C 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00", "8D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	"91 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "92 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
}

func TestNoMedium(t *testing.T) {
	r := newRig(t, nil)
	for _, cdb := range mediaAccess {
		r.want(cdb, "2/3a/00")
	}
	r.want("1B 00 00 00 01 00", "2/3a/00")
	r.want("1B 00 00 00 00 00", "2/3a/00")
	r.want("05 00 00 00 00 00", "good")
	r.want("1A 00 3F 00 FF 00", "good")
	r.want("1E 00 00 00 01 00", "good")
}

func TestUnloadAndLoad(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.s.position = 1
	r.want("1B 00 00 00 00 00", "good")
	for _, cdb := range mediaAccess {
		r.want(cdb, "2/3a/00")
	}
	r.want("1B 00 00 00 00 00", "good") // already so
	r.want("1B 01 00 00 01 00", "good")
	r.wantAt(0)
	r.want("1B 00 00 00 08 00", "good") // HOLD
	r.want("00 00 00 00 00 00", "2/04/02")
	r.want("1B 00 00 00 03 00", "good")             // LOAD, RETEN
	r.want("1B 00 00 00 05 00", "5/24/00 cdb[4].2") // EOT
	r.s.position = 2
	r.want("1B 00 00 00 01 00", "good") // loaded: rewinds
	r.wantAt(0)
	if r.m.meta.LoadCount != 3 {
		t.Errorf("load count = %d, want 3", r.m.meta.LoadCount)
	}
}

func TestUnloadMakesDurable(t *testing.T) {
	r := newRig(t, newTape())
	r.senseOut("0A 00 00 00 01 00", []byte("a"))
	r.m.syncErr = syscall.EIO
	_, err := r.exec("1B 00 00 00 00 00", nil, 0)
	if got := describe(t, err); got != "3/0c/00" || !errors.Is(err, syscall.EIO) {
		t.Errorf("UNLOAD = %s (%v), want 3/0c/00 with the cause", got, err)
	}
	r.wantAt(1)
	if err := r.s.Remove(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Remove() = %v, want EIO", err)
	}
	r.m.syncErr = nil
	if err := r.s.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
	r.want("00 00 00 00 00 00", "2/3a/00")
}

func TestPreventRemoval(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("1E 00 00 00 01 00", "good")
	r.want("1B 00 00 00 00 00", "5/53/02")
	if err := r.s.Remove(); !errors.Is(err, spc.ErrRemovalPrevented) {
		t.Errorf("Remove() = %v, want removal prevented", err)
	}
	r.want("00 00 00 00 00 00", "good")
	r.want("1E 00 00 00 00 00", "good")
	r.want("1E 00 00 00 03 00", "5/24/00 cdb[4].1")
	if err := r.s.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
	if err := r.s.Remove(); !errors.Is(err, ErrEmpty) {
		t.Errorf("Remove() of nothing = %v, want ErrEmpty", err)
	}
}

func TestInsert(t *testing.T) {
	r := newRig(t, nil)
	m := tapeOf("ab|")
	m.meta.LoadCount = 0
	if err := r.s.Insert(m, "V00001L8"); err != nil {
		t.Fatal(err)
	}
	r.m = m
	r.want("12 00 00 00 24 00", "good") // INQUIRY leaves it pending
	r.want("00 00 00 00 00 00", "6/28/00")
	r.want("00 00 00 00 00 00", "good")
	r.wantAt(0)
	if m.meta.LoadCount != 1 {
		t.Errorf("load count = %d, want 1", m.meta.LoadCount)
	}
	want := []Attribute{
		{ID: 0x020A, Format: 1, ReadOnly: true, Value: []byte("CALYPSO CAL0000001                      ")},
		{ID: 0x0806, Format: 1, Value: []byte("V00001L8                        ")},
	}
	if !reflect.DeepEqual(m.meta.Attributes, want) {
		t.Errorf("attributes = %+v, want %+v", m.meta.Attributes, want)
	}
	if err := r.s.Insert(newTape(), "V00002L8"); err == nil {
		t.Error("Insert into a full drive succeeded")
	}
}

func TestLastDrivesAreKept(t *testing.T) {
	m := newTape()
	for _, serial := range []string{"A", "B", "C", "D", "E"} {
		s, err := New(Config{Generation: "LTO-8", Serial: serial}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Insert(m, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	for _, a := range m.meta.Attributes {
		got += string(a.Value[8:9])
	}
	if got != "EDCB" {
		t.Errorf("drives of the last loads = %s, want EDCB", got)
	}
}

func TestInsertWithoutMemory(t *testing.T) {
	r := newRig(t, nil)
	m := tapeOf("ab")
	m.metaErr = syscall.EIO
	if err := r.s.Insert(m, "V00001L8"); !errors.Is(err, syscall.EIO) {
		t.Errorf("Insert() = %v, want EIO", err)
	}
	r.want("00 00 00 00 00 00", "6/28/00")
	r.want("00 00 00 00 00 00", "good") // the tape can be read all the same
}

// A full disk keeps no tape from being loaded and read.
func TestLoadWithFullDisk(t *testing.T) {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		r := newRig(t, nil)
		m := tapeOf("ab")
		m.metaErr = &errPath{"write meta.json", full}
		if err := r.s.Insert(m, "V00001L8"); err != nil {
			t.Errorf("%v: Insert() = %v, want none", full, err)
		}
		r.want("00 00 00 00 00 00", "6/28/00")
		r.want("1B 00 00 00 00 00", "good")
		r.want("1B 00 00 00 01 00", "good")
		r.want("00 00 00 00 00 00", "good")
		if err := r.s.Remove(); err != nil {
			t.Errorf("%v: Remove() = %v, want none", full, err)
		}
	}
}

func TestCompatibility(t *testing.T) {
	// For each drive what it does with each cartridge: w writes, r reads only, - refuses
	// (the LTO rules: two back to LTO-7, one back to LTO-9, none from LTO-10).
	cartridges := []string{"LTO-3", "LTO-4", "LTO-5", "LTO-6", "LTO-7", "LTO-7M", "LTO-8", "LTO-9", "LTO-10"}
	drives := map[string]string{
		"LTO-5":  "rww------",
		"LTO-6":  "-rww-----",
		"LTO-7":  "--rww----",
		"LTO-8":  "----www--",
		"LTO-9":  "------ww-",
		"LTO-10": "--------w",
	}
	for drive, row := range drives {
		for i, cartridge := range cartridges {
			if got := accessOf(t, drive, cartridge); got != row[i] {
				t.Errorf("%s cartridge in %s drive = %c, want %c", cartridge, drive, got, row[i])
			}
			reads, writes := Compatible(drive, cartridge)
			if reads != (row[i] != '-') || writes != (row[i] == 'w') {
				t.Errorf("Compatible(%s, %s) = %v, %v, want %c", drive, cartridge, reads, writes, row[i])
			}
		}
	}
}

func TestCompatibleWithUnknown(t *testing.T) {
	for _, pair := range [][2]string{{"LTO-4", "LTO-4"}, {"LTO-7M", "LTO-7M"}, {"LTO-8", ""}, {"", "LTO-8"}} {
		if reads, writes := Compatible(pair[0], pair[1]); reads || writes {
			t.Errorf("Compatible(%q, %q) = %v, %v", pair[0], pair[1], reads, writes)
		}
	}
}

func accessOf(t *testing.T, drive, cartridge string) byte {
	t.Helper()
	s, err := New(Config{Generation: drive, Serial: "X"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newTape()
	m.meta.Generation = cartridge
	inserted := s.Insert(m, "V")
	r := &rig{t, s, m}
	r.sense("00 00 00 00 00 00") // 29/00
	r.sense("00 00 00 00 00 00") // 28/00
	ready := r.sense("00 00 00 00 00 00")
	if ready == "2/30/00" && errors.Is(inserted, spc.ErrIncompatible) {
		return '-'
	}
	if ready != "good" || inserted != nil {
		t.Errorf("%s in %s: ready %s, inserted %v", cartridge, drive, ready, inserted)
	}
	switch got := r.senseOut("0A 00 00 00 01 00", []byte("a")); got {
	case "good":
		return 'w'
	case "7/30/05":
		return 'r'
	default:
		t.Errorf("%s in %s: WRITE = %s", cartridge, drive, got)
	}
	return '?'
}

func TestIncompatibleCartridgeLeaves(t *testing.T) {
	r := newRig(t, nil)
	m := newTape()
	m.meta.Generation = "LTO-9"
	if err := r.s.Insert(m, "V00001L9"); !errors.Is(err, spc.ErrIncompatible) {
		t.Fatalf("Insert() = %v", err)
	}
	r.want("00 00 00 00 00 00", "6/28/00")
	r.want("1B 00 00 00 01 00", "2/30/00")
	r.want("1B 00 00 00 00 00", "good")
	if err := r.s.Remove(); err != nil {
		t.Errorf("Remove() = %v", err)
	}
}

func TestUnknownGeneration(t *testing.T) {
	for _, name := range []string{"", "LTO-4", "LTO-11", "LTO-7M", "lto-8"} {
		if _, err := New(Config{Generation: name}, nil); err == nil {
			t.Errorf("New(%q) succeeded", name)
		}
	}
}

func TestUnitAttentions(t *testing.T) {
	s, err := New(Config{Generation: "LTO-8", Serial: "X"}, newTape())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, s, nil}
	r.want("12 00 00 00 24 00", "good")
	r.want("A0 00 00 00 00 00 00 00 00 10 00 00", "good")
	r.want("FF 00 00 00 00 00", "5/20/00 cdb[0]") // no such command: nothing was reported
	r.want("08 00 00 00 00 00", "6/29/00")
	r.want("00 00 00 00 00 00", "good")
	s.Attention(spc.MediumChanged)
	s.Attention(spc.ModeParametersChanged)
	s.Attention(spc.MediumChanged) // once is enough
	r.want("00 00 00 00 00 00", "6/28/00")
	r.want("00 00 00 00 00 00", "6/2a/01")
	r.want("00 00 00 00 00 00", "good")
	s.Attention(spc.MediumChanged)
	s.PowerOn()
	r.want("00 00 00 00 00 00", "6/29/00")
	r.want("00 00 00 00 00 00", "good")
}

func TestRequestSense(t *testing.T) {
	r := newRig(t, nil)
	r.s.Attention(spc.MediumChanged)
	for _, want := range []string{
		"70 00 06 00 00 00 00 0a 00 00 00 00 28 00 00 00 00 00",
		"70 00 02 00 00 00 00 0a 00 00 00 00 3a 00 00 00 00 00",
		"70 00 02 00 00 00 00 0a 00 00 00 00 3a 00 00 00 00 00",
	} {
		got, err := r.exec("03 00 00 00 FF 00", nil, 255)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, "REQUEST SENSE", got, unhex(t, want))
	}
	if err := r.s.Insert(newTape(), "V"); err != nil {
		t.Fatal(err)
	}
	r.exec("03 00 00 00 FF 00", nil, 255)
	got, _ := r.exec("03 00 00 00 08 00", nil, 255)
	wantBytes(t, "REQUEST SENSE, ready", got, unhex(t, "70 00 00 00 00 00 00 0a"))
	got, _ = r.exec("03 01 00 00 FF 00", nil, 255)
	wantBytes(t, "REQUEST SENSE, descriptor format", got, unhex(t, "72 00 00 00 00 00 00 00"))
	r.want("03 02 00 00 FF 00", "5/24/00 cdb[1].1")
}

func TestStateSurvives(t *testing.T) {
	m := tapeOf("ab|cd")
	r := newRig(t, m)
	r.s.position = 4
	r.want("1E 00 00 00 01 00", "good")
	// Block length 512, unbuffered, compression off.
	if got := r.senseOut("15 10 00 00 1C 00", unhex(t, "00 00 00 08 00000000 00000200 0f 0e 40 80 000000ff 000000ff 00000000")); got != "good" {
		t.Fatalf("MODE SELECT(6) = %s", got)
	}
	r.s.Attention(spc.MediumChanged)

	text, err := json.Marshal(r.s.State())
	if err != nil {
		t.Fatal(err)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	before, _ := r.exec("12 01 80 00 FF 00", nil, 255)
	s, err := New(Config{Generation: "LTO-8", Serial: "CAL0000001", State: &state}, m)
	if err != nil {
		t.Fatal(err)
	}
	again := &rig{t, s, m}
	again.want("00 00 00 00 00 00", "6/28/00")
	again.want("00 00 00 00 00 00", "good")
	again.wantAt(4)
	again.want("1B 00 00 00 00 00", "5/53/02")
	got, _ := again.exec("1A 00 0F 00 FF 00", nil, 255)
	wantBytes(t, "MODE SENSE(6)", got, unhex(t, "1b 88 00 08 5e000000 00000200 0f 0e 40 80 000000ff 000000ff 00000000"))
	after, _ := again.exec("12 01 80 00 FF 00", nil, 255)
	wantBytes(t, "serial number page", after, before)
}

// A process that was killed leaves a dirty state: the drive comes up as after a power cut.
func TestDirtyStateIsAPowerCycle(t *testing.T) {
	m := tapeOf("ab")
	r := newRig(t, m)
	r.want("1E 00 00 00 01 00", "good")
	r.senseOut("15 10 00 00 0C 00", unhex(t, "00 00 10 08 00000000 00000200"))
	r.s.position = 2
	state := r.s.State()
	state.Dirty = true
	s, err := New(Config{Generation: "LTO-8", State: &state}, m)
	if err != nil {
		t.Fatal(err)
	}
	again := &rig{t, s, m}
	again.want("00 00 00 00 00 00", "6/29/00")
	again.wantAt(0)
	got, _ := again.exec("1A 00 0F 00 0C 00", nil, 255)
	wantBytes(t, "MODE SENSE(6)", got, unhex(t, "1b 88 10 08 5e000000 00000000"))
	again.want("1B 00 00 00 00 00", "good")
}

// The state is a file that may say anything: what the cartridge contradicts is not believed.
func TestStateThatDoesNotFit(t *testing.T) {
	good := State{Barcode: "V00001L8", Loaded: true, Position: 1, Buffered: true}
	tests := []struct {
		name   string
		change func(*State)
		medium Medium
		ready  []string
	}{
		{"fits", func(*State) {}, tapeOf("ab"), []string{"good"}},
		{"other cartridge", func(s *State) { s.Barcode = "V00009L8" }, tapeOf("ab"), []string{"6/28/00", "good"}},
		{"behind the end", func(s *State) { s.Position = 3 }, tapeOf("ab"), []string{"6/28/00", "good"}},
		{"before the beginning", func(s *State) { s.Position = -1 }, tapeOf("ab"), []string{"6/28/00", "good"}},
		{"cartridge gone", func(*State) {}, nil, []string{"2/3a/00"}},
		{"unloaded", func(s *State) { s.Loaded, s.Position = false, 0 }, tapeOf("ab"), []string{"2/3a/00"}},
		{"held", func(s *State) { s.Loaded, s.Held, s.Position = false, true, 0 }, tapeOf("ab"), []string{"2/04/02"}},
		{"block length", func(s *State) { s.BlockLength = -5 }, tapeOf("ab"), []string{"good"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := good
			tt.change(&state)
			s, err := New(Config{Generation: "LTO-8", State: &state}, tt.medium)
			if err != nil {
				t.Fatal(err)
			}
			r := &rig{TB: t, s: s}
			for _, want := range tt.ready {
				r.want("00 00 00 00 00 00", want)
			}
			r.sense("08 01 00 00 01 00")
		})
	}
}

func TestFlush(t *testing.T) {
	r := newRig(t, newTape())
	r.senseOut("0A 00 00 00 01 00", []byte("a"))
	r.m.syncErr = syscall.EIO
	if err := r.s.Flush(); err != syscall.EIO {
		t.Errorf("Flush() = %v, want EIO", err)
	}
	r.m.syncErr = nil
	if err := r.s.Flush(); err != nil || r.m.synced != 1 {
		t.Errorf("Flush() = %v, %d durable", err, r.m.synced)
	}
}

func TestCancelledBeforeSent(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := &scsi.Command{CDB: unhex(t, "08 00 00 00 01 00"), DataIn: make([]byte, 1)}
	if err := r.s.Exec(ctx, cmd); err != ctx.Err() {
		t.Errorf("Exec() = %v, want %v", err, ctx.Err())
	}
	r.wantAt(0)
}

func TestLoadCommandWithoutMemory(t *testing.T) {
	r := newRig(t, tapeOf("ab"))
	r.want("1B 00 00 00 00 00", "good")
	r.m.metaErr = syscall.EIO
	_, err := r.exec("1B 00 00 00 01 00", nil, 0)
	if got := describe(t, err); got != "3/04/10" || !errors.Is(err, syscall.EIO) {
		t.Errorf("LOAD = %s (%v), want 3/04/10 with the cause", got, err)
	}
	r.want("00 00 00 00 00 00", "good") // loaded all the same
}
