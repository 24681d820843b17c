package tape

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// What the drive is sent: a whole page, of cumulative values.
const (
	supportedCDB = "4d 00 40 ff 00 00 00 ff ff 00"
	oldListCDB   = "4d 00 40 00 00 00 00 ff ff 00"
	responseCDB  = "4d 00 52 00 00 00 00 ff ff 00"
	clearingCDB  = "4d 00 6e 00 00 00 00 ff ff 00"
	memoryCDB    = "8c 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00"
)

func logBytes(code byte, flags string) string {
	body := "0000 03 08" + flags
	return hex.EncodeToString([]byte{code, 0, 0, 12}) + body
}

func TestSupportedLogPages(t *testing.T) {
	d, _ := newDrive(t, step{cdb: supportedCDB, in: "40 ff 0006 0000 00ff 1200"})
	got, err := d.SupportedLogPages(t.Context())
	if err != nil || len(got) != 3 || got[2] != (scsi.LogPageCode{Page: 0x12}) {
		t.Errorf("%v, %v", got, err)
	}
	d, _ = newDrive(t, step{cdb: supportedCDB, sense: badField}, step{cdb: oldListCDB, in: "00 00 0003 00 0c 2e"})
	if got, err := d.SupportedLogPages(t.Context()); err != nil || len(got) != 3 || got[2].Page != 0x2E {
		t.Errorf("a drive without subpages: %v, %v", got, err)
	}
	d, _ = newDrive(t, step{cdb: supportedCDB, sense: badOpcode}, step{cdb: oldListCDB, sense: badOpcode})
	if got, err := d.SupportedLogPages(t.Context()); err != nil || got != nil {
		t.Errorf("a drive without logs: %v, %v", got, err)
	}
}

func TestLogPageUnsupportedIsNil(t *testing.T) {
	for _, sense := range []string{badField, badOpcode} {
		d, _ := newDrive(t, step{cdb: "4d 00 57 00 00 00 00 ff ff 00", sense: sense})
		if page, err := d.LogPage(t.Context(), 0x17, 0); page != nil || err != nil {
			t.Errorf("%v, %v", page, err)
		}
	}
}

func TestLogPageErrors(t *testing.T) {
	cdb := "4d 00 57 00 00 00 00 ff ff 00"
	d, _ := newDrive(t, step{cdb: cdb, in: "0c 00 0000"})
	_, err := d.LogPage(t.Context(), 0x17, 0)
	wantCode(t, err, errcode.DeviceError, "log sense vtl01:0", "page 17h was asked for, page 0Ch came")
	d, _ = newDrive(t, step{cdb: cdb, in: "17 00"})
	_, err = d.LogPage(t.Context(), 0x17, 0)
	wantCode(t, err, errcode.DeviceError, "too few bytes")
	d, _ = newDrive(t, step{cdb: cdb, sense: noMedium})
	_, err = d.LogPage(t.Context(), 0x17, 0)
	wantCode(t, err, errcode.DriveEmpty)
	d, _ = newDrive(t, step{cdb: cdb, err: lost(0x4D)})
	_, err = d.LogPage(t.Context(), 0x17, 0)
	wantCode(t, err, errcode.DeviceUnknown)
	if !errors.Is(err, errCable) {
		t.Error(err)
	}
}

// A page that claims more than came, as Quantum's do, and a transport that loses its end.
func TestLogPageLyingLength(t *testing.T) {
	d, _ := newDrive(t, step{cdb: "4d 00 57 00 00 00 00 ff ff 00", in: "17 00 ffff 0001 03 04 00000007 0002 03 08 0000", short: 1})
	page, err := d.LogPage(t.Context(), 0x17, 0)
	if err != nil || len(page.Parameters) != 1 || *page.Uint(1) != 7 || page.Uint(2) != nil {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestAlertsReadWithoutClearing(t *testing.T) {
	d, _ := newDrive(t, step{cdb: responseCDB, in: logBytes(0x12, "0000100000000001")})
	got, err := d.Alerts(t.Context())
	if err != nil || got.Source != AlertsNow || got.Flags != scsi.NewAlertFlags(20, 64) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAlertsFallBackToTheCartridge(t *testing.T) {
	memory := "0000000d 0002 80 0008 8000000000000000"
	for name, first := range map[string]step{
		"no page":      {cdb: responseCDB, sense: badField},
		"no log sense": {cdb: responseCDB, sense: badOpcode},
		"unknown":      {cdb: responseCDB, in: logBytes(0x12, strings.Repeat("ff", 8))},
	} {
		d, _ := newDrive(t, first, step{cdb: memoryCDB, in: memory})
		got, err := d.Alerts(t.Context())
		if err != nil || got == nil || got.Source != AlertsPreviousLoad || got.Flags != scsi.NewAlertFlags(1) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAlertsUnknown(t *testing.T) {
	for name, second := range map[string]step{
		"empty":        {cdb: memoryCDB, sense: noMedium},
		"not loaded":   {cdb: memoryCDB, sense: needsLoad},
		"not there":    {cdb: memoryCDB, in: "0000000d 0003 80 0008 0000000000000001"},
		"all ones":     {cdb: memoryCDB, in: "0000000d 0002 80 0008 ffffffffffffffff"},
		"memory fails": {cdb: memoryCDB, sense: "70 00 03 00000000 0a 00000000 0410 00 000000"},
	} {
		d, _ := newDrive(t, step{cdb: responseCDB, sense: badOpcode}, second)
		if got, err := d.Alerts(t.Context()); got != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	d, _ := newDrive(t, step{cdb: responseCDB, sense: badOpcode}, step{cdb: memoryCDB, err: lost(0x8C)})
	_, err := d.Alerts(t.Context())
	wantCode(t, err, errcode.DeviceUnknown)
}

func TestClearAlerts(t *testing.T) {
	d, _ := newDrive(t, step{cdb: clearingCDB, in: "2e 00 000a 0003 c0 01 00 0014 c0 01 01"})
	got, err := d.ClearAlerts(t.Context())
	if err != nil || got.Source != AlertsCleared || got.Flags != scsi.NewAlertFlags(20) {
		t.Errorf("%+v, %v", got, err)
	}
	d, _ = newDrive(t, step{cdb: clearingCDB, sense: badField})
	_, err = d.ClearAlerts(t.Context())
	wantCode(t, err, errcode.DeviceUnsupported, "log page 2Eh")
}

func TestDensitySupport(t *testing.T) {
	descriptor := "5858 a0 0000 003b26 007f 0500 0017853e 4c544f2d43564520 552d353136202020 556c747269756d20352f31365420202020202020"
	d, _ := newDrive(t, step{cdb: "44 01 00 00 00 00 00 20 00 00", in: "0036 0000" + descriptor})
	got, err := d.DensitySupport(t.Context(), true)
	if err != nil || len(got) != 1 || got[0].CapacityBytes != 1_541_438_000_000 || GenerationOf(got[0].Primary) != "LTO-5" {
		t.Errorf("%+v, %v", got, err)
	}
	d, _ = newDrive(t, step{cdb: "44 00 00 00 00 00 00 20 00 00", sense: badOpcode})
	if got, err := d.DensitySupport(t.Context(), false); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	d, _ = newDrive(t, step{cdb: "44 01 00 00 00 00 00 20 00 00", sense: noMedium})
	_, err = d.DensitySupport(t.Context(), true)
	wantCode(t, err, errcode.DriveEmpty)
}
