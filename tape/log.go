package tape

import (
	"context"
	"errors"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// logRoom is the most that LOG SENSE can ask for: a page is read whole or not at all.
const logRoom = 64<<10 - 1

// SupportedLogPages lists the log pages and subpages that the drive has; nil when it does not say.
func (d *Drive) SupportedLogPages(ctx context.Context) ([]scsi.LogPageCode, error) {
	data, err := d.logSense(ctx, scsi.LogSupportedPages, 0xFF)
	if refused(err) { // drives from before subpages
		data, err = d.logSense(ctx, scsi.LogSupportedPages, 0)
	}
	if err != nil {
		return nil, ignoreRefused(err)
	}
	list, err := scsi.ParseSupportedLogPages(data)
	if err != nil {
		return nil, d.garbled("log sense", err)
	}
	return list, nil
}

// LogPage reads a log page with what was counted so far; nil when the drive does not have it. To read
// page 2Eh clears what it holds: see ClearAlerts.
func (d *Drive) LogPage(ctx context.Context, code, subpage byte) (*scsi.LogPage, error) {
	data, err := d.logSense(ctx, code, subpage)
	if err != nil {
		return nil, ignoreRefused(err)
	}
	page, err := scsi.ParseLogPage(data)
	if err == nil && page.Code != code {
		err = &scsi.PageError{Want: code, Got: page.Code}
	}
	if err != nil {
		return nil, d.garbled("log sense", err)
	}
	return &page, nil
}

func (d *Drive) logSense(ctx context.Context, code, subpage byte) ([]byte, error) {
	data := make([]byte, logRoom)
	cdb := scsi.LogSense(code, subpage, logRoom)
	n, err := d.repeat(ctx, "log sense", cdb[:], nil, data)
	return data[:n], err
}

// AlertSource is where TapeAlert flags were read.
type AlertSource string

// The sources.
const (
	AlertsNow          AlertSource = "log page 12h"
	AlertsPreviousLoad AlertSource = "cartridge memory 0002h" // of the cartridge's previous load, in whatever drive
	AlertsCleared      AlertSource = "log page 2Eh"           // which reading has cleared
)

// Alerts are TapeAlert flags and where they are from.
type Alerts struct {
	Flags  scsi.AlertFlags
	Source AlertSource
}

// Alerts reads the TapeAlert flags and clears none. A drive without page 12h leaves what the cartridge
// remembers of its previous load. nil when nothing knows them.
func (d *Drive) Alerts(ctx context.Context) (*Alerts, error) {
	page, err := d.LogPage(ctx, scsi.LogTapeAlertResponse, 0)
	if err != nil {
		return nil, err
	}
	if page != nil {
		if flags, ok := page.TapeAlertResponse(); ok {
			return &Alerts{flags, AlertsNow}, nil
		}
	}
	return d.rememberedAlerts(ctx)
}

// rememberedAlerts asks the cartridge. One that is not there, or has no memory, knows nothing.
func (d *Drive) rememberedAlerts(ctx context.Context) (*Alerts, error) {
	a, err := d.Attribute(ctx, scsi.AttrTapeAlert)
	if withoutMemory(err) || notLoaded(err) {
		return nil, nil
	}
	if err != nil || a == nil {
		return nil, err
	}
	if flags, ok := a.TapeAlerts(); ok {
		return &Alerts{flags, AlertsPreviousLoad}, nil
	}
	return nil, nil
}

// notLoaded says that there is no cartridge, or none that can be asked yet.
func notLoaded(err error) bool {
	var e *errcode.Error
	return errors.As(err, &e) && (e.Code == errcode.DriveEmpty || e.Code == errcode.TapeNotReady)
}

// ClearAlerts reads the TapeAlert flags of page 2Eh, which clears them, and gives what was cleared. It
// is lost to every other program. A drive without the page gives errcode.DeviceUnsupported.
func (d *Drive) ClearAlerts(ctx context.Context) (Alerts, error) {
	page, err := d.LogPage(ctx, scsi.LogTapeAlert, 0)
	if err != nil {
		return Alerts{}, err
	}
	if page != nil {
		if flags, ok := page.TapeAlerts(); ok {
			return Alerts{flags, AlertsCleared}, nil
		}
	}
	return Alerts{}, errcode.New(errcode.DeviceUnsupported, d.Name, "the drive has no log page 2Eh, so its alerts cannot be cleared").
		WithOp("clear alerts").WithHint("they go when the drive is reset or another cartridge is loaded")
}
