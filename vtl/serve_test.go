package vtl

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/tape/scsi"
	"calypso/vtl/smc"
	"calypso/vtl/tcmu"
)

// While another process serves a library nothing is done behind its back.
func TestServedElsewhere(t *testing.T) {
	s := newStore(t)
	create(t, s, CreateSpec{Name: "vtl01", Drives: 1, Slots: 3, IOSlots: 1, Media: "LTO-8", Tapes: 2})
	create(t, s, CreateSpec{Name: "vtl02", Drives: 1, Slots: 3, Media: "LTO-8", Tapes: 2, BarcodePrefix: "W"})
	held, err := lock.Acquire(background, s.places.RunDir, serveLock("vtl01"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"OpenDrive":   func() error { _, err := s.OpenDrive(background, "vtl01", 0); return err },
		"OpenChanger": func() error { _, err := s.OpenChanger(background, "vtl01"); return err },
		"Door":        func() error { return s.Door(background, "vtl01", true) },
		"Delete":      func() error { return s.Delete(background, "vtl01", true) },
		"AddTape":     func() error { _, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8"}); return err },
		"RemoveTape":  func() error { return s.RemoveTape(background, "vtl01", "V00001L8", true) },
		"Protect":     func() error { return s.Protect(background, "vtl01", "V00001L8", true) },
		"Serve":       func() error { _, err := s.Serve(background, "vtl01", ServeOptions{}); return err },
	} {
		if err := do(); errcode.Of(err) != errcode.LibraryServed {
			t.Errorf("%s: %v; want %s", name, err, errcode.LibraryServed)
		}
	}
	d, err := s.OpenDrive(background, "vtl02", 0)
	if err != nil {
		t.Fatalf("another library: %v", err)
	}
	closeDevice(t, d)
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	if err := s.Door(background, "vtl01", true); err != nil {
		t.Errorf("after the server: %v", err)
	}
}

// A device in use keeps the library from being served, and a server that cannot start leaves nothing held.
func TestServeBusy(t *testing.T) {
	s := newStore(t)
	lib := create(t, s, CreateSpec{Name: "vtl01", Drives: 2, Slots: 3, Media: "LTO-8", Tapes: 2})
	held, err := lock.Acquire(background, s.places.RunDir, "drive-"+lib.Drives[1].Serial, 0)
	if err != nil {
		t.Fatal(err)
	}
	none := tcmu.Host{Config: t.TempDir(), Sysfs: t.TempDir()}
	if _, err := s.Serve(background, "vtl01", ServeOptions{Host: none, Loop: true}); errcode.Of(err) != errcode.LockBusy {
		t.Errorf("Serve = %v; want %s", err, errcode.LockBusy)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Serve(background, "vtl01", ServeOptions{Host: none, Loop: true}); err == nil {
		t.Error("served without a kernel")
	}
	if by, err := s.Serving("vtl01"); by != nil || err != nil {
		t.Errorf("Serving() = %v, %v; want nobody", by, err)
	}
	d, err := s.OpenDrive(background, "vtl01", 1)
	if err != nil {
		t.Fatal(err)
	}
	closeDevice(t, d)
}

// Who holds a drive because he waits for an answer of a server that was killed lets it go when what that server
// left is taken away: the next server does that first, and then waits for him.
func TestServeAfterKillWaitsForClients(t *testing.T) {
	s := newStore(t)
	lib := create(t, s, CreateSpec{Name: "vtl01", Drives: 1, Slots: 3, Media: "LTO-8", Tapes: 2})
	host := tcmu.Host{Config: t.TempDir(), Sysfs: t.TempDir()}
	left := filepath.Join(host.Config, "core/user_77", lib.UnitNames()[1])
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	held, err := lock.Acquire(background, s.places.RunDir, "drive-"+lib.Drives[0].Serial, 0)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan error)
	go func() {
		for {
			if _, err := os.Stat(left); err != nil {
				released <- held.Release()
				return
			}
		}
	}()
	if _, err := s.Serve(background, "vtl01", ServeOptions{Host: host, Loop: true}); err == nil || errcode.Of(err) == errcode.LockBusy {
		t.Errorf("Serve = %v; want that the kernel is not there", err)
	}
	if err := <-released; err != nil {
		t.Fatal(err)
	}
}

// What a killed server left in the kernel goes with the library; nothing of another one does.
func TestDeleteClearsTheKernel(t *testing.T) {
	s := newStore(t)
	lib := create(t, s, CreateSpec{Name: "vtl01", Drives: 1, Slots: 3, Media: "LTO-8", Tapes: 2})
	s.kernel = tcmu.Host{Config: t.TempDir(), Sysfs: t.TempDir()}
	left := append([]string{}, lib.UnitNames()...)
	for _, name := range append(left, "vtl02-changer") {
		if err := os.MkdirAll(filepath.Join(s.kernel.Config, "core/user_77", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(background, "vtl01", true); err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(s.kernel.Config, "core/user_77/*")); len(found) != 1 || filepath.Base(found[0]) != "vtl02-changer" {
		t.Errorf("in the kernel: %v; want vtl02-changer alone", found)
	}
}

func TestNamesOfServed(t *testing.T) {
	l := &Library{Name: "vtl01", Serial: "L0123ABC", Drives: []DriveConfig{{Serial: "D1"}, {Serial: "D2"}}}
	other := &Library{Serial: "L0123ABD"}
	if len(l.NAA()) != 16 || l.NAA() == other.NAA() || l.NAA() != (&Library{Name: "x", Serial: "L0123ABC"}).NAA() {
		t.Errorf("NAA %s, %s; want 16 digits that come of the serial alone", l.NAA(), other.NAA())
	}
	if got, want := l.IQN(), "iqn.2003-01.org.linux-iscsi.calypso:l0123abc"; got != want {
		t.Errorf("IQN() = %s; want %s", got, want)
	}
}

// The robot and the hosts of the drives work at once, each through a device of one Store: run with -race.
func TestRobotBesideDrives(t *testing.T) {
	s := newStore(t)
	create(t, s, CreateSpec{Name: "vtl01", Drives: 2, Slots: 4, Media: "LTO-8", Tapes: -1})
	changer, err := s.OpenChanger(background, "vtl01")
	if err != nil {
		t.Fatal(err)
	}
	defer closeDevice(t, changer)
	stop, cancel := context.WithCancel(background)
	var hosts sync.WaitGroup
	for n := range 2 {
		d, err := s.OpenDrive(background, "vtl01", n)
		if err != nil {
			t.Fatal(err)
		}
		defer closeDevice(t, d)
		hosts.Add(1)
		go func() {
			defer hosts.Done()
			for stop.Err() == nil {
				_ = d.Exec(background, &scsi.Command{CDB: []byte{0, 0, 0, 0, 0, 0}})
				_ = d.Exec(background, &scsi.Command{CDB: []byte{0x0A, 0, 0, 2, 0, 0}, DataOut: make([]byte, 512)})
			}
		}()
	}
	move := func(from, to int) {
		cdb := []byte{0xA5, 0, 0, 0, byte(from >> 8), byte(from), byte(to >> 8), byte(to), 0, 0, 0, 0}
		for changer.Exec(background, &scsi.Command{CDB: make([]byte, 6)}) != nil { // unit attentions come first
		}
		if err := changer.Exec(background, &scsi.Command{CDB: cdb}); err != nil {
			t.Errorf("move %d to %d: %v", from, to, err)
		}
	}
	for range 5 {
		for n := range 2 {
			move(smc.FirstStorage+n, smc.FirstDrive+n)
		}
		for n := range 2 {
			move(smc.FirstDrive+n, smc.FirstStorage+n)
		}
	}
	cancel()
	hosts.Wait()
}
