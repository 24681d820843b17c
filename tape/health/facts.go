// Package health judges a tape drive, the cartridge in it and whether the drive wants cleaning by what
// the drive itself counts: log pages of SPC-5 and SSC-5, TapeAlert flags, the cartridge's memory. Gather
// asks the drive, Assess judges, History keeps which alerts came and went.
//
// Limits: a figure that a drive does not give is not known, and what is not known is not healthy:
// it is unknown. The thresholds are in assess.go with their reasons.
package health

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
)

// Facts are all figures that were gathered. nil: the drive does not have the page.
type Facts struct {
	Barcode      string             // of the loaded cartridge, "" unknown
	MediumSerial string             // as the cartridge's memory has it, "" unknown
	State        tape.ReadyState    // the pages of a cartridge mean something only when Ready
	Pages        []scsi.LogPageCode // nil when the drive does not list them
	Problems     []string           // what should have answered and failed

	WriteErrors *scsi.ErrorCounters    // page 02h
	ReadErrors  *scsi.ErrorCounters    // page 03h
	NonMedium   *uint64                // page 06h
	Sequential  *scsi.SequentialAccess // page 0Ch
	Temperature *scsi.Temperature      // page 0Dh
	Status      *scsi.DeviceStatus     // page 11h
	Alerts      *tape.Alerts           // page 12h, or the cartridge's memory
	Device      *scsi.DeviceStatistics // page 14h
	Errors      []scsi.TapeDiagnostic  // page 16h
	HasErrors   bool                   // the drive has page 16h
	Volume      *scsi.VolumeStatistics // page 17h
	Compression *scsi.DataCompression  // page 1Bh, else 32h
	Usage       *scsi.TapeUsage        // page 30h
	Capacity    *scsi.TapeCapacity     // page 31h
}

// Gather asks the drive for everything that Assess judges. It clears nothing and moves no tape. A drive
// that prepares a cartridge is left alone: anything but TEST UNIT READY disturbs it. What the drive
// refuses is unknown; an error is a drive that does not answer at all.
func Gather(ctx context.Context, d *tape.Drive) (Facts, error) {
	var f Facts
	ready, err := f.askReady(ctx, d)
	if err != nil || ready == tape.BecomingReady {
		return f, err
	}
	if f.Pages, err = d.SupportedLogPages(ctx); err != nil && !f.tolerate(err) {
		return f, err
	}
	if f.Alerts, err = d.Alerts(ctx); err != nil && !f.tolerate(err) {
		return f, err
	}
	for _, ask := range f.questions() {
		if err := ask.page(ctx, d, &f); err != nil {
			return f, err
		}
	}
	return f, f.askMemory(ctx, d)
}

// askReady finds out what may be asked.
func (f *Facts) askReady(ctx context.Context, d *tape.Drive) (tape.ReadyState, error) {
	r, err := d.Ready(ctx)
	f.State = r.State
	if err != nil {
		f.State = tape.NeedsOperator
		if f.tolerate(err) {
			err = nil
		}
	}
	return f.State, err
}

// tolerate keeps an error that the drive answered with: it stands for one figure, not for all. Where no
// answer came, asking on is of no use.
func (f *Facts) tolerate(err error) bool {
	if _, answered := scsi.SenseOf(err); !answered && errcode.Of(err) != errcode.DeviceError {
		return false
	}
	if errcode.Of(err) != errcode.DriveEmpty { // which is a state, not a problem
		f.Problems = append(f.Problems, err.Error())
	}
	return true
}

// question is a page and where its figures go.
type question struct {
	code byte
	take func(scsi.LogPage)
}

func (q question) page(ctx context.Context, d *tape.Drive, f *Facts) error {
	if !f.lists(q.code) {
		return nil
	}
	page, err := d.LogPage(ctx, q.code, 0)
	if err != nil {
		if f.tolerate(err) {
			return nil
		}
		return err
	}
	if page != nil {
		q.take(*page)
	}
	return nil
}

// lists says whether the drive may have the page.
func (f *Facts) lists(code byte) bool {
	for _, p := range f.Pages {
		if p.Page == code {
			return true
		}
	}
	return f.Pages == nil
}

func (f *Facts) questions() []question {
	list := []question{
		{scsi.LogWriteErrors, func(p scsi.LogPage) { f.WriteErrors = of(p.ErrorCounters()) }},
		{scsi.LogReadErrors, func(p scsi.LogPage) { f.ReadErrors = of(p.ErrorCounters()) }},
		{scsi.LogNonMediumErrors, func(p scsi.LogPage) { f.NonMedium = p.NonMediumErrors() }},
		{scsi.LogSequentialAccess, func(p scsi.LogPage) { f.Sequential = of(p.SequentialAccess()) }},
		{scsi.LogTemperature, func(p scsi.LogPage) { f.Temperature = of(p.Temperature()) }},
		{scsi.LogDeviceStatus, func(p scsi.LogPage) { f.Status = p.DeviceStatus() }},
		{scsi.LogDeviceStatistics, func(p scsi.LogPage) { f.Device = of(p.DeviceStatistics()) }},
		{scsi.LogTapeDiagnostic, func(p scsi.LogPage) { f.Errors, f.HasErrors = p.TapeDiagnostics(), true }},
	}
	return append(list, f.mediumQuestions()...)
}

// mediumQuestions are about the cartridge: without one, what a drive answers is of the last one, or
// made up.
func (f *Facts) mediumQuestions() []question {
	if f.State != tape.Ready {
		return nil
	}
	list := []question{
		{scsi.LogVolumeStatistics, func(p scsi.LogPage) { f.Volume = p.VolumeStatistics() }},
		{scsi.LogTapeUsage, func(p scsi.LogPage) { f.Usage = of(p.TapeUsage()) }},
		{scsi.LogTapeCapacity, func(p scsi.LogPage) { f.Capacity = of(p.TapeCapacity()) }},
	}
	for _, code := range []byte{scsi.LogDataCompression, scsi.LogDataCompressionLTO} {
		list = append(list, question{code, func(p scsi.LogPage) {
			if f.Compression == nil {
				f.Compression = of(p.DataCompression())
			}
		}})
	}
	return list
}

func of[T any](v T) *T { return &v }

// askMemory finds out which cartridge this is. A memory that cannot be read is no reason to fail.
func (f *Facts) askMemory(ctx context.Context, d *tape.Drive) error {
	if f.State != tape.Ready {
		return nil
	}
	m, err := d.Medium(ctx)
	if err != nil && !f.tolerate(err) {
		return err
	}
	f.Barcode, f.MediumSerial = m.Barcode, m.Serial
	if v := f.Volume; v != nil {
		f.Barcode, f.MediumSerial = orElse(f.Barcode, v.Barcode), orElse(f.MediumSerial, v.Serial)
	}
	return nil
}

func orElse(s string, other *string) string {
	if s == "" && other != nil {
		return *other
	}
	return s
}
