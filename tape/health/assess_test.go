package health

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"calypso/tape"
	"calypso/tape/scsi"
)

func n(v uint64) *uint64 { return &v }

// find gives the line of a verdict.
func find(v Verdict, what string) *Evidence {
	for i := range v.Evidence {
		if v.Evidence[i].What == what {
			return &v.Evidence[i]
		}
	}
	return nil
}

// healthy is a drive with a good cartridge.
func healthy() Facts {
	return Facts{
		Barcode: "V00001L8", MediumSerial: "SER1", HasErrors: true,
		WriteErrors: &scsi.ErrorCounters{Uncorrected: n(0), Corrected: n(12)}, ReadErrors: &scsi.ErrorCounters{Uncorrected: n(0)},
		Sequential: &scsi.SequentialAccess{CleaningIsAsked: of(false)}, Status: &scsi.DeviceStatus{Activity: 5},
		Temperature: &scsi.Temperature{CurrentCelsius: n(38), ReferenceCelsius: n(55)},
		Alerts:      &tape.Alerts{Source: tape.AlertsNow},
		Device:      &scsi.DeviceStatistics{MotionHours: n(5000), PowerOnHours: n(9000), Loads: n(800), MaxTemperatureExceeds: of(false)},
		Volume: &scsi.VolumeStatistics{Mounts: n(300), BOMPasses: n(2000), MOMPasses: n(3200), RemainingLifePercent: n(80),
			DataSetsWritten: n(2_000_000), WriteRetries: n(4000), DataSetsRead: n(1_000_000), ReadRetries: n(100), UnrecoveredWrites: n(0),
			UnrecoveredReads: n(0), LastUnrecoveredReads: n(0), LastUnrecoveredWrites: n(0), TemperatureExceeded: of(false)},
	}
}

func TestAssessHealthy(t *testing.T) {
	r := Assess(healthy())
	for name, v := range map[string]Verdict{"drive": r.Drive, "cartridge": r.Cartridge, "cleaning": r.Cleaning} {
		if v.Level != OK {
			t.Errorf("%s is %v: %+v", name, v.Level, v.Evidence)
		}
		for _, e := range v.Evidence {
			if e.Level >= Warning || e.Advice != "" || e.Source == "" || e.Level != Unknown && e.Value == "" {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	if wear := find(r.Cartridge, "wear"); wear.Value != "20.0% (3200 passes)" || !strings.HasPrefix(wear.Source, "page 17h") {
		t.Errorf("%+v", wear)
	}
	if *WearPercent(healthy()) != 20 || r.Worst() != OK {
		t.Errorf("wear %v, worst %v", *WearPercent(healthy()), r.Worst())
	}
}

// What no page gives is unknown, and never well.
func TestAssessNothingKnown(t *testing.T) {
	for _, state := range []tape.ReadyState{tape.Ready, tape.Empty, tape.BecomingReady} {
		r := Assess(Facts{State: state})
		if r.Drive.Level != Unknown || r.Cartridge.Level != Unknown || r.Cleaning.Level != Unknown || r.Worst() != Unknown {
			t.Errorf("%v: %+v", state, r)
		}
	}
}

func TestAssessDrive(t *testing.T) {
	tests := []struct {
		name, what string
		change     func(*Facts)
		want       Level
	}{
		{"alert 30", "alert 30", alerts(30), Critical},
		{"alert 26", "alert 26", alerts(26), Warning},
		{"write protect is the host's mistake", "alert 9", alerts(9), Warning},
		{"automation interface", "alert 57", alerts(57), Critical},
		{"information", "alert 10", alerts(10), OK},
		{"medium alert", "alerts", alerts(7), OK},
		{"warm", "temperature", func(f *Facts) { f.Temperature.CurrentCelsius = n(52) }, Warning},
		{"hot", "temperature", func(f *Facts) { f.Temperature.CurrentCelsius = n(55) }, Critical},
		{"recovery", "recovery requested", func(f *Facts) { f.Status.RecoveryRequested = true }, Critical},
		{"uncorrected", "uncorrected read errors", func(f *Facts) { f.ReadErrors.Uncorrected = n(1) }, Warning},
		{"hardware error", "hardware errors within 100 motion hours", failed(scsi.HardwareError, 4950, "A"), Warning},
		{"old hardware error", "hardware errors within 100 motion hours", failed(scsi.HardwareError, 4899, "A"), OK},
		{"three hardware errors", "hardware errors within 100 motion hours", failed(scsi.HardwareError, 5000, "A", "A", "B"), Critical},
		{"one bad cartridge", "cartridges with medium errors within 100 motion hours", failed(scsi.MediumError, 5000, "A", "A", "A"), OK},
		{"two bad cartridges", "cartridges with medium errors within 100 motion hours", failed(scsi.MediumError, 5000, "A", "B"), Warning},
		{"was too hot", "maximum temperature exceeded", func(f *Facts) { f.Device.MaxTemperatureExceeds = of(true) }, Warning},
	}
	for _, tt := range tests {
		f := healthy()
		tt.change(&f)
		v := Assess(f).Drive
		line := find(v, tt.what)
		if v.Level != tt.want || line == nil || line.Level != tt.want && tt.name != "information" {
			t.Errorf("%s: %v, %+v; want %v", tt.name, v.Level, line, tt.want)
			continue
		}
		if tt.want >= Warning && (line.Advice == "" || v.Evidence[0] != *line) {
			t.Errorf("%s: no advice, or not the first line: %+v", tt.name, v.Evidence[0])
		}
	}
}

func alerts(flags ...int) func(*Facts) {
	return func(f *Facts) { f.Alerts.Flags = scsi.NewAlertFlags(flags...) }
}

func failed(key scsi.SenseKey, at uint64, media ...string) func(*Facts) {
	return func(f *Facts) {
		for _, id := range media {
			f.Errors = append(f.Errors, scsi.TapeDiagnostic{Key: key, ASC: 0x1100, Opcode: 0x08, MotionHours: n(at), MediumID: id})
		}
	}
}

func TestAssessCartridge(t *testing.T) {
	volume := func(change func(*scsi.VolumeStatistics)) func(*Facts) { return func(f *Facts) { change(f.Volume) } }
	tests := []struct {
		name, what string
		change     func(*Facts)
		want       Level
	}{
		{"worn", "wear", volume(func(v *scsi.VolumeStatistics) { v.BOMPasses = n(12800) }), Warning},
		{"not quite worn", "wear", volume(func(v *scsi.VolumeStatistics) { v.BOMPasses = n(12799) }), OK},
		{"worn out", "wear", volume(func(v *scsi.VolumeStatistics) { v.MOMPasses = n(16000) }), Critical},
		{"life ends", "useful life left", volume(func(v *scsi.VolumeStatistics) { v.RemainingLifePercent = n(20) }), Warning},
		{"life is over", "useful life left", volume(func(v *scsi.VolumeStatistics) { v.RemainingLifePercent = n(0) }), Critical},
		{"unreadable now", "unrecovered read errors of this mount", volume(func(v *scsi.VolumeStatistics) { v.LastUnrecoveredReads = n(1) }), Critical},
		{"unreadable once", "unrecovered read errors of its life", volume(func(v *scsi.VolumeStatistics) { v.UnrecoveredReads = n(1) }), Warning},
		{"rewritten", "data sets rewritten", volume(func(v *scsi.VolumeStatistics) { v.WriteRetries = n(100_000) }), Warning},
		{"reread", "data sets reread", volume(func(v *scsi.VolumeStatistics) { v.ReadRetries = n(10_000) }), Warning},
		{"mounts", "mounts", volume(func(v *scsi.VolumeStatistics) { v.Mounts = n(20000) }), Warning},
		{"heat", "maximum temperature exceeded", volume(func(v *scsi.VolumeStatistics) { v.TemperatureExceeded = of(true) }), Warning},
		{"its error", "medium errors on it in this drive", failed(scsi.MediumError, 5000, "SER1"), Warning},
		{"another's error", "medium errors on it in this drive", failed(scsi.MediumError, 5000, "SER2"), OK},
		{"alert 52", "alert 52", alerts(52), Critical},
		{"drive alert", "alerts", alerts(30), OK},
		{"previous load", "alert 7", func(f *Facts) {
			f.Alerts = &tape.Alerts{Flags: scsi.NewAlertFlags(7, 30), Source: tape.AlertsPreviousLoad}
		}, Warning},
		{"page 30h", "unrecovered write errors of its life", func(f *Facts) {
			f.Volume, f.Usage = nil, &scsi.TapeUsage{UnrecoveredWrites: n(2)}
		}, Warning},
	}
	for _, tt := range tests {
		f := healthy()
		tt.change(&f)
		v := Assess(f).Cartridge
		line := find(v, tt.what)
		if v.Level != tt.want || line == nil || line.Level != tt.want {
			t.Errorf("%s: %v, %+v; want %v", tt.name, v.Level, line, tt.want)
			continue
		}
		if tt.want >= Warning && line.Advice == "" {
			t.Errorf("%s: no advice: %+v", tt.name, line)
		}
	}
}

// Flags that a cartridge remembers may be of another drive: they say nothing of this one.
func TestAssessPreviousLoadIsNotThisDrive(t *testing.T) {
	f := healthy()
	f.Alerts = &tape.Alerts{Flags: scsi.NewAlertFlags(20, 30), Source: tape.AlertsPreviousLoad}
	r := Assess(f)
	if r.Drive.Level != OK || r.Cleaning.Level != OK || find(r.Drive, "alert 30") != nil || find(r.Drive, "alerts").Level != Unknown {
		t.Errorf("%+v", r)
	}
}

// That a cartridge was well in its previous load says nothing of now, and a good cartridge nothing of the
// drive.
func TestAssessTooLittleIsUnknown(t *testing.T) {
	r := Assess(Facts{Alerts: &tape.Alerts{Source: tape.AlertsPreviousLoad}})
	if r.Cartridge.Level != Unknown || r.Worst() != Unknown {
		t.Errorf("%+v", r)
	}
	r = Assess(Facts{Volume: healthy().Volume})
	if r.Cartridge.Level != OK || r.Drive.Level != Unknown || r.Worst() != Unknown {
		t.Errorf("%v, %v, worst %v", r.Cartridge.Level, r.Drive.Level, r.Worst())
	}
}

// Emulated drives give 0 % of life for every cartridge.
func TestRemainingLifeThatIsNotReckoned(t *testing.T) {
	f := healthy()
	f.Volume.RemainingLifePercent, f.Volume.BOMPasses, f.Volume.MOMPasses = n(0), n(0), n(0)
	if RemainingLife(f) != nil || Assess(f).Cartridge.Level != OK {
		t.Errorf("%+v", Assess(f).Cartridge)
	}
	f.Volume.BOMPasses, f.Volume.MOMPasses, f.Volume.RemainingLifePercent = nil, nil, n(97)
	if w := WearPercent(f); w == nil || *w != 3 {
		t.Errorf("wear by life: %v", w)
	}
	f.Volume.RemainingLifePercent = n(254)
	if WearPercent(f) != nil {
		t.Error("254 % of life")
	}
}

func TestAssessCleaning(t *testing.T) {
	tests := []struct {
		name, what string
		change     func(*Facts)
		want       Level
	}{
		{"required", "cleaning required", func(f *Facts) { f.Status.CleaningRequired = true }, Critical},
		{"requested", "cleaning requested", func(f *Facts) { f.Status.CleaningRequested = true }, Warning},
		{"wanted", "cleaning wanted", func(f *Facts) { f.Sequential.CleaningIsAsked = of(true) }, Warning},
		{"clean now", "alert 20", alerts(20), Critical},
		{"clean periodic", "alert 21", alerts(21), Warning},
		{"expired", "alert 22", alerts(22), Critical},
		{"other alerts", "alerts", alerts(1, 4, 30), OK},
	}
	for _, tt := range tests {
		f := healthy()
		tt.change(&f)
		v := Assess(f).Cleaning
		if line := find(v, tt.what); v.Level != tt.want || line == nil || line.Level != tt.want {
			t.Errorf("%s: %v, %+v; want %v", tt.name, v.Level, line, tt.want)
		}
	}
}

// One bad figure more never makes a verdict better, and each verdict is its worst line.
func TestAssessIsMonotone(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := healthy()
		before := scsi.AlertFlags(rapid.Uint64().Draw(r, "flags"))
		f.Alerts.Flags = before
		f.Volume.BOMPasses = n(rapid.Uint64Range(0, 20000).Draw(r, "passes"))
		f.ReadErrors.Uncorrected = n(rapid.Uint64().Draw(r, "errors"))
		first := Assess(f)
		f.Alerts.Flags |= scsi.AlertFlags(rapid.Uint64().Draw(r, "more"))
		*f.Volume.BOMPasses += rapid.Uint64Range(0, 20000).Draw(r, "more passes")
		second := Assess(f)
		for i, v := range []Verdict{second.Drive, second.Cartridge, second.Cleaning} {
			if was := []Level{first.Drive.Level, first.Cartridge.Level, first.Cleaning.Level}[i]; v.Level < was {
				r.Fatalf("verdict %d was %v and is %v", i, was, v.Level)
			}
			worst := Unknown
			for _, e := range v.Evidence {
				worst = max(worst, e.Level)
			}
			if v.Level != worst {
				r.Fatalf("verdict %v, worst line %v", v.Level, worst)
			}
		}
	})
}
