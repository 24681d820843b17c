package pax

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// archives are the seeds: ours with all its records, and forged ones.
func archives(f *testing.F) [][]byte {
	src := f.TempDir()
	must(f, os.WriteFile(filepath.Join(src, "plain"), []byte("data"), 0o640))
	must(f, os.WriteFile(filepath.Join(src, strings.Repeat("\xfe", 120)), nil, 0o640))
	must(f, os.Symlink(strings.Repeat("l", 120), filepath.Join(src, "link")))
	must(f, os.Link(filepath.Join(src, "plain"), filepath.Join(src, "same")))
	must(f, unix.Mkfifo(filepath.Join(src, "fifo"), 0o600))
	setXattr(f, filepath.Join(src, "plain"), "user.x", "y")
	setXattr(f, filepath.Join(src, "plain"), xattrACLAccess, someACL)
	setXattr(f, src, xattrACLDefault, someACL)
	holes, err := os.Create(filepath.Join(src, "sparse"))
	must(f, err)
	_, err = holes.WriteAt([]byte("tail"), 70000)
	must(f, err)
	holes.Close()
	var buf bytes.Buffer
	f.Chdir(src)
	_, err = Encode(context.Background(), &buf, Selection{Roots: []string{"."}}, nil)
	must(f, err)
	return [][]byte{buf.Bytes(), forge(f, dir("d/"), file("d/../../x"), file("/y"), symlink("l", ".."), file("l/z"), hardlink("h", "l/z")),
		oldSparse(), recordSparse(f), bytes.Repeat([]byte{0}, 1024), nil}
}

// oldSparse is a file in the old GNU format with an extension block of its map.
func oldSparse() []byte {
	block := make([]byte, blockSize)
	copy(block, "old")
	putNumbers(block, 0o644, 0, 0, 512*5, 0)
	at := oldMapInHeader
	for i := range 4 {
		putOctal(block[at:at+oldMapNumber], uint64(i*2048))
		putOctal(block[at+oldMapNumber:at+oldMapExtentLen], 512)
		at += oldMapExtentLen
	}
	block[oldMapExtended] = 1
	putOctal(block[483:495], 20000)
	block[fieldType] = tar.TypeGNUSparse
	copy(block[fieldMagic:], "ustar  \x00")
	more := make([]byte, blockSize)
	putOctal(more[:oldMapNumber], 10000)
	putOctal(more[oldMapNumber:oldMapExtentLen], 512)
	data := bytes.Repeat([]byte("D"), 512*5)
	return append(append(append(reseal(block), more...), data...), make([]byte, 1024)...)
}

func recordSparse(t testing.TB) []byte {
	var buf bytes.Buffer
	e := entry{path: "map", typ: TypeFile, mode: 0o644, size: 512, records: []record{{"GNU.sparse.map", "1024,512"}, {"GNU.sparse.numblocks", "1"}, {"GNU.sparse.size", "4096"}}}
	enc := headerEncoder{names: newOwners()}
	b, _ := enc.append(nil, &e)
	buf.Write(b)
	buf.Write(bytes.Repeat([]byte("E"), 512))
	return append(buf.Bytes(), make([]byte, 1024)...)
}

// TestOldSparseFormats restores the formats that GNU tar wrote before 1.0.
func TestOldSparseFormats(t *testing.T) {
	dest, report := extract(t, append(oldSparse()[:512*7], recordSparse(t)...), ExtractOptions{NumericOwner: true})
	if len(report.Problems) > 0 || report.Members != 2 {
		t.Fatalf("%+v", report)
	}
	want := make([]byte, 20000)
	for _, at := range []int{0, 2048, 4096, 6144, 10000} {
		copy(want[at:], bytes.Repeat([]byte("D"), 512))
	}
	if got, _ := os.ReadFile(dest + "/old"); !bytes.Equal(got, want) {
		t.Errorf("old: %d bytes, not those of its map", len(got))
	}
	want = make([]byte, 4096)
	copy(want[1024:], bytes.Repeat([]byte("E"), 512))
	if got, _ := os.ReadFile(dest + "/map"); !bytes.Equal(got, want) {
		t.Errorf("map: %d bytes, not those of its map", len(got))
	}
}

// reseal sets the checksums of all that looks like a header, so that the fuzzer gets past them.
func reseal(archive []byte) []byte {
	archive = bytes.Clone(archive)
	for at := 0; at+blockSize <= len(archive); at += blockSize {
		block := archive[at : at+blockSize]
		if !bytes.HasPrefix(block[fieldMagic:], []byte("ustar")) {
			continue
		}
		copy(block[fieldChecksum:], "        ")
		var sum uint64
		for _, c := range block {
			sum += uint64(c)
		}
		putOctal(block[fieldChecksum:fieldChecksum+smallLen-1], sum)
	}
	return archive
}

// FuzzExtract holds any archive to write nothing outside the destination and to leave no temporary
// files, and Extract and List to agree on where members are.
func FuzzExtract(f *testing.F) {
	for _, a := range archives(f) {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		if len(archive) > 64<<10 {
			return
		}
		archive = reseal(archive)
		yard := t.TempDir()
		dest := filepath.Join(yard, "dest")
		must(t, os.Mkdir(dest, 0o755))
		must(t, os.WriteFile(filepath.Join(yard, "victim"), []byte("intact"), 0o600))
		must(t, os.Chmod(yard, 0o750))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		listed := map[int64]string{}
		listErr := List(ctx, bytes.NewReader(archive), func(m Member) error {
			listed[m.Offset] = m.SHA256
			return nil
		})
		_, err := Extract(ctx, bytes.NewReader(archive), dest, ExtractOptions{Verify: func(m Member) error {
			if listed[m.Offset] != m.SHA256 {
				t.Errorf("%q at %d: List and Extract give other checksums", m.Path, m.Offset)
			}
			return nil
		}})
		if (err == nil) != (listErr == nil) {
			t.Errorf("Extract: %v; List: %v", err, listErr)
		}
		yardIntact(t, yard)
		openUp(dest)
		noTemporaries(t, dest)
	})
}

func FuzzACL(f *testing.F) {
	f.Add([]byte(someACL), "user::rw-,user:1001:r--,group::r-x,mask::rwx,other::---")
	f.Add([]byte{2, 0, 0, 0}, "u::r,default:g:staff:rwx:5#x\nm:rwx")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		lookup := func(bool, string) (uint32, bool) { return 7, true }
		if s, err := aclText(raw); err == nil && s != "" {
			if _, err := aclBinary(s, lookup); err != nil {
				t.Errorf("%q of %q: %v", s, raw, err)
			}
		}
		if b, err := aclBinary(text, lookup); err == nil {
			s, err := aclText(b)
			if err != nil {
				t.Fatalf("%q of %q: %v", b, text, err)
			}
			if again, err := aclBinary(s, lookup); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%q became %q, %v", text, s, err)
			}
		}
	})
}

func FuzzSparseMap(f *testing.F) {
	f.Add([]byte("1\n0\n512\n"), int64(1024))
	f.Add([]byte("2\n0\n1\n5\n0\n"), int64(5))
	f.Fuzz(func(t *testing.T, text []byte, size int64) {
		list, err := parseSparseMap(text, size)
		if err != nil {
			return
		}
		if n := dataLength(list); n < 0 || len(list) > 0 && n > size {
			t.Errorf("%v holds %d bytes of a file of %d", list, n, size)
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("**/[!a-]*?\\x", "a/b/cx")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		Match([]string{pattern}, path)
		if pattern == path && !Match([]string{pattern}, path) {
			t.Errorf("%q does not match itself", pattern)
		}
	})
}

func FuzzDirents(f *testing.F) {
	f.Add([]byte("12345678abcdefgh\x18\x00\x08a\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, d := range appendNames(nil, p) {
			if strings.ContainsRune(d.name, 0) {
				t.Errorf("name %q", d.name)
			}
		}
	})
}
