package health

import (
	"fmt"

	"calypso/tape"
	"calypso/tape/scsi"
)

const copyAndRetire = "Copy its data to another cartridge and retire this one."

func cartridge(f Facts) Verdict {
	var e evidence
	if f.State != tape.Ready {
		e.add(Evidence{Level: Unknown, What: "cartridge", Value: f.State.String(), Source: "TEST UNIT READY"})
		return e.verdict()
	}
	if f.Alerts == nil {
		e.add(Evidence{Level: Unknown, What: "alerts", Source: "page 12h, attribute 0002h"})
	} else {
		e.alerts(f.Alerts, scsi.ConcernsCartridge)
	}
	e.wear(f)
	u := usageOf(f)
	e.mountErrors(f.Volume)
	e.retries("rewritten", u.WriteRetries, u.DataSetsWritten, writeRetryWarning, u.source+"0003h, 0002h")
	e.retries("reread", u.ReadRetries, u.DataSetsRead, readRetryWarning, u.source+"0008h, 0007h")
	e.count("unrecovered write errors of its life", u.UnrecoveredWrites, limits{warning: 1}, u.source+"0004h", copyAndRetire)
	e.count("unrecovered read errors of its life", u.UnrecoveredReads, limits{warning: 1}, u.source+"0009h", copyAndRetire)
	e.count("mounts", u.Mounts, limits{warning: mountsWarning}, u.source+"0001h", copyAndRetire)
	e.cartridgeErrors(f)
	if f.Volume != nil {
		e.flag("maximum temperature exceeded", f.Volume.TemperatureExceeded, Warning, "page 17h/0082h",
			"The cartridge was too hot at some time: verify what is on it.")
	}
	return e.verdict()
}

// usage are the counters of a cartridge's life and the page they are from.
type usage struct {
	scsi.TapeUsage
	source string
}

// usageOf prefers page 17h, which the standard has, to page 30h.
func usageOf(f Facts) usage {
	v := f.Volume
	switch {
	case v != nil:
		return usage{scsi.TapeUsage{Mounts: v.Mounts, DataSetsWritten: v.DataSetsWritten, WriteRetries: v.WriteRetries,
			UnrecoveredWrites: v.UnrecoveredWrites, DataSetsRead: v.DataSetsRead, ReadRetries: v.ReadRetries,
			UnrecoveredReads: v.UnrecoveredReads}, "page 17h/"}
	case f.Usage != nil:
		return usage{*f.Usage, "page 30h/"}
	}
	return usage{source: "page 17h/"}
}

// wear is how much of its life the tape has behind it.
func (e *evidence) wear(f Facts) {
	passes := Passes(f)
	line := Evidence{Level: Unknown, What: "wear", Source: "page 17h/0101h, 0102h",
		Threshold: fmt.Sprintf("warning from %d%%, critical from %d%% of %d passes", wearWarning, wearCritical, RatedPasses)}
	if passes != nil {
		line.Level = limits{RatedPasses * wearWarning / 100, RatedPasses * wearCritical / 100}.level(*passes)
		line.Value = fmt.Sprintf("%.1f%% (%d passes)", percentOfPasses(*passes), *passes)
	}
	if line.Level >= Warning {
		line.Advice = copyAndRetire
	}
	e.add(line)
	e.life(RemainingLife(f))
}

func (e *evidence) life(left *uint64) {
	line := Evidence{Level: Unknown, What: "useful life left", Source: "page 17h/0019h",
		Threshold: fmt.Sprintf("warning to %d%%, critical to %d%%", lifeWarning, lifeCritical)}
	if left != nil {
		line.Level, line.Value = OK, fmt.Sprintf("%d%%", *left)
		switch {
		case *left <= lifeCritical:
			line.Level, line.Advice = Critical, copyAndRetire
		case *left <= lifeWarning:
			line.Level, line.Advice = Warning, "Plan to copy it to a new one."
		}
	}
	e.add(line)
}

// Passes is the larger of the passes over the beginning and over the middle of the tape; nil unknown.
func Passes(f Facts) *uint64 {
	if f.Volume == nil {
		return nil
	}
	bom, mom := f.Volume.BOMPasses, f.Volume.MOMPasses
	if bom == nil || mom != nil && *mom > *bom {
		return mom
	}
	return bom
}

// RemainingLife is the percentage of the cartridge's life that is left by the drive's reckoning; nil
// unknown. A drive that has none left for a tape that it has hardly moved does not reckon at all.
func RemainingLife(f Facts) *uint64 {
	if f.Volume == nil || f.Volume.RemainingLifePercent == nil || *f.Volume.RemainingLifePercent > 100 {
		return nil
	}
	left, passes := f.Volume.RemainingLifePercent, Passes(f)
	if *left == 0 && passes != nil && *passes < RatedPasses/100 {
		return nil
	}
	return left
}

func percentOfPasses(n uint64) float64 { return 100 * float64(n) / RatedPasses }

// WearPercent is how worn the cartridge is: by its passes, else by the life that is left; nil unknown.
func WearPercent(f Facts) *float64 {
	if n := Passes(f); n != nil {
		return of(percentOfPasses(*n))
	}
	if left := RemainingLife(f); left != nil {
		return of(100 - float64(*left))
	}
	return nil
}

// mountErrors are those of this mount: data that cannot be read now.
func (e *evidence) mountErrors(v *scsi.VolumeStatistics) {
	if v == nil {
		return
	}
	e.count("unrecovered read errors of this mount", v.LastUnrecoveredReads, limits{critical: 1}, "page 17h/000Dh",
		"Try it in another drive, or use another copy of the data.")
	e.count("unrecovered write errors of this mount", v.LastUnrecoveredWrites, limits{warning: 1}, "page 17h/000Ch",
		"Clean the drive and write again; if it fails again, retire the cartridge.")
}

// retries judges how many data sets were written or read more than once, of each thousand.
func (e *evidence) retries(what string, retries, sets *uint64, warning uint64, source string) {
	line := Evidence{Level: Unknown, What: "data sets " + what, Source: source, Threshold: fmt.Sprintf("warning from %d of 1000", warning)}
	switch {
	case retries == nil || sets == nil:
	case *sets < retryBasis:
		line.Level, line.Value = Info, fmt.Sprintf("%d of %d", *retries, *sets)
	default:
		rate := float64(*retries) * 1000 / float64(*sets)
		line.Level, line.Value = OK, fmt.Sprintf("%.1f of 1000", rate)
		if rate >= float64(warning) {
			line.Level = Warning
			line.Advice = "Clean the drive. If it stays so with this cartridge only, retire the cartridge."
		}
	}
	e.add(line)
}
