package health

import (
	"fmt"

	"calypso/tape"
	"calypso/tape/scsi"
)

// The thresholds. The standards define counters and leave it to others what they mean; where a number
// is not a manufacturer's, it is ours and errs on the side of an early warning.
const (
	// RatedPasses is how often LTO tape may run over the head before its maker promises no more:
	// 16,000 passes, since LTO-1.
	RatedPasses = 16000

	wearWarning, wearCritical = 80, 100 // percent of RatedPasses
	lifeWarning, lifeCritical = 20, 5   // percent of life left, as the drive computes it
	mountsWarning             = 20000   // load and unload cycles that a leader pin is made for
	writeRetryWarning         = 50      // per 1000 data sets: a clean drive rewrites far fewer
	readRetryWarning          = 10      // per 1000 data sets
	retryBasis                = 1000    // data sets below which a rate says nothing
	recentHours               = 100     // motion hours in which an error of page 16h is news
	temperatureMargin         = 3       // degrees below the drive's limit
)

// Assess judges. It is a function of the facts alone.
func Assess(f Facts) Report {
	return Report{Drive: drive(f), Cartridge: cartridge(f), Cleaning: cleaning(f)}
}

func drive(f Facts) Verdict {
	var e evidence
	if f.State == tape.NeedsOperator {
		e.add(Evidence{Level: Warning, What: "state", Value: "not ready", Source: "TEST UNIT READY", Advice: "See 'calypso lto status'."})
	}
	e.driveAlerts(f.Alerts)
	e.temperature(f.Temperature)
	e.recovery(f.Status)
	e.uncorrected(f, "The job that met it has failed. Clean the drive and run it again; then see with another cartridge which of the two is at fault.")
	e.driveErrors(f)
	e.driveLife(f)
	return e.verdict()
}

// driveAlerts are the flags of now: what a cartridge remembers may be of another drive.
func (e *evidence) driveAlerts(a *tape.Alerts) {
	if a == nil || a.Source == tape.AlertsPreviousLoad {
		e.add(Evidence{Level: Unknown, What: "alerts", Source: "page 12h"})
		return
	}
	e.alerts(a, scsi.ConcernsDrive|scsi.ConcernsHost|scsi.ConcernsLibrary)
}

// alerts adds the flags of some concern, or that there is none.
func (e *evidence) alerts(a *tape.Alerts, concern scsi.Concern) {
	source, found := alertSource(a.Source), false
	for _, alert := range a.Flags.Alerts() {
		if alert.Concerns&concern == 0 {
			continue
		}
		found = true
		e.add(Evidence{Level: alertLevel(alert), What: fmt.Sprintf("alert %d", alert.Number), Value: alert.Name,
			Source: fmt.Sprintf("%s flag %d", source, alert.Number), Advice: alert.Action})
	}
	if !found {
		level := OK
		if a.Source == tape.AlertsPreviousLoad {
			level = Info // that it was well the last time does not say how it is now
		}
		e.add(Evidence{Level: level, What: "alerts", Value: "none", Source: source})
	}
}

func alertSource(s tape.AlertSource) string {
	return map[tape.AlertSource]string{tape.AlertsNow: "page 12h", tape.AlertsPreviousLoad: "attribute 0002h (previous load)",
		tape.AlertsCleared: "page 2Eh"}[s]
}

// alertLevel is the flag's severity. What only a host or a loader did wrong is no illness of the drive.
func alertLevel(a scsi.Alert) Level {
	level := severityLevel(a.Severity)
	if a.Concerns&(scsi.ConcernsDrive|scsi.ConcernsCartridge|scsi.ConcernsCleaning) == 0 {
		level = min(level, Warning)
	}
	return level
}

func (e *evidence) temperature(t *scsi.Temperature) {
	line := Evidence{Level: Unknown, What: "temperature", Source: "page 0Dh/0000h"}
	if t != nil && t.CurrentCelsius != nil {
		now := *t.CurrentCelsius
		line.Level, line.Value = Info, fmt.Sprintf("%d C", now)
		if r := t.ReferenceCelsius; r != nil && *r > temperatureMargin {
			l := limits{*r - temperatureMargin, *r}
			line.Level, line.Threshold = l.level(now), l.String()+" (page 0Dh/0001h)"
		}
	}
	if line.Level >= Warning {
		line.Advice = "Check the fans, the air flow and the climate of the room."
	}
	e.add(line)
}

func (e *evidence) recovery(s *scsi.DeviceStatus) {
	if s != nil {
		e.flag("recovery requested", &s.RecoveryRequested, Critical, "page 11h/0000h RRQST",
			"The drive asks for a recovery procedure: reset it, or have it looked at.")
		e.add(Evidence{Level: Info, What: "activity", Value: s.ActivityName(), Source: "page 11h/0000h"})
	}
}

// uncorrected are errors since the counters were reset, most often the load of the cartridge.
func (e *evidence) uncorrected(f Facts, advice string) {
	for _, c := range []struct {
		page     *scsi.ErrorCounters
		what, at string
	}{{f.WriteErrors, "write", "02h"}, {f.ReadErrors, "read", "03h"}} {
		var n, corrected *uint64
		if c.page != nil {
			n, corrected = c.page.Uncorrected, c.page.Corrected
		}
		e.count("uncorrected "+c.what+" errors", n, limits{warning: 1}, "page "+c.at+"/0006h", advice)
		e.info("corrected "+c.what+" errors", corrected, "", "page "+c.at+"/0003h")
	}
}

func (e *evidence) driveLife(f Facts) {
	e.info("non-medium errors", f.NonMedium, "", "page 06h/0000h")
	d := f.Device
	if d == nil {
		return
	}
	e.flag("maximum temperature exceeded", d.MaxTemperatureExceeds, Warning, "page 14h/0081h",
		"The drive was too hot at some time. Check the fans and the air flow.")
	e.info("power-on time", d.PowerOnHours, " h", "page 14h/0002h")
	e.info("motion time", d.MotionHours, " h", "page 14h/0003h")
	e.info("loads", d.Loads, "", "page 14h/0000h")
	e.info("hard write errors of the drive's life", d.HardWriteErrors, "", "page 14h/000Eh")
	e.info("hard read errors of the drive's life", d.HardReadErrors, "", "page 14h/000Fh")
}
