package pool

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"calypso/sys/run"
	"calypso/sys/run/transcript"
	"calypso/zfs"
)

var ctx = context.Background()

const recorded = "../testdata"

func read(t testing.TB, name string) run.Exchange {
	t.Helper()
	list, err := transcript.Read(filepath.Join(recorded, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// pairs are the recordings of one state of a pool as text and as JSON.
func pairs(t testing.TB) map[string][2]run.Exchange {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recorded, "*-status.txt"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][2]run.Exchange{}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if _, err := os.Stat(filepath.Join(recorded, name+"-j.txt")); err == nil {
			list[name] = [2]run.Exchange{read(t, name), read(t, name+"-j")}
		}
	}
	list["35-slow-status-s"] = [2]run.Exchange{read(t, "35-slow-status-s"), read(t, "35-slow-status-s-j")}
	delete(list, "02-create-space-name-status") // the text is of all pools
	if len(list) < 50 {
		t.Fatalf("%d pairs; the test does not see them", len(list))
	}
	return list
}

func poolNamed(argv []string) string { return argv[len(argv)-1] }

// at is when the recordings were made, or so.
var at = time.Unix(1795167400, 0)

// Both ways to ask give the same: what text tells is what JSON tells.
func TestTextIsJSON(t *testing.T) {
	for name, pair := range pairs(t) {
		pool := poolNamed(pair[0].Argv)
		text, err := decodeStatusText(pair[0].Stdout, pool)
		if err != nil {
			t.Errorf("%s: text: %v", name, err)
			continue
		}
		json, err := decodeStatusJSON([]byte(pair[1].Stdout), pool, at)
		if err != nil {
			t.Errorf("%s: JSON: %v", name, err)
			continue
		}
		if name == "31-dataerr-after-scrub-e-status" {
			json.Scan = nil // the text has the scrub of the errors in the place of the scrub
		}
		c := comparison{t, name}
		c.same("state", text.State, json.State)
		c.same("message", text.Message, json.Message)
		c.same("action", text.Action, json.Action)
		c.same("message id", text.MessageID, json.MessageID)
		c.count("data errors", text.DataErrors, json.DataErrors)
		c.work("scan", text.Scan, json.Scan)
		c.work("removal", text.Removal, json.Removal)
		c.work("expansion", text.Expansion, json.Expansion)
		if c.present("checkpoint", text.Checkpoint != nil, json.Checkpoint != nil) {
			c.time("checkpoint", text.Checkpoint.Created, json.Checkpoint.Created)
			c.count("checkpoint bytes", text.Checkpoint.Bytes, json.Checkpoint.Bytes)
		}
		c.vdevs("", text.Vdevs, json.Vdevs)
	}
}

type comparison struct {
	t    *testing.T
	name string
}

func (c comparison) same(what, text, json string) {
	if text != json {
		c.t.Errorf("%s: %s: text %q, JSON %q", c.name, what, text, json)
	}
}

func (c comparison) present(what string, text, json bool) bool {
	if text != json {
		c.t.Errorf("%s: %s: text has it: %v, JSON has it: %v", c.name, what, text, json)
	}
	return text && json
}

// count compares counters; those of the recorded text are rounded (no -p): 1.90K.
func (c comparison) count(what string, text, json *uint64) {
	if !c.present(what, text != nil, json != nil) {
		return
	}
	if a, b := float64(*text), float64(*json); a != b && (b < 1000 || a < 0.99*b || a > 1.01*b) {
		c.t.Errorf("%s: %s: text %d, JSON %d", c.name, what, *text, *json)
	}
}

func (c comparison) time(what string, text, json *time.Time) {
	if c.present(what, text != nil, json != nil) && !text.Equal(*json) {
		c.t.Errorf("%s: %s: text %v, JSON %v", c.name, what, *text, *json)
	}
}

func (c comparison) work(what string, text, json *Work) {
	if !c.present(what, text != nil, json != nil) {
		return
	}
	c.same(what, text.Kind, json.Kind)
	c.same(what, text.State, json.State)
	if text.State == Running || text.State == Paused {
		c.time(what+" start", text.Start, json.Start)
	}
	c.time(what+" paused", text.PausedAt, json.PausedAt)
	c.time(what+" end", text.End, json.End)
	if c.present(what+" percent", text.Percent != nil, json.Percent != nil) && max(*text.Percent-*json.Percent, *json.Percent-*text.Percent) > 1 { // one was recorded a moment after the other
		c.t.Errorf("%s: %s: text %v %%, JSON %v %%", c.name, what, *text.Percent, *json.Percent)
	}
	if text.Errors != nil || json.Errors != nil {
		c.count(what+" errors", text.Errors, json.Errors)
	}
}

func (c comparison) vdevs(path string, text, json []Vdev) {
	if len(text) != len(json) {
		c.t.Errorf("%s: %s: text has %d devices, JSON %d", c.name, path, len(text), len(json))
		return
	}
	for i, a := range text {
		b, at := json[i], path+"/"+a.Name
		c.same(at+" name", a.Name, b.Name)
		c.same(at+" type", a.Type, b.Type)
		c.same(at+" class", a.Class, b.Class)
		c.same(at+" state", a.State, b.State)
		c.same(at+" was", a.Was, b.Was)
		c.same(at+" note", a.Note, b.Note)
		if a.Class != Spare {
			c.count(at+" read", a.Read, b.Read)
			c.count(at+" write", a.Write, b.Write)
			c.count(at+" checksum", a.Checksum, b.Checksum)
		}
		if a.SlowIOs != nil || strings.HasSuffix(c.name, "-s") {
			c.count(at+" slow", a.SlowIOs, b.SlowIOs)
		}
		c.vdevs(at, a.Children, b.Children)
	}
}

func TestAskStatus(t *testing.T) {
	tools := zfs.Tools{Runner: &run.Replay{Exchanges: []run.Exchange{read(t, "36-zed-io-faulted-spare-status-j"), {
		Argv: []string{"zpool", "status", "-p", "-s", "tank"}, Stdout: read(t, "36-zed-io-faulted-spare-status").Stdout}}}}
	for _, v := range []zfs.Version{{Major: 2, Minor: 3}, {Major: 2, Minor: 1}} {
		s, err := AskStatus(ctx, tools, v, "tank", at)
		if err != nil || s.State != "DEGRADED" || len(s.Vdevs) != 2 || s.Vdevs[0].Children[1].Children[0].Note != "too many errors" {
			t.Errorf("%v: %+v, %v", v, s, err)
		}
	}
}

// GUIDs are beyond what a float or a signed number holds.
func TestGUIDs(t *testing.T) {
	s, err := decodeStatusJSON([]byte(read(t, "35-slow-status-s-j").Stdout), "tank", at)
	if err != nil || s.GUID != "16636071072539159164" || s.Vdevs[0].Children[0].GUID != "5287587426182567986" {
		t.Errorf("%+v, %v", s, err)
	}
	if n := s.Vdevs[0].Children[1].SlowIOs; n == nil || *n != 191 {
		t.Errorf("slow I/Os: %v", n)
	}
}

func TestSpaceInName(t *testing.T) {
	s, err := decodeStatusJSON([]byte(read(t, "02-create-space-name-status-j").Stdout), "ta nk", at)
	if err != nil || s.Name != "ta nk" || len(s.Vdevs) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	text := "  pool: ta nk\n state: ONLINE\nconfig:\n\n\tNAME                  STATE     READ WRITE CKSUM\n\tta nk                 ONLINE       0     0     0\n" +
		"\t  /var/lib/a b/f 0    UNAVAIL      1     2     3  was /var/lib/a b/f 0\n\nerrors: No known data errors\n"
	s, err = decodeStatusText(text, "ta nk")
	if err != nil || len(s.Vdevs) != 1 || s.Vdevs[0].Name != "/var/lib/a b/f 0" || s.Vdevs[0].Was != "/var/lib/a b/f 0" || *s.Vdevs[0].Checksum != 3 {
		t.Errorf("%+v, %v", s, err)
	}
}

// With -p a group has 0 slow I/Os where without it has "-", as seen with OpenZFS 2.3.9: it counts none.
func TestGroupsCountNoSlowIOs(t *testing.T) {
	text := strings.ReplaceAll(read(t, "35-slow-status-s").Stdout, "0     -", "0     0")
	s, err := decodeStatusText(text, "tank")
	if err != nil || s.Vdevs[0].SlowIOs != nil || *s.Vdevs[0].Children[1].SlowIOs != 191 {
		t.Errorf("%+v, %v", s, err)
	}
}

// With several pools in the answer, only the first counts, and it must be the one that was asked for.
func TestOtherPool(t *testing.T) {
	text := read(t, "02-create-space-name-status").Stdout
	if s, err := decodeStatusText(text, "rz"); err != nil || len(s.Vdevs) != 1 || len(s.Vdevs[0].Children) != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := decodeStatusText(text, "tank"); err == nil {
		t.Error("the status of another pool was taken")
	}
}

// The percentage is of what has to be read: 42831872 of 158285824 bytes less 200704 that are skipped.
func TestPercent(t *testing.T) {
	s, err := decodeStatusJSON([]byte(read(t, "20-scrub-progress2-status-j").Stdout), "tank", at)
	if err != nil || s.Scan.Percent == nil || fmt.Sprintf("%.4f", *s.Scan.Percent) != "27.0942" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTimeLeft(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"1.2T / 10T issued at 500M/s\n\t0B repaired, 12% done, 1 days 02:55:32 to go", 26*time.Hour + 55*time.Minute + 32*time.Second},
		{"13% done, 00:00:31 to go", 31 * time.Second},
		{"0.05% done, 0h31m to go", 31 * time.Minute},
		{"no estimated completion time", -1},
	}
	for _, tt := range tests {
		got := toGo(tt.text)
		if (got == nil) != (tt.want < 0) || got != nil && *got != tt.want {
			t.Errorf("toGo(%q) = %v; want %v", tt.text, got, tt.want)
		}
	}
	began := time.Unix(1000, 0)
	if d := left(100<<20, 300<<20, began, began.Add(5*time.Second), 10<<20); d == nil || *d != 15*time.Second {
		t.Errorf("left at 20 MiB/s = %v; want 15s", d)
	}
	if d := left(100<<20, 300<<20, began, began.Add(11*time.Second), 10<<20); d != nil {
		t.Errorf("left at 9 MiB/s = %v; want none", d)
	}
}

func FuzzStatusText(f *testing.F) {
	for _, p := range pairs(f) {
		f.Add(p[0].Stdout)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := decodeStatusText(text, "tank"); err == nil && (s.Name != "tank" || s.State == "" || len(s.Vdevs) == 0) {
			t.Errorf("%+v", s)
		}
	})
}

func FuzzStatusJSON(f *testing.F) {
	for _, p := range pairs(f) {
		f.Add(p[1].Stdout)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := decodeStatusJSON([]byte(text), "tank", at); err == nil && (s.Name != "tank" || s.State == "") {
			t.Errorf("%+v", s)
		}
	})
}
