package health

import (
	"fmt"
	"slices"

	"calypso/tape/scsi"
)

// Level is how good or bad a figure or the whole is.
type Level int

// The levels. Info is a figure without a threshold; a verdict is never Info. Unknown is a figure that
// the drive does not give, and a verdict that no figure supports.
const (
	Info Level = iota
	Unknown
	OK
	Warning
	Critical
)

var levelNames = [...]string{"info", "unknown", "ok", "warning", "critical"}

func (l Level) String() string { return levelNames[l] }

// Evidence is one figure of a verdict.
type Evidence struct {
	Level     Level
	What      string
	Value     string // "" not known
	Source    string // the log page and parameter, or the attribute
	Threshold string // "" none
	Advice    string // what to do; "" nothing
}

// Verdict is a judgement with all figures that led to it, the worst first.
type Verdict struct {
	Level    Level
	Evidence []Evidence
}

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

// verdict is as bad as the worst figure.
func (e evidence) verdict() Verdict {
	v := Verdict{Level: Unknown, Evidence: e}
	for _, line := range e {
		v.Level = max(v.Level, line.Level)
	}
	slices.SortStableFunc(v.Evidence, func(a, b Evidence) int { return int(b.Level - a.Level) })
	return v
}

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
