package pool

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/zfs"
)

// kernel is a /proc with pools in these states.
func kernel(t *testing.T, states map[string]string) string {
	t.Helper()
	proc := t.TempDir()
	if err := os.MkdirAll(filepath.Join(proc, "spl/kstat/zfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, state := range states {
		dir := filepath.Join(proc, "spl/kstat/zfs", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "state"), []byte(state+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func answer(stdout string, argv ...string) run.Exchange {
	return run.Exchange{Argv: argv, Stdout: stdout}
}

// The line is recorded: zpool list -Hp -o COLUMNS of OpenZFS 2.3.9.
const tankLine = "tank\t503316480\t63381504\t439934976\t-\t-\t4\t12\t1.00\tONLINE\t-\t12154984863639843185\n"

// A pool that is suspended is in the list, and is not asked.
func TestListSuspended(t *testing.T) {
	tools := zfs.Tools{Proc: kernel(t, map[string]string{"tank": "ONLINE", "sus": "SUSPENDED"}),
		Runner: &run.Replay{Exchanges: []run.Exchange{answer(tankLine, "zpool", "list", "-Hp", "-o", columns, "tank")}}}
	list, err := List(ctx, tools)
	if err != nil || len(list) != 2 || list[0].State != "SUSPENDED" || list[0].Size != nil {
		t.Fatalf("%+v, %v", list, err)
	}
	p := list[1]
	if p.GUID != "12154984863639843185" || *p.Size != 503316480 || *p.Capacity != 12 || *p.Fragmentation != 4 || *p.DedupRatio != 1 ||
		p.Checkpoint != nil || p.AltRoot != "" {
		t.Errorf("%+v", p)
	}
	for name, code := range map[string]errcode.Code{"none": errcode.PoolNotFound, "-r": errcode.NameInvalid} {
		if _, err := List(ctx, tools, name); errcode.Of(err) != code {
			t.Errorf("List(%s): %v; want %s", name, err, code)
		}
	}
}

func TestProperties(t *testing.T) {
	var text strings.Builder
	for line := range strings.Lines(read(t, "03-healthy-zpool-get-all-Hp").Stdout) {
		_, rest, _ := strings.Cut(line, "\t") // the recording has the name of the pool in front
		text.WriteString(rest)
	}
	tools := zfs.Tools{Runner: &run.Replay{Exchanges: []run.Exchange{answer(text.String(), "zpool", "get", "-Hp", "-o", "property,value,source", "all", "tank")}}}
	list, err := AskProperties(ctx, tools, "tank")
	if err != nil || len(list) != 78 {
		t.Fatalf("%d properties, %v; want 78", len(list), err)
	}
	for _, p := range list {
		if p.Name == "ashift" && p != (Property{"ashift", "12", "local"}) || p.Name == "bootfs" && p != (Property{"bootfs", "", "default"}) {
			t.Errorf("%+v", p)
		}
	}
}

// Gather: a pool that does not answer has a problem; the others are asked all the same.
func TestGather(t *testing.T) {
	tools := zfs.Tools{Proc: kernel(t, map[string]string{"tank": "ONLINE", "bad": "ONLINE", "sus": "SUSPENDED"}), Runner: &run.Replay{Exchanges: []run.Exchange{
		answer("zfs-2.3.9-1\n", "zfs", "version"),
		{Argv: []string{"zpool", "list", "-Hp", "-o", columns, "bad"}, Stderr: "cannot open 'bad': I/O error\n", ExitCode: 1},
		answer(tankLine, "zpool", "list", "-Hp", "-o", columns, "tank"),
		read(t, "22-replace-single-status-j"),
		answer("1795000000\n", "zfs", "get", "-Hp", "-o", "value", "creation", "tank"),
	}}}
	facts, err := Gather(ctx, tools, day, nil)
	if err != nil || len(facts) != 3 {
		t.Fatalf("%+v, %v", facts, err)
	}
	if f := facts[0]; f.Name != "bad" || errcode.Of(f.Problem) != errcode.DeviceError || f.Status != nil {
		t.Errorf("bad: %+v", f)
	}
	if f := facts[1]; f.Name != "sus" || f.State != zfs.Suspended || f.Problem != nil {
		t.Errorf("sus: %+v", f)
	}
	f := facts[2]
	if f.Problem != nil || f.Status.Scan.Kind != Resilver || f.LastScrub != nil || !f.Created.Equal(time.Unix(1795000000, 0)) {
		t.Errorf("tank: %+v", f)
	}
}

// A scrub that was seen before is remembered behind a resilver, and then nobody asks how old the pool is.
func TestGatherRemembersScrub(t *testing.T) {
	seen := day.AddDate(0, 0, -9)
	tools := zfs.Tools{Proc: kernel(t, map[string]string{"tank": "ONLINE"}), Runner: &run.Replay{Exchanges: []run.Exchange{
		answer("zfs-2.3.9-1\n", "zfs", "version"),
		answer(tankLine, "zpool", "list", "-Hp", "-o", columns, "tank"),
		read(t, "22-replace-single-status-j"),
	}}}
	facts, err := Gather(ctx, tools, day, map[string]time.Time{"12154984863639843185": seen}, "tank")
	if err != nil || facts[0].LastScrub == nil || !facts[0].LastScrub.Equal(seen) {
		t.Errorf("%+v, %v", facts, err)
	}
}

func TestARC(t *testing.T) {
	a := decodeARC(read(t, "03-healthy-arcstats").Stdout)
	if n := a.Figure("hits"); n == nil || *n != 7343 {
		t.Errorf("hits: %v", n)
	}
	if p := a.HitPercent(""); p == nil || *p != 100 {
		t.Errorf("HitPercent = %v", p)
	}
	if p := a.HitPercent("demand_data_"); p != nil {
		t.Errorf("HitPercent of no accesses = %v", *p)
	}
	if a.Figure("name") != nil || a.Figure("none") != nil || len(a) < 140 {
		t.Errorf("%d figures", len(a))
	}
	old := decodeARC("9 1 0x01 1 1 1 1\nname type data\nhits 4 75\nmisses 4 25\nstrange 7 abc\nfree 3 -5\nc 4 18446744073709551615\n")
	if p := old.HitPercent(""); p == nil || *p != 75 || len(old) != 3 || old["c"] != 1<<64-1 {
		t.Errorf("%v, %v", p, old)
	}
	if _, err := ReadARC(zfs.Tools{Proc: t.TempDir()}); errcode.Of(err) != errcode.ModuleMissing {
		t.Errorf("ReadARC without the module: %v", err)
	}
	if _, err := ReadARC(zfs.Tools{Proc: kernel(t, nil)}); errcode.Of(err) != errcode.StorageUnsupported {
		t.Errorf("ReadARC without arcstats: %v", err)
	}
}

func TestEvents(t *testing.T) {
	e := read(t, "03-healthy-zpool-events-Hv-tank")
	e.Argv = []string{"zpool", "events", "-H", "-v", "tank"}
	tools := zfs.Tools{Runner: &run.Replay{Exchanges: []run.Exchange{e}}}
	var list []Event
	if err := Events(ctx, tools, "tank", false, func(e Event) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := strings.Count(e.Stdout, "eid = "); len(list) != want {
		t.Fatalf("%d events; want %d", len(list), want)
	}
	first := list[0]
	if first.ID != "1" || first.Class != "sysevent.fs.zfs.pool_create" || first.Pool != "tank" || first.PoolGUID != "12154984863639843185" ||
		!first.Time.Equal(time.Unix(0x6b00140c, 0x16e35a45)) {
		t.Errorf("%+v", first)
	}
	full := errors.New("full")
	tools.Runner = &run.Replay{Exchanges: []run.Exchange{e}}
	if err := Events(ctx, tools, "tank", false, func(Event) error { return full }); err != full {
		t.Errorf("Events with a reader that fails: %v", err)
	}
}

func TestEventFields(t *testing.T) {
	text := "Nov 20 2026 09:38:45.063987063\tereport.fs.zfs.checksum\n        class = \"ereport.fs.zfs.checksum\"\n        pool = \"ta nk\"\n" +
		"        vdev_guid = 0xdd8576c49adab450\n        vdev_path = \"/dev/disk/by-id/a = b\"\n        eid = 0xff\n" +
		"Nov  2 2026 09:38:45.5\tresource.fs.zfs.statechange\n"
	var list []Event
	if err := decodeEvents(strings.NewReader(text), func(e Event) error { list = append(list, e); return nil }); err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if e := list[0]; e.Pool != "ta nk" || e.Vdev != "/dev/disk/by-id/a = b" || e.VdevGUID != "15962295041068282960" || e.ID != "255" ||
		!e.Time.Equal(time.Date(2026, 11, 20, 9, 38, 45, 63987063, time.UTC)) {
		t.Errorf("%+v", e)
	}
	if e := list[1]; e.Class != "resource.fs.zfs.statechange" || e.Time.Day() != 2 || e.Time.Nanosecond() != 5e8 {
		t.Errorf("%+v", e)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(read(f, "03-healthy-zpool-events-Hv-tank").Stdout[:900])
	f.Fuzz(func(t *testing.T, text string) {
		_ = decodeEvents(strings.NewReader(text), func(e Event) error {
			if len(e.Detail) > maxEventFields {
				t.Errorf("%d fields", len(e.Detail))
			}
			return nil
		})
	})
}

func FuzzSpace(f *testing.F) {
	f.Add(tankLine)
	f.Fuzz(func(t *testing.T, text string) {
		if list, err := decodeSpace(text); err == nil && len(list) > strings.Count(text, "\n")+1 {
			t.Errorf("%+v", list)
		}
		_, _ = decodeProperties("tank", text)
		decodeARC(text)
	})
}

// following is a tool that tells one event and then waits for the next, as zpool events -f does.
type following struct{}

func (following) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	if _, err := io.WriteString(c.Stdout, "Nov 20 2026 09:38:45.5\tresource.fs.zfs.statechange\n\n"); err != nil {
		return run.Result{}, err
	}
	<-ctx.Done()
	return run.Result{}, ctx.Err()
}

// Who has seen enough does not wait for the next event, and an interrupt ends it too.
func TestFollowEnds(t *testing.T) {
	enough := errors.New("enough")
	if err := Events(ctx, zfs.Tools{Runner: following{}}, "", true, func(Event) error { return enough }); err != enough {
		t.Errorf("Events = %v; want %v", err, enough)
	}
	stopped, stop := context.WithCancel(ctx)
	err := Events(stopped, zfs.Tools{Runner: following{}}, "", true, func(Event) error { stop(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Events that is interrupted = %v", err)
	}
}
