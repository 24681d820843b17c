package pax

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// node is what two trees are compared by: everything lstat, the content and the attributes tell that
// an archive is to keep.
type node struct {
	Mode     uint32
	UID, GID uint32
	Size     int64
	Mtime    string
	Rdev     uint64
	Link     string
	Content  string
	Xattrs   map[string]string
	Group    string // the first path of the same inode
}

// snapshot describes every entry beneath root and root itself ("."). It shares no code with the walk.
func snapshot(t testing.TB, root string) map[string]node {
	t.Helper()
	tree := map[string]node{}
	groups := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		tree[rel] = describeNode(t, path, rel, groups)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func describeNode(t testing.TB, path, rel string, groups map[uint64]string) node {
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	n := node{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Mtime: fmt.Sprintf("%d.%09d", st.Mtim.Sec, st.Mtim.Nsec), Rdev: uint64(st.Rdev), Xattrs: xattrsOf(t, path)}
	switch {
	case info.Mode().IsRegular():
		n.Size = st.Size
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n.Content = fmt.Sprintf("%x", sha256.Sum256(data))
	case info.Mode()&fs.ModeSymlink != 0:
		n.Link, _ = os.Readlink(path)
	}
	if !info.IsDir() && st.Nlink > 1 {
		if groups[st.Ino] == "" {
			groups[st.Ino] = rel
		}
		n.Group = groups[st.Ino]
	}
	return n
}

func xattrsOf(t testing.TB, path string) map[string]string {
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return nil
	}
	all := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 1<<16)
		k, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			t.Fatalf("%q %s: %v", path, name, err)
		}
		all[name] = string(value[:k])
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// sameTree compares two trees after adjust (may be nil) dropped what a judge is known not to keep.
func sameTree(t testing.TB, judge, want, got string, adjust func(path string, n *node)) {
	t.Helper()
	a, b := snapshot(t, want), snapshot(t, got)
	for _, tree := range []map[string]node{a, b} {
		for path, n := range tree {
			if adjust != nil {
				adjust(path, &n)
				tree[path] = n
			}
		}
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Fatalf("%s: trees differ (-source +restored):\n%s", judge, d)
	}
}

// judge gives the path of an outside tool, or skips the test naming it.
func judge(t testing.TB, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("the outside judge %s is not installed", tool)
	}
	return path
}

// untar extracts an archive with an outside tool, as root would.
func untar(t testing.TB, tool, archive, dest string) {
	t.Helper()
	args := []string{"-x", "-p", "--same-owner", "--numeric-owner", "--xattrs", "--acls", "-f", archive, "-C", dest}
	if tool == "tar" {
		args = append(args, "--xattrs-include=*", "--warning=no-unknown-keyword")
	}
	runTool(t, dest, tool, args...)
}

func runTool(t testing.TB, dir, tool string, args ...string) {
	t.Helper()
	cmd := exec.Command(judge(t, tool), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
}
