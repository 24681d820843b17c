package pax

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// encodeTree archives the children of dir under their own names and checks every member's claim
// against the bytes.
func encodeTree(t testing.TB, dir string, sel Selection) ([]byte, []Member, Report) {
	t.Helper()
	var buf bytes.Buffer
	var members []Member
	report, err := Encode(context.Background(), &buf, sel, func(m Member) error {
		members = append(members, m)
		return nil
	})
	if err != nil {
		t.Fatalf("Encode: %v", err)
	}
	archive := buf.Bytes()
	if report.Bytes != int64(len(archive)) || report.Members != int64(len(members)) {
		t.Fatalf("report says %d bytes, %d members; want %d, %d", report.Bytes, report.Members, len(archive), len(members))
	}
	checkMembers(t, archive, members)
	return archive, members, report
}

// checkMembers holds members to lie one after another and to have the checksums of their bytes.
func checkMembers(t testing.TB, archive []byte, members []Member) {
	t.Helper()
	var end int64
	for _, m := range members {
		if m.Offset != end {
			t.Fatalf("member %q at %d; want %d", m.Path, m.Offset, end)
		}
		end += m.Length
		sum := sha256.Sum256(archive[m.Offset:end])
		if hex.EncodeToString(sum[:]) != m.SHA256 {
			t.Fatalf("member %q: SHA-256 is not that of its bytes", m.Path)
		}
	}
	if !bytes.Equal(archive[end:], make([]byte, 1024)) {
		t.Fatalf("archive ends in %d bytes; want two zero blocks", int64(len(archive))-end)
	}
}

// stored gives where a tree lies within an extraction: its absolute path without the slash.
func stored(dest, src string) string { return filepath.Join(dest, src) }

func TestRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		src, dest := tempDir(t), tempDir(t)
		defer removeTree(src)
		defer removeTree(dest)
		growTree(rt, t, src, true)
		archive, members, report := encodeTree(t, src, Selection{Roots: []string{src}})
		if len(report.Problems) > 0 {
			rt.Fatalf("problems: %v", report.Problems)
		}
		listed := listAll(t, archive)
		if d := cmp.Diff(members, listed); d != "" {
			rt.Fatalf("List differs from what Encode said:\n%s", d)
		}
		got, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{SameOwner: true, NumericOwner: true})
		if err != nil || len(got.Problems) > 0 {
			rt.Fatalf("Extract: %v, problems %v", err, got.Problems)
		}
		sameTree(t, "Extract", src, stored(dest, src), nil)
	})
}

func TestOutsideJudgesExtractOurArchives(t *testing.T) {
	for _, tool := range []string{"tar", "bsdtar"} {
		t.Run(tool, func(t *testing.T) {
			judge(t, tool)
			n := 0
			rapid.Check(t, func(rt *rapid.T) {
				if n++; n > 40 { // each is three processes
					return
				}
				src, dest := tempDir(t), tempDir(t)
				defer removeTree(src)
				defer removeTree(dest)
				growTree(rt, t, src, true)
				makeWritable(t, src) // the judges set the mode first and then may not set user attributes
				archive, _, _ := encodeTree(t, src, Selection{Roots: []string{src}})
				file := filepath.Join(tempDir(t), "a.tar")
				defer os.Remove(file)
				if err := os.WriteFile(file, archive, 0o600); err != nil {
					rt.Fatal(err)
				}
				untar(t, tool, file, dest)
				sameTree(t, tool, src, stored(dest, src), exceptions(tool))
			})
		})
	}
}

// exceptions are what the judges are known not to do.
func exceptions(tool string) func(string, *node) {
	return func(path string, n *node) {
		if tool == "bsdtar" {
			negativeFraction(path, n)
			// It takes the names of attributes as they stand: GNU's %3D stays %3D.
			for name := range n.Xattrs {
				if strings.ContainsAny(name, "%=") {
					delete(n.Xattrs, name)
				}
			}
			if len(n.Xattrs) == 0 {
				n.Xattrs = nil
			}
		}
	}
}

func TestExtractForeignArchives(t *testing.T) {
	for _, c := range []struct {
		tool       string
		args       []string
		attributes bool
		loss       func(string, *node)
	}{
		{"tar", []string{"--format=pax", "--xattrs", "--xattrs-include=*", "--acls"}, true, nil},
		{"tar", []string{"--format=pax", "--xattrs", "--xattrs-include=*", "--acls", "--sparse"}, true, nil},
		{"tar", []string{"--format=pax", "--sparse", "--sparse-version=0.1"}, false, nil},
		{"tar", []string{"--format=pax", "--sparse", "--sparse-version=0.0"}, false, nil},
		{"tar", []string{"--format=gnu", "--sparse"}, false, wholeSeconds},
		{"tar", []string{"--format=gnu"}, false, wholeSeconds},
		{"bsdtar", []string{"--format=pax"}, true, negativeFraction},
		{"bsdtar", []string{"--format=gnutar"}, false, wholeSeconds},
	} {
		t.Run(c.tool+strings.Join(c.args, ""), func(t *testing.T) {
			judge(t, c.tool)
			n := 0
			rapid.Check(t, func(rt *rapid.T) {
				if n++; n > 15 {
					return
				}
				src, dest := tempDir(t), tempDir(t)
				defer removeTree(src)
				defer removeTree(dest)
				growTree(rt, t, src, c.attributes)
				if c.tool == "bsdtar" {
					makeWritable(t, src)
					dropSparseOddNames(t, src)
				}
				file := filepath.Join(tempDir(t), "a.tar")
				defer os.Remove(file)
				runTool(t, src, c.tool, append([]string{"-c", "-f", file, "--numeric-owner"}, append(c.args, ".")...)...)
				archive, err := os.ReadFile(file)
				if err != nil {
					rt.Fatal(err)
				}
				got, err := Extract(context.Background(), bytes.NewReader(archive), dest, ExtractOptions{SameOwner: true})
				if err != nil || len(got.Problems) > 0 {
					rt.Fatalf("Extract: %v, problems %v", err, got.Problems)
				}
				sameTree(t, c.tool, src, dest, func(path string, n *node) {
					if kind := n.Mode & unix.S_IFMT; kind != unix.S_IFREG { // neither writes hard links of these
						n.Group = ""
					}
					if c.loss != nil {
						c.loss(path, n)
					}
				})
			})
		})
	}
}

// wholeSeconds: the GNU format keeps no fractions.
func wholeSeconds(_ string, n *node) {
	n.Mtime, _, _ = strings.Cut(n.Mtime, ".")
	if n.Mtime[0] == '-' || n.Mtime == "0" || len(n.Mtime) == 10 && n.Mtime > "8589934590" { // libarchive's keeps 33 bits
		n.Mtime = ""
	}
}

// negativeFraction: libarchive writes and reads 1.5 s before the epoch as "-2.5", where POSIX has the
// decimal number -1.5.
func negativeFraction(_ string, n *node) {
	if n.Mtime[0] == '-' && !strings.HasSuffix(n.Mtime, ".000000000") || n.Mtime[0] == '0' {
		n.Mtime = ""
	}
}

// dropSparseOddNames removes what bsdtar 3.6 does not write right: it cuts the names of sparse files to
// 98 bytes when they are not UTF-8.
func dropSparseOddNames(t testing.TB, root string) {
	for path := range snapshotNames(t, root) {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && !utf8.ValidString(path) && hasHole(t, path) {
			must(t, os.Remove(path))
		}
	}
}

// openUp gives the owner all rights in the directories beneath root and in root itself.
func openUp(root string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
}

// removeTree removes a tree whose directories may be closed.
func removeTree(root string) {
	openUp(root)
	_ = os.RemoveAll(root)
}

// makeWritable gives who is not root the right to write to all of a tree.
func makeWritable(t testing.TB, root string) {
	if os.Geteuid() == 0 {
		return
	}
	for path := range snapshotNames(t, root) {
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		if st.Mode&unix.S_IFMT != unix.S_IFLNK && st.Mode&unix.S_IWUSR == 0 {
			must(t, unix.Chmod(path, st.Mode&0o7777|unix.S_IWUSR))
		}
	}
}

func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func listAll(t testing.TB, archive []byte) []Member {
	t.Helper()
	var members []Member
	err := List(context.Background(), bytes.NewReader(archive), func(m Member) error {
		members = append(members, m)
		return nil
	})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return members
}

// growTree makes a random tree of hostile names and all kinds of entries.
func growTree(rt *rapid.T, t testing.TB, root string, attributes bool) {
	dirs, files := []string{root}, []string{}
	for i := range rapid.IntRange(0, 14).Draw(rt, "entries") {
		parent := rapid.SampledFrom(dirs).Draw(rt, "parent")
		path := parent + "/" + nameGen.Draw(rt, "name")
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		kind := rapid.SampledFrom(kinds()).Draw(rt, "kind")
		if kind == "char" && !attributes {
			continue // libarchive's GNU format has 18 bits for device numbers
		}
		err := makeEntry(rt, kind, path, files)
		if errors.Is(err, unix.ENAMETOOLONG) {
			continue
		}
		if err != nil {
			t.Fatalf("entry %d %s %q: %v", i, kind, path, err)
		}
		switch kind {
		case "dir":
			dirs = append(dirs, path)
		default:
			files = append(files, path)
		}
	}
	all := append(files, reversed(dirs)...)
	for _, path := range all { // at the end: it may close directories, even to their owner
		dress(rt, t, path, attributes)
	}
	for _, path := range all {
		setTime(rt, t, path)
	}
}

func reversed(list []string) []string {
	var out []string
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}

func kinds() []string {
	list := []string{"file", "file", "file", "dir", "dir", "symlink", "hardlink", "sparse", "fifo"}
	if os.Geteuid() == 0 {
		list = append(list, "char", "block")
	}
	return list
}

var nameGen = rapid.OneOf(
	rapid.SampledFrom([]string{"-rf", "a b", "new\nline", "*", "[x]", `back\slash`, "...", " ", "ü", "名前", "\xff\xfe", "x\x80", "#", "'\"", "%2e", "tab\t", "~", strings.Repeat("n", 255), strings.Repeat("é", 127), strings.Repeat("\xfe", 255), strings.Repeat("p", 101)}),
	rapid.StringMatching(`[a-c]{1,2}`),
	rapid.Custom(func(t *rapid.T) string {
		p := rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 60).Draw(t, "bytes")
		s := strings.ReplaceAll(string(p), "/", "_")
		if s == "." || s == ".." {
			return "dots"
		}
		return s
	}),
)

func makeEntry(rt *rapid.T, kind, path string, files []string) error {
	switch kind {
	case "dir":
		return os.Mkdir(path, 0o755)
	case "symlink":
		target := rapid.SampledFrom([]string{"a", "/etc/passwd", "../..", strings.Repeat("l", 101), strings.Repeat("d/", 2000), "\xff", "ü/" + strings.Repeat("y", 100), "\xfe" + strings.Repeat("z", 120)}).Draw(rt, "target")
		return os.Symlink(target, path)
	case "hardlink":
		if len(files) == 0 {
			return os.WriteFile(path, nil, 0o600)
		}
		return os.Link(rapid.SampledFrom(files).Draw(rt, "of"), path)
	case "sparse":
		return makeSparse(rt, path)
	case "fifo":
		return unix.Mkfifo(path, 0o600)
	case "char":
		return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(rapid.Uint32Range(0, 4095).Draw(rt, "major"), rapid.Uint32Range(0, 1<<20-1).Draw(rt, "minor"))))
	case "block":
		return unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 3)))
	}
	size := rapid.SampledFrom([]int{0, 1, 511, 512, 513, 4096, 70000, 200000}).Draw(rt, "size")
	data := bytes.Repeat([]byte{rapid.Byte().Draw(rt, "fill")}, size)
	return os.WriteFile(path, data, 0o600)
}

func makeSparse(rt *rapid.T, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(0)
	for range rapid.IntRange(0, 5).Draw(rt, "extents") {
		at := rapid.Int64Range(0, 400).Draw(rt, "at") * 4096
		n := rapid.IntRange(1, 9000).Draw(rt, "length")
		if _, err := f.WriteAt(bytes.Repeat([]byte{'s'}, n), at); err != nil {
			return err
		}
		size = max(size, at+int64(n))
	}
	return f.Truncate(size + rapid.Int64Range(0, 300000).Draw(rt, "tail"))
}

// dress gives an entry owner, mode, attributes and ACLs. What who is not root could not read again
// stays readable.
func dress(rt *rapid.T, t testing.TB, path string, attributes bool) {
	info, err := os.Lstat(path)
	must(t, err)
	if os.Geteuid() == 0 {
		id := rapid.SampledFrom([]int{0, 1, 1000, 65534, 2097151, 2097152, 4000000000}).Draw(rt, "id")
		must(t, os.Lchown(path, id, id/2))
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return
	}
	must(t, unix.Chmod(path, 0o700)) // a hard link may have closed it
	withXattrs := attributes && (info.IsDir() || info.Mode().IsRegular())
	if withXattrs && rapid.Bool().Draw(rt, "xattr") {
		for name, value := range map[string]string{"user.plain": "v", "user.binary": "\x00\xff=\n", "user.odd =%3D": "x", "user.empty": ""} {
			setXattr(t, path, name, value)
		}
	}
	must(t, unix.Chmod(path, rapid.SampledFrom(modesOf(info)).Draw(rt, "mode")))
	if withXattrs && rapid.Bool().Draw(rt, "acl") {
		setXattr(t, path, xattrACLAccess, accessACL(info))
		if info.IsDir() {
			setXattr(t, path, xattrACLDefault, someACL)
		}
	}
}

func modesOf(info fs.FileInfo) []uint32 {
	modes := []uint32{0o755, 0o700, 0o555, 0o500, 0o4755, 0o2775, 0o1777, 0o711}
	if !info.IsDir() || os.Geteuid() == 0 {
		modes = append(modes, 0o644, 0o600, 0o444, 0o400)
	}
	if os.Geteuid() == 0 {
		modes = append(modes, 0)
	}
	return modes
}

// accessACL is someACL, which in a directory is for root: its owner may not search it.
func accessACL(info fs.FileInfo) string {
	if info.IsDir() && os.Geteuid() != 0 {
		return strings.Replace(someACL, "\x01\x00\x06", "\x01\x00\x05", 1)
	}
	return someACL
}

// someACL is "user::rw-,user:1001:r--,group::r-x,group:77:rwx,mask::rwx,other::---".
const someACL = "\x02\x00\x00\x00" +
	"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\xe9\x03\x00\x00" +
	"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x08\x00\x07\x00\x4d\x00\x00\x00" +
	"\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"

// setXattr sets an attribute where the file system has them; TestFileSystemHasAttributes says when
// it has none.
func setXattr(t testing.TB, path, name, value string) {
	if err := unix.Lsetxattr(path, name, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatalf("%q %s: %v", path, name, err)
	}
}

func TestFileSystemHasAttributes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"user.x": "1", xattrACLAccess: someACL} {
		if err := unix.Lsetxattr(path, name, []byte(value), 0); errors.Is(err, unix.ENOTSUP) {
			t.Skipf("the file system of the temporary directory has no %s: attributes are not tested", name)
		}
	}
}

func setTime(rt *rapid.T, t testing.TB, path string) {
	sec := rapid.SampledFrom([]int64{0, 1, 1700000000, 8589934591, 8589934592, -1, -86400}).Draw(rt, "sec")
	nsec := rapid.SampledFrom([]int64{0, 1, 999999999, 500000000}).Draw(rt, "nsec")
	ts := []unix.Timespec{{Sec: sec, Nsec: nsec}, {Sec: sec, Nsec: nsec}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
}

// TestStandardLibraryReadsOurArchives has archive/tar read headers and data on its own.
func TestStandardLibraryReadsOurArchives(t *testing.T) {
	src := t.TempDir()
	long := filepath.Join(src, strings.Repeat("d", 200), strings.Repeat("\xfe", 200))
	if err := os.MkdirAll(filepath.Dir(long), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(long)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "head")
	if _, err := f.WriteAt([]byte("tail"), 10<<20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	archive, _, _ := encodeTree(t, src, Selection{Roots: []string{src}})
	if len(archive) > 1<<20 {
		t.Errorf("archive of a sparse file has %d bytes", len(archive))
	}
	want, _ := os.ReadFile(long)
	for tr := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			t.Fatalf("no member %q", long)
		}
		if err != nil {
			t.Fatal(err)
		}
		if "/"+h.Name != long {
			continue
		}
		got, err := io.ReadAll(tr)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("archive/tar reads %d bytes, %v; want the %d of the file", len(got), err, len(want))
		}
		return
	}
}
