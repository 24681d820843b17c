package pax

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What only who is not root runs into: permissions hold for them. Root runs these as another user.

// yardOfNobody makes a directory that who asNobody runs as owns.
func yardOfNobody(t *testing.T) string {
	t.Helper()
	yard := filepath.Join(t.TempDir(), "yard")
	must(t, os.Mkdir(yard, 0o755))
	if os.Geteuid() == 0 {
		must(t, os.Chown(yard, 65534, -1))
	}
	t.Cleanup(func() { openUp(yard) })
	return yard
}

// extractTwice restores an archive over its own restore, which finds everything as closed as the
// archive says.
func extractTwice(t *testing.T, archive []byte, dest string) {
	t.Helper()
	for _, when := range []string{"first", "second"} {
		report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{})
		if err != nil || len(report.Problems) > 0 {
			t.Fatalf("%s Extract: %v, problems %v; want none", when, err, report.Problems)
		}
	}
}

func wantMode(t *testing.T, path string, want uint32) {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	if st.Mode&0o7777 != want {
		t.Errorf("%s has mode %04o; want %04o", path, st.Mode&0o7777, want)
	}
}

// TestUnprivilegedClosedDirectories restores directories closed to their owner, the destination itself
// among them.
func TestUnprivilegedClosedDirectories(t *testing.T) {
	root, closed, within := dir("./"), dir("d/"), dir("d/e/")
	root.Mode, closed.Mode, within.Mode = 0o555, 0o500, 0o111
	archive := forge(t, root, closed, file("d/x"), hardlink("d/y", "d/x"), symlink("d/l", "x"), within, file("d/e/z"), hardlink("d/e/w", "d/x"))
	dest := yardOfNobody(t)
	asNobody(t, dest, func() {
		extractTwice(t, archive, dest)
		wantMode(t, dest, 0o555)
		wantMode(t, dest+"/d", 0o500)
		wantMode(t, dest+"/d/e", 0o111)
		if got, err := os.ReadFile(dest + "/d/e/w"); string(got) != "evil" {
			t.Errorf("d/e/w holds %q, %v", got, err)
		}
	})
}

// TestUnprivilegedClosedForGood leaves a directory alone that the archive does not restore.
func TestUnprivilegedClosedForGood(t *testing.T) {
	archive := forge(t, dir("d/"), file("d/x"))
	dest := yardOfNobody(t)
	asNobody(t, dest, func() {
		must(t, os.Mkdir(dest+"/d", 0o700))
		must(t, os.Chmod(dest+"/d", 0o555))
		report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{Members: []string{"d/x"}})
		if err != nil || kindsOf(report) != KindUnwritable {
			t.Errorf("Extract: %v, problems %v; want %s", err, report.Problems, KindUnwritable)
		}
		wantMode(t, dest+"/d", 0o555)
	})
}

// TestUnprivilegedUmask restores exactly, whatever the umask takes away.
func TestUnprivilegedUmask(t *testing.T) {
	h := file("implied/way/x")
	h.PAXRecords, h.Format = map[string]string{recordXattr + "user.x": "1"}, tar.FormatPAX
	archive := forge(t, dir("d/"), file("d/x"), h)
	dest := yardOfNobody(t)
	asNobody(t, dest, func() {
		defer unix.Umask(unix.Umask(0o777))
		report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{})
		if err != nil || len(report.Problems) > 0 && hasUserXattrs(t, dest) {
			t.Errorf("Extract: %v, problems %v; want none", err, report.Problems)
		}
		wantMode(t, dest+"/d", 0o755)
		wantMode(t, dest+"/d/x", 0o644)
		wantMode(t, dest+"/implied/way/x", 0o644)
	})
}

// TestUnprivilegedReadOnlyWithAttributes restores the attributes of what its owner may not write to.
func TestUnprivilegedReadOnlyWithAttributes(t *testing.T) {
	dest := yardOfNobody(t)
	if !hasUserXattrs(t, dest) {
		t.Skip("the file system of the temporary directory has no user attributes")
	}
	closed, shut := dir("d/"), file("d/f")
	closed.Mode, shut.Mode = 0o500, 0o400
	for _, h := range []*tar.Header{&closed, &shut} {
		h.PAXRecords, h.Format = map[string]string{recordXattr + "user.x": "1"}, tar.FormatPAX
	}
	archive := forge(t, closed, shut)
	asNobody(t, dest, func() {
		extractTwice(t, archive, dest)
		for path, mode := range map[string]uint32{dest + "/d": 0o500, dest + "/d/f": 0o400} {
			wantMode(t, path, mode)
			if got := xattrsOf(t, path)["user.x"]; got != "1" {
				t.Errorf("%s: user.x is %q; want 1", path, got)
			}
		}
	})
}

func hasUserXattrs(t *testing.T, dir string) bool {
	t.Helper()
	return unix.Setxattr(dir, "user.calypso-test", []byte("1"), 0) == nil
}

// TestUnprivilegedInheritedACL restores into directories whose default ACL takes the right to search
// from their owner.
func TestUnprivilegedInheritedACL(t *testing.T) {
	dest := yardOfNobody(t)
	setXattr(t, dest, xattrACLDefault, someACL)
	archive := forge(t, dir("d/"), file("d/x"), file("implied/x"))
	asNobody(t, dest, func() {
		extractTwice(t, archive, dest)
		wantMode(t, dest+"/d", 0o755)
		wantMode(t, dest+"/implied/x", 0o644)
	})
}
