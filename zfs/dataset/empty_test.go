package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// emptyStore has tank/data mounted on an empty directory, as mountinfo tells with the number of its file system.
func emptyStore(t *testing.T, mountinfo func(point, device string) string, exchanges func(row string) []run.Exchange) (Store, string) {
	t.Helper()
	point := t.TempDir()
	var st unix.Stat_t
	if err := unix.Stat(point, &st); err != nil {
		t.Fatal(err)
	}
	s := store(t, nil, exchanges(strings.Replace(dataRow, "/nowhere/data", point, 1))...)
	self := filepath.Join(s.Tools.Proc, "self")
	if err := os.Mkdir(self, 0o755); err != nil {
		t.Fatal(err)
	}
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	if err := os.WriteFile(filepath.Join(self, "mountinfo"), []byte(mountinfo(point, device)), 0o644); err != nil {
		t.Fatal(err)
	}
	return s, point
}

// planEmpty are the calls of PlanDestroy for a file system without anything below it.
func planEmpty(row string) []run.Exchange {
	return []run.Exchange{ask(getData, row), ask("destroy -nvp tank/data", "destroy\ttank/data\nreclaim\t0\n"), ask(getData, row)}
}

// The directory that is seen may be that of another file system: what it hides is not empty for that.
func TestHiddenIsNotEmpty(t *testing.T) {
	line := func(device, point, source string) string {
		return "30 1 " + device + " / " + point + " rw - zfs " + source + " rw\n"
	}
	for name, c := range map[string]struct {
		mounts func(point, device string) string
		empty  bool
	}{
		"seen":           {func(p, d string) string { return line("0:9998", "/", "root") + line(d, p, "tank/data") }, true},
		"mounted over":   {func(p, d string) string { return line("0:9999", p, "tank/data") + line(d, p, "tank/other") }, false},
		"hidden above":   {func(p, d string) string { return line("0:9999", p, "tank/data") + line(d, "/", "root") }, false},
		"not there":      {func(p, d string) string { return line(d, "/", "root") }, false},
		"another place":  {func(p, d string) string { return line(d, p+"2", "tank/data") }, false},
		"another source": {func(p, d string) string { return line(d, p, "tank/data2") }, false},
	} {
		s, _ := emptyStore(t, c.mounts, planEmpty)
		p, err := s.PlanDestroy(ctx, "tank/data", Reach{})
		if err != nil || p.Empty != c.empty {
			t.Errorf("%s: empty = %v, %v; want %v", name, p.Empty, err, c.empty)
		}
	}
}

// A person was asked whether an empty file system may go, and somebody wrote into it before the answer.
func TestEmptyNoMore(t *testing.T) {
	mounts := func(point, device string) string {
		return "30 1 " + device + " / " + point + " rw - zfs tank/data rw\n"
	}
	s, point := emptyStore(t, mounts, func(row string) []run.Exchange {
		return append(planEmpty(row), ask("destroy -nvp tank/data", "destroy\ttank/data\nreclaim\t0\n"), ask(getData, row))
	})
	p, err := s.PlanDestroy(ctx, "tank/data", Reach{})
	if err != nil || !p.Empty {
		t.Fatalf("plan = %+v, %v; want it empty", p, err)
	}
	if err := os.WriteFile(filepath.Join(point, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Destroy(ctx, p), errcode.StorageRefused, "empty when this was planned", "nothing was touched")
}
