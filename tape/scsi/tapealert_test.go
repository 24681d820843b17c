package scsi

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each of the 64 flags, alone, out of each of the three places that carry them, in the order of each.
func TestEachAlertFlagFromEachSource(t *testing.T) {
	for n := 1; n <= AlertCount; n++ {
		want := []int{n}
		mapped := make([]byte, 8) // SSC-5 8.4.5: flag 1 is bit 7 of byte 0
		mapped[(n-1)/8] = 0x80 >> ((n - 1) % 8)
		if got, ok := pageOf(t, 0x12, parameter{0, mapped}).TapeAlertResponse(); !ok || !cmp.Equal(got.Numbers(), want) {
			t.Errorf("page 12h, flag %d: %v, %v", n, got.Numbers(), ok)
		}
		memory := Attribute{ID: AttrTapeAlert, ReadOnly: true, Value: mapped}
		if got, ok := memory.TapeAlerts(); !ok || !cmp.Equal(got.Numbers(), want) {
			t.Errorf("MAM 0002h, flag %d: %v, %v", n, got.Numbers(), ok)
		}
		page := recordedLog(t, "written-2e")
		page[4+5*(n-1)+4] = 1
		p, err := ParseLogPage(page)
		if got, ok := p.TapeAlerts(); err != nil || !ok || !cmp.Equal(got.Numbers(), want) {
			t.Errorf("page 2Eh, flag %d: %v, %v, %v", n, got.Numbers(), ok, err)
		}
		if f := NewAlertFlags(n); !f.Has(n) || len(f.Numbers()) != 1 {
			t.Errorf("NewAlertFlags(%d) = %v", n, f.Numbers())
		}
	}
}

// mhvtl was told to set its bits 0 to 7 and 63, which are flags 1 to 8 and 64.
func TestTapeAlertsRecorded(t *testing.T) {
	got, ok := recordedPage(t, "alerts-2e").TapeAlerts()
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6, 7, 8, 64}, got.Numbers()); diff != "" || !ok {
		t.Error(diff, ok)
	}
	if got, ok := recordedPage(t, "written-2e").TapeAlerts(); got != 0 || !ok {
		t.Errorf("no flags: %v, %v", got, ok)
	}
}

// Drives leave flags out: the place in the page says nothing.
func TestTapeAlertsByCode(t *testing.T) {
	got, ok := pageOf(t, 0x2E, number(20, 1, 1), number(3, 1, 0), number(7, 1, 1), number(8, 1, 0xFF), number(65, 1, 1), number(0, 1, 1)).TapeAlerts()
	if diff := cmp.Diff([]int{7, 20}, got.Numbers()); diff != "" || !ok {
		t.Error(diff, ok)
	}
}

// What is not known is not "no alerts", and not all of them.
func TestTapeAlertsUnknown(t *testing.T) {
	ones := number(0, 8, 1<<64-1)
	for name, p := range map[string]LogPage{"ones": pageOf(t, 0x12, ones), "short": pageOf(t, 0x12, number(0, 4, 0)), "missing": pageOf(t, 0x12)} {
		if got, ok := p.TapeAlertResponse(); ok || got != 0 {
			t.Errorf("page 12h, %s: %v", name, got.Numbers())
		}
	}
	if _, ok := pageOf(t, 0x2E).TapeAlerts(); ok {
		t.Error("an empty page 2Eh says that there are no alerts")
	}
	for _, a := range []Attribute{{ID: AttrTapeAlert, Value: ones.value}, {ID: AttrTapeAlert}, {ID: AttrLoadCount, Value: make([]byte, 8)}} {
		if got, ok := a.TapeAlerts(); ok || got != 0 {
			t.Errorf("%+v: %v", a, got.Numbers())
		}
	}
}

func TestAlertTable(t *testing.T) {
	critical := map[int]bool{}
	for _, n := range []int{4, 5, 6, 9, 13, 14, 16, 20, 22, 23, 30, 31, 33, 38, 40, 41, 43, 44, 45, 52, 53, 54, 55, 56, 57} {
		critical[n] = true
	}
	information := map[int]bool{10: true, 11: true, 12: true, 19: true, 62: true, 63: true, 64: true}
	names := map[string]bool{}
	for n := 1; n <= AlertCount; n++ {
		a := AlertOf(n)
		want := Warning
		if critical[n] {
			want = Critical
		} else if information[n] {
			want = Information
		}
		if a.Number != n || a.Severity != want || len(a.Concerns.Names()) == 0 || names[a.Name] {
			t.Errorf("flag %d: %+v; want severity %v", n, a, want)
		}
		names[a.Name] = true
		for _, sentence := range []string{a.Meaning, a.Action} {
			if !strings.HasSuffix(sentence, ".") || strings.ToUpper(sentence[:1]) != sentence[:1] {
				t.Errorf("flag %d: %q is no sentence", n, sentence)
			}
		}
		printable(t, a.Name, a.Meaning, a.Action)
	}
	if AlertOf(0).Name == "" || AlertOf(65).Number != 65 || NewAlertFlags(0, 65, -1) != 0 {
		t.Error("numbers that are no flags")
	}
	if got := AlertOf(5).Concerns.String(); got != "drive, cartridge" {
		t.Errorf("concerns: %q", got)
	}
}
