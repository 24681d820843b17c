package health

import (
	"fmt"

	"calypso/sys/verdict"
	"calypso/tape/scsi"
)

// The words of every verdict of calypso.
type (
	Level    = verdict.Level
	Evidence = verdict.Evidence
	Verdict  = verdict.Verdict
)

// The levels.
const (
	Info     = verdict.Info
	Unknown  = verdict.Unknown
	OK       = verdict.OK
	Warning  = verdict.Warning
	Critical = verdict.Critical
)

// Report is what Assess finds.
type Report struct{ Drive, Cartridge, Cleaning Verdict }

// Worst is the worst of the three. A drive that tells nothing of itself is unknown, however good what it
// tells of the cartridge.
func (r Report) Worst() Level {
	worst := max(r.Drive.Level, r.Cartridge.Level, r.Cleaning.Level)
	if worst == OK && r.Drive.Level == Unknown {
		return Unknown
	}
	return worst
}

// evidence is a verdict in the making.
type evidence []Evidence

func (e *evidence) add(line Evidence) { *e = append(*e, line) }

func (e evidence) verdict() Verdict { return verdict.Of(e) }

// limits are from where on a figure is a warning and critical; 0 is never.
type limits struct{ warning, critical uint64 }

func (l limits) level(n uint64) Level {
	switch {
	case l.critical > 0 && n >= l.critical:
		return Critical
	case l.warning > 0 && n >= l.warning:
		return Warning
	}
	return OK
}

func (l limits) String() string {
	switch {
	case l.warning > 0 && l.critical > 0:
		return fmt.Sprintf("warning from %d, critical from %d", l.warning, l.critical)
	case l.critical > 0:
		return fmt.Sprintf("critical from %d", l.critical)
	}
	return fmt.Sprintf("warning from %d", l.warning)
}

// count judges a counter.
func (e *evidence) count(what string, n *uint64, l limits, source, advice string) {
	line := Evidence{Level: Unknown, What: what, Source: source, Threshold: l.String()}
	if n != nil {
		line.Level, line.Value = l.level(*n), fmt.Sprint(*n)
	}
	if line.Level >= Warning {
		line.Advice = advice
	}
	e.add(line)
}

// flag judges a bit that should not be set.
func (e *evidence) flag(what string, on *bool, bad Level, source, advice string) {
	line := Evidence{Level: Unknown, What: what, Source: source}
	if on != nil {
		line.Level, line.Value = OK, "no"
	}
	if on != nil && *on {
		line.Level, line.Value, line.Advice = bad, "yes", advice
	}
	e.add(line)
}

// info is a figure to know.
func (e *evidence) info(what string, n *uint64, unit, source string) {
	if n != nil {
		e.add(Evidence{Level: Info, What: what, Value: fmt.Sprint(*n) + unit, Source: source})
	}
}

// severityLevel is the level of an alert.
func severityLevel(s scsi.Severity) Level {
	return map[scsi.Severity]Level{scsi.Information: Info, scsi.Warning: Warning, scsi.Critical: Critical}[s]
}
