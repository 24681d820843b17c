//go:build lab

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// appliance runs the program on a state of its own.
type appliance struct {
	t     *testing.T
	state string
}

// storage makes an appliance with a pool "tank" of 1 GiB and a volume group "vg0" of 700 MiB with a thin pool.
func storage(t *testing.T) appliance {
	t.Helper()
	for _, m := range []string{"zfs", "loop", "dm_mod", "dm_thin_pool"} {
		run(t, "modprobe", m)
	}
	dir := t.TempDir()
	run(t, "truncate", "-s", "1G", filepath.Join(dir, "vdev"))
	run(t, "zpool", "create", "-m", filepath.Join(dir, "tank"), "tank", filepath.Join(dir, "vdev"))
	t.Cleanup(func() { run(t, "zpool", "destroy", "-f", "tank") })
	var loops []string
	for i := range 2 {
		file := filepath.Join(dir, fmt.Sprint("pv", i))
		run(t, "truncate", "-s", "350M", file)
		loops = append(loops, strings.TrimSpace(run(t, "losetup", "--find", "--show", file)))
	}
	run(t, "vgcreate", append([]string{"-q", "vg0"}, loops...)...)
	run(t, "lvcreate", "-q", "-y", "--type", "thin-pool", "-n", "pool0", "-L", "80M", "vg0")
	t.Cleanup(func() {
		run(t, "vgremove", "-q", "-f", "-y", "vg0")
		run(t, "losetup", append([]string{"-d"}, loops...)...)
	})
	return appliance{t, filepath.Join(dir, "state")}
}

// ends runs the program and holds it to an exit status; it gives all that was printed.
func (a appliance) ends(status int, args ...string) string {
	a.t.Helper()
	out, err := exec.Command("/lab/calypso", append(args, "--state-dir", a.state)...).CombinedOutput()
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		a.t.Fatal(err)
	}
	if got != status {
		a.t.Errorf("calypso %s = %d; want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	return string(out)
}

type repository struct {
	State, Path, Reason string
	Size                int64 `json:"size_bytes"`
	Available           int64 `json:"available_bytes"`
}

func (a appliance) repo(name string) repository {
	a.t.Helper()
	out, err := exec.Command("/lab/calypso", "repo", "show", name, "--json", "--state-dir", a.state).Output()
	if err != nil {
		a.t.Fatalf("repo show %s: %v", name, err)
	}
	var r repository
	if err := json.Unmarshal(out, &r); err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a appliance) wants(text string, parts ...string) {
	a.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			a.t.Errorf("want %q in:\n%s", p, text)
		}
	}
}

const mib = 1 << 20

func TestRepo(t *testing.T) {
	a := storage(t)
	for _, on := range []string{"zfs:tank", "lvm:vg0", "lvm:vg0/pool0"} {
		t.Run("volume on "+on, func(t *testing.T) { a.t = t; a.volume(on) })
	}
	for _, on := range []string{"zfs:tank", "lvm:vg0", "lvm:vg0/pool0"} {
		t.Run("filesystem on "+on, func(t *testing.T) { a.t = t; a.filesystem(on) })
	}
	t.Run("refused", func(t *testing.T) { a.t = t; a.refused() })
	t.Run("thin pool full", func(t *testing.T) { a.t = t; a.thinPoolFull() })
	t.Run("missing", func(t *testing.T) { a.t = t; a.missing() })
	t.Run("killed", func(t *testing.T) { a.t = t; a.killed() })
	fmt.Println(a.ends(0, "repo", "list"), a.ends(0, "lvm", "list"))
}

func (a appliance) volume(on string) {
	a.ends(0, "repo", "create", "v1", "--on", on, "--size", "64MiB", "--dry-run")
	a.ends(10, "repo", "show", "v1")
	a.ends(0, "repo", "create", "v1", "--on", on, "--size", "64MiB")
	r := a.repo("v1")
	if r.State != "ok" || r.Size != 64*mib {
		a.t.Errorf("v1 = %+v; want ok, 64 MiB", r)
	}
	if got := strings.TrimSpace(run(a.t, "blockdev", "--getsize64", r.Path)); got != fmt.Sprint(64*mib) {
		a.t.Errorf("%s has %s bytes; want 64 MiB", r.Path, got)
	}
	a.ends(13, "repo", "create", "v1", "--on", on, "--size", "64MiB")
	a.ends(13, "repo", "grow", "v1", "--size", "32MiB")
	a.ends(0, "repo", "grow", "v1", "--size", "96MiB")
	a.ends(0, "repo", "grow", "v1", "--size", "96MiB")
	if got := strings.TrimSpace(run(a.t, "blockdev", "--getsize64", r.Path)); got != fmt.Sprint(96*mib) {
		a.t.Errorf("grown, %s has %s bytes; want 96 MiB", r.Path, got)
	}
	run(a.t, "mkfs.ext4", "-q", r.Path)
	dir := a.t.TempDir()
	run(a.t, "mount", r.Path, dir)
	a.wants(a.ends(11, "repo", "delete", "v1", "--confirm", "v1"), "mounted", dir)
	run(a.t, "umount", dir)
	holder := exec.Command("sh", "-c", "exec 3<"+r.Path+"; exec sleep 1000")
	if err := holder.Start(); err != nil {
		a.t.Fatal(err)
	}
	eventually(a.t, "the process to open the volume", func() bool {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/3", holder.Process.Pid))
		return link != ""
	})
	a.wants(a.ends(11, "repo", "delete", "v1", "--confirm", "v1"), "sleep 1000", fmt.Sprint(holder.Process.Pid))
	_ = holder.Process.Kill()
	_ = holder.Wait()
	a.ends(13, "repo", "delete", "v1")
	a.ends(13, "repo", "delete", "v1", "--confirm", "v2")
	a.ends(0, "repo", "delete", "v1", "--confirm", "v1")
	a.ends(10, "repo", "show", "v1")
	if _, err := os.Stat(r.Path); err == nil {
		a.t.Errorf("%s is there after delete", r.Path)
	}
}

func (a appliance) filesystem(on string) {
	a.ends(0, "repo", "create", "f1", "--on", on, "--size", "64MiB", "--kind", "filesystem")
	r := a.repo("f1")
	if r.State != "ok" || r.Size != 64*mib {
		a.t.Errorf("f1 = %+v; want ok, 64 MiB", r)
	}
	file := filepath.Join(r.Path, "volume-0001")
	run(a.t, "dd", "if=/dev/urandom", "of="+file, "bs=1M", "count=30", "status=none")
	sum := run(a.t, "sha256sum", file)
	if out, err := exec.Command("dd", "if=/dev/urandom", "of="+file+"-2", "bs=1M", "count=100").CombinedOutput(); err == nil {
		a.t.Errorf("130 MiB fit into 64:\n%s", out)
	}
	run(a.t, "sync")
	if strings.HasPrefix(on, "zfs") {
		run(a.t, "zpool", "sync")
	}
	if r := a.repo("f1"); r.State != "full" {
		a.t.Errorf("written to its end, f1 = %+v; want full", r)
	}
	run(a.t, "rm", file+"-2")
	a.ends(0, "repo", "grow", "f1", "--size", "128MiB")
	eventually(a.t, "the larger file system", func() bool { r = a.repo("f1"); return r.State == "ok" && r.Available > 70*mib })
	if got := run(a.t, "sha256sum", file); got != sum {
		a.t.Errorf("after growing: %s; want %s", got, sum)
	}
	if strings.HasPrefix(on, "lvm") {
		unit := strings.TrimSpace(run(a.t, "systemd-escape", "--path", "--suffix=mount", r.Path))
		run(a.t, "systemctl", "stop", unit)
		if r := a.repo("f1"); r.State != "unmounted" || !strings.Contains(r.Reason, unit) {
			a.t.Errorf("unmounted, f1 = %+v; want unmounted, with %s", r, unit)
		}
		a.ends(13, "repo", "grow", "f1", "--size", "160MiB")
		run(a.t, "systemctl", "start", "local-fs.target", unit)
		run(a.t, "systemctl", "is-enabled", unit)
	}
	busy := exec.Command("sleep", "1000")
	busy.Dir = r.Path
	if err := busy.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.wants(a.ends(11, "repo", "delete", "f1", "--confirm", "f1"), "sleep 1000")
	_ = busy.Process.Kill()
	_ = busy.Wait()
	a.ends(0, "repo", "delete", "f1", "--confirm", "f1")
	a.ends(10, "repo", "show", "f1")
	if out, _ := exec.Command("findmnt", r.Path).Output(); len(out) > 0 {
		a.t.Errorf("mounted after delete:\n%s", out)
	}
}

func (a appliance) refused() {
	a.ends(10, "repo", "create", "r1", "--on", "lvm:novg", "--size", "64MiB")
	a.ends(10, "repo", "create", "r1", "--on", "lvm:vg0/nopool", "--size", "64MiB")
	a.ends(10, "repo", "create", "r1", "--on", "zfs:nopool", "--size", "64MiB")
	a.ends(18, "repo", "create", "r1", "--on", "lvm:vg0", "--size", "64GiB")
	a.ends(18, "repo", "create", "r1", "--on", "zfs:tank", "--size", "64GiB")
	a.ends(2, "repo", "create", "r1", "--on", "md:x", "--size", "64MiB")
	a.ends(2, "repo", "create", "--on", "zfs:tank", "--size", "64MiB", "--", "-r")
	a.ends(2, "repo", "create", "r1", "--on", "lvm:vg0", "--size", "64MiB", "--thin")
	a.ends(15, "repo", "create", "r1", "--on", "lvm:vg0", "--size", "400MiB", "--kind", "filesystem", "--format", "xfs")
	run(a.t, "lvcreate", "-q", "-y", "-n", "r1", "-L", "64M", "vg0")
	a.wants(a.ends(13, "repo", "create", "r1", "--on", "lvm:vg0", "--size", "64MiB"), "tag")
	run(a.t, "lvremove", "-q", "-y", "vg0/r1")
	run(a.t, "zfs", "create", "tank/r1")
	a.wants(a.ends(13, "repo", "create", "r1", "--on", "zfs:tank", "--size", "64MiB"), "calypso:repo")
	run(a.t, "zfs", "destroy", "tank/r1")
	a.ends(10, "repo", "show", "r1")

	a.ends(0, "repo", "create", "r2", "--on", "zfs:tank", "--size", "64MiB")
	run(a.t, "zfs", "snapshot", "tank/r2@before")
	a.wants(a.ends(13, "repo", "delete", "r2", "--confirm", "r2"), "tank/r2@before")
	run(a.t, "zfs", "destroy", "tank/r2@before")
	a.ends(0, "repo", "delete", "r2", "--confirm", "r2")
	a.ends(0, "repo", "create", "r3", "--on", "lvm:vg0", "--size", "64MiB")
	run(a.t, "modprobe", "dm_snapshot")
	run(a.t, "lvcreate", "-q", "-s", "-n", "r3s", "-L", "16M", "vg0/r3")
	a.wants(a.ends(13, "repo", "delete", "r3", "--confirm", "r3"), "vg0/r3s")
	run(a.t, "lvremove", "-q", "-y", "vg0/r3s")
	a.ends(0, "repo", "delete", "r3", "--confirm", "r3")
}

func (a appliance) thinPoolFull() {
	a.ends(0, "repo", "create", "t1", "--on", "lvm:vg0/pool0", "--size", "200MiB")
	run(a.t, "dd", "if=/dev/urandom", "of="+a.repo("t1").Path, "bs=1M", "count=78", "oflag=direct", "status=none")
	if r := a.repo("t1"); r.State != "full" || !strings.Contains(r.Reason, "vg0/pool0") {
		a.t.Errorf("t1 = %+v; want full, for its thin pool", r)
	}
	a.wants(a.ends(18, "repo", "create", "t2", "--on", "lvm:vg0/pool0", "--size", "64MiB"), "thin pool is full")
	a.ends(0, "repo", "delete", "t1", "--confirm", "t1")
}

func (a appliance) missing() {
	a.ends(0, "repo", "create", "m1", "--on", "zfs:tank", "--size", "64MiB")
	run(a.t, "zfs", "rename", "tank/m1", "tank/elsewhere")
	if r := a.repo("m1"); r.State != "missing" {
		a.t.Errorf("m1 = %+v; want missing", r)
	}
	a.ends(10, "repo", "grow", "m1", "--size", "96MiB")
	a.ends(0, "repo", "delete", "m1", "--confirm", "m1")
	run(a.t, "zfs", "destroy", "tank/elsewhere")
}

// killed cuts making a repository off at random moments: what is left is taken up or taken away.
func (a appliance) killed() {
	for i := range 8 {
		on, kind := []string{"zfs:tank", "lvm:vg0"}[i%2], []string{"volume", "filesystem"}[i/2%2]
		args := []string{"repo", "create", "k1", "--on", on, "--size", "64MiB", "--kind", kind}
		cmd := exec.Command("/lab/calypso", append(args, "--state-dir", a.state)...)
		if err := cmd.Start(); err != nil {
			a.t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// The tool that it ran may still be at work: it is waited for as a person would.
		eventually(a.t, "the tools to end", func() bool {
			return exec.Command("pgrep", "-x", "zfs|lvcreate|mkfs.ext4|systemctl").Run() != nil
		})
		out, err := exec.Command("/lab/calypso", "repo", "show", "k1", "--json", "--state-dir", a.state).Output()
		if i%3 != 0 && (err != nil || strings.Contains(string(out), "incomplete")) {
			a.ends(0, args...)
			if r := a.repo("k1"); r.State != "ok" {
				a.t.Errorf("round %d, made again: %+v; want ok", i, r)
			}
		}
		if exec.Command("/lab/calypso", "repo", "show", "k1", "--state-dir", a.state).Run() == nil {
			a.ends(0, "repo", "delete", "k1", "--confirm", "k1")
		}
		if out := run(a.t, "lvs", "--noheadings", "-o", "lv_name", "vg0"); strings.Contains(out, "k1") {
			a.t.Errorf("round %d: left behind:\n%s", i, out)
		}
		if exec.Command("zfs", "list", "tank/k1").Run() == nil {
			a.t.Errorf("round %d: tank/k1 was left behind", i)
		}
	}
}
