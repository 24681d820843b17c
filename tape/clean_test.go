package tape

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// cleaner is the drive 0 of a robot's library: it cleans for so many polls while it holds a cleaning
// cartridge.
type cleaner struct {
	r       *robot
	polls   int         // until it is done
	during  string      // sense while it cleans
	after   *scsi.Sense // when it is done; nil: ready
	status  string      // page 11h; "": refused
	alerts  string      // page 12h
	unloads int
	onPoll  func()
}

func senseOf(key scsi.SenseKey, asc scsi.ASC) *scsi.Sense { return &scsi.Sense{Key: key, ASC: asc} }

func (c *cleaner) Exec(_ context.Context, cmd *scsi.Command) error {
	refuse := func(s *scsi.Sense) error { return &scsi.SenseError{CDB: cmd.CDB, Sense: *s} }
	switch cmd.CDB[0] {
	case scsi.OpTestUnitReady:
		if c.onPoll != nil {
			c.onPoll()
		}
		switch {
		case c.r.at(256).barcode == "":
			return refuse(senseOf(scsi.NotReady, 0x3A00))
		case c.polls > 0:
			c.polls--
			return refuse(senseOf(scsi.NotReady, map[string]scsi.ASC{"": 0x3003, "becoming": 0x0401}[c.during]))
		case c.after != nil:
			return refuse(c.after)
		}
		return nil
	case scsi.OpLoadUnload:
		c.unloads++
		return nil
	case 0x4D:
		page := map[byte]string{0x51: c.status, 0x52: c.alerts}[cmd.CDB[2]]
		if page == "" {
			return refuse(senseOf(scsi.IllegalRequest, 0x2400))
		}
		var data []byte
		if _, err := fmt.Sscanf(strings.ReplaceAll(page, " ", ""), "%x", &data); err != nil {
			return err
		}
		cmd.Transferred = copy(cmd.DataIn, data)
		return nil
	}
	return refuse(senseOf(scsi.IllegalRequest, scsi.ASCInvalidOpcode))
}

// cleanRig is a library with a cleaning cartridge in slot 1 and a drive that cleans.
func cleanRig(t *testing.T) (*robot, *cleaner, func(context.Context) (Cleaned, error)) {
	t.Helper()
	r := newRobot()
	r.at(1001).barcode = "CLN001L8"
	d := &cleaner{r: r, after: senseOf(scsi.NotReady, 0x3A00)}
	return r, d, func(ctx context.Context) (Cleaned, error) {
		c, drive := newTestChanger(r), NewDrive(d)
		drive.Name = "vtl01:0"
		drive.sleep = c.sleep
		v, err := c.Inventory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list := v.CleaningCartridges()
		if len(list) != 1 || list[0].Barcode != "CLN001L8" {
			t.Fatalf("cleaning cartridges: %+v", list)
		}
		bay, err := v.Find(DriveBay, 0)
		if err != nil {
			t.Fatal(err)
		}
		return Clean(ctx, c, drive, list[0], bay)
	}
}

func TestClean(t *testing.T) {
	const asks, content = "11 00 0008 0000 03 04 04000000", "11 00 0008 0000 03 04 00000000"
	for _, tt := range []struct {
		name  string
		setup func(*robot, *cleaner)
		code  errcode.Code
		says  string
		asks  string
	}{
		{"ejects it", func(*robot, *cleaner) {}, "", "", "unknown"},
		{"not threaded when done", func(_ *robot, d *cleaner) { d.after = senseOf(scsi.NotReady, 0x0402) }, "", "", "unknown"},
		{"keeps it, the library may take it", func(_ *robot, d *cleaner) { d.after = senseOf(scsi.NotReady, 0x3003) }, "", "", "unknown"},
		{"becoming ready meanwhile", func(_ *robot, d *cleaner) { d.polls, d.during = 40, "becoming" }, "", "", "unknown"},
		{"content", func(_ *robot, d *cleaner) { d.status = content }, "", "", "false"},
		{"still asks", func(_ *robot, d *cleaner) { d.status = asks }, errcode.CleaningFailed, "still asks to be cleaned; cartridge CLN001L8 is in slot 1", "true"},
		{"expired", func(_ *robot, d *cleaner) { d.after = senseOf(scsi.NotReady, 0x3007) }, errcode.CleaningExpired, "cleaning failure (2/30/07); cartridge CLN001L8 is in slot 1", "unknown"},
		{"expired, says its alert", func(_ *robot, d *cleaner) {
			d.after, d.alerts = senseOf(scsi.NotReady, 0x3007), "12 00 000c 0000 03 08 0000040000000000"
		}, errcode.CleaningExpired, "", "unknown"},
		{"failed, but not expired", func(_ *robot, d *cleaner) {
			d.after, d.alerts = senseOf(scsi.NotReady, 0x3007), "12 00 000c 0000 03 08 0000000000000000"
		}, errcode.CleaningFailed, "cleaning failure", "unknown"},
		{"a tape", func(_ *robot, d *cleaner) { d.after = nil }, errcode.CleaningFailed, "it is no cleaning cartridge", "unknown"},
		{"incompatible", func(_ *robot, d *cleaner) { d.after = senseOf(scsi.NotReady, 0x3000) }, errcode.CleaningFailed, "incompatible medium installed", "unknown"},
		{"hardware", func(_ *robot, d *cleaner) { d.after = senseOf(scsi.HardwareError, 0x4400) }, errcode.DeviceError, "cartridge CLN001L8 is in slot 1", "unknown"},
		{"never ends", func(_ *robot, d *cleaner) { d.polls, d.during = 1<<20, "becoming" }, errcode.CleaningFailed, "did not end within 15m0s", "unknown"},
		{"home is taken meanwhile", func(r *robot, d *cleaner) {
			d.onPoll = func() { r.at(1001).barcode = "V00009L8" }
		}, "", "", "unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, d, clean := cleanRig(t)
			tt.setup(r, d)
			res, err := clean(t.Context())
			if errcode.Of(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q, %v; want %q, %q", errcode.Of(err), err, tt.code, tt.says)
			}
			if !res.Loaded || res.Expired != (tt.code == errcode.CleaningExpired) || r.at(256).barcode != "" {
				t.Errorf("%+v, and in the drive %q", res, r.at(256).barcode)
			}
			if p := r.at(res.Place.Address); p.barcode != "CLN001L8" {
				t.Errorf("the cartridge is said to be in %s, which holds %q", res.Place, p.barcode)
			}
			got := "unknown"
			if res.Asks != nil {
				got = fmt.Sprint(*res.Asks)
			}
			if got != tt.asks {
				t.Errorf("asks = %s, want %s", got, tt.asks)
			}
		})
	}
}

// Stopped by a signal: the cartridge is taken back nevertheless, and the error says where it is.
func TestCleanIsStopped(t *testing.T) {
	r, d, clean := cleanRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.polls, d.during = 5, "becoming"
	d.onPoll = cancel
	res, err := clean(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(fmt.Sprint(err), "cartridge CLN001L8 is in slot 1") {
		t.Errorf("%v", err)
	}
	if !res.Loaded || r.at(1001).barcode != "CLN001L8" {
		t.Errorf("%+v; slot 1 holds %q", res, r.at(1001).barcode)
	}
}

// A drive that does not let go is asked again, and a cartridge that stays there is said to be there.
func TestCleanCannotTakeItBack(t *testing.T) {
	r, d, clean := cleanRig(t)
	d.after = senseOf(scsi.NotReady, 0x3003)
	r.onMove = func() {
		if r.moves == 2 {
			r.moveSense = senseOf(scsi.IllegalRequest, scsi.ASCRemovalPrevented)
		}
		if r.moves == 4 {
			r.moveSense = nil
		}
	}
	if res, err := clean(t.Context()); err != nil || res.Place.Address != 1001 || d.unloads == 0 {
		t.Errorf("%+v, %v; %d unloads", res, err, d.unloads)
	}

	r, d, clean = cleanRig(t)
	r.onMove = func() {
		if r.moves == 2 {
			r.moveSense = senseOf(scsi.HardwareError, 0x1501)
		}
	}
	res, err := clean(t.Context())
	if errcode.Of(err) != errcode.DeviceError || !strings.Contains(fmt.Sprint(err), "cartridge CLN001L8 is in drive 0") || res.Place.Kind != DriveBay {
		t.Errorf("%+v, %v", res, err)
	}
	if d.unloads != 0 {
		t.Errorf("%d unloads for a robot that failed", d.unloads)
	}
}

// The answer to the first move is lost: the cartridge may be in the drive, and must come back.
func TestCleanMoveAnswerLost(t *testing.T) {
	r, _, clean := cleanRig(t)
	r.onMove = func() {
		r.moveErr = nil
		if r.moves == 1 {
			r.move(1001, 256)
			r.moveErr = lost(0)
		}
	}
	res, err := clean(t.Context())
	if errcode.Of(err) != errcode.DeviceUnknown || !res.Loaded || r.at(1001).barcode != "CLN001L8" {
		t.Errorf("%+v, %v; slot 1 holds %q", res, err, r.at(1001).barcode)
	}

	r, _, clean = cleanRig(t)
	r.moveSense = senseOf(scsi.HardwareError, 0x1501)
	if res, err := clean(t.Context()); err == nil || res.Loaded || res.Place.Address != 1001 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestCleaningCartridges(t *testing.T) {
	v := Inventory{Elements: []Element{
		{Kind: DriveBay, Number: 0, Full: true, Accessible: true, Barcode: "CLN009L8"},
		{Kind: IO, Number: 1, Full: true, Accessible: true, Barcode: "cln008L8"},
		{Kind: Slot, Number: 1, Full: true, Accessible: true, Barcode: "V00001L8"},
		{Kind: Slot, Number: 2, Full: true, Accessible: true, Cleaning: true},
		{Kind: Slot, Number: 3, Full: true, Barcode: "CLN001L8"},
		{Kind: Slot, Number: 4, Accessible: true, Barcode: "CLN002L8"},
		{Kind: Slot, Number: 5, Full: true, Accessible: true, Disabled: true, Barcode: "CLN003L8"},
	}}
	var got []string
	for _, e := range v.CleaningCartridges() {
		got = append(got, e.String())
	}
	if want := "slot 2, io slot 1"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
