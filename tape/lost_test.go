package tape

import (
	"errors"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// A move of the cartridge of drive 1 to slot 2 fails; what the robot did is seen by looking.
func TestTellPlace(t *testing.T) {
	lost := &scsi.TransportError{CDB: []byte{scsi.OpMoveMedium}, Err: errCable}
	jammed := &scsi.SenseError{CDB: []byte{scsi.OpMoveMedium}, Sense: scsi.Sense{Key: scsi.HardwareError, ASC: 0x1501}}
	put := func(address uint16) func(*robot) {
		return func(r *robot) {
			r.at(257).barcode = ""
			if p := r.at(address); p != nil {
				p.barcode = "V00002L8"
			}
		}
	}
	for _, tt := range []struct {
		name  string
		did   func(*robot) // before it answered
		err   error        // nil: it said that all is well
		code  errcode.Code
		found string
		state string
	}{
		{"answer lost, done", put(1002), lost, errcode.DeviceUnknown, "slot 2", "cartridge V00002L8 is in slot 2"},
		{"answer lost, not done", func(*robot) {}, lost, errcode.DeviceUnknown, "drive 1", "cartridge V00002L8 is in drive 1"},
		{"answer lost, and the library", func(r *robot) { r.deaf = errCable }, lost, errcode.DeviceUnknown, "", "where cartridge V00002L8 is is not known"},
		{"the drive does not let go", func(*robot) {}, jammed, errcode.DeviceError, "drive 1", "is in drive 1"},
		{"elsewhere, as two with its barcode", func(r *robot) { put(1004)(r); r.at(1001).barcode = "V00002L8" }, jammed, errcode.DeviceError, "", "is in slot 1 and in slot 4"},
		{"dropped", put(9999), jammed, errcode.DeviceError, "", "is neither in drive 1 nor in slot 2 nor elsewhere"},
		{"in the hand", put(0), jammed, errcode.DeviceError, "transport 0", "is in transport 0"},
		{"in the hand, its label is not read", func(r *robot) { put(0)(r); r.noTags = true }, jammed, errcode.DeviceError, "transport 0", "is in transport 0"},
		{"elsewhere, all well", put(1004), nil, errcode.DeviceError, "slot 4", "is in slot 4"},
		{"all well, but the library looks at its places", func(r *robot) {
			put(1002)(r)
			r.deafFor(1, &scsi.SenseError{CDB: []byte{scsi.OpReadElementStatus}, Sense: scsi.Sense{Key: scsi.NotReady, ASC: 0x0403}})
		}, nil, errcode.DeviceUnknown, "slot 2", "is in slot 2"},
		{"all well, but the library is busy", func(r *robot) {
			put(1002)(r)
			r.deafFor(1, &scsi.StatusError{CDB: []byte{scsi.OpReadElementStatus}, Status: scsi.StatusBusy})
		}, nil, errcode.DeviceUnknown, "slot 2", "is in slot 2"},
		{"dropped, all well", put(9999), nil, errcode.DeviceError, "", "nor elsewhere"},
		{"another came", func(r *robot) { put(1004)(r); r.at(1002).barcode = "X00000L8" }, nil, errcode.DeviceError, "slot 4", "is in slot 4"},
		{"its label is not read", func(r *robot) { put(1002)(r); r.noTags = true }, jammed, errcode.DeviceError, "slot 2", "is in slot 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRobot()
			c := newTestChanger(r)
			v, err := c.Inventory(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			from, _ := v.Find(DriveBay, 1)
			to, _ := v.Find(Slot, 2)
			r.pretend, r.moveErr = true, tt.err
			r.onMove = func() { tt.did(r) }
			_, err = c.Transfer(t.Context(), from, to)
			found, told := c.TellPlace(t.Context(), err, from, to)
			wantCode(t, told, tt.code)
			var e *errcode.Error
			if !errors.As(told, &e) || !strings.Contains(e.State, tt.state) {
				t.Errorf("state %q; want %q", e.State, tt.state)
			}
			place := ""
			if found != nil {
				place = found.String()
			}
			if place != tt.found {
				t.Errorf("found in %q; want %q", place, tt.found)
			}
		})
	}
}

// A refusal moved nothing: nothing is asked and nothing is said.
func TestTellPlaceOfARefusal(t *testing.T) {
	r := newRobot()
	c := newTestChanger(r)
	err := errcode.New(errcode.RemovalPrevented, "vtl01", "the drive keeps it")
	found, told := c.TellPlace(t.Context(), err, Element{}, Element{})
	if found != nil || told != error(err) || err.State != "" || len(r.queries) != 0 {
		t.Errorf("%v, %v, %q, %d queries", found, told, err.State, len(r.queries))
	}
}
