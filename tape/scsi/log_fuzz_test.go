package scsi

import "testing"

func FuzzLogPage(f *testing.F) {
	for _, name := range []string{"empty-17", "written-02", "written-0c", "written-11", "written-17", "alerts-2e", "written-30", "written-31", "written-32"} {
		f.Add(recordedLog(f, name))
	}
	f.Add(pageBytes(0x16, parameter{0, diagnosticRecord(f)}))
	f.Add(pageBytes(0x14, number(0, 4, 1), parameter{0x1000, make([]byte, 16)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, _ := ParseLogPage(exact(data))
		total := 0
		for _, found := range p.Parameters {
			total += 4 + len(found.Value)
		}
		if total > len(data) {
			t.Errorf("%d bytes of parameters in %d bytes", total, len(data))
		}
		decodeAll(t, p)
	})
}

// decodeAll decodes the page as every page that there is: a device may send any under any name.
func decodeAll(t *testing.T, p LogPage) {
	_, _, _ = p.ErrorCounters(), p.NonMediumErrors(), p.SequentialAccess()
	_, _, _, _ = p.Temperature(), p.DataCompression(), p.TapeUsage(), p.TapeCapacity()
	if s := p.DeviceStatus(); s != nil && s.ActivityName() == "" {
		t.Error("an activity without a name")
	}
	texts := []*string{}
	s := p.DeviceStatistics()
	texts = append(texts, s.Serial, s.ManufacturerSerial, s.ManufactureDate)
	if v := p.VolumeStatistics(); v != nil {
		texts = append(texts, v.Serial, v.Barcode, v.Lot, v.Manufacturer, v.Personality)
	}
	for _, text := range texts {
		if text != nil {
			printable(t, *text)
		}
	}
	for _, d := range p.TapeDiagnostics() {
		printable(t, d.MediumID, d.Command(), d.Sense())
	}
	for _, alerts := range []func() (AlertFlags, bool){p.TapeAlerts, p.TapeAlertResponse} {
		if f, ok := alerts(); !ok && f != 0 || NewAlertFlags(f.Numbers()...) != f {
			t.Errorf("flags %v, %v", f.Numbers(), ok)
		}
	}
}

func FuzzSupportedLogPages(f *testing.F) {
	f.Add(recordedLog(f, "empty-00"))
	f.Add([]byte{0x40, 0xFF, 0, 4, 0, 0, 0, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := ParseSupportedLogPages(exact(data))
		if len(list) > len(data) {
			t.Errorf("%d pages in %d bytes", len(list), len(data))
		}
	})
}

func FuzzDensities(f *testing.F) {
	f.Add(recordedLog(f, "density-drive"))
	f.Add(recordedLog(f, "density-medium"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := ParseDensities(exact(data))
		if densityLength*len(list) > len(data) {
			t.Errorf("%d densities in %d bytes", len(list), len(data))
		}
		for _, d := range list {
			printable(t, d.Name, d.Organization, d.Description)
		}
	})
}
