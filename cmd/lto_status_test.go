package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"calypso/sys/place"
	"calypso/tape"
	"calypso/tape/scsi"
	"calypso/tape/status"
)

func statusFacts() status.Facts {
	return status.Facts{
		Medium:  &tape.Medium{Barcode: "V00001L8", Serial: "M1", Generation: "LTO-8", CapacityBytes: 1000, RemainingBytes: 400, LoadCount: -1, WrittenBytes: -1, ReadBytes: -1},
		Alerts:  &tape.Alerts{Source: tape.AlertsNow, Flags: scsi.NewAlertFlags(3, 20, 21, 30)},
		Setting: &tape.Compression{Capable: true, Enabled: true},
		Device:  &scsi.DeviceStatus{Activity: 6},
		Ready:   tape.Readiness{Progress: -1},
	}
}

func statusDevice() device { return device{name: "vtl01:0", library: &library{}, serial: "S1"} }

func TestStatusWorstAlerts(t *testing.T) {
	a := newStatusDoc(statusDevice(), statusFacts(), nil).Alerts
	if a.Count != 4 || a.Critical != 2 || a.Warning != 2 || len(a.Worst) != 3 || a.Worst[0].Flag != 20 || a.Worst[1].Flag != 30 {
		t.Errorf("%+v", a)
	}
	if got := a.String(); got != "4: 20 clean now (critical); 30 hardware A (critical); 3 hard error (warning); 1 more" {
		t.Errorf("%q", got)
	}
}

// What is kept comes back as it was, and holds for this drive and this cartridge alone.
func TestStatusSnapshot(t *testing.T) {
	inv := &invocation{places: place.Places{StateDir: t.TempDir()}}
	dev := statusDevice()
	doc := newStatusDoc(dev, statusFacts(), nil)
	inv.keepStatus(*doc)
	s := inv.readStatusSnapshot("S1")
	if s == nil || !s.Time.Equal(doc.AsOf) || *s.Status.Medium.Serial != "M1" || *s.Status.Medium.UsedBytes != 600 || s.Status.Medium.LoadCount != nil || s.Status.Alerts.Count != 4 {
		t.Fatalf("%+v", s)
	}
	if inv.readStatusSnapshot("S2") != nil {
		t.Error("the snapshot of S1 is one of S2")
	}
	same := &statusDoc{Medium: &mediumDoc{Barcode: orNull("V00001L8")}}
	same.remember(s)
	if !same.Stale || !same.AsOf.Equal(doc.AsOf) || *same.Medium.CapacityBytes != 1000 || same.Activity != nil || strings.Join(same.StaleParts, " ") != "medium alerts compression" {
		t.Errorf("%+v", same)
	}
	other := &statusDoc{Medium: &mediumDoc{Barcode: orNull("V00002L8")}}
	other.remember(s)
	if other.Medium.CapacityBytes != nil || strings.Join(other.StaleParts, " ") != "alerts compression" {
		t.Errorf("%+v", other)
	}
	if offline := s.offline(dev); offline.Medium != nil || offline.Online || offline.State != "offline" || offline.Alerts == nil {
		t.Errorf("the library has no cartridge in the drive: %+v", offline)
	}
	left, err := os.ReadDir(filepath.Join(inv.places.StateDir, "status"))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// A dry run keeps nothing.
func TestStatusSnapshotDryRun(t *testing.T) {
	inv := &invocation{places: place.Places{StateDir: t.TempDir()}, dryRun: true}
	inv.keepStatus(*newStatusDoc(statusDevice(), statusFacts(), nil))
	if inv.readStatusSnapshot("S1") != nil {
		t.Error("a dry run kept the status")
	}
}

func FuzzStatusSnapshot(f *testing.F) {
	doc := newStatusDoc(statusDevice(), statusFacts(), nil)
	whole, err := encodeJSON([]field{{"schema_version", snapshotSchema}, {"time", time.Unix(1, 0)}, {"drive_serial", "S1"}, {"status", *doc}}, nil, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"schema_version":1,"time":"2026-03-01T12:00:00Z","drive_serial":"S1","status":{"serial":"S1","medium":{},"alerts":{},"compression":{}}}`))
	f.Add([]byte(`{"schema_version":2}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeStatusSnapshot(data, "S1")
		if err != nil {
			return
		}
		doc := s.offline(statusDevice())
		p := &page{}
		p.status(doc)
		text, err := encodeJSON(nil, *doc, false)
		if err != nil || !json.Valid(text) || !doc.Stale || doc.Online || doc.AsOf.IsZero() || doc.Position != nil || doc.Encryption != nil {
			t.Errorf("%+v, %v", doc, err)
		}
	})
}

// Nothing is cut off, and no line is longer than it may be unless one word is.
func TestFitKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zé]{1,30}`)
		words := rapid.SliceOfN(word, 1, 40).Draw(t, "words")
		p := &page{}
		table := newTable("name", "value")
		table.row(word.Draw(t, "name"), strings.Join(words, " "))
		p.fitTable(table, "")
		_, body, _ := strings.Cut(p.b.String(), "\n")
		if got := strings.Fields(body)[1:]; strings.Join(got, " ") != strings.Join(words, " ") {
			t.Fatalf("%q is shown as %q", words, got)
		}
		for line := range strings.Lines(body) {
			if utf8.RuneCountInString(strings.TrimSpace(line)) > textWidth {
				t.Fatalf("too long: %q", line)
			}
		}
	})
}

func TestHexWords(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "0a0b": "0a0b", strings.Repeat("00", 16): strings.Repeat("00", 16),
		strings.Repeat("00", 16) + "ff": strings.Repeat("00", 16) + " ff",
	} {
		if got := hexWords(in); got != want {
			t.Errorf("hexWords(%q) = %q; want %q", in, got, want)
		}
	}
}

// Two looks at one drive at the same time: who reads what they keep finds that of one of them.
func TestReplaceFileByTwo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status.json")
	texts := []string{strings.Repeat("a", 9000), strings.Repeat("b", 30)}
	if err := replaceFile(path, []byte(texts[0])); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, text := range texts {
		both.Add(1)
		go func() {
			defer both.Done()
			for range 2000 {
				if err := replaceFile(path, []byte(text)); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(path); err != nil || !slices.Contains(texts, string(got)) {
					t.Errorf("%.20q… of %d bytes, %v", got, len(got), err)
				}
				if t.Failed() {
					return
				}
			}
		}()
	}
	both.Wait()
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Error("the temporary file stayed")
	}
}
