package health

import (
	"cmp"
	"fmt"
	"slices"

	"calypso/tape/scsi"
)

// driveErrors judges the errors that page 16h remembers. Those on one cartridge are the cartridge's until
// another one has some too; a hardware error is always the drive's.
func (e *evidence) driveErrors(f Facts) {
	const source = "page 16h"
	if !f.HasErrors {
		e.add(Evidence{Level: Unknown, What: "last errors", Source: source})
		return
	}
	recent := f.recentErrors()
	media, hardware := map[string]bool{}, uint64(0)
	for _, d := range recent {
		switch d.Key {
		case scsi.HardwareError:
			hardware++
		case scsi.MediumError:
			media[d.MediumID] = true
		}
	}
	within := fmt.Sprintf(" within %d motion hours", recentHours)
	e.count("hardware errors"+within, &hardware, limits{1, 3}, source, "Have the drive looked at; reset it if it is in use.")
	n := uint64(len(media))
	e.count("cartridges with medium errors"+within, &n, limits{2, 3}, source,
		"Errors on more than one cartridge are the drive's: clean it. If they go on, have it repaired.")
	e.lastError(f.Errors)
}

// recentErrors are the records of the last motion hours. A drive that does not say when an error was, or
// how long it has run, makes all of them recent.
func (f Facts) recentErrors() []scsi.TapeDiagnostic {
	var now *uint64
	if f.Device != nil {
		now = f.Device.MotionHours
	}
	var list []scsi.TapeDiagnostic
	for _, d := range f.Errors {
		if now == nil || d.MotionHours == nil || *d.MotionHours+recentHours >= *now {
			list = append(list, d)
		}
	}
	return list
}

// lastError tells the newest one in words.
func (e *evidence) lastError(list []scsi.TapeDiagnostic) {
	if len(list) == 0 {
		return
	}
	last := slices.MaxFunc(list, func(a, b scsi.TapeDiagnostic) int { return cmp.Compare(hours(a), hours(b)) })
	e.add(Evidence{Level: Info, What: "last error", Value: describe(last), Source: "page 16h"})
}

func hours(d scsi.TapeDiagnostic) uint64 {
	if d.MotionHours == nil {
		return 0
	}
	return *d.MotionHours
}

func describe(d scsi.TapeDiagnostic) string {
	text := d.Command() + ": " + d.Sense()
	if d.MediumID != "" {
		text += ", cartridge " + d.MediumID
	}
	if d.MotionHours != nil {
		text += fmt.Sprintf(", at %d motion hours", *d.MotionHours)
	}
	return text
}

// cartridgeErrors are the remembered errors that were on this cartridge.
func (e *evidence) cartridgeErrors(f Facts) {
	if !f.HasErrors || f.MediumSerial == "" {
		return
	}
	n := uint64(0)
	for _, d := range f.recentErrors() {
		if d.Key == scsi.MediumError && d.MediumID == f.MediumSerial {
			n++
		}
	}
	e.count("medium errors on it in this drive", &n, limits{1, 3}, "page 16h", "Try it in another drive. If it has errors there too, copy it and retire it.")
}
