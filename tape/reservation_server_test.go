package tape_test

import (
	"os/exec"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
	"calypso/vtl/ssc"
)

// twoHosts are two ways to one drive of the virtual library.
func twoHosts(t *testing.T) (a, b *tape.Drive, s *ssc.Server) {
	t.Helper()
	s = server(t, newReel())
	a, b = tape.NewDrive(s.Nexus(hostA)), tape.NewDrive(s.Nexus("iqn.2026-01.org.example:b"))
	for _, d := range []*tape.Drive{a, b} {
		d.Name = "drive"
		must(t, d.WaitReady(t.Context()))
		must(t, d.Rewind(t.Context()))
	}
	return a, b, s
}

// keyOfTheDead is a key of a process of this host that is gone.
func keyOfTheDead(t *testing.T) uint64 {
	t.Helper()
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	return tape.OwnKey()&^0xFFFFFF | uint64(child.Process.Pid)
}

const (
	hostA     = "iqn.2026-01.org.example:a"
	keyA      = 0xCA19_000001_00004D // of another host
	keyB      = 0xCA19_000002_00004E
	otherSoft = 0xABC
)

func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%v does not say %q", err, p)
		}
	}
}

func holder(t *testing.T, d *tape.Drive) uint64 {
	t.Helper()
	r, err := d.Reservation(t.Context())
	must(t, err)
	if r == nil {
		return 0
	}
	return r.Key
}

func TestClaimKeepsOthersOut(t *testing.T) {
	a, b, _ := twoHosts(t)
	ctx := t.Context()
	must(t, a.Claim(ctx, keyA))
	err := b.Rewind(ctx)
	wantCode(t, err, errcode.ReservedElsewhere)
	wantText(t, err, "rewind drive", "key 0xca1900000100004d", "another host (host id 000001, pid 77)")
	err = b.Claim(ctx, keyB)
	wantCode(t, err, errcode.ReservedElsewhere)
	wantText(t, err, "reserve drive", "0xca1900000100004d")
	r, err := b.Reservations(ctx)
	must(t, err)
	if len(r.Registrations) != 1 || !r.Told || r.Registrations[0].Initiator != hostA || !r.Registrations[0].Holder {
		t.Errorf("%+v; want a alone: who was refused leaves nothing behind", r.Registrations)
	}
	if _, err := b.Identify(ctx); err != nil {
		t.Errorf("who looks: %v", err)
	}
	must(t, a.Rewind(ctx))
	must(t, a.Disclaim(ctx, keyA))
	must(t, b.Rewind(ctx))
	must(t, b.Claim(ctx, keyB))
	must(t, b.Disclaim(ctx, keyB))
	if r, err = a.Reservations(ctx); err != nil || len(r.Registrations) != 0 || r.Holder != nil || len(r.Capabilities.Types) != 6 {
		t.Errorf("at the end: %+v, %v", r, err)
	}
}

// What a process left that was killed stands in the way of others, and is taken away by its own host.
func TestClaimTakesLeftoversAway(t *testing.T) {
	a, b, _ := twoHosts(t)
	ctx, dead := t.Context(), keyOfTheDead(t)
	must(t, a.Claim(ctx, dead))
	err := b.Rewind(ctx)
	wantCode(t, err, errcode.ReservedElsewhere)
	wantText(t, err, "of this host, which is gone")
	if dropped, err := b.DropLeft(ctx); err != nil || len(dropped) != 0 {
		t.Errorf("another nexus dropped %x, %v", dropped, err)
	}
	must(t, a.Claim(ctx, keyA))
	if holder(t, b) != keyA {
		t.Errorf("held by %x", holder(t, b))
	}
	must(t, a.Disclaim(ctx, keyA))
	must(t, a.Claim(ctx, dead))
	if dropped, err := a.DropLeft(ctx); err != nil || len(dropped) != 1 || dropped[0] != dead {
		t.Errorf("dropped %x, %v", dropped, err)
	}
	if holder(t, b) != 0 {
		t.Error("the reservation stayed")
	}
}

// A container gives each of its processes the pid that the one before had, which was killed.
func TestClaimAfterAProcessOfTheSamePID(t *testing.T) {
	a, b, _ := twoHosts(t)
	ctx := t.Context()
	must(t, a.Claim(ctx, tape.OwnKey()))
	if o := tape.OwnerOf(tape.OwnKey()); !o.Left() {
		t.Errorf("%s; this process registers nothing", o)
	}
	must(t, a.Claim(ctx, tape.OwnKey()))
	if holder(t, b) != tape.OwnKey() {
		t.Errorf("held by %x", holder(t, b))
	}
	if dropped, err := a.DropLeft(ctx); err != nil || len(dropped) != 1 || holder(t, b) != 0 {
		t.Errorf("dropped %x, %v; held by %x", dropped, err, holder(t, b))
	}
}

// Keys of other programs of the same host are not ours to replace.
func TestClaimLeavesOtherProgramsAlone(t *testing.T) {
	a, b, _ := twoHosts(t)
	ctx := t.Context()
	must(t, a.Register(ctx, 0, otherSoft))
	err := a.Claim(ctx, keyA)
	wantCode(t, err, errcode.ReservedElsewhere)
	wantText(t, err, "another program of this host has registered")
	r, err := b.Reservations(ctx)
	if err != nil || len(r.Registrations) != 1 || r.Registrations[0].Key != otherSoft {
		t.Errorf("%+v, %v", r.Registrations, err)
	}
}

func TestOust(t *testing.T) {
	a, b, _ := twoHosts(t)
	ctx := t.Context()
	for _, abort := range []bool{false, true} {
		must(t, a.Claim(ctx, keyA))
		must(t, b.Oust(ctx, keyB, keyA, abort))
		must(t, b.Rewind(ctx))
		r, err := b.Reservations(ctx)
		if err != nil || len(r.Registrations) != 0 || r.Holder != nil {
			t.Errorf("abort %v: %+v, %v; want nothing left", abort, r, err)
		}
		// The first has lost it and is told so.
		err = a.Disclaim(ctx, keyA)
		wantCode(t, err, errcode.ReservedElsewhere)
		wantText(t, err, "taken away while the command ran")
	}
	wantCode(t, b.Oust(ctx, keyB, keyA, false), errcode.ReservedElsewhere) // nobody has it
	must(t, a.Register(ctx, 0, otherSoft))
	must(t, a.Oust(ctx, keyA, otherSoft, false)) // its own
	must(t, a.Claim(ctx, keyA))
	must(t, b.OustAll(ctx, keyB))
	if holder(t, b) != 0 {
		t.Error("the reservation stayed")
	}
}

// RESERVE(6) of the other host hides behind the same status.
func TestConflictWithReserve6(t *testing.T) {
	a, b, s := twoHosts(t)
	if err := s.Nexus(hostA).Exec(t.Context(), &scsi.Command{CDB: []byte{0x16, 0, 0, 0, 0, 0}}); err != nil {
		t.Fatal(err)
	}
	err := b.Rewind(t.Context())
	wantCode(t, err, errcode.ReservedElsewhere)
	wantText(t, err, "RESERVE, which tells no key")
	err = b.Claim(t.Context(), keyB)
	wantCode(t, err, errcode.ReservedElsewhere)
	wantText(t, err, "RESERVE, which tells no key")
	must(t, a.Rewind(t.Context()))
}
