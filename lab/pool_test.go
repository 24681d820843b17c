//go:build lab

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	hostrun "calypso/sys/run"
	"calypso/zfs"
	"calypso/zfs/pool"
)

var zfsHost = zfs.Tools{Runner: hostrun.Host{Grace: time.Second}, Proc: "/proc"}

// vdevFiles makes sparse files to build pools of.
func vdevFiles(t *testing.T, names ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 128<<20); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// makePool makes a pool with a file of random data in it.
func makePool(t *testing.T, name string, layout ...string) {
	t.Helper()
	run(t, "zpool", append([]string{"create", "-f", name}, layout...)...)
	t.Cleanup(func() { _ = exec.Command("zpool", "destroy", "-f", name).Run() })
	run(t, "dd", "if=/dev/urandom", "of=/"+name+"/data", "bs=1M", "count=40", "status=none")
	run(t, "zpool", "sync", name)
}

type poolStatus struct {
	Level string
	Pools []struct {
		Name, State, Level string
		DataErrors         *uint64 `json:"data_errors"`
		Scan               *struct{ Kind, State string }
		Evidence           []struct{ Level, What, Value string }
	}
}

func statusOf(t *testing.T, state string, names ...string) poolStatus {
	t.Helper()
	out, _ := calypso(t, state, 0, append([]string{"pool", "status", "--json"}, names...)...)
	var s poolStatus
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Pools) == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// evidence is the level of one figure of the first pool.
func (s poolStatus) evidence(what string) string {
	for _, e := range s.Pools[0].Evidence {
		if strings.HasPrefix(e.What, what) {
			return e.Level
		}
	}
	return "none"
}

func TestPoolHealth(t *testing.T) {
	run(t, "modprobe", "zfs")
	state := t.TempDir()
	f := vdevFiles(t, "a", "b", "c", "with space")
	makePool(t, "calypso1", "mirror", f[0], f[1], "mirror", f[2], f[3])

	if s := statusOf(t, state, "calypso1"); s.Level != "ok" || s.evidence("last scrub") != "ok" {
		t.Errorf("a new pool: %+v", s)
	}
	calypso(t, state, 0, "pool", "list")
	if out, _ := calypso(t, state, 0, "pool", "show", "calypso1"); !strings.Contains(out, f[3]) || !strings.Contains(out, "feature@") {
		t.Errorf("pool show:\n%s", out)
	}
	if out, _ := calypso(t, state, 0, "pool", "status", "calypso1", "--nagios"); !strings.HasPrefix(out, "ZPOOL OK - calypso1 ok | 'calypso1 used'=") {
		t.Errorf("--nagios: %s", out)
	}
	sameAnswer(t, "calypso1")
	out, _ := calypso(t, state, 0, "pool", "arc", "--json")
	var arc struct {
		Size uint64                 `json:"size_bytes"`
		Hit  struct{ All *float64 } `json:"hit_percent"`
	}
	if err := json.Unmarshal([]byte(out), &arc); err != nil || arc.Size == 0 || arc.Hit.All == nil || *arc.Hit.All <= 0 {
		t.Errorf("pool arc: %v\n%s", err, out)
	}
	if out, _ := calypso(t, state, 0, "pool", "events", "calypso1"); !strings.Contains(out, "sysevent.fs.zfs.pool_create") {
		t.Errorf("pool events:\n%s", out)
	}
	followEvents(t, state, f[1])
	monitorTells(t, state, f[1])
	corrupted(t, state, f[0])
	calypso(t, state, 10, "pool", "status", "nosuch")
	calypso(t, state, 2, "pool", "status", "--", "-r")
}

// sameAnswer asks the tools of this host in both ways.
func sameAnswer(t *testing.T, name string) {
	t.Helper()
	ctx := context.Background()
	version, err := zfsHost.Version(ctx)
	if err != nil || !version.JSON() {
		t.Fatalf("version %v, %v", version, err)
	}
	byJSON, err1 := pool.AskStatus(ctx, zfsHost, version, name, time.Now())
	byText, err2 := pool.AskStatus(ctx, zfsHost, zfs.Version{Major: 2, Minor: 1}, name, time.Now())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	flat := func(s *pool.Status) string {
		var b strings.Builder
		var walk func([]pool.Vdev)
		walk = func(list []pool.Vdev) {
			for _, v := range list {
				n := func(p *uint64) any {
					if p == nil {
						return "-"
					}
					return *p
				}
				b.WriteString(strings.Join([]string{v.Name, v.Type, v.Class, v.State, v.Was, v.Note}, "|"))
				line, _ := json.Marshal([]any{n(v.Read), n(v.Write), n(v.Checksum), n(v.SlowIOs)})
				b.Write(append(line, '\n'))
				walk(v.Children)
			}
		}
		walk(s.Vdevs)
		scan := s.Scan
		if scan != nil {
			copied := *scan
			copied.Start, copied.Left = nil, nil // the text of one that has ended lacks the start
			scan = &copied
		}
		line, _ := json.Marshal([]any{s.Name, s.State, s.Message, s.Action, s.DataErrors, scan})
		return b.String() + string(line)
	}
	if a, b := flat(byJSON), flat(byText); a != b {
		t.Errorf("by JSON:\n%s\nby text:\n%s", a, b)
	}
}

// followEvents waits for one event that comes while it looks.
func followEvents(t *testing.T, state, device string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	found := errors.New("found")
	started := make(chan bool, 1)
	go func() {
		<-started
		_ = exec.Command("zpool", "offline", "calypso1", device).Run()
		_ = exec.Command("zpool", "online", "calypso1", device).Run()
	}()
	seen := 0
	err := pool.Events(ctx, zfsHost, "calypso1", true, func(e pool.Event) error {
		if seen++; seen == 1 {
			started <- true
		}
		if e.Class == "resource.fs.zfs.statechange" && e.Vdev == device {
			return found
		}
		return nil
	})
	if err != found {
		t.Errorf("events --follow: %v", err)
	}
	// The pool is well for a moment before it begins to resilver, and a scrub asked for then would be that resilver.
	eventually(t, "the resilver ends", func() bool {
		s := statusOf(t, state, "calypso1")
		scan := s.Pools[0].Scan
		return s.Level == "ok" && scan != nil && scan.Kind == pool.Resilver && scan.State == pool.Finished
	})
}

// monitorTells takes a device away and brings it back: the hook is told each once.
func monitorTells(t *testing.T, state, device string) {
	t.Helper()
	etc := t.TempDir()
	config, told := filepath.Join(etc, "config.yaml"), filepath.Join(etc, "told")
	for path, text := range map[string]string{config: "schema_version: 1\n", filepath.Join(etc, "hooks.d", "tell"): "#!/bin/sh\n{ cat; } >>" + told + "\n"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	look := func() (string, int) {
		out, _ := calypso(t, state, 0, "pool", "monitor", "--config", config)
		text, _ := os.ReadFile(told)
		return out, strings.Count(string(text), "\n")
	}
	if out, n := look(); out != "" || n != 0 {
		t.Errorf("monitor of a pool that is well: %q, %d hooks", out, n)
	}
	run(t, "zpool", "offline", "calypso1", device)
	if s := statusOf(t, state, "calypso1"); s.Level != "critical" || s.evidence("redundancy of mirror-0") != "critical" || s.evidence("state") != "warning" {
		t.Errorf("degraded: %+v", s)
	}
	sameAnswer(t, "calypso1")
	if out, n := look(); !strings.Contains(out, "came") || n != 1 {
		t.Errorf("degraded: %q, %d hooks", out, n)
	}
	if out, n := look(); out != "" || n != 1 {
		t.Errorf("still degraded: %q, %d hooks", out, n)
	}
	run(t, "zpool", "online", "calypso1", device)
	eventually(t, "the resilver ends", func() bool { return statusOf(t, state, "calypso1").Level == "ok" })
	if out, n := look(); !strings.Contains(out, "went") || n != 2 {
		t.Errorf("well again: %q, %d hooks", out, n)
	}
}

// corrupted damages one side of a mirror, then a pool without another side.
func corrupted(t *testing.T, state, device string) {
	t.Helper()
	// Small wounds all over hit some of the data, and never all copies of what describes it.
	damage := func(path string) {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for at := int64(8); at < 110; at += 2 {
			if _, err := file.WriteAt([]byte(strings.Repeat("wound ", 5000)), at<<20); err != nil {
				t.Fatal(err)
			}
		}
	}
	damage(device)
	run(t, "zpool", "scrub", "-w", "calypso1")
	s := statusOf(t, state, "calypso1")
	if s.Pools[0].State != "ONLINE" && s.Pools[0].State != "DEGRADED" || s.evidence("errors of "+device) != "warning" || s.evidence("data errors") != "ok" {
		t.Errorf("one side damaged: %+v", s)
	}
	sameAnswer(t, "calypso1")

	single := vdevFiles(t, "single")
	makePool(t, "calypso2", single...)
	run(t, "zpool", "export", "calypso2") // the data is to be read from the file
	damage(single[0])
	run(t, "zpool", "import", "-d", filepath.Dir(single[0]), "calypso2")
	run(t, "zpool", "scrub", "-w", "calypso2")
	s = statusOf(t, state, "calypso2")
	if s.Level != "critical" || s.evidence("data errors") != "critical" || s.Pools[0].DataErrors == nil || *s.Pools[0].DataErrors == 0 {
		t.Errorf("data lost: %+v", s)
	}
	sameAnswer(t, "calypso2")
}

// failingDisk is a disk that can be told to fail: a device mapper in front of a file.
type failingDisk struct {
	path, loop string
	sectors    int
}

func newFailingDisk(t *testing.T) *failingDisk {
	t.Helper()
	for _, m := range []string{"loop", "dm_mod"} {
		run(t, "modprobe", m)
	}
	d := &failingDisk{path: "/dev/mapper/calypso-lost", sectors: 128 << 20 / 512}
	d.loop = strings.TrimSpace(run(t, "losetup", "--find", "--show", vdevFiles(t, "lost")[0]))
	run(t, "dmsetup", "create", "calypso-lost", "--table", d.table("linear "+d.loop+" 0"))
	t.Cleanup(func() {
		_ = exec.Command("zpool", "destroy", "-f", "calypso3").Run()
		_ = exec.Command("dmsetup", "remove", "calypso-lost").Run()
		_ = exec.Command("losetup", "-d", d.loop).Run()
	})
	return d
}

func (d *failingDisk) table(target string) string { return fmt.Sprintf("0 %d %s", d.sectors, target) }

func (d *failingDisk) set(t *testing.T, target string) {
	t.Helper()
	run(t, "dmsetup", "suspend", "--noflush", "--nolockfs", "calypso-lost")
	run(t, "dmsetup", "load", "calypso-lost", "--table", d.table(target))
	run(t, "dmsetup", "resume", "calypso-lost")
}

// A pool that is suspended keeps no command waiting, and is told once.
func TestPoolSuspended(t *testing.T) {
	run(t, "modprobe", "zfs")
	state := t.TempDir()
	lost := newFailingDisk(t)
	makePool(t, "calypso3", "-o", "failmode=wait", lost.path)
	lost.set(t, "error")
	writer := exec.Command("sh", "-c", "echo x >/calypso3/x; zpool sync calypso3")
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	mended := false
	mend := func() {
		if mended {
			return
		}
		mended = true
		lost.set(t, "linear "+lost.loop+" 0")
		run(t, "zpool", "clear", "calypso3")
		_ = writer.Wait()
	}
	defer mend()
	eventually(t, "the pool is suspended", func() bool {
		states, err := zfsHost.States()
		return err == nil && states["calypso3"] == zfs.Suspended
	})

	began := time.Now()
	s := statusOf(t, state)
	if s.Level != "critical" || s.Pools[0].State != "SUSPENDED" || s.evidence("state") != "critical" {
		t.Errorf("suspended: %+v", s)
	}
	calypso(t, state, 0, "pool", "list")
	calypso(t, state, 16, "pool", "show", "calypso3")
	calypso(t, state, 0, "pool", "events", "calypso3")
	calypso(t, state, 2, "pool", "status", "--nagios")
	if out, _ := calypso(t, state, 0, "pool", "monitor"); !strings.Contains(out, "SUSPENDED") {
		t.Errorf("monitor: %s", out)
	}
	if out, _ := calypso(t, state, 0, "pool", "monitor"); out != "" {
		t.Errorf("monitor again: %s", out)
	}
	t.Logf("seven commands beside a suspended pool: %s", time.Since(began))

	// A command that hangs in the kernel is left at its deadline.
	began = time.Now()
	_, err := zfsHost.Cmd(context.Background(), "calypso3", hostrun.Cmd{Name: "zpool", Args: []string{"scrub", "calypso3"}, Timeout: 3 * time.Second})
	t.Logf("zpool scrub beside it: %v after %s", err, time.Since(began))
	if err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("zpool scrub of a suspended pool: %v", err)
	}
	mend()
	eventually(t, "the pool is back", func() bool { return statusOf(t, state).Pools[0].State == "ONLINE" })
	if out, _ := calypso(t, state, 0, "pool", "monitor"); !strings.Contains(out, "went") {
		t.Errorf("monitor after: %s", out)
	}
}
