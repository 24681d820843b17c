//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// volumeGroup makes "vg0" of 700 MiB on two devices, with a thin pool, and takes it away when the test ends.
func volumeGroup(t *testing.T) {
	t.Helper()
	for _, m := range []string{"loop", "dm_mod", "dm_thin_pool", "dm_snapshot"} {
		run(t, "modprobe", m)
	}
	var loops []string
	for i := range 2 {
		file := filepath.Join(t.TempDir(), fmt.Sprint("pv", i))
		run(t, "truncate", "-s", "350M", file)
		loops = append(loops, strings.TrimSpace(run(t, "losetup", "--find", "--show", file)))
	}
	run(t, "vgcreate", append([]string{"-q", "vg0"}, loops...)...)
	run(t, "lvcreate", "-q", "-y", "--type", "thin-pool", "-n", "pool0", "-L", "80M", "vg0")
	t.Cleanup(func() {
		run(t, "vgremove", "-q", "-f", "-y", "vg0")
		run(t, "losetup", append([]string{"-d"}, loops...)...)
	})
}

type repository struct {
	State, Path, Reason string
	Size                int64 `json:"size_bytes"`
	Available           int64 `json:"available_bytes"`
}

func (s storage) repo(name string) repository {
	s.Helper()
	out, _ := calypso(s.T, s.state, 0, "repo", "show", name, "--json")
	var r repository
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.Fatal(err)
	}
	return r
}

const mib = 1 << 20

func TestRepo(t *testing.T) {
	filePool(t, "tank", 1<<30)
	volumeGroup(t)
	state := t.TempDir()
	for _, on := range []string{"zfs:tank", "lvm:vg0", "lvm:vg0/pool0"} {
		t.Run("volume on "+on, func(t *testing.T) { repoVolume(storage{t, state}, on) })
		t.Run("filesystem on "+on, func(t *testing.T) { repoFilesystem(storage{t, state}, on) })
	}
	t.Run("xfs", func(t *testing.T) { repoXFS(storage{t, state}) })
	t.Run("refused", func(t *testing.T) { repoRefused(storage{t, state}) })
	t.Run("thin pool full", func(t *testing.T) { repoThinPoolFull(storage{t, state}) })
	t.Run("not as it was", func(t *testing.T) { repoNotAsItWas(storage{t, state}) })
	t.Run("half-made file system", func(t *testing.T) { repoHalfMade(storage{t, state}) })
	t.Run("killed", func(t *testing.T) { repoKilled(storage{t, state}) })
}

func deviceBytes(t *testing.T, path string) string {
	t.Helper()
	return strings.TrimSpace(run(t, "blockdev", "--getsize64", path))
}

func repoVolume(s storage, on string) {
	s.does(0, "repo", "create", "v1", "--on", on, "--size", "64MiB")
	r := s.repo("v1")
	if got := deviceBytes(s.T, r.Path); r.State != "ok" || r.Size != 64*mib || got != fmt.Sprint(64*mib) {
		s.Errorf("v1 = %+v, %s has %s bytes; want ok, 64 MiB", r, r.Path, got)
	}
	s.does(13, "repo", "create", "v1", "--on", on, "--size", "64MiB")
	s.does(13, "repo", "grow", "v1", "--size", "32MiB")
	s.does(0, "repo", "grow", "v1", "--size", "96MiB")
	if got := deviceBytes(s.T, r.Path); got != fmt.Sprint(96*mib) {
		s.Errorf("grown, %s has %s bytes; want 96 MiB", r.Path, got)
	}
	dir := s.TempDir()
	run(s.T, "mkfs.ext4", "-q", r.Path)
	run(s.T, "mount", r.Path, dir)
	s.says(11, "mounted;"+dir, "repo", "delete", "v1", "--confirm", "v1")
	run(s.T, "umount", dir)
	s.Run("open", func(t *testing.T) {
		pid := process(t, "", r.Path)
		storage{t, s.state}.says(11, fmt.Sprintf("pid %d (sleep 1000)", pid), "repo", "delete", "v1", "--confirm", "v1")
	})
	s.does(13, "repo", "delete", "v1", "--confirm", "v2")
	s.does(0, "repo", "delete", "v1", "--confirm", "v1")
	if _, err := os.Stat(r.Path); err == nil {
		s.Errorf("%s is there after delete", r.Path)
	}
}

func repoFilesystem(s storage, on string) {
	s.does(0, "repo", "create", "f1", "--on", on, "--size", "64MiB", "--kind", "filesystem")
	r := s.repo("f1")
	if r.State != "ok" || r.Size != 64*mib {
		s.Errorf("f1 = %+v; want ok, 64 MiB", r)
	}
	file := filepath.Join(r.Path, "volume-0001")
	fill(s.T, file, 30*mib)
	sum := run(s.T, "sha256sum", file)
	if out, err := exec.Command("dd", "if=/dev/urandom", "of="+file+"-2", "bs=1M", "count=100").CombinedOutput(); err == nil {
		s.Errorf("130 MiB fit into 64:\n%s", out)
	}
	run(s.T, "sync")
	if strings.HasPrefix(on, "zfs") {
		run(s.T, "zpool", "sync")
	}
	if r := s.repo("f1"); r.State != "full" {
		s.Errorf("written to its end, f1 = %+v; want full", r)
	}
	run(s.T, "rm", file+"-2")
	s.does(0, "repo", "grow", "f1", "--size", "128MiB")
	eventually(s.T, "the larger file system", func() bool { r = s.repo("f1"); return r.State == "ok" && r.Available > 70*mib })
	if got := run(s.T, "sha256sum", file); got != sum {
		s.Errorf("after growing: %s; want %s", got, sum)
	}
	if on == "lvm:vg0" {
		unit := strings.TrimSpace(run(s.T, "systemd-escape", "--path", "--suffix=mount", r.Path))
		run(s.T, "systemctl", "is-enabled", unit)
		run(s.T, "systemctl", "stop", unit)
		if r := s.repo("f1"); r.State != "unmounted" || !strings.Contains(r.Reason, unit) {
			s.Errorf("unmounted, f1 = %+v; want unmounted, with %s", r, unit)
		}
		s.says(13, "not mounted", "repo", "grow", "f1", "--size", "160MiB")
		run(s.T, "systemctl", "start", unit)
	}
	s.Run("busy", func(t *testing.T) {
		process(t, r.Path, "")
		storage{t, s.state}.says(11, "sleep 1000", "repo", "delete", "f1", "--confirm", "f1")
	})
	s.does(0, "repo", "delete", "f1", "--confirm", "f1")
	if out, _ := exec.Command("findmnt", r.Path).Output(); len(out) > 0 {
		s.Errorf("mounted after delete:\n%s", out)
	}
}

// xfs takes 300 MiB at the least, and grows while it is mounted.
func repoXFS(s storage) {
	args := []string{"repo", "create", "x1", "--on", "lvm:vg0", "--size", "320MiB", "--kind", "filesystem", "--format", "xfs"}
	tool := strings.TrimSpace(run(s.T, "sh", "-c", "command -v mkfs.xfs"))
	run(s.T, "mv", tool, tool+".away")
	s.says(15, "xfsprogs", args...)
	run(s.T, "mv", tool+".away", tool)
	s.does(0, args...)
	r := s.repo("x1")
	if kind := strings.TrimSpace(run(s.T, "findmnt", "-no", "FSTYPE", r.Path)); r.State != "ok" || r.Size != 320*mib || kind != "xfs" {
		s.Errorf("x1 = %+v on %s; want ok, 320 MiB, xfs", r, kind)
	}
	fill(s.T, filepath.Join(r.Path, "volume-0001"), 10*mib)
	sum := run(s.T, "sha256sum", filepath.Join(r.Path, "volume-0001"))
	before := r.Available
	s.does(0, "repo", "grow", "x1", "--size", "400MiB")
	if r := s.repo("x1"); r.Size != 400*mib || r.Available < before+50*mib {
		s.Errorf("grown, x1 = %+v; want 400 MiB, and 50 MiB more than %d available", r, before)
	}
	if got := run(s.T, "sha256sum", filepath.Join(r.Path, "volume-0001")); got != sum {
		s.Errorf("after growing: %s; want %s", got, sum)
	}
	s.does(0, "repo", "delete", "x1", "--confirm", "x1")
}

func repoRefused(s storage) {
	s.does(10, "repo", "create", "r1", "--on", "lvm:novg", "--size", "64MiB")
	s.does(10, "repo", "create", "r1", "--on", "zfs:nopool", "--size", "64MiB")
	s.does(18, "repo", "create", "r1", "--on", "lvm:vg0", "--size", "64GiB")
	s.does(18, "repo", "create", "r1", "--on", "zfs:tank", "--size", "64GiB")
	s.says(13, "not empty", "repo", "create", "r1", "--on", "zfs:tank", "--size", "64MiB", "--kind", "filesystem", "--mount", "/etc")
	run(s.T, "lvcreate", "-q", "-y", "-n", "r1", "-L", "64M", "vg0")
	s.says(13, "tag", "repo", "create", "r1", "--on", "lvm:vg0", "--size", "64MiB")
	run(s.T, "lvremove", "-q", "-y", "vg0/r1")
	run(s.T, "zfs", "create", "tank/r1")
	s.says(13, "calypso:repo", "repo", "create", "r1", "--on", "zfs:tank", "--size", "64MiB")
	run(s.T, "zfs", "destroy", "tank/r1")
	unit := "/etc/systemd/system/srv-calypso-r1.mount"
	if err := os.WriteFile(unit, []byte("[Mount]\nWhat=tmpfs\nWhere=/srv/calypso/r1\nType=tmpfs\n"), 0o644); err != nil {
		s.Fatal(err)
	}
	s.says(13, "srv-calypso-r1.mount was not made for", "repo", "create", "r1", "--on", "lvm:vg0", "--size", "64MiB", "--kind", "filesystem")
	run(s.T, "rm", unit)
	s.does(10, "repo", "show", "r1")

	s.does(0, "repo", "create", "r2", "--on", "zfs:tank", "--size", "64MiB")
	run(s.T, "zfs", "snapshot", "tank/r2@before")
	s.says(13, "tank/r2@before", "repo", "delete", "r2", "--confirm", "r2")
	s.says(18, "free", "repo", "grow", "r2", "--size", "64GiB", "--dry-run")
	run(s.T, "zfs", "destroy", "tank/r2@before")
	s.does(0, "repo", "delete", "r2", "--confirm", "r2")
	s.does(0, "repo", "create", "r3", "--on", "lvm:vg0", "--size", "64MiB")
	run(s.T, "lvcreate", "-q", "-s", "-n", "r3s", "-L", "16M", "vg0/r3")
	s.says(13, "vg0/r3s", "repo", "delete", "r3", "--confirm", "r3")
	run(s.T, "lvremove", "-q", "-y", "vg0/r3s")
	s.does(0, "repo", "delete", "r3", "--confirm", "r3")
}

func repoThinPoolFull(s storage) {
	s.does(0, "repo", "create", "t1", "--on", "lvm:vg0/pool0", "--size", "200MiB")
	run(s.T, "dd", "if=/dev/urandom", "of="+s.repo("t1").Path, "bs=1M", "count=78", "oflag=direct", "status=none")
	if r := s.repo("t1"); r.State != "full" || !strings.Contains(r.Reason, "vg0/pool0") {
		s.Errorf("t1 = %+v; want full, for its thin pool", r)
	}
	s.says(18, "thin pool is full", "repo", "create", "t2", "--on", "lvm:vg0/pool0", "--size", "64MiB")
	s.does(0, "repo", "delete", "t1", "--confirm", "t1")
}

// A dataset that somebody renamed is not followed; one whose quota somebody took off is not taken for missing.
func repoNotAsItWas(s storage) {
	s.does(0, "repo", "create", "m1", "--on", "zfs:tank", "--size", "64MiB")
	run(s.T, "zfs", "rename", "tank/m1", "tank/elsewhere")
	if r := s.repo("m1"); r.State != "missing" {
		s.Errorf("m1 = %+v; want missing", r)
	}
	s.does(10, "repo", "grow", "m1", "--size", "96MiB")
	s.does(0, "repo", "delete", "m1", "--confirm", "m1")
	run(s.T, "zfs", "destroy", "tank/elsewhere")

	s.does(0, "repo", "create", "m2", "--on", "zfs:tank", "--size", "64MiB", "--kind", "filesystem", "--thin")
	run(s.T, "zfs", "set", "quota=none", "tank/m2")
	s.Run("busy", func(t *testing.T) {
		process(t, "/tank/m2", "")
		storage{t, s.state}.says(11, "sleep 1000", "repo", "delete", "m2", "--confirm", "m2")
	})
	s.does(0, "repo", "delete", "m2", "--confirm", "m2")
}

// An mkfs that was cut off is made anew; what somebody else wrote on the volume stays.
func repoHalfMade(s storage) {
	s.does(0, "repo", "create", "h1", "--on", "lvm:vg0", "--size", "64MiB", "--kind", "filesystem")
	path := s.repo("h1").Path
	fill(s.T, path+"/file", mib)
	record := filepath.Join(s.state, "repos", "h1.yaml")
	text := read(s.T, record)
	halfMade := strings.NewReplacer("complete: true", "complete: false", "formatted: true", "formatted: false").Replace(text)
	if err := os.WriteFile(record, []byte(halfMade), 0o600); err != nil {
		s.Fatal(err)
	}
	create := []string{"repo", "create", "h1", "--on", "lvm:vg0", "--size", "64MiB", "--kind", "filesystem"}
	s.says(1, "is mounted", create...) // a record that lies does no harm either: mkfs looks
	run(s.T, "umount", path)
	s.does(0, create...)
	if _, err := os.Stat(path + "/file"); err == nil || s.repo("h1").State != "ok" {
		s.Errorf("the file system was not made anew")
	}
	run(s.T, "umount", path)
	if err := os.WriteFile(record, []byte(halfMade), 0o600); err != nil {
		s.Fatal(err)
	}
	run(s.T, "mkfs.ext4", "-q", "-F", "/dev/vg0/h1") // with a UUID of its own
	before := run(s.T, "sha256sum", "/dev/vg0/h1")
	s.says(13, "ext4 on /dev", create...)
	if got := run(s.T, "sha256sum", "/dev/vg0/h1"); got != before {
		s.Error("a foreign file system was touched")
	}
	s.does(0, "repo", "delete", "h1", "--confirm", "h1")
}

// repoKilled cuts making a repository off at random moments: what is left is taken up or taken away.
func repoKilled(s storage) {
	for i := range 4 {
		on, kind := []string{"lvm:vg0", "zfs:tank"}[i/3], []string{"filesystem", "volume"}[i/2%2]
		args := []string{"repo", "create", "k1", "--on", on, "--size", "64MiB", "--kind", kind}
		cmd := exec.Command("calypso", append(args, "--state-dir", s.state)...)
		if err := cmd.Start(); err != nil {
			s.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// The tool that it ran may still be at work: it is waited for as a person would.
		eventually(s.T, "the tools to end", func() bool {
			return exec.Command("pgrep", "-x", "zfs|lvcreate|mkfs.ext4|systemctl").Run() != nil
		})
		out, err := exec.Command("calypso", "repo", "show", "k1", "--json", "--state-dir", s.state).Output()
		if i != 1 && (err != nil || strings.Contains(string(out), "incomplete")) {
			s.does(0, args...)
			out, err = exec.Command("calypso", "repo", "show", "k1", "--json", "--state-dir", s.state).Output()
			if err != nil || !strings.Contains(string(out), `"state":"ok"`) {
				s.Errorf("round %d, made again: %s, %v; want ok", i, out, err)
			}
		}
		if err == nil {
			s.does(0, "repo", "delete", "k1", "--confirm", "k1")
		}
		if out := run(s.T, "lvs", "--noheadings", "-o", "lv_name", "vg0"); strings.Contains(out, "k1") {
			s.Errorf("round %d: left behind:\n%s", i, out)
		}
		if exec.Command("zfs", "list", "tank/k1").Run() == nil {
			s.Errorf("round %d: tank/k1 was left behind", i)
		}
	}
}
