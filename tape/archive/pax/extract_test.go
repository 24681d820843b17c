package pax

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
)

func extract(t testing.TB, archive []byte, o ExtractOptions) (string, Report) {
	t.Helper()
	dest := t.TempDir()
	report, err := Extract(context.Background(), bytes.NewReader(archive), dest, o)
	if err != nil {
		t.Fatalf("Extract: %v", err)
	}
	noTemporaries(t, dest)
	return dest, report
}

func TestExtractSubset(t *testing.T) {
	archive := forge(t, dir("d/"), file("d/one"), file("d/two"), dir("d/sub/"), file("d/sub/x.c"), file("e.c"), hardlink("d/again", "d/one"), hardlink("f", "d/two"))
	for _, c := range []struct {
		members []string
		want    string
		kinds   string
	}{
		{nil, "d d/again d/one d/sub d/sub/x.c d/two e.c f", ""},
		{[]string{"d/one"}, "d d/one", ""},
		{[]string{"/d/one/"}, "d d/one", ""},
		{[]string{"d/sub"}, "d d/sub d/sub/x.c", ""},
		{[]string{"*.c"}, "d d/sub d/sub/x.c e.c", ""},
		{[]string{"d/*"}, "d d/again d/one d/sub d/sub/x.c d/two", ""},
		{[]string{"nope", "e.c", "d/o"}, "e.c", "not_found not_found"},
		{[]string{"f"}, "", "link_target"},
		{[]string{"f", "d/two"}, "d d/two f", ""},
		{[]string{"."}, "d d/again d/one d/sub d/sub/x.c d/two e.c f", ""},
	} {
		dest, report := extract(t, archive, ExtractOptions{Members: c.members})
		var names []string
		for path := range snapshot(t, dest) {
			if path != "." {
				names = append(names, path)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != c.want || kindsOf(report) != c.kinds {
			t.Errorf("Members %q: got %q, problems %v; want %q, %q", c.members, got, report.Problems, c.want, c.kinds)
		}
	}
}

func TestExtractVerify(t *testing.T) {
	archive := forge(t, dir("d/"), file("d/good"), file("d/bad"), symlink("d/l", "x"), file("d/last"), hardlink("d/h", "d/bad"))
	refuse := func(m Member) error {
		if m.Path == "d/bad" || m.Path == "d/l" {
			return errors.New("checksum differs")
		}
		return nil
	}
	for _, keep := range []bool{false, true} {
		var named []string
		dest, report := extract(t, archive, ExtractOptions{Verify: refuse, KeepDamaged: keep, OnMember: func(m Member) error {
			named = append(named, m.Path)
			return nil
		}})
		want := map[string]bool{"d/good": true, "d/bad": false, "d/bad.damaged": keep, "d/l": false, "d/last": true, "d/h": false}
		for path, there := range want {
			if _, err := os.Lstat(filepath.Join(dest, path)); (err == nil) != there {
				t.Errorf("keep %v: %s: %v; want there %v", keep, path, err, there)
			}
		}
		if kindsOf(report) != "damaged damaged link_target" || report.Members != 3 || strings.Join(named, " ") != "d/ d/good d/last" {
			t.Errorf("keep %v: problems %v, %d members, %q", keep, report.Problems, report.Members, named)
		}
	}
}

// TestExtractVerifySeesTheBytes holds what Verify gets to be what Encode said.
func TestExtractVerifySeesTheBytes(t *testing.T) {
	src := t.TempDir()
	must(t, os.WriteFile(filepath.Join(src, "big"), bytes.Repeat([]byte("x"), 3<<20), 0o600))
	must(t, os.WriteFile(filepath.Join(src, "small"), []byte("y"), 0o600))
	archive, members, _ := encodeTree(t, src, Selection{Roots: []string{src}})
	check := func(got Member) error {
		i := slices.IndexFunc(members, func(m Member) bool { return m.Path == got.Path })
		if i < 0 || members[i] != got {
			t.Errorf("Verify got %+v", got)
		}
		return nil
	}
	_, report := extract(t, archive, ExtractOptions{Verify: check})
	if report.Members != 3 || report.Bytes != int64(len(archive)) {
		t.Errorf("report %+v", report)
	}
	small := members[slices.IndexFunc(members, func(m Member) bool { return strings.HasSuffix(m.Path, "/small") })]
	archive[small.Offset+small.Length-1] ^= 1 // the padding counts too
	_, report = extract(t, archive, ExtractOptions{Verify: func(m Member) error {
		if j := slices.IndexFunc(members, func(w Member) bool { return w.Path == m.Path }); members[j].SHA256 != m.SHA256 {
			return errors.New("differs")
		}
		return nil
	}})
	if kindsOf(report) != "damaged" {
		t.Errorf("flipped padding: %v", report.Problems)
	}
}

func TestExtractReplaces(t *testing.T) {
	archive := forge(t, file("f"), dir("d/"), file("d/x"), dir("now-dir/"), file("empty"), file("full"))
	dest := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dest, "f"), []byte("old, and longer than the new one"), 0o400))
	must(t, os.Link(filepath.Join(dest, "f"), filepath.Join(dest, "other-name")))
	must(t, os.MkdirAll(filepath.Join(dest, "d/kept"), 0o700))
	must(t, os.WriteFile(filepath.Join(dest, "now-dir"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(dest, "empty"), 0o700))
	must(t, os.MkdirAll(filepath.Join(dest, "full/x"), 0o700))
	report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{})
	if err != nil || kindsOf(report) != "exists" || report.Problems[0].Path != "full" {
		t.Fatalf("Extract: %v, %v", err, report.Problems)
	}
	for path, want := range map[string]string{"f": "evil", "other-name": "old, and longer than the new one", "d/x": "evil", "empty": "evil"} {
		if got, _ := os.ReadFile(filepath.Join(dest, path)); string(got) != want {
			t.Errorf("%s holds %q; want %q", path, got, want)
		}
	}
	for _, path := range []string{"d/kept", "now-dir", "full/x"} {
		if info, err := os.Lstat(filepath.Join(dest, path)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v; want a directory", path, err)
		}
	}
	noTemporaries(t, dest)
}

// TestExtractAgain restores over a finished restore: rename(2) does nothing between two names of one
// file, and must not leave one behind.
func TestExtractAgain(t *testing.T) {
	archive := forge(t, dir("d/"), file("d/a"), hardlink("d/b", "d/a"), hardlink("d/b", "d/a"), symlink("l", "d"))
	dest := t.TempDir()
	for range 2 {
		report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{})
		if err != nil || len(report.Problems) > 0 || report.Members != 5 {
			t.Fatalf("Extract: %v, %+v", err, report)
		}
		noTemporaries(t, dest)
	}
	tree := snapshot(t, dest)
	if tree["d/b"].Group != "d/a" || len(tree) != 5 {
		t.Errorf("tree %v", tree)
	}
}

func TestExtractDryRun(t *testing.T) {
	archive := forge(t, dir("d/"), file("d/one"), hardlink("h", "d/one"), file("../out"), hardlink("g", "missing"))
	var named []string
	dest := t.TempDir()
	report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{DryRun: true, OnMember: func(m Member) error {
		named = append(named, m.Path)
		return nil
	}})
	names, _ := os.ReadDir(dest)
	if err != nil || len(names) > 0 || strings.Join(named, " ") != "d/ d/one h" || kindsOf(report) != "unsafe link_target" {
		t.Errorf("DryRun: %v, made %v, listed %q, problems %v", err, names, named, report.Problems)
	}
}

// TestExtractClosedDirectory restores a directory nobody may write to, with its time.
func TestExtractClosedDirectory(t *testing.T) {
	closed := dir("d/")
	closed.Mode = 0o555
	dest, report := extract(t, forge(t, closed, file("d/x"), dir("d/e/"), file("d/e/y")), ExtractOptions{})
	info, err := os.Stat(filepath.Join(dest, "d"))
	if err != nil || info.Mode().Perm() != 0o555 || !info.ModTime().Equal(closed.ModTime) && info.ModTime().Unix() > 0 || len(report.Problems) > 0 {
		t.Errorf("d: %v %v, problems %v", info, err, report.Problems)
	}
	must(t, os.Chmod(filepath.Join(dest, "d"), 0o755)) // so that it can be removed
}

// TestExtractWithoutOwners drops set-id bits of files whose owner is not restored.
func TestExtractWithoutOwners(t *testing.T) {
	x := &extractor{own: false}
	var set recordingTarget
	x.applyTo(&attributes{mode: 0o6755, uid: 0}, &set)
	if set.mode != 0o755 || set.owned {
		t.Errorf("mode %04o, owner set: %v; want 0755, false", set.mode, set.owned)
	}
	x.own, set.refuse = true, true
	x.applyTo(&attributes{mode: 0o6755, uid: 0}, &set)
	if set.mode != 0o755 || kindsOf(x.report) != KindOwner {
		t.Errorf("chown refused: mode %04o, problems %v; want 0755 and one", set.mode, x.report.Problems)
	}
	set.refuse = false
	x.applyTo(&attributes{mode: 0o6755, uid: -1}, &set)
	if set.mode != 0o755 || set.owned {
		t.Errorf("uid -1: mode %04o, owner set: %v; want 0755, false", set.mode, set.owned)
	}
}

type recordingTarget struct {
	refuse, owned bool
	mode          uint32
}

func (r *recordingTarget) chown(int, int) error {
	r.owned = !r.refuse
	if r.refuse {
		return unix.EPERM
	}
	return nil
}
func (r *recordingTarget) chmod(mode uint32) error        { r.mode = mode; return nil }
func (r *recordingTarget) setxattr(string, []byte) error  { return nil }
func (r *recordingTarget) removexattr(string) error       { return nil }
func (r *recordingTarget) utimes(*[2]unix.Timespec) error { return nil }
func (r *recordingTarget) inheritedACL() bool             { return true }

// TestExtractDropsInheritedACL: a default ACL that happens to be on the destination is not what the
// archive says.
func TestExtractDropsInheritedACL(t *testing.T) {
	dest := t.TempDir()
	if err := unix.Lsetxattr(dest, xattrACLDefault, []byte(someACL), 0); errors.Is(err, unix.ENOTSUP) {
		t.Skip("the file system of the temporary directory has no ACLs")
	}
	archive := forge(t, file("f"), dir("d/"), file("d/g"), tar.Header{Name: "p", Typeflag: tar.TypeFifo})
	report, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{})
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	for path, n := range snapshot(t, dest) {
		if path != "." && len(n.Xattrs) > 0 {
			t.Errorf("%s has %q", path, n.Xattrs)
		}
	}
}

func TestExtractCancelled(t *testing.T) {
	src := t.TempDir()
	must(t, os.WriteFile(filepath.Join(src, "big"), bytes.Repeat([]byte("x"), 8<<20), 0o600))
	archive, _, _ := encodeTree(t, src, Selection{Roots: []string{src}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dest := t.TempDir()
	r := &cancellingReader{r: bytes.NewReader(archive), at: 3 << 20, cancel: cancel}
	if _, err := Extract(ctx, r, dest, ExtractOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Extract: %v", err)
	}
	noTemporaries(t, dest)
	if _, err := os.Stat(stored(dest, src) + "/big"); err == nil {
		t.Error("a file that was not complete got its name")
	}
}

type cancellingReader struct {
	r      io.Reader
	at     int
	cancel func()
}

func (c *cancellingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.at -= n; c.at < 0 {
		c.cancel()
	}
	return n, err
}

// TestExtractFullDisk fills a file system of 1 MiB.
func TestExtractFullDisk(t *testing.T) {
	src, dest := t.TempDir(), t.TempDir()
	if err := unix.Mount("calypso-test", dest, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting a small file system is not permitted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dest, 0) })
	must(t, os.WriteFile(filepath.Join(src, "a"), []byte("fits"), 0o600))
	must(t, os.WriteFile(filepath.Join(src, "b"), bytes.Repeat([]byte("x"), 2<<20), 0o600))
	archive, _, _ := encodeTree(t, src, Selection{Roots: []string{src}})
	_, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{})
	if errcode.Of(err) != errcode.DiskFull || !strings.Contains(err.Error(), "/b") {
		t.Errorf("Extract: %v; want a full disk that names the file", err)
	}
	noTemporaries(t, dest)
	if got, _ := os.ReadFile(stored(dest, src) + "/a"); string(got) != "fits" {
		t.Errorf("the file before holds %q", got)
	}
}

func TestExtractNoDestination(t *testing.T) {
	for _, dest := range []string{"/nonexistent/x", "/etc/passwd"} {
		if _, err := Extract(context.Background(), bytes.NewReader(nil), dest, ExtractOptions{}); errcode.Of(err) != errcode.DestinationInvalid {
			t.Errorf("Extract into %s: %v", dest, err)
		}
	}
}

// TestExtractDeep restores a tree deeper than the descriptors that are kept open.
func TestExtractDeep(t *testing.T) {
	src := t.TempDir()
	path := src
	for range 400 {
		path += "/d"
	}
	must(t, os.MkdirAll(path, 0o700))
	must(t, os.WriteFile(path+"/f", nil, 0o600))
	must(t, os.WriteFile(src+strings.Repeat("/d", 200)+"/g", nil, 0o600))
	archive, _, _ := encodeTree(t, src, Selection{Roots: []string{src}})
	dest, report := extract(t, archive, ExtractOptions{})
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	sameTree(t, "Extract", src, stored(dest, src), nil)
}

func TestOnMemberEndsExtract(t *testing.T) {
	enough := errors.New("enough")
	report, err := Extract(context.Background(), bytes.NewReader(forge(t, file("a"), file("b"))), t.TempDir(),
		ExtractOptions{OnMember: func(Member) error { return enough }})
	if !errors.Is(err, enough) || report.Members != 1 {
		t.Errorf("Extract: %v after %d members", err, report.Members)
	}
}
