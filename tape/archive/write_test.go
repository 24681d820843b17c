package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/tape/archive/pax"
)

func writeOptions(t testing.TB) WriteOptions {
	return WriteOptions{
		Volume: testVolume, UUID: testUUID, Host: "host", Software: "calypso test", BlockSize: 4096,
		BufferBytes: 1 << 20, Watermarks: Watermarks{Off: true}, MemberSpool: t.TempDir(),
	}
}

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func streamSource(name string, data []byte) Source {
	return Source{Name: name, Kind: KindStream, Stream: bytes.NewReader(data)}
}

// mustWrite writes an archive that must be complete.
func mustWrite(t testing.TB, d Tape, src Source) *WriteResult {
	t.Helper()
	res, err := Write(context.Background(), d, src, writeOptions(t))
	if err != nil {
		t.Fatalf("write %s: %v", src.Name, err)
	}
	t.Cleanup(func() { _ = res.Members.Close() })
	return res
}

// mustRead reads a whole archive as raw bytes and must find it good.
func mustRead(t testing.TB, d Tape, file int64) []byte {
	t.Helper()
	var out bytes.Buffer
	res, err := Read(context.Background(), d, nil, file, ReadOptions{Stdout: &out, BufferBytes: 1 << 20, MemberSpool: t.TempDir()})
	if err != nil {
		t.Fatalf("read file %d: %v", file, err)
	}
	if !res.Verified {
		t.Errorf("read file %d: not verified", file)
	}
	return out.Bytes()
}

func wantCode(t testing.TB, err error, want errcode.Code) {
	t.Helper()
	if got := errcode.Of(err); got != want {
		t.Fatalf("error %v has code %q, want %q", err, got, want)
	}
}

func TestWriteStream(t *testing.T) {
	d := labelledTape(t)
	for i, size := range []int{1, 4095, 4096, 4097, 3*4096 + 17, 3 << 20} {
		data := randomBytes(uint64(i), size)
		res := mustWrite(t, d, streamSource("s", data))
		m := res.Manifest
		blocks := int64((size + 4095) / 4096)
		if !m.Complete || m.Reason != "" || m.SizeBytes != int64(size) || m.Blocks != blocks || m.SHA256 != hexSum(data) {
			t.Errorf("size %d: manifest %+v", size, m)
		}
		if want := int64(2*i + 1); m.File != want || res.ManifestFile != want+1 {
			t.Errorf("size %d: file %d, manifest file %d", size, m.File, res.ManifestFile)
		}
		if got := d.file(int(m.File)); !bytes.Equal(got, data) {
			t.Errorf("size %d: the tape has other bytes", size)
		}
	}
	for i, size := range []int{1, 4095, 4096, 4097, 3*4096 + 17, 3 << 20} {
		if got := mustRead(t, d, int64(2*i+1)); !bytes.Equal(got, randomBytes(uint64(i), size)) {
			t.Errorf("size %d: read other bytes", size)
		}
	}
}

func TestWriteBlocksAreFull(t *testing.T) {
	d := labelledTape(t)
	// A source that gives odd pieces must still make full blocks.
	src := Source{Name: "pieces", Kind: KindStream, Stream: &piecemeal{data: randomBytes(1, 50_000)}}
	mustWrite(t, d, src)
	for i := 2; d.objects[i] != nil; i++ {
		if last := d.objects[i+1] == nil; len(d.objects[i]) != 4096 && !last {
			t.Errorf("block %d has %d bytes", i, len(d.objects[i]))
		}
	}
}

type piecemeal struct {
	data []byte
	step int
}

func (p *piecemeal) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	p.step = p.step%701 + 1
	n := copy(b[:min(len(b), p.step)], p.data)
	p.data = p.data[n:]
	return n, nil
}

func TestWriteNothingTouchesTheTape(t *testing.T) {
	broken := errors.New("broken pipe")
	tests := []struct {
		name string
		src  Source
		edit func(o *WriteOptions)
		tape func(f *fakeTape)
		want errcode.Code
	}{
		{name: "empty stream", src: streamSource("e", nil), want: errcode.ArchiveEmpty},
		{name: "empty tree", src: Source{Name: "t", Kind: KindTar, Selection: pax.Selection{Roots: []string{"/nonexistent/root"}}}, want: errcode.ArchiveEmpty},
		{name: "source fails at once", src: Source{Name: "b", Kind: KindStream, Stream: errReader{broken}}, want: errcode.Failed},
		{name: "no name", src: streamSource("", []byte("x")), want: errcode.NameInvalid},
		{name: "name with a newline", src: streamSource("a\nb", []byte("x")), want: errcode.NameInvalid},
		{name: "odd block size", src: streamSource("a", []byte("x")), edit: func(o *WriteOptions) { o.BlockSize = 1000 }, want: errcode.Usage},
		{name: "another volume", src: streamSource("a", []byte("x")), edit: func(o *WriteOptions) { o.Volume = "V00002L8" }, want: errcode.MediaLabelMismatch},
		{name: "another cartridge of that name", src: streamSource("a", []byte("x")), edit: func(o *WriteOptions) { o.UUID = "11234567-89ab-4cde-8f01-23456789abcd" }, want: errcode.MediaCatalogMismatch},
		{name: "blank", src: streamSource("a", []byte("x")), tape: func(f *fakeTape) { f.objects = nil }, want: errcode.MediaUnlabelled},
		{name: "foreign", src: streamSource("a", []byte("x")), tape: func(f *fakeTape) { f.objects = [][]byte{append([]byte("VOL1ABC   "), make([]byte, 70)...), nil} }, want: errcode.MediaForeignLabel},
		{name: "full", src: streamSource("a", []byte("x")), tape: func(f *fakeTape) { f.warnAfter = 1 }, want: errcode.TapeFull},
		{name: "the caller's error", src: streamSource("a", []byte("x")), edit: func(o *WriteOptions) {
			o.OnStart = func(int64, int64) error { return errcode.New(errcode.StateUnwritable, "", "no") }
		}, want: errcode.StateUnwritable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, o := labelledTape(t), writeOptions(t)
			if tt.edit != nil {
				tt.edit(&o)
			}
			if tt.tape != nil {
				tt.tape(d)
			}
			before := len(d.objects)
			_, err := Write(context.Background(), d, tt.src, o)
			wantCode(t, err, tt.want)
			if len(d.objects) != before || d.commands["write"]+d.commands["write filemarks"] != 0 {
				t.Errorf("the tape was written: %v", d.commands)
			}
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestWriteInterrupted(t *testing.T) {
	d := labelledTape(t)
	ctx, cancel := context.WithCancel(context.Background())
	data := randomBytes(3, 4<<20)
	d.onWrite = func(n int) {
		if n == 12 {
			cancel()
		}
	}
	d.delay = time.Millisecond
	res, err := Write(ctx, d, streamSource("s", data), writeOptions(t))
	wantCode(t, err, errcode.Interrupted)
	if res.Manifest.Complete || res.Manifest.Reason != ReasonInterrupted || res.ManifestFile != 2 {
		t.Errorf("manifest %+v", res.Manifest)
	}
	readIncomplete(t, d, 1, data[:res.Manifest.SizeBytes])
	mustWrite(t, d, streamSource("next", []byte("next")))
	if got := mustRead(t, d, 3); string(got) != "next" {
		t.Errorf("read %q", got)
	}
}

// TestWriteInterruptedInHangingSource: the source never gives anything again, not even an error.
func TestWriteInterruptedInHangingSource(t *testing.T) {
	d := labelledTape(t)
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close()
	data := randomBytes(3, 1<<20)
	go func() {
		_, _ = w.Write(data)
		cancel()
	}()
	res, err := Write(ctx, d, Source{Name: "s", Kind: KindStream, Stream: r}, writeOptions(t))
	wantCode(t, err, errcode.Interrupted)
	if res != nil && res.Manifest.Complete {
		t.Errorf("manifest %+v", res.Manifest)
	}
}

// TestWriteInterruptedWithItsPipe: Ctrl-C ends the program before the pipe as well. Its end, heard before the
// signal, does not make what it gave a whole archive; nor is it an empty one's fault.
func TestWriteInterruptedWithItsPipe(t *testing.T) {
	defer func(was time.Duration) { signalGrace = was }(signalGrace)
	signalGrace = time.Hour
	for _, c := range []struct {
		given int
		open  func() (r, w *os.File, err error)
	}{{0, os.Pipe}, {3 << 20, os.Pipe}, {3 << 20, socketPair}} {
		given := c.given
		d := labelledTape(t)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		r, w, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		data := randomBytes(9, given)
		go func() {
			_, _ = w.Write(data)
			w.Close()
			time.Sleep(20 * time.Millisecond) // in which who believes the end closes the archive
			cancel(errcode.New(errcode.Interrupted, "", "SIGINT"))
		}()
		res, err := Write(ctx, d, Source{Name: "s", Kind: KindStream, Stream: r}, writeOptions(t))
		wantCode(t, err, errcode.Interrupted)
		switch {
		case given == 0 && (res != nil || len(d.objects) != 2):
			t.Errorf("nothing given: result %+v, %d objects", res, len(d.objects))
		case given > 0 && (res.Manifest.Complete || res.Manifest.Reason != ReasonInterrupted):
			t.Errorf("manifest %+v", res.Manifest)
		}
	}
}

// socketPair is the pipe of shells that have none.
func socketPair() (r, w *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

func TestWriteInterruptedBeforeTheFirstByte(t *testing.T) {
	d := labelledTape(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errcode.New(errcode.Terminated, "", "SIGTERM"))
	r, w := io.Pipe()
	defer w.Close()
	res, err := Write(ctx, d, Source{Name: "s", Kind: KindStream, Stream: r}, writeOptions(t))
	wantCode(t, err, errcode.Terminated)
	if res != nil || len(d.objects) != 2 {
		t.Errorf("result %+v, %d objects", res, len(d.objects))
	}
}

// TestWriteSourceFails: all that came before the failure is kept.
func TestWriteSourceFails(t *testing.T) {
	d := labelledTape(t)
	data := randomBytes(4, 40_001)
	src := Source{Name: "s", Kind: KindStream, Stream: io.MultiReader(bytes.NewReader(data), errReader{io.ErrUnexpectedEOF})}
	res, err := Write(context.Background(), d, src, writeOptions(t))
	wantCode(t, err, errcode.ArchiveIncomplete)
	if want := "source: unexpected EOF"; res.Manifest.Reason != want || res.Manifest.Complete {
		t.Errorf("manifest %+v", res.Manifest)
	}
	readIncomplete(t, d, 1, data)
}

// TestWriteMediumError: nothing is written behind an error of the medium, even if it would go.
func TestWriteMediumError(t *testing.T) {
	d := labelledTape(t)
	data := randomBytes(5, 100_000)
	bad := &failOnce{fakeTape: d, at: 7, err: errcode.New(errcode.TapeMediumError, "fake", "write error")}
	res, err := Write(context.Background(), bad, streamSource("s", data), writeOptions(t))
	wantCode(t, err, errcode.TapeMediumError)
	if res.ManifestFile != 0 || res.Manifest.Complete || res.Manifest.Blocks != 5 || len(d.objects) != 7 {
		t.Errorf("result %+v, %d objects on the tape", res, len(d.objects))
	}
}

// miscounting is a drive that doubles a block without saying so.
type miscounting struct{ *fakeTape }

func (m miscounting) Write(ctx context.Context, p []byte) (bool, error) {
	if len(m.objects) == 4 {
		if early, err := m.fakeTape.Write(ctx, p); err != nil {
			return early, err
		}
	}
	return m.fakeTape.Write(ctx, p)
}

func TestWriteCountsWithTheDrive(t *testing.T) {
	res, err := Write(context.Background(), miscounting{labelledTape(t)}, streamSource("s", randomBytes(5, 100_000)), writeOptions(t))
	wantCode(t, err, errcode.TapePosition)
	if res.Manifest.Complete {
		t.Error("complete")
	}
}

// sampleTree makes a small tree of every kind of content that matters here.
func sampleTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "sub", "empty"), 0o755))
	for i, size := range []int{0, 1, 511, 512, 513, 5000, 70_000} {
		must(os.WriteFile(filepath.Join(dir, "sub", string(rune('a'+i))), randomBytes(uint64(100+i), size), 0o640))
	}
	must(os.WriteFile(filepath.Join(dir, "odd\xff\nname"), []byte("odd"), 0o600))
	must(os.Symlink("sub/a", filepath.Join(dir, "link")))
	must(os.Link(filepath.Join(dir, "sub", "f"), filepath.Join(dir, "zhard")))
	return dir
}

func treeSource(name, dir string) Source {
	return Source{Name: name, Kind: KindTar, Selection: pax.Selection{Roots: []string{dir}}}
}

func TestWriteTree(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	res := mustWrite(t, d, treeSource("tree", dir))
	m := res.Manifest
	if m.Kind != KindTar || m.Members != 13 || m.SourceErrors != 0 || m.SHA256 != hexSum(d.file(1)) {
		t.Errorf("manifest %+v", m)
	}
	list, err := io.ReadAll(res.Members.Open())
	if err != nil || hexSum(list) != m.MembersSHA256 || int64(len(list)) != m.MembersBytes {
		t.Errorf("member list: %v", err)
	}
	checkList(t, list, d.file(1))
}

// checkList holds a member list against the bytes of its archive.
func checkList(t *testing.T, list, archive []byte) {
	t.Helper()
	scan := NewMemberScanner(bytes.NewReader(list))
	at := int64(0)
	for scan.Next() {
		m := scan.Member()
		if m.Offset != at {
			t.Errorf("%q begins at %d, the one before ends at %d", m.Path, m.Offset, at)
		}
		at = m.Offset + m.Length
		if got := hexSum(archive[m.Offset:at]); got != m.SHA256 {
			t.Errorf("%q: sha256 %s in the list, %s in the archive", m.Path, m.SHA256, got)
		}
	}
	if err := scan.Err(); err != nil {
		t.Error(err)
	}
}

func TestWriteTreeWithProblems(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	src := treeSource("tree", dir)
	src.Selection.Roots = append(src.Selection.Roots, filepath.Join(dir, "nonexistent"))
	res := mustWrite(t, d, src)
	if len(res.Problems) != 1 || res.Manifest.SourceErrors != 1 || !res.Manifest.Complete {
		t.Errorf("problems %v, manifest %+v", res.Problems, res.Manifest)
	}
}

// TestWriteTreeCutOff: the member list of an archive that was cut off has the members that are
// whole, and no others.
func TestWriteTreeCutOff(t *testing.T) {
	dir := sampleTree(t)
	whole := labelledTape(t)
	full := mustWrite(t, whole, treeSource("tree", dir))
	for blocks := int64(1); blocks < full.Manifest.Blocks-1; blocks++ {
		d := labelledTape(t)
		o := writeOptions(t)
		o.Watermarks = Watermarks{}
		// The filemark behind the cut must fit: only the block fails.
		fail := &failOnce{fakeTape: d, at: 2 + int(blocks)}
		res, err := Write(context.Background(), fail, treeSource("tree", dir), o)
		wantCode(t, err, errcode.TapeFull)
		list, _ := io.ReadAll(res.Members.Open())
		checkList(t, list, d.file(1))
		if end := lastEnd(t, list); end > blocks*4096 {
			t.Errorf("%d blocks: the list goes to byte %d", blocks, end)
		}
		if hexSum(list) != res.Manifest.MembersSHA256 {
			t.Error("the list is not that of the manifest")
		}
		_ = res.Members.Close()
	}
}

func lastEnd(t *testing.T, list []byte) int64 {
	var end int64
	scan := NewMemberScanner(bytes.NewReader(list))
	for scan.Next() {
		end = scan.Member().Offset + scan.Member().Length
	}
	return end
}

// failOnce is a tape that fails to write one object; nil: because it does not fit, as at the
// physical end.
type failOnce struct {
	*fakeTape
	at  int
	err error
}

func (f *failOnce) Write(ctx context.Context, p []byte) (bool, error) {
	if f.fakeTape.at != f.at || f.at == 0 {
		return f.fakeTape.Write(ctx, p)
	}
	f.at = 0
	if f.err != nil {
		return false, f.err
	}
	return false, errcode.New(errcode.TapeFull, "fake", "end of medium")
}

// TestStops: a source that is slower than the drive makes it stop; watermarks make it stop less.
func TestStops(t *testing.T) {
	stops := func(marks Watermarks) int {
		d := labelledTape(t)
		o := writeOptions(t)
		o.BufferBytes = 1 << 20
		o.Watermarks = marks
		res, err := Write(context.Background(), d, Source{Name: "slow", Kind: KindStream, Stream: &slow{left: 512}}, o)
		if err != nil {
			t.Fatal(err)
		}
		return res.Stops
	}
	if n := stops(Watermarks{Low: 0.1, High: 0.5}); n > 6 {
		t.Errorf("%d stops for four buffers of half a ring", n)
	}
}

// slow gives blocks of 4 KiB and lets everybody else run in between.
type slow struct{ left int }

func (s *slow) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	s.left--
	time.Sleep(20 * time.Microsecond)
	return min(len(b), 4096), nil
}
