package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/archive/pax"
)

func readOptions(t testing.TB) ReadOptions {
	return ReadOptions{BufferBytes: 1 << 20, MemberSpool: t.TempDir()}
}

// snapshot describes a tree: path, mode, content.
func snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		value := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			value += " " + hexSum(data)
		case info.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			value += " " + target
		}
		tree[rel] = value
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func restored(dest, source string) string {
	return filepath.Join(dest, strings.TrimPrefix(source, "/"))
}

func TestReadTree(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	mustWrite(t, d, streamSource("before", randomBytes(1, 9000)))
	m := mustWrite(t, d, treeSource("tree", dir)).Manifest
	mustWrite(t, d, streamSource("after", randomBytes(2, 9000)))
	for _, known := range []*Manifest{nil, &m} {
		o := readOptions(t)
		o.Dest, o.Volume, o.UUID = t.TempDir(), testVolume, testUUID
		res, err := Read(context.Background(), d, known, 3, o)
		if err != nil {
			t.Fatal(err)
		}
		if !res.Verified || res.Members != 13 || res.Bytes != m.SizeBytes || res.SHA256 != m.SHA256 {
			t.Errorf("result %+v", res)
		}
		if diff := cmp.Diff(snapshot(t, dir), snapshot(t, restored(o.Dest, dir))); diff != "" {
			t.Errorf("restored tree (-source +restored):\n%s", diff)
		}
	}
}

// TestReadSubset restores single members and reads no more of the tape than it must.
func TestReadSubset(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	big := filepath.Join(dir, "m-big")
	if err := os.WriteFile(big, randomBytes(9, 40<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	res := mustWrite(t, d, treeSource("tree", dir))
	in := strings.TrimPrefix(dir, "/")
	tests := []struct {
		name    string
		members []string
		want    []string // in the tree; directories that lead there beside them
		locates int
	}{
		{"one", []string{in + "/sub/a"}, []string{"sub/a"}, 1},
		{"three in one block", []string{in + "/sub/a", in + "/sub/c", in + "/sub/e"}, []string{"sub/a", "sub/c", "sub/e"}, 1},
		{"on both sides of a big one", []string{in + "/link", in + "/sub/g"}, []string{"link", "sub/g"}, 2},
		{"glob", []string{"**/sub/[ab]"}, []string{"sub/a", "sub/b"}, 1},
		{"subtree", []string{in + "/sub/empty"}, []string{"sub/empty"}, 1},
		{"not UTF-8", []string{in + "/odd\xff\nname"}, []string{"odd\xff\nname"}, 1},
	}
	source := snapshot(t, dir)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := readOptions(t)
			o.Dest, o.Members = t.TempDir(), tt.members
			o.MemberList = func() (io.ReadCloser, error) { return res.Members.Open(), nil }
			d.commands = map[string]int{}
			got, err := Read(context.Background(), d, &res.Manifest, 1, o)
			if err != nil || !got.Verified {
				t.Fatalf("%+v, %v", got, err)
			}
			if n := d.commands["read"]; n > 60 {
				t.Errorf("%d blocks were read", n)
			}
			if n := d.commands["locate block"]; n != tt.locates {
				t.Errorf("located %d times, want %d", n, tt.locates)
			}
			after := snapshot(t, restored(o.Dest, dir))
			for _, path := range tt.want {
				if after[path] != source[path] {
					t.Errorf("%q: %q restored, %q in the source", path, after[path], source[path])
				}
				delete(after, path)
			}
			for path, mode := range after {
				if !strings.HasPrefix(mode, "d") {
					t.Errorf("%q was restored too", path)
				}
			}
		})
	}
}

// TestReadSubsetCutShort: a header that has become zeros ends a tar. Not all that was asked for is
// there then, whatever the rest looks like.
// The name of a file that looks like a pattern is that file, and nothing else of the destination is touched.
func TestReadSubsetNameLikeAPattern(t *testing.T) {
	d := labelledTape(t)
	dir := filepath.Join(t.TempDir(), "tree")
	for _, name := range []string{"a1", "a[1]", "b2", "sub/a1"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	mustWrite(t, d, treeSource("tree", dir))
	in := strings.TrimPrefix(dir, "/")
	for _, tt := range []struct{ members, want []string }{
		{[]string{in + "/a[1]"}, []string{"a[1]"}},
		{[]string{in + "/a[1]", "./" + in + "/a[1]", "b[12]"}, []string{"a[1]", "b2"}},
		{[]string{in + "/[ab]?"}, []string{"a1", "b2"}},
	} {
		var got []string
		o := readOptions(t)
		o.Dest, o.Members = t.TempDir(), tt.members
		o.OnMember = func(m pax.Member) error {
			got = append(got, strings.TrimPrefix(m.Path, in+"/"))
			return nil
		}
		if _, err := Read(context.Background(), d, nil, 1, o); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q restores %q; want %q", tt.members, got, tt.want)
		}
	}
}

func TestReadSubsetCutShort(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	res := mustWrite(t, d, treeSource("tree", dir))
	scan := NewMemberScanner(res.Members.Open())
	for scan.Next() {
		m := *scan.Member()
		bad := d.clone()
		for i := range 2 * tarRecord {
			at := int(m.Offset) + i
			object := 2 + at/4096
			bad.objects[object] = bytes.Clone(bad.objects[object])
			bad.objects[object][at%4096] = 0
		}
		o := readOptions(t)
		o.Dest, o.Members = t.TempDir(), []string{"**"}
		o.MemberList = func() (io.ReadCloser, error) { return res.Members.Open(), nil }
		_, err := Read(context.Background(), bad, &res.Manifest, 1, o)
		if code := errcode.Of(err); code != errcode.ArchiveDamaged && code != errcode.ArchiveNotTar {
			t.Errorf("no header for %q: %v", m.Path, err)
		}
	}
}

// TestReadSubsetFromTape: without a catalog the member list comes from the tape.
func TestReadSubsetFromTape(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	m := mustWrite(t, d, treeSource("tree", dir)).Manifest
	for _, known := range []*Manifest{nil, &m} {
		o := readOptions(t)
		o.Dest, o.Members = t.TempDir(), []string{"**/sub/g"}
		if _, err := Read(context.Background(), d, known, 1, o); err != nil {
			t.Fatal(err)
		}
		if got, want := snapshot(t, restored(o.Dest, dir))["sub/g"], snapshot(t, dir)["sub/g"]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestReadDryRun(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	res := mustWrite(t, d, treeSource("tree", dir))
	var paths []string
	o := readOptions(t)
	o.DryRun, o.Dest = true, filepath.Join(t.TempDir(), "nonexistent")
	o.MemberList = func() (io.ReadCloser, error) { return res.Members.Open(), nil }
	o.Members = []string{"**/sub"}
	o.OnMember = func(m pax.Member) error { paths = append(paths, filepath.Base(m.Path)); return nil }
	got, err := Read(context.Background(), d, &res.Manifest, 1, o)
	if err != nil || got.Members != 9 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := strings.Join(paths, " "); got != "sub a b c d e empty f g" {
		t.Errorf("members %q", got)
	}
	if _, err := os.Lstat(o.Dest); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a dry run made the destination")
	}
}

func TestReadRefuses(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	tree := mustWrite(t, d, treeSource("tree", dir)).Manifest
	stream := mustWrite(t, d, streamSource("s", []byte("data"))).Manifest
	moved := stream
	moved.FirstBlock--
	wrong := stream
	wrong.Blocks++
	tests := []struct {
		name string
		m    *Manifest
		file int64
		edit func(*ReadOptions)
		want errcode.Code
	}{
		{"the label", nil, 0, nil, errcode.ArchiveIsManifest},
		{"a manifest", nil, 2, nil, errcode.ArchiveIsManifest},
		{"behind the end", nil, 5, nil, errcode.TapeFileNotFound},
		{"far behind the end", nil, 999, nil, errcode.TapeFileNotFound},
		{"a stream as files", nil, 3, func(o *ReadOptions) { o.Dest = "/" }, errcode.ArchiveNotTar},
		{"no such member", &tree, 1, func(o *ReadOptions) { o.Dest, o.Members = "/", []string{"**/sub/a", "nope"} }, errcode.MemberNotFound},
		{"another volume", nil, 3, func(o *ReadOptions) { o.Volume = "V00009L8" }, errcode.MediaLabelMismatch},
		{"another UUID", nil, 3, func(o *ReadOptions) { o.UUID = "x" }, errcode.MediaCatalogMismatch},
		{"a catalog that is off", &moved, 3, nil, errcode.MediaCatalogMismatch},
		{"a catalog that cannot be", &wrong, 3, nil, errcode.StateInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := readOptions(t)
			if tt.edit != nil {
				tt.edit(&o)
			}
			if o.Dest == "" {
				o.Stdout = io.Discard
			}
			_, err := Read(context.Background(), d, tt.m, tt.file, o)
			wantCode(t, err, tt.want)
		})
	}
}

func TestReadMediumError(t *testing.T) {
	d := labelledTape(t)
	m := mustWrite(t, d, streamSource("s", randomBytes(1, 40_000))).Manifest
	d.readFault = map[int]error{6: errcode.New(errcode.TapeMediumError, "fake", "read error")}
	var out bytes.Buffer
	o := readOptions(t)
	o.Stdout = &out
	res, err := Read(context.Background(), d, &m, 1, o)
	wantCode(t, err, errcode.TapeMediumError)
	if out.Len() != 4*4096 || res.Bytes != 4*4096 || res.Verified || !strings.Contains(err.Error(), "16384 bytes") {
		t.Errorf("%d bytes given, result %+v, error %v", out.Len(), res, err)
	}
}

type fullWriter struct{ room int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errors.New("no space")
	}
	return len(p), nil
}

func TestReadOutputFails(t *testing.T) {
	d := labelledTape(t)
	mustWrite(t, d, streamSource("s", randomBytes(1, 4<<20)))
	o := readOptions(t)
	o.Stdout = &fullWriter{room: 20_000}
	_, err := Read(context.Background(), d, nil, 1, o)
	wantCode(t, err, errcode.OutputFailed)
}

// TestReadInterruptedInHangingOutput: nobody reads the pipe.
func TestReadInterruptedInHangingOutput(t *testing.T) {
	d := labelledTape(t)
	mustWrite(t, d, streamSource("s", randomBytes(1, 4<<20)))
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		_, _ = io.ReadFull(r, make([]byte, 100_000))
		cancel()
	}()
	o := readOptions(t)
	o.Stdout = w
	_, err := Read(ctx, d, nil, 1, o)
	wantCode(t, err, errcode.Interrupted)
}

// TestReadTorn reads what a killed writer left, before anything closes it.
func TestReadTorn(t *testing.T) {
	whole := labelledTape(t)
	dir := sampleTree(t)
	m := mustWrite(t, whole, treeSource("tree", dir)).Manifest
	archive := whole.file(1)
	for cut := 1; cut <= int(m.Blocks); cut++ {
		d := whole.clone()
		d.objects = d.objects[:2+cut]
		var out bytes.Buffer
		o := readOptions(t)
		o.Stdout = &out
		_, err := Read(context.Background(), d, nil, 1, o)
		wantCode(t, err, errcode.ArchiveUnverified)
		if !bytes.Equal(out.Bytes(), archive[:min(cut*4096, len(archive))]) {
			t.Errorf("%d blocks: other bytes", cut)
		}
		o = readOptions(t)
		o.Dest = t.TempDir()
		_, err = Read(context.Background(), d, nil, 1, o)
		wantCode(t, err, errcode.ArchiveUnverified)
	}
}

// TestReadIncompleteTree: files of an archive that was cut off come as far as they are whole.
func TestReadIncompleteTree(t *testing.T) {
	dir := sampleTree(t)
	want := snapshot(t, dir)
	blocks := int(mustWrite(t, labelledTape(t), treeSource("tree", dir)).Manifest.Blocks)
	for cut := 1; cut < blocks-1; cut++ {
		d := labelledTape(t)
		o := writeOptions(t)
		o.Watermarks = Watermarks{}
		res, err := Write(context.Background(), &failOnce{fakeTape: d, at: 2 + cut}, treeSource("tree", dir), o)
		wantCode(t, err, errcode.TapeFull)
		ro := readOptions(t)
		ro.Dest = t.TempDir()
		got, err := Read(context.Background(), d, nil, 1, ro)
		wantCode(t, err, errcode.ArchiveIncomplete)
		if !got.Verified || got.Members != res.Manifest.Members {
			t.Errorf("cut at block %d: %d members restored, %d in the list; %+v", cut, got.Members, res.Manifest.Members, got)
		}
		for path, value := range snapshot(t, restored(ro.Dest, dir)) {
			if value != want[path] && !strings.HasPrefix(value, "d") {
				t.Errorf("cut at block %d: %q: %q restored, %q in the source", cut, path, value, want[path])
			}
		}
		_ = res.Members.Close()
	}
}

// TestFlipAnyByte: whatever byte of an archive is wrong, nothing that reads it succeeds with wrong
// data.
func TestFlipAnyByte(t *testing.T) {
	whole := labelledTape(t)
	dir := filepath.Join(t.TempDir(), "t")
	for i := range 4 {
		path := filepath.Join(dir, fmt.Sprint(i), "file")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, randomBytes(uint64(i), 700), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	res := mustWrite(t, whole, treeSource("tree", dir))
	source := snapshot(t, dir)
	size := len(whole.file(1))
	for at := 0; at < size; at += 37 {
		d := flipped(whole, 2, at)
		checkFlipped(t, d, res, at, dir, source)
	}
}

// flipped gives the tape with a bit of the byte at that place behind the object turned over.
func flipped(f *fakeTape, object, at int) *fakeTape {
	d := f.clone()
	for at >= len(d.objects[object]) {
		at -= len(d.objects[object])
		object++
	}
	block := bytes.Clone(d.objects[object])
	block[at] ^= 1 << (at % 8)
	d.objects[object] = block
	return d
}

func checkFlipped(t *testing.T, d *fakeTape, res *WriteResult, at int, dir string, source map[string]string) {
	t.Helper()
	o := readOptions(t)
	o.Stdout = io.Discard
	_, err := Read(context.Background(), d, &res.Manifest, 1, o)
	wantCode(t, err, errcode.ArchiveDamaged)
	_, err = Verify(context.Background(), d, 1, &res.Manifest, readOptions(t))
	wantCode(t, err, errcode.ArchiveDamaged)

	o = readOptions(t)
	o.Dest = t.TempDir()
	o.MemberList = func() (io.ReadCloser, error) { return res.Members.Open(), nil }
	if _, err = Read(context.Background(), d, &res.Manifest, 1, o); err == nil {
		t.Fatalf("byte %d: restored without an error", at)
	}
	sameOrAbsent(t, at, restored(o.Dest, dir), source)

	o.Dest, o.Members = t.TempDir(), []string{"**/[02]/file"}
	_, err = Read(context.Background(), d, &res.Manifest, 1, o)
	sameOrAbsent(t, at, restored(o.Dest, dir), source)
	got := map[string]string{}
	if _, statErr := os.Stat(restored(o.Dest, dir)); statErr == nil {
		got = snapshot(t, restored(o.Dest, dir))
	}
	if err == nil && (got["0/file"] != source["0/file"] || got["2/file"] != source["2/file"]) {
		t.Fatalf("byte %d: the subset was restored without an error and is not what was written", at)
	}
}

// sameOrAbsent: no file stands under its name with other content.
func sameOrAbsent(t *testing.T, at int, root string, source map[string]string) {
	t.Helper()
	if _, err := os.Stat(root); err != nil {
		return
	}
	for path, value := range snapshot(t, root) {
		if strings.HasSuffix(path, "file") && value != source[path] {
			t.Fatalf("byte %d: %q is %q, was %q", at, path, value, source[path])
		}
	}
}

func TestVerify(t *testing.T) {
	d := labelledTape(t)
	tree := mustWrite(t, d, treeSource("tree", sampleTree(t))).Manifest
	mustWrite(t, d, streamSource("s", randomBytes(1, 10_000)))
	for _, m := range []*Manifest{nil, &tree} {
		v, err := Verify(context.Background(), d, 1, m, readOptions(t))
		if err != nil || v.SHA256 != tree.SHA256 || v.Blocks != tree.Blocks || !v.OnTape || !v.MembersChecked {
			t.Errorf("%+v, %v", v, err)
		}
	}
	if v, err := Verify(context.Background(), d, 3, nil, readOptions(t)); err != nil || !v.OnTape || v.MembersChecked {
		t.Errorf("%+v, %v", v, err)
	}
	other := tree
	other.SHA256 = strings.Repeat("0", 64)
	_, err := Verify(context.Background(), d, 1, &other, readOptions(t))
	wantCode(t, err, errcode.ArchiveDamaged)
	other = tree
	other.MembersSHA256 = strings.Repeat("0", 64)
	_, err = Verify(context.Background(), d, 1, &other, readOptions(t))
	wantCode(t, err, errcode.MediaCatalogMismatch)
}

// TestVerifyBlocks: the same bytes in other blocks are not the archive that was written.
func TestVerifyBlocks(t *testing.T) {
	d := labelledTape(t)
	m := mustWrite(t, d, streamSource("s", randomBytes(1, 3*4096))).Manifest
	joined := append(bytes.Clone(d.objects[2]), d.objects[3]...)
	d.objects[2], d.objects[3] = joined[:4000], joined[4000:]
	d.objects[3] = d.objects[3][:4096]
	_, err := Verify(context.Background(), d, 1, &m, readOptions(t))
	wantCode(t, err, errcode.ArchiveDamaged)
	d.objects[2], d.objects[3] = joined[:4096:4096], joined[4096:]
	d.objects[2] = append(d.objects[2], 0)
	_, err = Verify(context.Background(), d, 1, &m, readOptions(t))
	wantCode(t, err, errcode.ArchiveDamaged)
}

var _ Tape = (*tape.Drive)(nil)
