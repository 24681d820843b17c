package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/archive/pax"
)

const (
	testVolume = "V00001L8"
	testUUID   = "01234567-89ab-4cde-8f01-23456789abcd"
)

var (
	testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	ctx      = context.Background()
)

func cartridge(volume string) Cartridge {
	return Cartridge{
		SchemaVersion: Version, Volume: volume, UUID: testUUID, Generation: "LTO-8", BlockSizeBytes: 262144,
		Labelled: testTime, LastSeen: testTime, Location: "vtl01:slot 1", CapacityBytes: 12e12,
	}
}

func newStore(t testing.TB, volumes ...string) *Store {
	t.Helper()
	s := NewStore(filepath.Join(t.TempDir(), "media"))
	for _, v := range volumes {
		if err := s.Put(ctx, cartridge(v)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// testArchive makes the n-th archive of a volume, n from 0, and its member list.
func testArchive(volume string, n int, paths ...string) (Archive, []byte) {
	list := memberList(paths...)
	a := Archive{ManifestFile: int64(2*n + 2)}
	a.Manifest = archive.Manifest{
		Volume: volume, VolumeUUID: testUUID, File: int64(2*n + 1), Name: fmt.Sprintf("archive %d", n), Kind: archive.KindTar,
		Complete: true, SizeBytes: int64(1000 + n), Blocks: 1, BlockSizeBytes: 262144, SHA256: hexSum([]byte(fmt.Sprint(n))),
		FirstBlock: int64(2 + 4*n), Started: testTime, Finished: testTime.Add(time.Minute), Host: "host", Software: "calypso test",
		Members: int64(len(paths)), MembersBytes: int64(len(list)), MembersSHA256: hexSum(list),
	}
	return a, list
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// memberList makes a list as the format has it, with encoding/json.
func memberList(paths ...string) []byte {
	var out []byte
	for i, p := range paths {
		line, _ := json.Marshal(map[string]any{
			"path": strings.ToValidUTF8(p, "\uFFFD"), "path_hex": oddHex(p), "type": "file", "offset": 1024 * i, "length": 1024, "size": 1,
			"mode": "0644", "uid": 0, "gid": 0, "mtime": "2026-01-02T03:04:05.000000006Z", "link": nil, "link_hex": nil,
			"sha256": hexSum([]byte(p)),
		})
		out = append(append(out, line...), '\n')
	}
	return out
}

func oddHex(p string) any {
	if strings.ToValidUTF8(p, "?") == p {
		return nil
	}
	return hex.EncodeToString([]byte(p))
}

func mustFinish(t testing.TB, s *Store, volume string, n int, paths ...string) Archive {
	t.Helper()
	a, list := testArchive(volume, n, paths...)
	if err := s.Finish(ctx, volume, a, bytes.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	return a
}

func wantCode(t testing.TB, err error, want errcode.Code) {
	t.Helper()
	if got := errcode.Of(err); got != want {
		t.Fatalf("error %v has code %q, want %q", err, got, want)
	}
}

func TestCartridges(t *testing.T) {
	s := newStore(t)
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("empty catalog: %v, %v", list, err)
	}
	_, err := s.Get(testVolume)
	wantCode(t, err, errcode.MediaNotFound)
	wantCode(t, s.Abort(ctx, testVolume), errcode.MediaNotFound)
	for _, v := range []string{"V00002L8", "V00001L8"} {
		if err := s.Put(ctx, cartridge(v)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List()
	if diff := cmp.Diff([]Cartridge{cartridge("V00001L8"), cartridge("V00002L8")}, list); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	mustFinish(t, s, "V00001L8", 0, "a")
	if err := s.Forget(ctx, "V00001L8"); err != nil {
		t.Fatal(err)
	}
	if volumes, _ := s.Volumes(); !slices.Equal(volumes, []string{"V00002L8"}) {
		t.Errorf("volumes %v", volumes)
	}
	if _, err := os.Stat(s.volumeDir("V00001L8")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("its archives are still there")
	}
}

func TestVolumeNames(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", "-rf", "x.yaml", "x.YAML", "x.lock", "a b", strings.Repeat("x", 300), "a\x00"} {
		_, err := s.Get(name)
		wantCode(t, err, errcode.NameInvalid)
		wantCode(t, s.Put(ctx, cartridge(name)), errcode.NameInvalid)
		_, err = s.Archives(name)
		wantCode(t, err, errcode.NameInvalid)
		_, err = s.Rebuild(name)
		wantCode(t, err, errcode.NameInvalid)
		wantCode(t, s.Forget(ctx, name), errcode.NameInvalid)
		a, _ := testArchive(name, 0)
		_, err = s.OpenMembers(&a)
		wantCode(t, err, errcode.NameInvalid)
	}
}

func TestDamagedCartridge(t *testing.T) {
	s := newStore(t, testVolume)
	path := s.yamlPath(testVolume)
	good, _ := os.ReadFile(path)
	for _, tt := range []struct {
		name, from, to string
		want           errcode.Code
	}{
		{"unknown key", "uuid:", "uid:", errcode.StateInvalid},
		{"newer", "schema_version: 1", "schema_version: 2", errcode.StateNewer},
		{"octal", "262144", "0262144", errcode.StateInvalid},
		{"another volume", "volume: V00001L8", "volume: V00002L8", errcode.StateInvalid},
	} {
		if err := os.WriteFile(path, bytes.Replace(good, []byte(tt.from), []byte(tt.to), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(testVolume)
		if got := errcode.Of(err); got != tt.want {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if _, err := s.List(); errcode.Of(err) != tt.want {
			t.Errorf("%s: list: %v", tt.name, err)
		}
	}
}

// Recording an archive of a dead writer ends the announcement of that one only.
func TestAddEndsItsOwnAnnouncement(t *testing.T) {
	s := newStore(t, testVolume)
	a, list := testArchive(testVolume, 0, "a")
	w := InFlight{File: a.File, Name: "n", Started: testTime, PID: 7, Host: "h"}
	for _, c := range []struct {
		file  int64
		stays bool
	}{{a.File + 2, true}, {a.File, false}} {
		w.File = c.file
		if _, err := s.Begin(ctx, testVolume, w); err != nil {
			t.Fatal(err)
		}
		if err := s.Add(ctx, testVolume, a, bytes.NewReader(list)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(testVolume); err != nil || (got.Writing != nil) != c.stays {
			t.Errorf("file %d announced, %d recorded: %+v, %v; want it to stay: %v", c.file, a.File, got.Writing, err, c.stays)
		}
		if err := s.Abort(ctx, testVolume); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Abort(ctx, testVolume); err != nil {
		t.Errorf("Abort of nothing = %v", err)
	}
}

// An archive says on which cartridge it is, by name and UUID: no other one's record takes it.
func TestArchiveOfAnotherCartridge(t *testing.T) {
	const other = "V00077L8"
	s := newStore(t, testVolume, other)
	a, list := testArchive(testVolume, 0, "a")
	wantCode(t, s.Finish(ctx, other, a, bytes.NewReader(list)), errcode.MediaCatalogMismatch)
	wantCode(t, s.Add(ctx, other, a, bytes.NewReader(list)), errcode.MediaCatalogMismatch)
	foreign := a
	foreign.VolumeUUID = "00000000-0000-4000-8000-000000000000"
	wantCode(t, s.Finish(ctx, testVolume, foreign, bytes.NewReader(list)), errcode.MediaCatalogMismatch)
	c := cartridge(other)
	if err := s.Replace(ctx, c, []Archive{a}); err == nil {
		t.Error("Replace took an archive of another cartridge")
	}
	for _, volume := range []string{testVolume, other} {
		if got, err := s.Archives(volume); err != nil || len(got) != 0 {
			t.Errorf("%s: %+v, %v; want none", volume, got, err)
		}
	}
}

func TestArchives(t *testing.T) {
	s := newStore(t, testVolume)
	var want []Archive
	for n := range 3 {
		want = append(want, mustFinish(t, s, testVolume, n, "a", "b"))
	}
	got, err := s.Archives(testVolume)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if a, err := s.Archive(testVolume, 3); err != nil || *a != want[1] {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = s.Archive(testVolume, 2)
	wantCode(t, err, errcode.ArchiveNotFound)

	// A line for the same tape file replaces the earlier one.
	want[1].Complete, want[1].Reason = false, "torn"
	if err := s.Add(ctx, testVolume, want[1], nil); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Archives(testVolume); !slices.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	other := want[0]
	other.VolumeUUID = "another"
	wantCode(t, s.Add(ctx, testVolume, other, nil), errcode.MediaCatalogMismatch)
}

func TestArchivesDamaged(t *testing.T) {
	s := newStore(t, testVolume)
	for n := range 3 {
		mustFinish(t, s, testVolume, n)
	}
	path := s.archivesPath(testVolume)
	good, _ := os.ReadFile(path)
	lines := bytes.SplitAfter(good, []byte("\n"))

	torn := append(slices.Clone(good), lines[0][:40]...)
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Archives(testVolume); err != nil || len(list) != 3 {
		t.Errorf("torn last line: %d archives, %v", len(list), err)
	}
	mustFinish(t, s, testVolume, 3)
	if list, err := s.Archives(testVolume); err != nil || len(list) != 4 {
		t.Errorf("after an append behind a torn line: %d archives, %v", len(list), err)
	}
	for at := 0; at < len(lines[1])-1; at++ {
		bad := slices.Concat(lines[0], lines[1][:at], []byte{'#'}, lines[1][at+1:], lines[2])
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := s.Archives(testVolume)
		if err == nil && len(list) == 3 {
			continue // within a text, which may hold a #
		}
		wantCode(t, err, errcode.StateInvalid)
		if want := archivesName + ":2"; !strings.Contains(err.Error(), want) {
			t.Fatalf("byte %d: error %v does not name %s", at, err, want)
		}
	}
	for _, at := range []int{0, 1} {
		half := slices.Concat(lines[0], lines[1][:len(lines[1])/2], []byte("\n"))
		_ = os.WriteFile(path, half[at:], 0o600)
		_, err := s.Archives(testVolume)
		wantCode(t, err, errcode.StateInvalid)
	}
}

func TestInFlight(t *testing.T) {
	s := newStore(t, testVolume)
	w := InFlight{File: 1, Name: "n", Started: testTime, PID: 7, Host: "h"}
	died, err := s.Begin(ctx, testVolume, w)
	if died != nil || err != nil {
		t.Fatal(died, err)
	}
	if u, err := s.Unfinished(testVolume); err != nil || *u != w {
		t.Errorf("unfinished %+v, %v", u, err)
	}
	// The writer died; the next finds what it left.
	again := w
	again.File, again.Name = 3, "next"
	if died, err = s.Begin(ctx, testVolume, again); err != nil || died == nil || *died != w {
		t.Errorf("died %+v, %v", died, err)
	}
	mustFinish(t, s, testVolume, 1)
	if u, err := s.Unfinished(testVolume); err != nil || u != nil {
		t.Errorf("unfinished %+v, %v", u, err)
	}
	// A crash between the record and the end of the announcement: the record counts.
	again.File = 3
	if _, err := s.Begin(ctx, testVolume, again); err != nil {
		t.Fatal(err)
	}
	if u, err := s.Unfinished(testVolume); err != nil || u != nil {
		t.Errorf("unfinished %+v, %v", u, err)
	}
	if died, err := s.Begin(ctx, testVolume, w); err != nil || died != nil {
		t.Errorf("died %+v, %v", died, err)
	}
	if err := s.Abort(ctx, testVolume); err != nil {
		t.Fatal(err)
	}
	if c, _ := s.Get(testVolume); c.Writing != nil {
		t.Errorf("still writing %+v", c.Writing)
	}
}

func TestRebuild(t *testing.T) {
	s := newStore(t, testVolume)
	old := mustFinish(t, s, testVolume, 7, "old")
	r, err := s.Rebuild(testVolume)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Discard()
	a, listA := testArchive(testVolume, 0, "a")
	b, _ := testArchive(testVolume, 1, "b")
	b2, listB := testArchive(testVolume, 1, "b")
	broken := errors.New("damaged")
	if err := r.Add(a, bytes.NewReader(listA)); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(b, io.MultiReader(strings.NewReader("x"), errReader{broken})); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if err := r.Add(b2, bytes.NewReader(listB)); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Archives(testVolume); len(got) != 1 || got[0] != old {
		t.Error("the catalog changed before the commit")
	}
	if err := r.Commit(ctx, cartridge(testVolume)); err != nil || r.Len() != 2 {
		t.Fatal(r.Len(), err)
	}
	got, err := s.Archives(testVolume)
	if diff := cmp.Diff([]Archive{a, b2}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for i := range got {
		if err := s.Members(ctx, &got[i], func(*pax.Member) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	entries, _ := os.ReadDir(s.volumeDir(testVolume))
	if len(entries) != 3 {
		t.Errorf("left in the directory: %v", entries)
	}
}

// A list that the tape does not give any more stays what the catalog has, if it is the one of that archive.
func TestRebuildKeepsAListThatTheTapeLost(t *testing.T) {
	s := newStore(t, testVolume)
	old := mustFinish(t, s, testVolume, 0, "a")
	mustFinish(t, s, testVolume, 1, "b")
	r, err := s.Rebuild(testVolume)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Discard()
	broken := errReader{errors.New("damaged")}
	another, _ := testArchive(testVolume, 1, "another")
	for _, a := range []Archive{old, another} {
		if err := r.Add(a, broken); !errors.Is(err, broken.err) {
			t.Errorf("file %d: error %v", a.File, err)
		}
	}
	if err := r.Commit(ctx, cartridge(testVolume)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Archives(testVolume)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if err := s.Members(ctx, &got[0], func(*pax.Member) error { return nil }); err != nil {
		t.Errorf("the list that was known: %v", err)
	}
	if got[1].MembersSHA256 != "" {
		t.Error("an archive got the list of another")
	}
}

func TestRebuildDiscarded(t *testing.T) {
	s := newStore(t, testVolume)
	want := mustFinish(t, s, testVolume, 0, "a")
	r, err := s.Rebuild(testVolume)
	if err != nil {
		t.Fatal(err)
	}
	b, list := testArchive(testVolume, 1, "b")
	if err := r.Add(b, bytes.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	r.Discard()
	if got, err := s.Archives(testVolume); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%v, %v", got, err)
	}
	if entries, _ := os.ReadDir(s.volumeDir(testVolume)); len(entries) != 2 {
		t.Errorf("left in the directory: %v", entries)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestReplace(t *testing.T) {
	s := newStore(t, testVolume)
	keep := mustFinish(t, s, testVolume, 0, "a")
	mustFinish(t, s, testVolume, 1, "b")
	if err := s.Replace(ctx, cartridge(testVolume), []Archive{keep}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Archives(testVolume); err != nil || len(got) != 1 || got[0] != keep {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := os.Stat(s.membersPath(testVolume, 3)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the list of a dropped archive is still there")
	}
	if err := s.Members(ctx, &keep, func(*pax.Member) error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestTwoProcesses: processes that record archives on one cartridge lose none, and those on other
// cartridges are not in the way.
func TestTwoProcesses(t *testing.T) {
	const each = 20
	s := newStore(t, testVolume, "V00002L8")
	var runs []*exec.Cmd
	for i := range 3 {
		volume := testVolume
		if i == 2 {
			volume = "V00002L8"
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
		cmd.Env = append(os.Environ(), "CATALOG_DIR="+s.dir, "CATALOG_VOLUME="+volume, fmt.Sprint("CATALOG_FIRST=", i*each), fmt.Sprint("CATALOG_COUNT=", each))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, cmd)
	}
	for _, cmd := range runs {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for volume, want := range map[string]int{testVolume: 2 * each, "V00002L8": each} {
		if list, err := s.Archives(volume); err != nil || len(list) != want {
			t.Errorf("%s: %d archives, %v", volume, len(list), err)
		}
		if c, err := s.Get(volume); err != nil || c.CapacityBytes != 12e12+int64(want) {
			t.Errorf("%s: an update was lost: %+v, %v", volume, c, err)
		}
	}
}

// TestWriterProcess is the process that TestTwoProcesses starts.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv("CATALOG_DIR")
	if dir == "" {
		return
	}
	var first, count int
	_, _ = fmt.Sscan(os.Getenv("CATALOG_FIRST"), &first)
	_, _ = fmt.Sscan(os.Getenv("CATALOG_COUNT"), &count)
	s, volume := NewStore(dir), os.Getenv("CATALOG_VOLUME")
	for n := first; n < first+count; n++ {
		mustFinish(t, s, volume, n, "a")
		err := s.Update(ctx, volume, func(c *Cartridge) error { c.CapacityBytes++; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	a, _ := testArchive(testVolume, 3, "a")
	var o archiveLine
	f.Add(bytes.TrimSuffix(o.of(&a), []byte("\n")))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := parseLine(line, &Archive{})
		if err != nil {
			return
		}
		again, err := parseLine(bytes.TrimSuffix(o.of(&a), []byte("\n")), &a)
		if err != nil || again != a && !subSecond(line) {
			t.Fatalf("%+v became %+v, %v", a, again, err)
		}
	})
}

// subSecond: times lose what is below a second when they are written again.
func subSecond(line []byte) bool { return bytes.Contains(line, []byte(".")) }

func BenchmarkArchives10000(b *testing.B) {
	s := newStore(b, testVolume)
	var list []Archive
	for n := range 10_000 {
		a, _ := testArchive(testVolume, n, "a")
		list = append(list, a)
	}
	if err := s.Replace(ctx, cartridge(testVolume), list); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := s.Archives(testVolume); err != nil || len(got) != 10_000 {
			b.Fatal(len(got), err)
		}
	}
}
