package cmd

import (
	"context"
	"fmt"

	"calypso/tape"
)

func ltoAlertsCommand() *command {
	return ltoVerb(&command{
		Name: "alerts", Summary: "show the TapeAlert flags of the drive and what to do about them",
		Description: `Shows which of the 64 TapeAlert flags of the drive are set, how severe each is, what it means and what to do. The flags are read from log page 12h, which clears nothing: other software sees them too. A drive without that page leaves what the cartridge remembers of its previous load, in whatever drive that was; the answer says so. Takes no lock and works while the drive is in use.

--clear reads log page 2Eh, which clears the flags for every program, and shows what was cleared.

Flags that came or went since the last look are kept in the state directory; --history shows them and does not ask the drive.`,
		Flags: []flag{
			boolFlag("clear", "clear the flags, and show what was cleared"),
			boolFlag("history", "show which flags came and went, as far as they were seen"),
		},
		Examples: []example{
			{"calypso lto alerts -f vtl01:0", "what the drive complains about"},
			{"calypso lto alerts -f vtl01:0 --history", "what it complained about in the past"},
			{"calypso lto alerts -f vtl01:0 --json | jq -r '.alerts[].name'", "their names, for a script"},
		},
		MutatesWith: "clear",
		Run:         runLTOAlerts,
	})
}

// alertsDoc is `calypso lto alerts --json`.
type alertsDoc struct {
	Drive    string            `json:"drive"`
	Serial   string            `json:"serial"`
	Barcode  *string           `json:"barcode"`
	HeldBy   *holderDoc        `json:"held_by"`
	Source   *string           `json:"source"` // null: nobody knows the flags
	Alerts   *[]alertDoc       `json:"alerts"` // null: not known; after --clear those that are set again
	Cleared  *[]alertDoc       `json:"cleared"`
	History  *[]alertChangeDoc `json:"history"`
	Warnings []string          `json:"warnings"`
}

func runLTOAlerts(ctx context.Context, inv *invocation) error {
	switch {
	case inv.flag("clear") && inv.flag("history"):
		return usageErrorf("--clear and --history do not go together")
	case inv.flag("history"):
		return inv.showAlertHistory()
	case inv.flag("clear"):
		return inv.clearAlerts(ctx)
	}
	return inv.lookAtAlerts(ctx)
}

func newAlertsDoc(dev device) alertsDoc {
	return alertsDoc{Drive: dev.name, Serial: dev.serial, Barcode: orNull(dev.library.LoadedIn(dev.number))}
}

func (inv *invocation) lookAtAlerts(ctx context.Context) (err error) {
	d, holder, err := inv.observeDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	doc := newAlertsDoc(d.device)
	doc.HeldBy = newHolderDoc(holder)
	if err := inv.askAlerts(ctx, d, &doc); err != nil {
		return err
	}
	return inv.emitAlerts(doc)
}

// askAlerts reads the flags without clearing them and keeps what changed.
func (inv *invocation) askAlerts(ctx context.Context, d *drive, doc *alertsDoc) error {
	a, err := d.Alerts(ctx)
	if err != nil || a == nil {
		return err
	}
	doc.set(a)
	if err := inv.recordAlerts(ctx, d.device, a); err != nil {
		doc.Warnings = append(doc.Warnings, "the history of alerts could not be kept: "+err.Error())
	}
	return nil
}

func (doc *alertsDoc) set(a *tape.Alerts) {
	source := map[tape.AlertSource]string{tape.AlertsNow: "log_page_12h", tape.AlertsPreviousLoad: "cartridge_previous_load",
		tape.AlertsCleared: "log_page_2eh"}[a.Source]
	doc.Source, doc.Alerts = &source, newAlertDocs(a.Flags)
}

func (inv *invocation) clearAlerts(ctx context.Context) (err error) {
	d, err := inv.openDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	doc := newAlertsDoc(d.device)
	if !inv.dryRun {
		if err := inv.clearNow(ctx, d, &doc); err != nil {
			return err
		}
	}
	if err := inv.askAlerts(ctx, d, &doc); err != nil {
		return err
	}
	return inv.emitAlerts(doc)
}

// clearNow clears the flags and keeps them as seen and gone: those that are still set come again with the
// look that follows.
func (inv *invocation) clearNow(ctx context.Context, d *drive, doc *alertsDoc) error {
	cleared, err := d.ClearAlerts(ctx)
	if err != nil {
		return err
	}
	doc.Cleared = newAlertDocs(cleared.Flags)
	err = inv.recordAlerts(ctx, d.device, &cleared)
	if err == nil {
		err = inv.recordAlerts(ctx, d.device, &tape.Alerts{Source: tape.AlertsCleared})
	}
	if err != nil {
		doc.Warnings = append(doc.Warnings, "the history of alerts could not be kept: "+err.Error())
	}
	return nil
}

func (inv *invocation) showAlertHistory() error {
	dev, err := inv.findDrive()
	if err != nil {
		return err
	}
	inv.setObject(dev.name)
	list, err := inv.alertHistory(dev).Changes()
	if err != nil {
		return err
	}
	doc := newAlertsDoc(dev)
	doc.History = newAlertChangeDocs(list)
	return inv.emit(doc, func(p *page) {
		t := newTable("time", "change", ">flag", "severity", "cartridge", "name")
		for _, c := range *doc.History {
			t.row(c.Time, c.Change, c.Flag, c.Severity, c.Barcode, c.Name)
		}
		p.fitTable(t, "no alert has come or gone")
	})
}

func (inv *invocation) emitAlerts(doc alertsDoc) error {
	for _, w := range doc.Warnings {
		inv.warn("%s", w)
	}
	return inv.emit(doc, func(p *page) { p.alerts(doc, inv.dryRun && inv.flag("clear")) })
}

func (p *page) alerts(doc alertsDoc, dryRun bool) {
	list := []any{"drive", doc.Drive, "cartridge", doc.Barcode}
	if h := doc.HeldBy; h != nil {
		list = append(list, "in use by", fmt.Sprintf("pid %d (%s)", h.PID, h.Command))
	}
	list = append(list, "alerts", doc.summary())
	if doc.Cleared != nil {
		list = append(list, "cleared", numberOf(*doc.Cleared))
	}
	p.fitPairs(list...)
	p.alertList(doc.Alerts)
	p.alertList(doc.Cleared)
	if dryRun && doc.Alerts != nil {
		p.line("would clear %s", counted(len(*doc.Alerts), "alert"))
	}
}

// alertList has three entries for each alert: what it is, what it means, what to do.
func (p *page) alertList(list *[]alertDoc) {
	if list == nil || len(*list) == 0 {
		return
	}
	p.blank()
	p.line("FLAG  SEVERITY     NAME")
	for _, a := range *list {
		p.fitLine(fmt.Sprintf("%4d  %-11s  ", a.Flag, a.Severity), a.Name)
		p.fitLine("      ", a.Meaning)
		p.fitLine("      to do: ", a.Action)
	}
}

// summary is how many alerts there are and who says so.
func (doc alertsDoc) summary() string {
	if doc.Alerts == nil {
		return "not known: neither the drive nor the cartridge tells"
	}
	source := map[string]string{"log_page_12h": "log page 12h",
		"cartridge_previous_load": "memory of the cartridge: of its previous load, in whatever drive"}[*doc.Source]
	return fmt.Sprintf("%s (%s)", numberOf(*doc.Alerts), source)
}

func numberOf(list []alertDoc) string {
	if len(list) == 0 {
		return "none"
	}
	return fmt.Sprint(len(list))
}
