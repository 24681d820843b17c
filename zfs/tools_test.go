package zfs

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/run/transcript"
)

var ctx = context.Background()

// procOf makes a /proc with pools in these states; nil is one without the module.
func procOf(t *testing.T, states map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if states == nil {
		return dir
	}
	kstat := filepath.Join(dir, "spl", "kstat", "zfs")
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(kstat, "arcstats"), "9 1 0x01\n")
	for pool, state := range states {
		write(filepath.Join(kstat, pool, "state"), state+"\n")
	}
	return dir
}

func TestStates(t *testing.T) {
	want := map[string]string{"tank": "ONLINE", "ta nk": "DEGRADED", "sus": "SUSPENDED"}
	tools := Tools{Proc: procOf(t, want)}
	if err := os.Mkdir(filepath.Join(tools.Proc, "spl/kstat/zfs/leaving"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := tools.States(); err != nil || !maps.Equal(got, want) {
		t.Errorf("States = %v, %v; want %v", got, err, want)
	}
	for pool, code := range map[string]errcode.Code{"tank": "", "sus": errcode.PoolSuspended, "none": ""} {
		if err := tools.NotSuspended(pool); errcode.Of(err) != code {
			t.Errorf("NotSuspended(%s) = %v; want code %q", pool, err, code)
		}
	}
}

func TestNoModule(t *testing.T) {
	_, err := Tools{Proc: procOf(t, nil)}.States()
	if errcode.Of(err) != errcode.ModuleMissing || errcode.ExitOf(err) != errcode.ExitUnsupported {
		t.Errorf("States without the module: %v", err)
	}
	for _, want := range []string{"modprobe zfs", "zfsutils-linux", "zfs-dkms", "contrib"} {
		if !strings.Contains(errcode.HintOf(err), want) {
			t.Errorf("the hint %q does not say %q", errcode.HintOf(err), want)
		}
	}
}

func replay(t *testing.T, names ...string) *run.Replay {
	t.Helper()
	r := &run.Replay{}
	for _, name := range names {
		list, err := transcript.Read(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		r.Exchanges = append(r.Exchanges, list...)
	}
	return r
}

func TestVersion(t *testing.T) {
	tools := Tools{Runner: replay(t, "00-version", "00-nomodule-zfs-version")}
	if v, err := tools.Version(ctx); err != nil || v != (Version{2, 3, 9}) || !v.JSON() || v.String() != "2.3.9" {
		t.Errorf("Version = %v, %v", v, err)
	}
	if _, err := tools.Version(ctx); errcode.Of(err) != errcode.ModuleMissing {
		t.Errorf("Version without the module: %v", err)
	}
	for text, json := range map[string]bool{"zfs-2.1.11-1+deb12u1\nzfs-kmod-2.3.0-1\n": false, "zfs-2.2.99-7\n": false, "zfs-2.4.0-rc1\n": true,
		"zfs-3.0-1\n": true, "zfs-0.8.6-1\n": false} {
		if v, err := parseVersion(text); err != nil || v.JSON() != json {
			t.Errorf("parseVersion(%q) = %v, %v; want JSON %v", text, v, err, json)
		}
	}
	if _, err := parseVersion("zfs-kmod-2.3.9-1\n"); err == nil {
		t.Error("a version out of nothing")
	}
}

// A pool that is suspended explains what the tool does not: it says nothing, or that it could not unmount.
func TestSuspendedExplains(t *testing.T) {
	for _, name := range []string{"38-suspended-zpool-export", "38-suspended-zpool-destroy", "38-suspended-zpool-clear-stillbad"} {
		r := replay(t, name)
		tools := Tools{Runner: r, Proc: procOf(t, map[string]string{"sus": "SUSPENDED"})}
		_, err := tools.Zpool(ctx, "sus", r.Exchanges[0].Argv[1:]...)
		var exit *run.ExitError
		if errcode.Of(err) != errcode.PoolSuspended || !errors.As(err, &exit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestToolsStream(t *testing.T) {
	var out bytes.Buffer
	tools := Tools{Runner: replay(t, "00-version")}
	if _, err := tools.Cmd(ctx, "zfs", run.Cmd{Name: "zfs", Args: []string{"version"}, Stdout: &out}); err != nil || !strings.HasPrefix(out.String(), "zfs-2.3.9") {
		t.Errorf("streamed %q, %v", out.String(), err)
	}
}

func TestNames(t *testing.T) {
	long := "t" + strings.Repeat("x", 254)
	tests := []struct {
		name                    string
		pool, dataset, snapshot bool
	}{
		{"tank", true, true, false}, {"ta nk", true, true, false}, {"t-_.:9", true, true, false}, {long, true, true, false},
		{"tank/a b/c", false, true, false}, {"tank/-x", false, true, false}, {"tank@a", false, false, true}, {"tank/a@b c", false, false, true},
		{"tank/a@-r", false, false, true},
		{long + "x", false, false, false}, {"-r", false, false, false}, {"", false, false, false}, {"1tank", false, false, false},
		{"/tank", false, false, false}, {"tank/", false, false, false}, {"tank//a", false, false, false}, {"tank/..", false, false, false},
		{"tank/$x", false, false, false}, {"tank#b", false, false, false}, {"t\n", false, false, false}, {"tänk", false, false, false},
		{"tank@", false, false, false}, {"tank@a@b", false, false, false}, {"tank@a/b", false, false, false}, {"-r@a", false, false, false},
		{"tank@a%b", false, false, false}, {long + "@x", false, false, false},
	}
	for _, tt := range tests {
		for kind, c := range map[string]struct {
			err error
			ok  bool
		}{"CheckPool": {CheckPool(tt.name), tt.pool}, "CheckDataset": {CheckDataset(tt.name), tt.dataset}, "CheckSnapshot": {CheckSnapshot(tt.name), tt.snapshot}} {
			if (c.err == nil) != c.ok || c.err != nil && errcode.Of(c.err) != errcode.NameInvalid {
				t.Errorf("%s(%q) = %v; want good: %v", kind, tt.name, c.err, c.ok)
			}
		}
	}
	for name, want := range map[string]string{"tank": "tank", "tank/a@b": "tank", "tank@b": "tank", "tank#b": "tank", "": ""} {
		if got := PoolOf(name); got != want {
			t.Errorf("PoolOf(%q) = %q; want %q", name, got, want)
		}
	}
}
