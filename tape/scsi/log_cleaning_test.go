package scsi

import (
	"bytes"
	"testing"
)

// cleaningAsked is what a host wants of page 11h about cleaning; ok is false when the page does not say.
func cleaningAsked(data []byte) (asked, ok bool) {
	p, err := ParseLogPage(data)
	if err != nil || p.Code != LogDeviceStatus || p.DeviceStatus() == nil {
		return false, false
	}
	s := p.DeviceStatus()
	return s.CleaningRequested || s.CleaningRequired, true
}

// cleaningExpired is flag 22 of page 12h.
func cleaningExpired(data []byte) (expired, ok bool) {
	p, err := ParseLogPage(data)
	if err != nil || p.Code != LogTapeAlertResponse {
		return false, false
	}
	flags, ok := p.TapeAlertResponse()
	return flags.Has(22), ok
}

// Pages recorded from an LTO drive emulation (11h) and laid out as SSC-5 has them (12h).
func TestCleaningAsked(t *testing.T) {
	for _, tt := range []struct {
		name, page string
		asked, ok  bool
	}{
		{"nothing", "11 00 0008 0000 03 04 20420200", false, true},
		{"requested", "11 00 0008 0000 03 04 04000000", true, true},
		{"required", "11 00 0008 0000 03 04 02000000", true, true},
		{"more parameters", "11 00 000e 0000 03 04 06000000 0001 03 02 0064", true, true},
		{"another page", "12 00 0008 0000 03 04 04000000", false, false},
		{"another parameter", "11 00 0006 0001 03 02 0400", false, false},
		{"cut off", "11 00 0008 0000 03 04", false, false},
		{"says less than it sends", "11 00 0004 0000 03 04 04000000", false, false},
		{"empty parameter", "11 00 0008 0000 03 00 04000000", false, false},
		{"short", "11 00", false, false},
		{"", "", false, false},
	} {
		asked, ok := cleaningAsked(unhex(t, tt.page))
		if asked != tt.asked || ok != tt.ok {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, asked, ok, tt.asked, tt.ok)
		}
	}
}

func TestCleaningExpired(t *testing.T) {
	for _, tt := range []struct {
		name, page  string
		expired, ok bool
	}{
		{"no flag", "12 00 000c 0000 03 08 0000000000000000", false, true},
		{"flag 22", "12 00 000c 0000 03 08 0000040000000000", true, true},
		{"all others", "12 00 000c 0000 03 08 fffffbffffffffff", false, true},
		{"cut off", "12 00 000c 0000 03 08 00000400000000", false, false},
		{"page 2Eh", "2e 00 000c 0000 03 08 0000040000000000", false, false},
	} {
		expired, ok := cleaningExpired(unhex(t, tt.page))
		if expired != tt.expired || ok != tt.ok {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, expired, ok, tt.expired, tt.ok)
		}
	}
}

func TestCleaningPages(t *testing.T) {
	for want, got := range map[string]CDB10{
		"4d 00 51 00 00 00 00 04 00 00": LogSense(LogDeviceStatus, 0, 1024), "4d 00 52 00 00 00 00 04 00 00": LogSense(LogTapeAlertResponse, 0, 1024),
	} {
		if !bytes.Equal(got[:], unhex(t, want)) {
			t.Errorf("% x, want %s", got, want)
		}
	}
}

// FuzzCleaningPages: nothing that a drive sends makes the decoders fall over.
func FuzzCleaningPages(f *testing.F) {
	f.Add([]byte{0x11, 0, 0, 8, 0, 0, 3, 4, 4, 0, 0, 0})
	f.Add([]byte{0x12, 0, 0, 12, 0, 0, 3, 8, 0, 0, 4, 0, 0, 0, 0, 0})
	f.Add([]byte{0x11, 0, 0xFF, 0xFF, 0, 0, 3, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok := cleaningAsked(exact(data)); ok && len(data) < 9 {
			t.Errorf("% x: decoded without a value", data)
		}
		if _, ok := cleaningExpired(exact(data)); ok && len(data) < 16 {
			t.Errorf("% x: decoded without 8 bytes", data)
		}
	})
}
