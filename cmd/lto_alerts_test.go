package cmd

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/place"
	"calypso/tape"
	"calypso/tape/scsi"
)

// alerting is a drive that has flags in page 12h and clears them by page 2Eh.
type alerting struct{ flags scsi.AlertFlags }

func (a *alerting) Exec(_ context.Context, cmd *scsi.Command) error {
	if cmd.CDB[0] != scsi.OpLogSense {
		return nil
	}
	switch cmd.CDB[2] {
	case 0x52:
		page, _ := hex.DecodeString("1200000c00000308")
		for shift := 56; shift >= 0; shift -= 8 {
			page = append(page, byte(a.flags>>shift))
		}
		cmd.Transferred = copy(cmd.DataIn, page)
	case 0x6E:
		page := []byte{0x2E, 0, 1, 64}
		for n := 1; n <= 64; n++ {
			page = append(page, 0, byte(n), 0xC0, 1, byte(a.flags>>(64-n))&1)
		}
		cmd.Transferred = copy(cmd.DataIn, page)
		a.flags = 0
	}
	return nil
}

// alertRig is an invocation and a drive with flags 4 and 20.
func alertRig(t *testing.T) (*invocation, *drive, *alerting) {
	t.Helper()
	dir := t.TempDir()
	inv := &invocation{places: place.Places{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run")}}
	a := &alerting{flags: scsi.NewAlertFlags(4, 20)}
	return inv, &drive{Drive: tape.NewDrive(a), device: device{name: "vtl01:0", serial: "S1", library: &library{}}}, a
}

// look asks once and gives what the history holds afterwards, as "+4 +20 -4".
func look(t *testing.T, inv *invocation, d *drive) (alertsDoc, string) {
	t.Helper()
	doc := newAlertsDoc(d.device)
	if err := inv.askAlerts(t.Context(), d, &doc); err != nil {
		t.Fatal(err)
	}
	return doc, changes(t, inv, d)
}

func changes(t *testing.T, inv *invocation, d *drive) string {
	t.Helper()
	list, err := inv.alertHistory(d.device).Changes()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range list {
		sign := map[bool]string{true: "+", false: "-"}[c.Came]
		words = append(words, sign+cell(c.Flag))
	}
	return strings.Join(words, " ")
}

func TestAlertHistoryOfLooks(t *testing.T) {
	inv, d, a := alertRig(t)
	doc, history := look(t, inv, d)
	if *doc.Source != "log_page_12h" || len(*doc.Alerts) != 2 || len(doc.Warnings) != 0 || history != "+4 +20" {
		t.Errorf("%+v, history %q", doc, history)
	}
	if _, history := look(t, inv, d); history != "+4 +20" {
		t.Errorf("nothing changed, and the history is %q", history)
	}
	a.flags = scsi.NewAlertFlags(20)
	if _, history := look(t, inv, d); history != "+4 +20 -4" {
		t.Errorf("history %q", history)
	}
	inv.dryRun = true
	a.flags = 0
	if _, history := look(t, inv, d); history != "+4 +20 -4" {
		t.Errorf("a dry run wrote the history %q", history)
	}
}

func TestClearAlertsIsInTheHistory(t *testing.T) {
	inv, d, _ := alertRig(t)
	doc := newAlertsDoc(d.device)
	if err := inv.clearNow(t.Context(), d, &doc); err != nil {
		t.Fatal(err)
	}
	if got := changes(t, inv, d); got != "+4 +20 -4 -20" || len(*doc.Cleared) != 2 {
		t.Errorf("history %q, %+v", got, doc)
	}
	if doc, _ := look(t, inv, d); len(*doc.Alerts) != 0 {
		t.Errorf("not cleared: %+v", doc)
	}
}

// A state directory that cannot be written is a warning: what the drive says was asked for.
func TestAlertsWithoutHistory(t *testing.T) {
	inv, d, _ := alertRig(t)
	if err := os.WriteFile(inv.places.StateDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	doc := newAlertsDoc(d.device)
	err := inv.askAlerts(t.Context(), d, &doc)
	if err != nil || len(*doc.Alerts) != 2 || len(doc.Warnings) != 1 || !strings.Contains(doc.Warnings[0], "history") {
		t.Errorf("%v, %+v", err, doc)
	}
	inv, d, _ = alertRig(t)
	if err := os.WriteFile(inv.places.RunDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	doc = newAlertsDoc(d.device)
	if err := inv.askAlerts(t.Context(), d, &doc); err != nil || len(doc.Warnings) != 1 {
		t.Errorf("%v, %+v", err, doc)
	}
}

// What a cartridge remembers, and what is not known, is no change of this drive's alerts.
func TestOnlyFlagsOfNowAreRecorded(t *testing.T) {
	inv, d, _ := alertRig(t)
	look(t, inv, d)
	for _, a := range []*tape.Alerts{nil, {Source: tape.AlertsPreviousLoad}, {Source: tape.AlertsPreviousLoad, Flags: scsi.NewAlertFlags(1)}} {
		if err := inv.recordAlerts(t.Context(), d.device, a); err != nil {
			t.Fatal(err)
		}
	}
	if got := changes(t, inv, d); got != "+4 +20" {
		t.Errorf("history %q", got)
	}
}
