package health

import (
	"calypso/tape"
	"calypso/tape/scsi"
)

const (
	cleanNow  = "Clean the drive now: 'calypso lto clean'."
	cleanSoon = "Clean the drive when the running job has ended: 'calypso lto clean'."
)

// cleaning judges whether the drive wants to be cleaned. Only the drive knows: there is no interval
// after which an LTO drive must be cleaned.
func cleaning(f Facts) Verdict {
	var e evidence
	if f.Alerts == nil || f.Alerts.Source == tape.AlertsPreviousLoad {
		e.add(Evidence{Level: Unknown, What: "alerts", Source: "page 12h"})
	} else {
		e.alerts(f.Alerts, scsi.ConcernsCleaning)
	}
	var required, requested, wanted *bool
	if s := f.Status; s != nil {
		required, requested = &s.CleaningRequired, &s.CleaningRequested
	}
	if f.Sequential != nil {
		wanted = f.Sequential.CleaningIsAsked
	}
	e.flag("cleaning required", required, Critical, "page 11h/0000h CRQRD", cleanNow)
	e.flag("cleaning requested", requested, Warning, "page 11h/0000h CRQST", cleanSoon)
	e.flag("cleaning wanted", wanted, Warning, "page 0Ch/0100h", cleanSoon)
	if d := f.Device; d != nil {
		e.info("motion time since the last cleaning", d.SinceCleaning, " h", "page 14h/0008h")
		e.info("cleanings", d.Cleanings, "", "page 14h/0001h")
	}
	return e.verdict()
}
