// Package verdict is how calypso says that a thing is well or ill: a level, with every figure that led to it,
// where the figure is from, what it was held to and what to do about it.
package verdict

import "slices"

// Level is how good or bad a figure or the whole is.
type Level int

// The levels. Info is a figure without a threshold; a verdict is never Info. Unknown is a figure that
// nobody gives, and a verdict that no figure supports.
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
	Source    string // where it is from: a log page and parameter, a command, a file
	Threshold string // "" none
	Advice    string // what to do; "" nothing
}

// Verdict is a judgement with all figures that led to it, the worst first.
type Verdict struct {
	Level    Level
	Evidence []Evidence
}

// Of is as bad as the worst figure.
func Of(list []Evidence) Verdict {
	v := Verdict{Level: Unknown, Evidence: list}
	for _, line := range list {
		v.Level = max(v.Level, line.Level)
	}
	slices.SortStableFunc(v.Evidence, func(a, b Evidence) int { return int(b.Level - a.Level) })
	return v
}
