package cmd

import (
	"context"
	"fmt"

	"calypso/tape"
	"calypso/tape/health"
)

func ltoHealthCommand() *command {
	return ltoVerb(&command{
		Name: "health", Summary: "judge the drive, its cartridge and whether the drive wants cleaning",
		Description: `Reads every log page that the drive has and gives three verdicts: drive, cartridge, cleaning. Each is ok, warning, critical or unknown, with all figures that led to it: where each is from (log page and parameter), the threshold it was held to, and what to do. A figure that the drive does not give is not known, and never counts as good. Nothing is cleared, no tape is moved, no lock is taken: it works while the drive is in use. A drive that is preparing a cartridge is asked nothing and is unknown.

The exit status says whether the question was answered, not how the answer is: it is 0 with a critical verdict too.

--nagios is the exception. It makes this a monitoring plugin: one line on standard output, nothing on standard error, and the exit status of a plugin in place of those below:

  0  LTO OK        the drive is ok, and no verdict is worse
  1  LTO WARNING   the worst verdict is warning
  2  LTO CRITICAL  the worst verdict is critical
  3  LTO UNKNOWN   no verdict on the drive, or it did not answer

A command line that cannot be parsed is 2 with a message, as always. See docs/health.md for the thresholds.`,
		Flags: []flag{boolFlag("nagios", "print one line for a monitoring system, and exit with 0, 1, 2 or 3 as a plugin does")},
		Examples: []example{
			{"calypso lto health -f vtl01:0", "how the drive and its cartridge are"},
			{"calypso lto health -f vtl01:0 --json | jq -r .verdicts.cartridge.level", "the verdict on the cartridge in one word"},
			{"calypso lto health -f vtl01:0 --nagios", "as a check of a monitoring system"},
		},
		Run: runLTOHealth,
	})
}

// healthDoc is `calypso lto health --json`.
type healthDoc struct {
	Drive        string         `json:"drive"`
	Serial       string         `json:"serial"`
	Barcode      *string        `json:"barcode"`
	State        string         `json:"state"`
	HeldBy       *holderDoc     `json:"held_by"`
	Level        string         `json:"level"` // the worst of the three
	Verdicts     verdictsDoc    `json:"verdicts"`
	WearPercent  *float64       `json:"wear_percent"`
	AlertSource  *string        `json:"alert_source"`
	Alerts       *[]alertDoc    `json:"alerts"`
	Pages        healthPagesDoc `json:"pages"` // null: the drive does not have the page
	Warnings     []string       `json:"warnings"`
	report       health.Report
	facts        health.Facts
	shownBarcode string
}

type verdictsDoc struct {
	Drive     verdictDoc `json:"drive"`
	Cartridge verdictDoc `json:"cartridge"`
	Cleaning  verdictDoc `json:"cleaning"`
}

type verdictDoc struct {
	Level    string        `json:"level"`
	Evidence []evidenceDoc `json:"evidence"`
}

type evidenceDoc struct {
	Level     string  `json:"level"`
	What      string  `json:"what"`
	Value     *string `json:"value"`
	Source    string  `json:"source"`
	Threshold *string `json:"threshold"`
	Advice    *string `json:"advice"`
}

func newVerdictDoc(v health.Verdict) verdictDoc {
	doc := verdictDoc{Level: v.Level.String()}
	for _, e := range v.Evidence {
		doc.Evidence = append(doc.Evidence, evidenceDoc{e.Level.String(), e.What, orNull(e.Value), e.Source, orNull(e.Threshold), orNull(e.Advice)})
	}
	return doc
}

func runLTOHealth(ctx context.Context, inv *invocation) error {
	if !inv.flag("nagios") {
		doc, err := inv.lookAtHealth(ctx)
		if err != nil {
			return err
		}
		for _, w := range doc.Warnings {
			inv.warn("%s", w)
		}
		return inv.emit(*doc, func(p *page) { p.health(doc) })
	}
	if inv.json {
		return usageErrorf("--nagios and --json do not go together")
	}
	doc, err := inv.lookAtHealth(ctx)
	if err != nil {
		return inv.nagiosUnknown(ctx, "LTO", err)
	}
	return inv.nagios(doc)
}

func (inv *invocation) lookAtHealth(ctx context.Context) (doc *healthDoc, err error) {
	d, holder, err := inv.observeDrive(ctx)
	if err != nil {
		return nil, err
	}
	defer closeInto(&err, d)
	facts, err := health.Gather(ctx, d.Drive)
	if err != nil {
		return nil, err
	}
	if holder != nil && d.playedHere() {
		facts.Status = nil // what a drive does that another process plays cannot be seen from here
	}
	doc = newHealthDoc(d.device, facts)
	doc.HeldBy = newHolderDoc(holder)
	if err := inv.recordAlerts(ctx, d.device, facts.Alerts); err != nil {
		doc.Warnings = append(doc.Warnings, "the history of alerts could not be kept: "+err.Error())
	}
	return doc, nil
}

func newHealthDoc(dev device, facts health.Facts) *healthDoc {
	r := health.Assess(facts)
	barcode := facts.Barcode
	if barcode == "" {
		barcode = dev.library.LoadedIn(dev.number)
	}
	doc := &healthDoc{
		Drive: dev.name, Serial: dev.serial, Barcode: orNull(barcode), State: stateWord(facts.State, nil), Level: r.Worst().String(),
		Verdicts:    verdictsDoc{newVerdictDoc(r.Drive), newVerdictDoc(r.Cartridge), newVerdictDoc(r.Cleaning)},
		WearPercent: health.WearPercent(facts), Pages: newHealthPagesDoc(facts), Warnings: facts.Problems,
		report: r, facts: facts, shownBarcode: barcode,
	}
	if a := facts.Alerts; a != nil {
		var alerts alertsDoc
		alerts.set(a)
		doc.AlertSource, doc.Alerts = alerts.Source, alerts.Alerts
	}
	if facts.State == tape.Empty && doc.Barcode != nil {
		doc.State = stateWord(tape.NeedsLoad, nil) // as 'lto status' says it
	}
	return doc
}

func (p *page) health(doc *healthDoc) {
	list := []any{"drive", doc.Drive, "serial", doc.Serial, "cartridge", doc.Barcode, "state", doc.State}
	if h := doc.HeldBy; h != nil {
		list = append(list, "in use by", fmt.Sprintf("pid %d (%s)", h.PID, h.Command))
	}
	v := doc.Verdicts
	p.fitPairs(append(list, "verdict on drive", v.Drive.Level, "verdict on cartridge", v.Cartridge.Level, "verdict on cleaning", v.Cleaning.Level)...)
	for _, part := range []struct {
		name string
		doc  verdictDoc
	}{{"drive", v.Drive}, {"cartridge", v.Cartridge}, {"cleaning", v.Cleaning}} {
		p.blank()
		p.line("%s: %s", part.name, part.doc.Level)
		for _, e := range part.doc.Evidence {
			p.evidence(e)
		}
	}
}

// evidence is a figure with where it is from, what it was held to, and what to do about it.
func (p *page) evidence(e evidenceDoc) {
	text := fmt.Sprintf("%s: %s (%s", e.What, orUnknown(e.Value), e.Source)
	if e.Threshold != nil {
		text += "; " + *e.Threshold
	}
	p.fitLine(fmt.Sprintf("  %-8s  ", e.Level), text+")")
	if e.Advice != nil {
		p.fitLine("            to do: ", *e.Advice)
	}
}
