package health

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func record(t *testing.T, h History, now time.Time, barcode string, flags ...int) {
	t.Helper()
	if err := h.Record(now, scsi.NewAlertFlags(flags...), barcode); err != nil {
		t.Fatal(err)
	}
}

func TestHistory(t *testing.T) {
	h := NewHistory(filepath.Join(t.TempDir(), "alerts"), "XYZ 1/../A")
	if got, err := h.Changes(); got != nil || err != nil {
		t.Fatalf("%v, %v", got, err)
	}
	record(t, h, noon, "A")
	if _, err := os.Stat(h.path); err == nil {
		t.Error("a file was made for no change")
	}
	record(t, h, noon, "A", 20, 4)
	record(t, h, noon.Add(time.Hour), "B", 20, 4)
	record(t, h, noon.Add(2*time.Hour), "B", 4, 1)
	want := []Change{{noon, 4, true, "A"}, {noon, 20, true, "A"}, {noon.Add(2 * time.Hour), 1, true, "B"}, {noon.Add(2 * time.Hour), 20, false, "B"}}
	got, err := h.Changes()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if filepath.Base(filepath.Dir(h.path)) != "alerts" {
		t.Errorf("the serial number leads out of the directory: %s", h.path)
	}
}

func TestHistoryDamaged(t *testing.T) {
	h := NewHistory(t.TempDir(), "S")
	record(t, h, noon, "A", 3)
	good, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	torn := append(good, `{"time":"2026-03`...)
	if err := os.WriteFile(h.path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Changes(); err != nil || len(got) != 1 {
		t.Errorf("a torn line: %v, %v", got, err)
	}
	record(t, h, noon, "A") // which drops the torn line
	if got, err := h.Changes(); err != nil || len(got) != 2 || got[1].Came {
		t.Errorf("after a torn line: %v, %v", got, err)
	}
	if err := os.WriteFile(h.path, append(good, "{\"flag\":65}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := h.Changes()
	if errcode.Of(err) != errcode.StateInvalid || !strings.Contains(err.Error(), "S.jsonl:2") || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if err := h.Record(noon, 0, ""); errcode.Of(err) != errcode.StateInvalid {
		t.Errorf("recorded behind damage: %v", err)
	}
}

// Whatever was seen, the history says what is on now, and no flag comes twice without going.
func TestHistoryIsWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		h := NewHistory(dir, "S")
		for range rapid.IntRange(1, 8).Draw(r, "looks") {
			seen := scsi.NewAlertFlags(rapid.SliceOfN(rapid.SampledFrom([]int{1, 20, 64}), 0, 3).Draw(r, "flags")...)
			if err := h.Record(noon, seen, "A"); err != nil {
				r.Fatal(err)
			}
			list, err := h.Changes()
			if err != nil || active(list) != seen {
				r.Fatalf("seen %x, history %x, %v", seen, active(list), err)
			}
			on := map[int]bool{}
			for _, c := range list {
				if on[c.Flag] == c.Came {
					r.Fatalf("flag %d changes to what it was", c.Flag)
				}
				on[c.Flag] = c.Came
			}
		}
	})
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"time":"2026-03-01T12:00:00Z","flag":20,"came":true,"barcode":"A"}` + "\n"))
	f.Add([]byte("{}\n\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := parseHistory("h", data)
		for _, c := range list {
			if c.Flag < 1 || c.Flag > scsi.AlertCount {
				t.Errorf("flag %d", c.Flag)
			}
		}
	})
}
