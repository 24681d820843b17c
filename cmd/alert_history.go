package cmd

import (
	"context"
	"path/filepath"
	"time"

	"calypso/sys/lock"
	"calypso/tape"
	"calypso/tape/health"
	"calypso/tape/scsi"
)

// historyTurn is how long a look waits for another one to write the history of the same drive.
const historyTurn = 2 * time.Second

func (inv *invocation) alertHistory(dev device) health.History {
	return health.NewHistory(filepath.Join(inv.places.StateDir, "alerts"), dev.serial)
}

// recordAlerts keeps which alerts came and went. What a cartridge remembers of its previous load is not
// of this drive, and what is not known has not gone.
func (inv *invocation) recordAlerts(ctx context.Context, dev device, a *tape.Alerts) error {
	if a == nil || a.Source == tape.AlertsPreviousLoad || inv.dryRun {
		return nil
	}
	turn, err := lock.Acquire(ctx, inv.places.RunDir, "alerts-"+dev.serial, historyTurn)
	if err != nil {
		return err
	}
	err = inv.alertHistory(dev).Record(time.Now(), a.Flags, dev.library.LoadedIn(dev.number))
	if released := turn.Release(); err == nil {
		err = released
	}
	return err
}

// alertDoc explains one TapeAlert flag in JSON.
type alertDoc struct {
	Flag     int      `json:"flag"`
	Name     string   `json:"name"`
	Severity string   `json:"severity"`
	Concerns []string `json:"concerns"`
	Meaning  string   `json:"meaning"`
	Action   string   `json:"action"`
}

// newAlertDocs lists the flags that are set.
func newAlertDocs(flags scsi.AlertFlags) *[]alertDoc {
	list := []alertDoc{}
	for _, a := range flags.Alerts() {
		list = append(list, alertDoc{a.Number, a.Name, a.Severity.String(), a.Concerns.Names(), a.Meaning, a.Action})
	}
	return &list
}

// alertChangeDoc is a line of the history.
type alertChangeDoc struct {
	Time     time.Time `json:"time"`
	Flag     int       `json:"flag"`
	Name     string    `json:"name"`
	Severity string    `json:"severity"`
	Change   string    `json:"change"` // "came" or "went"
	Barcode  *string   `json:"barcode"`
}

func newAlertChangeDocs(list []health.Change) *[]alertChangeDoc {
	docs := []alertChangeDoc{}
	for _, c := range list {
		a := scsi.AlertOf(c.Flag)
		change := "went"
		if c.Came {
			change = "came"
		}
		docs = append(docs, alertChangeDoc{c.Time, c.Flag, a.Name, a.Severity.String(), change, orNull(c.Barcode)})
	}
	return &docs
}
