package vtl

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
	"calypso/vtl/fault"
)

func inject(t *testing.T, s *Store, f fault.Fault) fault.Fault {
	t.Helper()
	f, err := s.InjectFault(background, "vtl01", f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func clearFault(t *testing.T, s *Store, f fault.Fault) {
	t.Helper()
	if _, err := s.ClearFaults(background, "vtl01", []int{f.ID}); err != nil {
		t.Fatal(err)
	}
}

// wantInjected: the fault is recognisable in the chain and in the text.
func wantInjected(t *testing.T, err error, id int) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != id || !strings.Contains(err.Error(), "injected fault ") {
		t.Errorf("%v is not of injected fault %d", err, id)
	}
}

// loadedDrive is a store with a cartridge in drive 0, which is open and has its attentions behind it.
func driveWithTape(t *testing.T) (*Store, Device) {
	t.Helper()
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	d := openDrive(t, s, 0)
	settle(t, d)
	t.Cleanup(func() { _ = d.Close() })
	return s, d
}

func TestInjectedMediumError(t *testing.T) {
	s, d := driveWithTape(t)
	write(t, d, []byte("first"))
	f := inject(t, s, fault.Fault{Kind: fault.MediumError, Block: 1, Access: fault.Both, Left: 2})
	_, err := exec(d, []byte{scsi.OpWrite6, 0, 0, 0, 6, 0}, []byte("second"), nil)
	wantSense(t, "write", err, scsi.MediumError, 0x0C00)
	wantInjected(t, err, f.ID)
	clearFault(t, s, f)
	write(t, d, []byte("second"))
	if _, err := exec(d, []byte{scsi.OpRewind, 0, 0, 0, 0, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
	f = inject(t, s, fault.Fault{Kind: fault.MediumError, Block: 1, Access: fault.Reads, Left: 1})
	if got, err := read(d, 5); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = read(d, 6)
	wantSense(t, "read", err, scsi.MediumError, 0x1100)
	wantInjected(t, err, f.ID)
	if list, err := s.Faults("vtl01"); err != nil || list[0].Left != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// driveAlerts are the TapeAlert flags that the drive has up.
func driveAlerts(d Device) uint64 { return d.(*Drive).server.State().Alerts }

func TestInjectedAlertLastsAsLongAsTheFault(t *testing.T) {
	s, d := driveWithTape(t)
	d.(*Drive).server.Raise(3) // the drive's own
	f := inject(t, s, fault.Fault{Kind: fault.Alert, Flag: 20, Left: -1})
	inject(t, s, fault.Fault{Kind: fault.Alert, Flag: 3, Left: -1})
	_ = ready(d)
	if got, want := driveAlerts(d), alertBit(3)|alertBit(20); got != want {
		t.Errorf("%016X, want %016X", got, want)
	}
	closeDevice(t, d)
	d = openDrive(t, s, 0)
	if driveAlerts(d)&alertBit(20) == 0 {
		t.Error("lost with the process")
	}
	clearFault(t, s, f)
	_ = ready(d)
	if got := driveAlerts(d); got != alertBit(3) {
		t.Errorf("%016X after clearing", got)
	}
	inject(t, s, fault.Fault{Kind: fault.Alert, Flag: 21, Left: -1})
	_ = ready(d)
	closeDevice(t, d)
	for _, f := range []int{2, 3} {
		clearFault(t, s, fault.Fault{ID: f})
	}
	d = openDrive(t, s, 0)
	if got := driveAlerts(d); got != alertBit(3) {
		t.Errorf("%016X kept", got)
	}
	if got := d.(*Drive).server.State().Statistics.Raised; got&^alertBit(3) != 0 {
		t.Errorf("%016X remembered: the drive would go on asking to be cleaned", got)
	}
	closeDevice(t, d)
}

func TestInjectedLoadFailure(t *testing.T) {
	s, d := driveWithTape(t)
	f := inject(t, s, fault.Fault{Kind: fault.LoadFailure, Left: 2})
	load := []byte{scsi.OpLoadUnload, 0, 0, 0, 1, 0}
	if _, err := exec(d, load, nil, nil); err != nil { // it is loaded already
		t.Error(err)
	}
	if _, err := exec(d, []byte{scsi.OpLoadUnload, 0, 0, 0, 0, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err := exec(d, load, nil, nil)
	wantSense(t, "load", err, scsi.MediumError, 0x5300)
	wantInjected(t, err, f.ID)
	closeDevice(t, d)
	mustMove(t, s, Place{InDrive, 0}, Place{Slot, 1})
	c := openChanger(t, s)
	defer closeDevice(t, c)
	err = moveMedium(c, Place{Slot, 1}, Place{InDrive, 0})
	wantSense(t, "move", err, scsi.MediumError, 0x5300)
	wantInjected(t, err, f.ID)
	if got := at(t, s, "V00001L8"); got != (Place{Slot, 1}) {
		t.Errorf("the cartridge is at %s", got)
	}
	if err := moveMedium(c, Place{Slot, 1}, Place{InDrive, 0}); err != nil {
		t.Error(err)
	}
}

func TestInjectedBecomingReady(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	f := inject(t, s, fault.Fault{Kind: fault.BecomingReady, Delay: 24 * time.Hour, Left: -1})
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	d := openDrive(t, s, 0)
	defer closeDevice(t, d)
	if seen := settle(t, d); len(seen) == 0 {
		t.Error("unit attentions do not go first")
	}
	err := ready(d)
	wantSense(t, "test unit ready", err, scsi.NotReady, scsi.ASCBecomingReady)
	wantInjected(t, err, f.ID)
	sense, _ := scsi.SenseOf(err)
	again, parseErr := scsi.ParseSense(sense.Raw)
	if p, ok := again.Progress(); parseErr != nil || !ok || p > 0.01 {
		t.Errorf("progress %v, %v", p, ok)
	}
	_, err = read(d, 5)
	wantSense(t, "read", err, scsi.NotReady, scsi.ASCBecomingReady)
	if _, err := exec(d, []byte{scsi.OpInquiry, 0, 0, 0, 96, 0}, nil, make([]byte, 96)); err != nil {
		t.Error(err)
	}
	clearFault(t, s, f)
	if err := ready(d); err != nil {
		t.Error(err)
	}
}

func TestInjectedRobotStuckWhileOpen(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	c := openChanger(t, s)
	defer closeDevice(t, c)
	f := inject(t, s, fault.Fault{Kind: fault.RobotStuck, Drive: -1, Left: -1})
	err := moveMedium(c, Place{Slot, 1}, Place{InDrive, 0})
	wantSense(t, "move", err, scsi.HardwareError, 0x1501)
	wantInjected(t, err, f.ID)
	clearFault(t, s, f)
	if err := moveMedium(c, Place{Slot, 1}, Place{InDrive, 0}); err != nil {
		t.Error(err)
	}
}

// Labels are hidden and seen again while a process has the changer open, as the kernel's server has; a hidden one goes
// along with its cartridge, that of a slot stays with the slot.
func TestInjectedBarcodeWhileOpen(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	c := openChanger(t, s)
	defer closeDevice(t, c)
	settle(t, c)
	labels := func(what, want string) {
		t.Helper()
		if err := ready(c); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range c.(*Changer).server.Inventory().Elements {
			if e.Full || e.Exception != 0 {
				got += fmt.Sprintf("%d:%s:%04x ", e.Address, e.Barcode, e.Exception)
			}
		}
		if got != want {
			t.Errorf("%s: %s; want %s", what, got, want)
		}
	}
	labels("before", "1001:V00001L8:0000 1002:V00002L8:0000 ")
	cartridge := inject(t, s, fault.Fault{Kind: fault.UnreadableBarcode, Drive: -1, Left: -1, Barcode: "V00001L8"})
	slot := inject(t, s, fault.Fault{Kind: fault.UnreadableBarcode, Drive: -1, Left: -1, Slot: 2})
	labels("injected", "1001::8300 1002::8300 ")
	for n, to := range []Place{{InDrive, 0}, {Slot, 3}} {
		if err := moveMedium(c, Place{Slot, n + 1}, to); err != nil {
			t.Fatal(err)
		}
	}
	labels("moved", "501::8300 1003:V00002L8:0000 ")
	clearFault(t, s, cartridge)
	clearFault(t, s, slot)
	labels("cleared", "501:V00001L8:0000 1003:V00002L8:0000 ")
}

func TestFaultsThatCannotBe(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	for _, tt := range []struct {
		f    fault.Fault
		code errcode.Code
	}{
		{fault.Fault{Kind: fault.LoadFailure, Drive: 7, Left: 1}, errcode.DriveNotFound},
		{fault.Fault{Kind: fault.UnreadableBarcode, Drive: -1, Slot: 99}, errcode.SlotNotFound},
		{fault.Fault{Kind: fault.UnreadableBarcode, Drive: -1, Barcode: "V00099L8"}, errcode.BarcodeNotFound},
		{fault.Fault{Kind: fault.Alert}, errcode.Usage},
	} {
		_, err := s.InjectFault(background, "vtl01", tt.f)
		wantCode(t, string(tt.f.Kind), err, tt.code)
	}
	_, err := s.ClearFaults(background, "vtl01", []int{1})
	wantCode(t, "clear", err, errcode.FaultNotFound)
	_, err = s.Faults("nonsense")
	wantCode(t, "list", err, errcode.LibraryNotFound)
}

// A host that clears the alerts of a drive while one is injected leaves nothing of it behind.
func TestInjectedAlertLeavesNoCondition(t *testing.T) {
	s, d := driveWithTape(t)
	f := inject(t, s, fault.Fault{Kind: fault.Alert, Flag: 20})
	required := func(d Device) bool {
		t.Helper()
		page := make([]byte, 64)
		if _, err := exec(d, []byte{scsi.OpLogSense, 0, 0x51, 0, 0, 0, 0, 0, 64, 0}, nil, page); err != nil {
			t.Fatal(err)
		}
		return page[8]&0x02 != 0 // CRQRD of the very high frequency data (ADC-4 6.1.3.2)
	}
	if !required(d) {
		t.Error("the drive does not want cleaning while flag 20 is injected")
	}
	if _, err := exec(d, []byte{scsi.OpLogSense, 0, 0x6E, 0, 0, 0, 0, 4, 0, 0}, nil, make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	clearFault(t, s, f)
	d = openDrive(t, s, 0)
	defer d.Close()
	settle(t, d)
	if required(d) {
		t.Error("the drive wants cleaning although the fault was taken back")
	}
}
