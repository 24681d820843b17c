package cmd

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/discover"
	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
)

// clumsy is a changer whose robot does with a move what it is told to, and which does not see one cartridge.
type clumsy struct {
	discover.Device
	move   func(exec func(from, to uint16) error, from, to uint16) error
	hidden *string
}

func (c clumsy) Exec(ctx context.Context, cmd *scsi.Command) error {
	switch cmd.CDB[0] {
	case scsi.OpMoveMedium:
		exec := func(from, to uint16) error {
			cdb := scsi.MoveMedium(0, from, to)
			return c.Device.Exec(ctx, &scsi.Command{CDB: cdb[:], Timeout: cmd.Timeout})
		}
		return c.move(exec, binary.BigEndian.Uint16(cmd.CDB[4:]), binary.BigEndian.Uint16(cmd.CDB[6:]))
	case scsi.OpReadElementStatus:
		err := c.Device.Exec(ctx, cmd)
		hideBarcode(cmd.DataIn[:cmd.Transferred], *c.hidden)
		return err
	}
	return c.Device.Exec(ctx, cmd)
}

// hideBarcode makes the place of a cartridge empty in a report. A volume tag begins at byte 12 of a descriptor,
// the fullness is in byte 2.
func hideBarcode(report []byte, barcode string) {
	if i := strings.Index(string(report), barcode); barcode != "" && i >= 12 {
		report[i-10] &^= 1
		clear(report[i : i+32])
	}
}

// newClumsyRig is a remembered library msl with a cartridge of slot 1 in drive 0.
func newClumsyRig(t *testing.T, robot *clumsy) *hostRig {
	t.Helper()
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.calypso(0, "library", "load", "msl", "--slot", "1")
	r.calypso(0, "library", "audit", "msl", "--accept")
	robot.hidden = new(string)
	openNode = func(n sg.Node) (discover.Device, error) {
		d, err := r.open(n)
		if err != nil || n.Kind != sg.Changer {
			return d, err
		}
		other := *robot
		other.Device = d
		return other, nil
	}
	return r
}

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}

// A cartridge that did not reach its slot is known as lost, and found again by the next inventory that sees it.
func TestLostOnItsWay(t *testing.T) {
	robot := &clumsy{}
	r := newClumsyRig(t, robot)
	robot.move = func(exec func(from, to uint16) error, from, _ uint16) error {
		*robot.hidden = "R00001L8"
		return exec(from, 1004)
	}
	_, errs := r.calypso(errcode.ExitDevice, "library", "unload", "msl")
	wantText(t, errs, "reported success, but", "R00001L8 is neither in drive 0 nor in slot 1 nor elsewhere")
	out, _ := r.calypso(errcode.ExitMismatch, "library", "audit", "msl")
	wantText(t, out, "R00001L8  missing", "it was lost on its way from drive 0 to slot 1")
	r.calypso(0, "library", "inventory", "msl")
	r.calypso(errcode.ExitMismatch, "library", "audit", "msl")
	*robot.hidden = ""
	out, _ = r.calypso(errcode.ExitMismatch, "library", "audit", "msl")
	wantText(t, out, "R00001L8  moved    drive 0   slot 4")
	out, _ = r.calypso(0, "library", "inventory", "msl", "--json")
	wantText(t, out, `"found_again":[{"barcode":"R00001L8","place":{"kind":"slot","number":4,"element_address":1004},"trouble":"it was lost on its way from drive 0 to slot 1"}]`)
	r.calypso(0, "library", "audit", "msl")
}

// A robot that puts a cartridge elsewhere and says that all is well: it is known where it is.
func TestWentElsewhere(t *testing.T) {
	robot := &clumsy{move: func(exec func(from, to uint16) error, from, _ uint16) error { return exec(from, 1004) }}
	r := newClumsyRig(t, robot)
	_, errs := r.calypso(errcode.ExitDevice, "library", "unload", "msl")
	wantText(t, errs, "R00001L8 is in slot 4")
	out, _ := r.calypso(0, "library", "audit", "msl", "--all")
	wantText(t, out, "R00001L8  there    slot 4    slot 4", "it was to go from drive 0 to slot 1")
}

// The answer of a move is lost: what the robot did is seen by looking.
func TestMoveAnswerLost(t *testing.T) {
	cable := &scsi.TransportError{CDB: []byte{scsi.OpMoveMedium}, Err: errors.New("cable pulled")}
	for _, tt := range []struct {
		done  bool
		state string
		want  errcode.Exit
	}{{true, "R00001L8 is in slot 1", 0}, {false, "R00001L8 is in drive 0", errcode.ExitMismatch}} {
		robot := &clumsy{move: func(exec func(from, to uint16) error, from, to uint16) error {
			if tt.done {
				return errors.Join(exec(from, to), cable)
			}
			return cable
		}}
		r := newClumsyRig(t, robot)
		_, errs := r.calypso(errcode.ExitTimeout, "library", "unload", "msl")
		wantText(t, errs, "cable pulled", tt.state)
		r.calypso(tt.want, "library", "audit", "msl")
	}
}

// A drive that does not let go: nothing is moved, and the next audit says where the cartridge sticks.
func TestStuckInDrive(t *testing.T) {
	robot := &clumsy{move: func(func(from, to uint16) error, uint16, uint16) error {
		t.Error("the robot was sent for a cartridge that the drive holds")
		return nil
	}}
	r := newClumsyRig(t, robot)
	open := openNode
	openNode = func(n sg.Node) (discover.Device, error) {
		d, err := open(n)
		if err == nil && n.Kind == sg.Tape {
			d = keeps{d}
		}
		return d, err
	}
	_, errs := r.calypso(errcode.ExitDevice, "library", "unload", "msl")
	wantText(t, errs, "media load or eject failed", "R00001L8 is in drive 0")
	out, _ := r.calypso(errcode.ExitMismatch, "library", "audit", "msl")
	wantText(t, out, "R00001L8  stuck    drive 0   drive 0", "it was to go from drive 0 to slot 1")
}

// keeps is a drive that does not let go of its cartridge.
type keeps struct{ discover.Device }

func (k keeps) Exec(ctx context.Context, cmd *scsi.Command) error {
	if cmd.CDB[0] == scsi.OpLoadUnload {
		return &scsi.SenseError{CDB: cmd.CDB, Sense: scsi.Sense{Key: scsi.HardwareError, ASC: 0x5300}}
	}
	return k.Device.Exec(ctx, cmd)
}
