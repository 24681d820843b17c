package tape

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

const (
	readReservation = "5e 01 00 00 00 00 00 02 00 00"
	heldByABC       = "00000001 00000010 0000000000000abc 00000000 00 03 0000"
)

var reserved = &scsi.StatusError{CDB: []byte{0x0A}, Status: scsi.StatusReservationConflict}

// Whoever meets a reservation is told whose it is.
func TestConflictNamesTheHolder(t *testing.T) {
	for name, tt := range map[string]struct {
		answer step
		want   string
	}{
		"held":       {step{in: heldByABC}, "write vtl01:0: WRITE(6): reserved (exclusive access) with key 0x0000000000000abc: not a key of calypso"},
		"free again": {step{in: "00000001 00000000"}, "though nobody holds a reservation now"},
		"RESERVE(6)": {step{err: &scsi.StatusError{CDB: []byte{0x5E}, Status: scsi.StatusReservationConflict}}, "with RESERVE, which tells no key"},
		"old device": {step{sense: badOpcode}, "reserved by another host (status 18h); the holder cannot be told: PERSISTENT RESERVE IN: illegal request"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.answer.cdb = readReservation
			d, _ := newDrive(t, step{cdb: "0a 00 000003 00", out: "*", err: reserved}, tt.answer)
			_, err := d.Write(t.Context(), []byte("abc"))
			wantCode(t, err, errcode.ReservedElsewhere, tt.want)
		})
	}
}

// A device of the old days is none to reserve.
func TestReservationsUnknown(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "5f 00 00 00 00 00 00 00 18 00", out: "*", sense: badOpcode})
	wantCode(t, d.Claim(t.Context(), 1), errcode.DeviceUnsupported, "knows no persistent reservations")
	d = NewDrive(&wire{t: t, steps: []step{{cdb: readReservation, sense: badOpcode}, {cdb: readReservation, sense: badOpcode}}})
	_, err := d.Reservations(t.Context())
	wantCode(t, err, errcode.DeviceUnsupported)
	if r, err := d.Reservation(t.Context()); r != nil || err != nil {
		t.Errorf("%v, %v; want nobody", r, err)
	}
}

// A device without READ FULL STATUS tells the keys, and one with many is asked twice.
func TestReservationsByKeys(t *testing.T) {
	d := NewDrive(&wire{t: t, steps: []step{
		{cdb: readReservation, in: heldByABC},
		{cdb: "5e 03 00 00 00 00 00 02 00 00", sense: badField},
		{cdb: "5e 00 00 00 00 00 00 02 00 00", in: "00000004 00000200 0000000000000abc"},
		{cdb: "5e 00 00 00 00 00 00 02 08 00", in: "00000004 00000010 0000000000000abc 0000000000000def"},
		{cdb: "5e 02 00 00 00 00 00 02 00 00", sense: badField},
	}})
	r, err := d.Reservations(t.Context())
	if err != nil || r.Told || r.Generation != 4 || len(r.Registrations) != 2 || !r.Registrations[0].Holder || r.Registrations[1].Holder || r.Capabilities != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// Who could not take all keys away leaves none of its own.
func TestOustAllFails(t *testing.T) {
	conflict := &scsi.StatusError{CDB: []byte{0x5F}, Status: scsi.StatusReservationConflict}
	d, _ := newDrive(t, step{cdb: "5f 06 00 00 00 00 00 00 18 00", out: "*"}, step{cdb: "5f 03 00 00 00 00 00 00 18 00", out: "*", err: conflict},
		step{cdb: readReservation, in: "00000001 00000000"},
		step{cdb: "5f 00 00 00 00 00 00 00 18 00", out: "0000000000000007 0000000000000000 0000000000000000"})
	wantCode(t, d.OustAll(t.Context(), 7), errcode.ReservedElsewhere)
}

// PREEMPT leaves the commands of the other host to end, PREEMPT AND ABORT (service action 05h) does not (SPC-5).
func TestPreempt(t *testing.T) {
	const list = "0000000000000001 0000000000000abc 0000000000000000"
	d, _ := newDrive(t, step{cdb: "5f 04 03 00 00 00 00 00 18 00", out: list}, step{cdb: "5f 05 03 00 00 00 00 00 18 00", out: list})
	for _, abort := range []bool{false, true} {
		if err := d.Preempt(t.Context(), 1, 0xabc, abort); err != nil {
			t.Error(err)
		}
	}
}

// Linux as a target answers the RELEASE of a host that is not registered any more with 2/08/00.
func TestDisclaimOfWhatLinuxTookAway(t *testing.T) {
	release := step{cdb: "5f 02 03 00 00 00 00 00 18 00", out: "*", sense: "70 00 02 00000000 0a 00000000 0800 00 000000"}
	d, _ := newDrive(t, release, step{cdb: "5f 00 00 00 00 00 00 00 18 00", out: "*", err: &scsi.StatusError{CDB: []byte{0x5F}, Status: scsi.StatusReservationConflict}},
		step{cdb: readReservation, in: "00000001 00000000"})
	wantCode(t, d.Disclaim(t.Context(), 1), errcode.ReservedElsewhere, "taken away while the command ran")
	d, _ = newDrive(t, release, step{cdb: "5f 00 00 00 00 00 00 00 18 00", out: "0000000000000001 0000000000000000 0000000000000000"})
	if err := d.Disclaim(t.Context(), 1); err != nil {
		t.Errorf("the end of the registration ends the reservation: %v", err)
	}
}

func TestKeyOwner(t *testing.T) {
	if os.Getenv("KEY_OWNER_CHILD") != "" {
		fmt.Println("up")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	own := OwnerOf(OwnKey())
	if !own.Calypso || !own.ThisHost || own.Running || own.PID != os.Getpid() || own.HostID != HostID() || !own.Left() {
		t.Errorf("an earlier process with the pid of this: %+v", own)
	}
	fellow := exec.Command(os.Args[0], "-test.run=^TestKeyOwner$")
	fellow.Env = append(os.Environ(), "KEY_OWNER_CHILD=1")
	end, err1 := fellow.StdinPipe()
	says, err2 := fellow.StdoutPipe()
	if err := errors.Join(err1, err2, fellow.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(says, make([]byte, len("up\n"))); err != nil { // before it runs it has no command line
		t.Fatal(err)
	}
	defer func() { _, _ = end.Close(), fellow.Wait() }()
	if o := OwnerOf(OwnKey()&^0xFFFFFF | uint64(fellow.Process.Pid)); !o.Running || o.Left() || o.Command == "" {
		t.Errorf("another of the same program: %+v", o)
	}
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatalf("no sleep: %v", err)
	}
	defer func() { _, _ = child.Process.Kill(), child.Wait() }()
	if o := OwnerOf(OwnKey()&^0xFFFFFF | uint64(child.Process.Pid)); !o.Left() {
		t.Errorf("a pid that another program has now: %+v", o)
	}
	if o := OwnerOf(0xCA19000000000000 | (hostBits()^1)<<24 | uint64(os.Getpid())); !o.Calypso || o.ThisHost || o.Running || o.Left() {
		t.Errorf("another host: %+v", o)
	}
	if o := OwnerOf(0xABC); o.Calypso || o.Left() || o.String() != "not a key of calypso" {
		t.Errorf("another program's: %+v", o)
	}
}
