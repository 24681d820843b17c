package cmd

import (
	"strings"
	"testing"

	"calypso/tape"
	"calypso/tape/health"
	"calypso/tape/scsi"
)

func healthDocOf(f health.Facts) *healthDoc {
	return newHealthDoc(device{name: "vtl01:0", library: &library{}, serial: "S1"}, f)
}

func figure[T any](v T) *T { return &v }

// someFacts are of a drive that is well.
func someFacts() health.Facts {
	return health.Facts{
		Barcode: "V00001L8", HasErrors: true,
		Alerts:      &tape.Alerts{Source: tape.AlertsNow},
		Temperature: &scsi.Temperature{CurrentCelsius: figure(uint64(38)), ReferenceCelsius: figure(uint64(55))},
		Status:      &scsi.DeviceStatus{Activity: 6, MediumMounted: true},
		ReadErrors:  &scsi.ErrorCounters{Uncorrected: figure(uint64(0))},
		Volume: &scsi.VolumeStatistics{BOMPasses: figure(uint64(3200)), RemainingLifePercent: figure(uint64(80)), Mounts: figure(uint64(12)),
			PartitionUsed: []scsi.PartitionValue{{Partition: 0, Value: figure(uint64(7))}, {Partition: 1}}},
	}
}

func TestNagiosLine(t *testing.T) {
	bad := someFacts()
	bad.Alerts.Flags = scsi.NewAlertFlags(20, 30)
	bad.Temperature.CurrentCelsius = figure(uint64(54))
	bad.Volume.BOMPasses = figure(uint64(13000))
	piped := someFacts()
	piped.Barcode = "A|B"
	tests := []struct {
		name     string
		facts    health.Facts
		text     string
		data     string
		wantExit int
	}{
		{"well", someFacts(), "vtl01:0: drive ok, cartridge V00001L8 ok, cleaning ok",
			"alerts=0;;;0;64 wear=20.0%;80;100;0 life_left=80%;21:;6:;0;100 temperature=38 uncorrected_read_errors=0;0 mounts=12c", 0},
		{"ill", bad, "vtl01:0: drive critical (alert 30 hardware A), cartridge V00001L8 warning (wear 81.2% (13000 passes)), cleaning critical (alert 20 clean now)",
			"alerts=2;;;0;64 wear=81.2%;80;100;0 life_left=80%;21:;6:;0;100 temperature=54 uncorrected_read_errors=0;0 mounts=12c", 2},
		{"nothing known", health.Facts{}, "vtl01:0: drive unknown, cartridge unknown, cleaning unknown", "", 3},
		{"text that looks like data", piped, "vtl01:0: drive ok, cartridge A/B ok, cleaning ok", "alerts=0", 0},
	}
	for _, tt := range tests {
		doc := healthDocOf(tt.facts)
		if got := nagiosText(doc); got != tt.text {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.text)
		}
		if got := strings.Join(nagiosData(doc), " "); !strings.HasPrefix(got, tt.data) || tt.data == "" && got != "" {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.data)
		}
		if got := nagiosStates[doc.report.Worst()].exit; int(got) != tt.wantExit {
			t.Errorf("%s: exit %d; want %d", tt.name, got, tt.wantExit)
		}
	}
}

// Every level has a state, so that no verdict exits with 0 by omission.
func TestNagiosStatesAreComplete(t *testing.T) {
	for level := health.Unknown; level <= health.Critical; level++ {
		if state, ok := nagiosStates[level]; !ok || state.word == "" || (state.exit == nagiosOK) != (level == health.OK) {
			t.Errorf("%v: %+v", level, state)
		}
	}
}

func TestHealthDocPages(t *testing.T) {
	f := someFacts()
	f.Errors = []scsi.TapeDiagnostic{{Key: scsi.MediumError, ASC: 0x1100, Opcode: 0x08, MediumID: "M1"}}
	b, err := encodeJSON(nil, *healthDocOf(f), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"level":"ok"`, `"write_errors":null`, `"non_medium_errors":null`, `"current_celsius":38`, `"activity":"writing"`,
		`"medium_mounted":true`, `"uncorrected_total":0`, `"corrected_total":null`, `"beginning_of_medium_passes":3200`,
		`"middle_of_medium_passes":null`, `"partition_used_bytes":[{"partition":0,"value":7},{"partition":1,"value":null}]`,
		`"device_statistics":null`, `"command":"READ(6)"`, `"key":"3","asc":"11","ascq":"00"`, `"medium_serial":"M1"`,
		`"wear_percent":20`, `"alert_source":"log_page_12h","alerts":[]`, `"tape_capacity":null`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

func TestAlertDocs(t *testing.T) {
	docs := *newAlertDocs(scsi.NewAlertFlags(20, 5))
	if len(docs) != 2 || docs[0].Flag != 5 || docs[1].Name != "clean now" || docs[1].Severity != "critical" || docs[0].Concerns[1] != "cartridge" {
		t.Errorf("%+v", docs)
	}
	doc := alertsDoc{Drive: "d"}
	if !strings.HasPrefix(doc.summary(), "not known") {
		t.Error(doc.summary())
	}
	doc.set(&tape.Alerts{Flags: scsi.NewAlertFlags(1), Source: tape.AlertsNow})
	p := &page{}
	p.alerts(doc, true)
	for _, want := range []string{"1 (log page 12h)", "read warning", "warning", "Clean the drive.", "would clear 1 alert"} {
		if !strings.Contains(p.b.String(), want) {
			t.Errorf("no %q in %s", want, p.b.String())
		}
	}
}
