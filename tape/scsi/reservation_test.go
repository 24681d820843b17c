package scsi

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReserveCommands(t *testing.T) {
	list := ReserveOutList(0x0102030405060708, 0xA1A2A3A4A5A6A7A8)
	release, preempt, in := PersistentReserveOut(Release, ExclusiveAccess), PersistentReserveOut(PreemptAndAbort, WriteExclusiveAll), PersistentReserveIn(ReadFullStatus, 0x1234)
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"RELEASE", release[:], "5f 02 03 00 00 00 00 00 18 00"},
		{"PREEMPT AND ABORT", preempt[:], "5f 05 07 00 00 00 00 00 18 00"},
		{"READ FULL STATUS", in[:], "5e 03 00 00 00 00 00 12 34 00"},
		{"parameter list", list[:], "0102030405060708 a1a2a3a4a5a6a7a8 00000000 00 00 0000"},
	} {
		if want := unhex(t, tt.want); !bytes.Equal(tt.got, want) {
			t.Errorf("%s: % x, want % x", tt.name, tt.got, want)
		}
	}
}

// Two registrations as the standard lays them out: an iSCSI initiator port that holds, and a SAS one.
const fullStatus = "00000007 00000078" +
	"ca19ab12cd0004d2 00000000 01 03 00000000 0001 00000030" +
	"45 00 002c 69716e2e323030312d30342e636f6d2e6578616d706c653a612c692c30783830313233343536373839 000000" +
	"0000000000000abc 00000000 02 00 00000000 0002 00000018" +
	"06 000000 5000c50012345678 000000000000000000000000"

func TestParseReservations(t *testing.T) {
	generation, all, err := ParseFullStatus(unhex(t, fullStatus))
	want := []Registration{
		{Key: 0xCA19AB12CD0004D2, Holder: true, Type: ExclusiveAccess, Port: 1, Initiator: "iqn.2001-04.com.example:a,i,0x80123456789"},
		{Key: 0xABC, AllPorts: true, Port: 2, Initiator: "sas 5000c50012345678"},
	}
	if diff := cmp.Diff(want, all); err != nil || generation != 7 || diff != "" {
		t.Errorf("full status: %d, %v\n%s", generation, err, diff)
	}
	generation, keys, err := ParseReservationKeys(unhex(t, "00000005 00000010 0000000000000abc ffffffffffffffff"))
	if err != nil || generation != 5 || !cmp.Equal(keys, []uint64{0xABC, 1<<64 - 1}) {
		t.Errorf("keys: %d, %x, %v", generation, keys, err)
	}
	r, err := ParseReservation(unhex(t, "00000005 00000010 0000000000000abc 00000000 00 06 0000"))
	if err != nil || r == nil || *r != (Reservation{0xABC, ExclusiveAccessRegistrants}) {
		t.Errorf("reservation: %v, %v", r, err)
	}
	if r, err := ParseReservation(unhex(t, "00000005 00000000")); err != nil || r != nil {
		t.Errorf("no reservation: %v, %v", r, err)
	}
	c, err := ParseReserveCapabilities(unhex(t, "0008 11 81 ea01 0000"))
	if want := (ReserveCapabilities{true, true, []ReservationType{1, 3, 5, 6, 7, 8}}); err != nil || !cmp.Equal(c, want) {
		t.Errorf("capabilities: %+v, %v", c, err)
	}
	if c, err := ParseReserveCapabilities(unhex(t, "0008 00 00 ea01 0000")); err != nil || c.Types != nil {
		t.Errorf("capabilities without a mask: %+v, %v", c, err)
	}
}

// What is cut is not made up.
func TestParseReservationsCut(t *testing.T) {
	data := unhex(t, fullStatus)
	if _, all, err := ParseFullStatus(data[:8+24+20]); err != nil || len(all) != 1 || all[0].Initiator != "iqn.2001-04.com." {
		t.Errorf("a name that is cut: %v, %v", all, err)
	}
	if _, all, err := ParseFullStatus(data[:8+24+48+23]); err != nil || len(all) != 1 {
		t.Errorf("a descriptor that is cut: %v, %v", all, err)
	}
	for name, err := range map[string]error{
		"keys":         third(ParseReservationKeys(data[:7])),
		"full status":  third(ParseFullStatus(data[:7])),
		"reservation":  second(ParseReservation(data[:7])),
		"descriptor":   second(ParseReservation(unhex(t, "00000005 00000010 0000000000000abc 0000000000"))),
		"capabilities": second(ParseReserveCapabilities(data[:7])),
	} {
		if !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := ReservationLength(unhex(t, "00000005 ffffffff")); got != 65535 {
		t.Errorf("length %d; want what a CDB can ask for", got)
	}
	if got := ReservationLength(data); got != len(data) {
		t.Errorf("length %d, want %d", got, len(data))
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

func FuzzReservations(f *testing.F) {
	f.Add(unhex(f, fullStatus))
	f.Add(unhex(f, "00000005 00000010 0000000000000abc 00000000 00 06 0000"))
	f.Add(unhex(f, "0008 11 81 ea01 0000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, all, _ := ParseFullStatus(exact(data))
		if len(all) > len(data)/24 {
			t.Errorf("%d registrations in %d bytes", len(all), len(data))
		}
		for _, r := range all {
			printable(t, r.Initiator, r.Type.String())
		}
		if _, keys, _ := ParseReservationKeys(exact(data)); len(keys) > len(data)/8 {
			t.Errorf("%d keys in %d bytes", len(keys), len(data))
		}
		_, _ = ParseReservation(exact(data))
		_, _ = ParseReserveCapabilities(exact(data))
		ReservationLength(exact(data))
	})
}
