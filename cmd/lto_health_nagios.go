package cmd

import (
	"context"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/health"
)

// statusOnly ends a verb with a status of its own when the answer says it all: a monitoring plugin. Nothing
// goes to standard error.
type statusOnly struct{ exit errcode.Exit }

func (s *statusOnly) Error() string { return fmt.Sprintf("exit status %d", s.exit) }

// The statuses of a plugin (Monitoring Plugins Development Guidelines).
const (
	nagiosOK errcode.Exit = iota
	nagiosWarning
	nagiosCritical
	nagiosUnknown
)

var nagiosStates = map[health.Level]struct {
	word string
	exit errcode.Exit
}{
	health.OK: {"OK", nagiosOK}, health.Warning: {"WARNING", nagiosWarning},
	health.Critical: {"CRITICAL", nagiosCritical}, health.Unknown: {"UNKNOWN", nagiosUnknown},
}

// nagios answers with one line and the status of a plugin.
func (inv *invocation) nagios(doc *healthDoc) error {
	state := nagiosStates[doc.report.Worst()]
	line := fmt.Sprintf("LTO %s - %s", state.word, nagiosText(doc))
	if data := nagiosData(doc); len(data) > 0 {
		line += " | " + strings.Join(data, " ")
	}
	return inv.nagiosLine(line, state.exit)
}

func (inv *invocation) nagiosLine(line string, exit errcode.Exit) error {
	if err := inv.emit(nil, func(p *page) { p.line("%s", line) }); err != nil {
		return err
	}
	if exit == nagiosOK {
		return nil
	}
	return &statusOnly{exit}
}

// nagiosUnknown is for a service that did not answer.
func (inv *invocation) nagiosUnknown(ctx context.Context, service string, err error) error {
	f := newFailure(ctx, err, "", inv.object)
	return inv.nagiosLine(service+" UNKNOWN - "+withoutPipe(strings.TrimPrefix(f.object+": "+f.text, ": ")), nagiosUnknown)
}

// withoutPipe keeps text from being taken for performance data.
func withoutPipe(text string) string { return strings.ReplaceAll(text, "|", "/") }

func nagiosText(doc *healthDoc) string {
	r, cartridge := doc.report, "cartridge"
	if doc.shownBarcode != "" {
		cartridge += " " + doc.shownBarcode
	}
	parts := []string{nagiosPart("drive", r.Drive), nagiosPart(cartridge, r.Cartridge), nagiosPart("cleaning", r.Cleaning)}
	return withoutPipe(doc.Drive + ": " + strings.Join(parts, ", "))
}

// nagiosPart is a verdict with the figures that made it bad.
func nagiosPart(name string, v health.Verdict) string {
	var causes []string
	for _, e := range v.Evidence {
		if e.Level == v.Level && e.Level >= health.Warning {
			causes = append(causes, e.What+" "+e.Value)
		}
	}
	if len(causes) == 0 {
		return name + " " + v.Level.String()
	}
	return fmt.Sprintf("%s %s (%s)", name, v.Level, strings.Join(causes, "; "))
}

// nagiosData are the figures that are worth a curve; what is not known is left out.
func nagiosData(doc *healthDoc) []string {
	var list []string
	add := func(name string, n *uint64, unit, rest string) {
		if n != nil {
			list = append(list, fmt.Sprintf("%s=%d%s%s", name, *n, unit, rest))
		}
	}
	if doc.AlertSource != nil && *doc.AlertSource == "log_page_12h" {
		n := uint64(len(*doc.Alerts))
		add("alerts", &n, "", ";;;0;64")
	}
	if doc.WearPercent != nil {
		list = append(list, fmt.Sprintf("wear=%.1f%%;80;100;0", *doc.WearPercent))
	}
	add("life_left", health.RemainingLife(doc.facts), "%", ";21:;6:;0;100")
	f := doc.facts
	if f.Temperature != nil {
		add("temperature", f.Temperature.CurrentCelsius, "", "")
	}
	if f.WriteErrors != nil {
		add("uncorrected_write_errors", f.WriteErrors.Uncorrected, "", ";0")
	}
	if f.ReadErrors != nil {
		add("uncorrected_read_errors", f.ReadErrors.Uncorrected, "", ";0")
	}
	if f.Volume != nil {
		add("mounts", f.Volume.Mounts, "c", "")
	}
	if f.Device != nil {
		add("power_on_hours", f.Device.PowerOnHours, "c", "")
		add("motion_hours", f.Device.MotionHours, "c", "")
	}
	return list
}
