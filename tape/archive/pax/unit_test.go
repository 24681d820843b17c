package pax

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"a", "a", true}, {"a", "x/a", true}, {"a", "a/x", false}, {"x/a", "x/a", true}, {"/x/a", "x/a", true},
		{"*", "a/b", true}, {"a/*", "a/b", true}, {"a/*", "a/b/c", false}, {"a/**", "a/b/c", true}, {"a/**", "a", false},
		{"**/c", "c", true}, {"**/c", "a/b/c", true}, {"**/b/c", "ab/c", false}, {"a/**/c", "a/c", true}, {"a/**/c", "a/b/d/c", true},
		{"a/**/c", "a/xc", false}, {"a**c", "a/b/c", true}, {"?", "/", false}, {"a?c", "a/c", false}, {"a?c", "abc", true},
		{"[a-c]x", "bx", true}, {"[!a-c]x", "bx", false}, {"[^a-c]x", "dx", true}, {"[]]", "]", true}, {"[!]]", "]", false},
		{"[a", "[a", true}, {"[a-]", "-", true}, {"a[!x]b", "a/b", false}, {`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true},
		{"/a", "x/a", false}, {"./a*", "a/a", false}, {"[\xff]", "\xff", true}, {"*\xfe", "\xfd\xfe", true}, {"*.c", "x/y.c", true}, {"x*.c", "x/y.c", false}, {"", ".", true},
		{`[\]]`, "]", true}, {"***", "a/b", true}, {"-*", "-rf", true}, {"*\n*", "a\nb", true},
	} {
		if got := compileGlob(c.pattern).match(c.path, path.Base(c.path), false); got != c.want {
			t.Errorf("%q matches %q: %v; want %v", c.pattern, c.path, got, c.want)
		}
	}
}

// TestGlobAgainstPath compares with path.Match, where the two have the same rules.
func TestGlobAgainstPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab/*?]{1,8}`).Filter(func(s string) bool {
			return !strings.Contains(s, "**") && cleanPattern(s) == s
		}).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab/]{0,8}`).Draw(t, "name")
		g := compileGlob(pattern)
		got := g.literal == name
		if g.tokens != nil {
			got = g.run(name)
		}
		if want, _ := path.Match(pattern, name); got != want {
			t.Fatalf("%q matches %q: %v; path.Match says %v", pattern, name, got, want)
		}
	})
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		members []string
		path    string
		want    bool
	}{
		{nil, "x", true}, {[]string{"d"}, "d/", true}, {[]string{"d"}, "d/x/y", true}, {[]string{"d"}, "dx", false},
		{[]string{"d/"}, "d/x", true}, {[]string{"/d"}, "d/x", true}, {[]string{"./d"}, "./d/x", true}, {[]string{"*"}, "d/x", true},
		{[]string{"[x]"}, "[x]", true}, {[]string{"[x]"}, "x", true}, {[]string{"d/*/z"}, "d/y/z/w", true}, {[]string{"q", "w"}, "w", true},
		{[]string{"."}, "a/b", true}, {[]string{"a/b"}, "a", false}, {[]string{"sub/"}, "sub", true}, {[]string{"s*/"}, "sub", false}, {[]string{"s*/"}, "sub/", true},
	} {
		if got := Match(c.members, c.path); got != c.want {
			t.Errorf("Match(%q, %q) = %v; want %v", c.members, c.path, got, c.want)
		}
	}
}

func TestMatcherMissing(t *testing.T) {
	m := NewMatcher([]string{"a", "./a", "b", "c*", "d*"})
	m.Match("a/x")
	m.Match("cc")
	if d := cmp.Diff([]string{"b", "d*"}, m.Missing()); d != "" {
		t.Error(d)
	}
}

func TestMemberPath(t *testing.T) {
	for given, want := range map[string]string{"/usr/src": "usr/src", "./a/": "a", ".": ".", "/": ".", "..": ".", "../x": "x", "a/../b": "b",
		"//a//b": "a/b", "a/./b": "a/b", "../../": ".", "...": "...", "-rf": "-rf", " ": " "} {
		if got := memberPath(given); got != want {
			t.Errorf("memberPath(%q) = %q; want %q", given, got, want)
		}
	}
}

// TestTimesReadBack holds formatTime to what archive/tar makes of it.
func TestTimesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entry{path: "f", typ: TypeFile, sec: rapid.Int64Range(-1<<40, 1<<40).Draw(t, "sec"), nsec: rapid.Int64Range(0, 999999999).Draw(t, "nsec")}
		if h := decodeEntry(t, e); !h.ModTime.Equal(time.Unix(e.sec, e.nsec)) {
			t.Fatalf("%d.%09d read as %v from %q", e.sec, e.nsec, h.ModTime, h.PAXRecords["mtime"])
		}
	})
}

func decodeEntry(t fataler, e entry) *tar.Header {
	enc := headerEncoder{names: newOwners()}
	b, _ := enc.append(nil, &e)
	h, err := tar.NewReader(bytes.NewReader(b)).Next()
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return h
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Fatalf(format string, args ...any)
}

// TestNumbersReadBack covers both sides of what octal fields hold.
func TestNumbersReadBack(t *testing.T) {
	for _, size := range []int64{0, 1, 8589934591, 8589934592, 1 << 42, math.MaxInt64} {
		for _, id := range []uint32{0, 2097151, 2097152, math.MaxUint32 - 1} {
			h := decodeEntry(t, entry{path: "f", typ: TypeFile, size: size, uid: id, gid: id, mode: 0o7777})
			if h.Size != size || h.Uid != int(id) || h.Gid != int(id) || h.Mode != 0o7777 {
				t.Errorf("size %d, id %d: read %d, %d, %d, %o", size, id, h.Size, h.Uid, h.Gid, h.Mode)
			}
		}
	}
}

// TestNamesReadBack covers every length around the limits of the fields.
func TestNamesReadBack(t *testing.T) {
	for _, unit := range []string{"x", "é", "\xff"} {
		for n := 1; n < 300; n++ {
			for _, dir := range []string{"", "d/", strings.Repeat("p", 99) + "/", strings.Repeat("q", 155) + "/", strings.Repeat("r/", 77)} {
				name := dir + strings.Repeat(unit, n)
				if h := decodeEntry(t, entry{path: name, typ: TypeFile}); h.Name != name {
					t.Fatalf("%q read as %q", name, h.Name)
				}
				if h := decodeEntry(t, entry{path: name + "/", typ: TypeDir}); h.Name != name+"/" {
					t.Fatalf("%q/ read as %q", name, h.Name)
				}
				if h := decodeEntry(t, entry{path: "l", link: name, typ: TypeSymlink}); h.Linkname != name {
					t.Fatalf("link %q read as %q", name, h.Linkname)
				}
			}
		}
	}
}

func TestRecordLengthCountsItself(t *testing.T) {
	for n := range 1200 {
		r := string(appendRecord(nil, "k", strings.Repeat("v", n)))
		length := 0
		if _, err := fmt.Sscanf(r, "%d ", &length); err != nil || length != len(r) {
			t.Fatalf("value of %d bytes: record of %d says %d", n, len(r), length)
		}
	}
}

func TestACLText(t *testing.T) {
	const text = "user::rw-,user:1001:r--,group::r-x,group:77:rwx,mask::rwx,other::---"
	if got, err := aclText([]byte(someACL)); err != nil || got != text {
		t.Errorf("aclText = %q, %v; want %q", got, err, text)
	}
	lookup := func(group bool, name string) (uint32, bool) {
		if name == "joe" && !group {
			return 1001, true
		}
		return 77, name == "staff" && group
	}
	for _, form := range []string{
		text,
		"other::---,mask::rwx,group:77:rwx,group::r-x,user:1001:r--,user::rw-",
		"user::rw-\nuser:joe:r--\ngroup::r-x\ngroup:staff:rwx\nmask::rwx\nother::---\n",
		"u::rw-,u:nobodyhere:r--:1001,g::r-x,g:staff:rwx:5,m::rwx,o::---",
		"default:user::rw-,default:user:1001:r--,default:group::r-x,default:group:77:rwx,default:mask::rwx,default:other::---",
		"user::rw-,user:1001:r--\t#effective:r--,group::r-x,group:77:rwx,mask:rwx,other:---",
	} {
		if got, err := aclBinary(form, lookup); err != nil || string(got) != someACL {
			t.Errorf("aclBinary(%q) = %q, %v", form, got, err)
		}
	}
	for _, bad := range []string{"", "#", "user:rw-:x:y:z", "user::rwz", "mask:7:rwx", "world::rwx", "user:who:rwx", "user::"} {
		if got, err := aclBinary(bad, lookup); err == nil {
			t.Errorf("aclBinary(%q) = %q; want an error", bad, got)
		}
	}
}

func TestSparseMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, size := drawExtents(t)
		list = terminated(list, size)
		got, err := parseSparseMap(appendSparseMap(nil, list), size)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(list) {
			t.Fatalf("%v read as %v, %v", list, got, err)
		}
	})
}

func drawExtents(t *rapid.T) (list []extent, size int64) {
	for range rapid.IntRange(0, 30).Draw(t, "n") {
		size += rapid.Int64Range(1, 1<<40).Draw(t, "hole")
		length := rapid.Int64Range(1, 1<<40).Draw(t, "length")
		list = append(list, extent{size, length})
		size += length
	}
	return list, size + rapid.Int64Range(0, 9).Draw(t, "tail")
}

// TestCoalesce holds a joined map to cover all data, in order, within its limit.
func TestCoalesce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list, size := drawExtents(t)
		limit := rapid.IntRange(1, 31).Draw(t, "limit")
		before := append([]extent(nil), list...)
		after := coalesce(list, limit)
		if len(after) > max(limit, 0) && len(before) > limit || checkExtents(after, size) != nil {
			t.Fatalf("%d extents became %d with limit %d: %v", len(before), len(after), limit, after)
		}
		for _, e := range before {
			if !covered(e, after) {
				t.Fatalf("%v is not in %v", e, after)
			}
		}
	})
}

func covered(e extent, list []extent) bool {
	for _, x := range list {
		if x.offset <= e.offset && e.offset+e.length <= x.offset+x.length {
			return true
		}
	}
	return false
}

// TestLongestMap holds the longest map that is written to what readers take.
func TestLongestMap(t *testing.T) {
	var list []extent
	for i := range maxExtents + 1 {
		list = append(list, extent{math.MaxInt64/2 + int64(i)*2, math.MaxInt64 / 4})
	}
	if n := len(appendSparseMap(nil, list)); n > 1<<20 {
		t.Errorf("a map of %d extents has %d bytes", len(list), n)
	}
}

func TestXattrNames(t *testing.T) {
	for name, want := range map[string]string{"user.a": "user.a", "user.%3D": "user.=", "user.%25": "user.%", "user.%2541": "user.%41", "user.%": "user.%",
		"user.%4": "user.%4", "user.%zz": "user.%zz", "user.%20": "user. ", "user.%00": "user.%00"} {
		if got := xattrUnescape(name); got != want {
			t.Errorf("xattrUnescape(%q) = %q; want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		if got := xattrUnescape(xattrEscape.Replace(name)); got != name {
			t.Fatalf("%q came back as %q", name, got)
		}
	})
}

// TestHugeSparseFile encodes and restores a file whose size alone would fill any disk.
func TestHugeSparseFile(t *testing.T) {
	src := hugeFile(t, 1<<41)
	archive, members, report := encodeTree(t, src, Selection{Roots: []string{src}})
	if len(archive) > 1<<20 || len(report.Problems) > 0 || members[1].Size != 1<<41 {
		t.Fatalf("%d bytes, %v", len(archive), report.Problems)
	}
	dest, report := extract(t, archive, ExtractOptions{})
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	checkHuge(t, stored(dest, src), 1<<41)
}

// TestGlobalHeaderIsSkipped reads an archive as git makes it.
func TestGlobalHeaderIsSkipped(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "c0ffee"}}))
	must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "f", Size: 1, Mode: 0o600}))
	_, err := io.WriteString(w, "x")
	must(t, err)
	must(t, w.Close())
	members := listAll(t, buf.Bytes())
	if paths(members) != "f" || members[0].Offset != 1024 {
		t.Errorf("members %+v", members)
	}
}
