package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"calypso/sys/errcode"
)

// scanned is what a scan of a tape reports, by archive file.
type scanned struct {
	*ScanResult
	archives map[int64]Found
	lists    map[int64][]byte
}

func mustScan(t testing.TB, d Tape) scanned {
	t.Helper()
	s := scanned{archives: map[int64]Found{}, lists: map[int64][]byte{}}
	var err error
	s.ScanResult, err = Scan(context.Background(), d, func(f Found) error {
		s.archives[f.Manifest.File] = f
		if f.Members != nil {
			s.lists[f.Manifest.File], _ = io.ReadAll(f.Members)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return s
}

func TestScan(t *testing.T) {
	d := labelledTape(t)
	var want []Manifest
	tree := treeSource("tree", sampleTree(t))
	for i := range 5 {
		want = append(want, mustWrite(t, d, streamSource(fmt.Sprint("s", i), randomBytes(uint64(i), 5000*i+1))).Manifest)
		want = append(want, mustWrite(t, d, tree).Manifest)
	}
	d.commands = map[string]int{}
	s := mustScan(t, d)
	if s.Archives != 10 || len(s.Torn)+len(s.Damaged) != 0 || s.Files != 21 || s.Blocks != int64(len(d.objects)) || s.Label.Volume != testVolume {
		t.Errorf("%+v", s.ScanResult)
	}
	for _, m := range want {
		if s.archives[m.File].Manifest != m {
			t.Errorf("file %d: scanned %+v, written %+v", m.File, s.archives[m.File].Manifest, m)
		}
		if m.Kind == KindTar && hexSum(s.lists[m.File]) != m.MembersSHA256 {
			t.Errorf("file %d: another member list", m.File)
		}
	}
	if n := d.commands["read"]; n > 60 {
		t.Errorf("%d reads: the data were not passed over", n)
	}
}

// TestScanSkipsLists: a caller that does not read a list does not disturb the scan.
func TestScanSkipsLists(t *testing.T) {
	d := labelledTape(t)
	tree := treeSource("tree", sampleTree(t))
	mustWrite(t, d, tree)
	mustWrite(t, d, tree)
	res, err := Scan(context.Background(), d, func(Found) error { return nil })
	if err != nil || res.Archives != 2 || len(res.Damaged) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestScanEndsWithTheCaller(t *testing.T) {
	d := labelledTape(t)
	mustWrite(t, d, streamSource("a", []byte("a")))
	stop := errors.New("stop")
	if _, err := Scan(context.Background(), d, func(Found) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestScanForeign(t *testing.T) {
	d := newFakeTape()
	_, err := Scan(context.Background(), d, nil)
	wantCode(t, err, errcode.MediaUnlabelled)
	d.objects = [][]byte{bytes.Repeat([]byte("x"), 100), nil}
	_, err = Scan(context.Background(), d, nil)
	wantCode(t, err, errcode.MediaUnknownData)
}

// TestScanDamage: damage in one manifest hides no other archive, wherever it is.
func TestScanDamage(t *testing.T) {
	whole := labelledTape(t)
	tree := treeSource("tree", sampleTree(t))
	for range 3 {
		mustWrite(t, whole, tree)
	}
	manifest := 2 // the object where the manifest of file 1 begins
	for whole.objects[manifest] != nil {
		manifest++
	}
	manifest++
	size := len(whole.file(2))
	for at := 0; at < size; at += 41 {
		s := mustScan(t, flipped(whole, manifest, at))
		for _, file := range []int64{3, 5} {
			if s.archives[file].Manifest != mustManifest(t, whole, file) {
				t.Fatalf("byte %d: file %d was not found", at, file)
			}
		}
		got, ok := s.archives[1]
		if ok && len(s.Damaged) == 0 && (got.Manifest != mustManifest(t, whole, 1) || hexSum(s.lists[1]) != got.Manifest.MembersSHA256) && at < size-2*tarRecord {
			t.Fatalf("byte %d: another manifest and no word of damage: %+v", at, got.Manifest)
		}
	}
}

func mustManifest(t testing.TB, d *fakeTape, file int64) Manifest {
	t.Helper()
	m, list, err := ReadManifest(context.Background(), d.clone(), file, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_ = list.Close()
	return *m
}

func TestScanMediumError(t *testing.T) {
	d := labelledTape(t)
	for i := range 3 {
		mustWrite(t, d, streamSource(fmt.Sprint(i), []byte("data")))
	}
	bad := errcode.New(errcode.TapeMediumError, "fake", "read error")
	for object := 2; object < len(d.objects); object++ {
		if d.objects[object] == nil {
			continue
		}
		d.readFault = map[int]error{object: bad}
		s := mustScan(t, d)
		if len(s.Damaged) != 1 || s.Archives < 2 {
			t.Errorf("object %d: %+v", object, s.ScanResult)
		}
	}
}

// A list that cannot be read is damage of its manifest, and no torn archive behind it.
func TestScanListMediumError(t *testing.T) {
	d := labelledTape(t)
	mustWrite(t, d, treeSource("tree", sampleTree(t)))
	mustWrite(t, d, streamSource("next", []byte("data")))
	second := 2 // the second block of the manifest
	for d.objects[second] != nil {
		second++
	}
	second += 2
	if d.objects[second] == nil {
		t.Fatal("the manifest is too short for this test")
	}
	d.readFault = map[int]error{second: errcode.New(errcode.TapeMediumError, "fake", "read error")}
	s := mustScan(t, d)
	if len(s.Damaged) != 1 || s.Damaged[0].File != 2 || len(s.Torn) != 0 || s.Archives != 2 {
		t.Errorf("%+v", s.ScanResult)
	}
}

func TestScanNewerManifest(t *testing.T) {
	d := labelledTape(t)
	for i := range 2 {
		mustWrite(t, d, streamSource(fmt.Sprint(i), []byte("data")))
	}
	d.objects[4] = bytes.Replace(d.objects[4], []byte("version: 1"), []byte("version: 2"), 1)
	s := mustScan(t, d)
	if s.Archives != 1 || len(s.Damaged) != 1 || errcode.Of(s.Damaged[0].Err) != errcode.StateNewer {
		t.Errorf("%+v", s.ScanResult)
	}
	_, err := Read(context.Background(), d, nil, 1, ReadOptions{Stdout: io.Discard})
	wantCode(t, err, errcode.StateNewer)
}

// TestManifestAsArchive: archives that are copies of manifests are archives.
func TestManifestAsArchive(t *testing.T) {
	d := labelledTape(t)
	mustWrite(t, d, streamSource("a", []byte("a")))
	manifest := d.file(2)
	for range 3 {
		mustWrite(t, d, streamSource("copy", manifest))
	}
	s := mustScan(t, d)
	if s.Archives != 4 || len(s.Torn)+len(s.Damaged) != 0 {
		t.Errorf("%+v", s.ScanResult)
	}
	for _, file := range []int64{3, 5, 7} {
		if got := mustRead(t, d, file); !bytes.Equal(got, manifest) {
			t.Errorf("file %d: read other bytes", file)
		}
	}
}

// TestManifestAsTornArchive: such a copy that a killed writer left is closed as any archive is.
func TestManifestAsTornArchive(t *testing.T) {
	d := labelledTape(t)
	mustWrite(t, d, streamSource("a", []byte("a")))
	manifest := d.file(2)
	mustWrite(t, d, streamSource("copy", manifest))
	d.objects = d.objects[:len(d.objects)-2] // the filemark behind the copy is the last object
	res := mustWrite(t, d, streamSource("next", []byte("next")))
	if len(res.Closed) != 1 || res.Closed[0].Manifest.File != 3 || res.Closed[0].Manifest.SizeBytes != int64(len(manifest)) {
		t.Errorf("%+v", res)
	}
	if s := mustScan(t, d); s.Archives != 3 || len(s.Torn) != 0 {
		t.Errorf("%+v", s.ScanResult)
	}
}

// TestKillAnywhere kills the writer after every object that it puts on the tape: while it writes an
// archive, its manifest, and while it closes what another left. Earlier archives stay readable, the
// scan reports the torn one, the next write closes it and goes on behind it.
func TestKillAnywhere(t *testing.T) {
	dir := sampleTree(t)
	base := labelledTape(t)
	first := randomBytes(1, 9000)
	mustWrite(t, base, streamSource("first", first))
	for kill := 0; ; kill++ {
		d := base.clone()
		d.killAfter = kill
		_, err := Write(context.Background(), d, treeSource("tree", dir), writeOptions(t))
		if err == nil {
			break
		}
		if !errors.Is(err, errDead) {
			t.Fatalf("kill after %d: %v", kill, err)
		}
		d.killAfter = -1
		checkTorn(t, d, base, first, kill)
		for again := 0; ; again++ {
			twice := d.clone()
			twice.killAfter = again
			_, err := Write(context.Background(), twice, streamSource("second", []byte("second")), writeOptions(t))
			twice.killAfter = -1
			checkTorn(t, twice, base, first, kill)
			checkAppend(t, twice, first, kill)
			if err == nil {
				break
			}
		}
	}
}

// checkTorn: the first archive is readable and every object is accounted for.
func checkTorn(t *testing.T, d, base *fakeTape, first []byte, kill int) {
	t.Helper()
	for i, o := range base.objects {
		if !bytes.Equal(d.objects[i], o) {
			t.Fatalf("kill after %d: object %d was overwritten", kill, i)
		}
	}
	if got := mustRead(t, d, 1); !bytes.Equal(got, first) {
		t.Fatalf("kill after %d: the first archive is not what it was", kill)
	}
	s := mustScan(t, d)
	if _, ok := s.archives[1]; !ok {
		t.Fatalf("kill after %d: the scan does not find the first archive", kill)
	}
	if d.filemarks(len(d.objects)) < 3 || len(d.objects) == len(base.objects) {
		return
	}
	_, found := s.archives[3]
	torn := len(s.Torn) > 0 || len(s.Damaged) > 0
	if !found && !torn {
		t.Fatalf("kill after %d: the scan finds neither an archive nor a torn one: %+v", kill, s.ScanResult)
	}
	if found && s.archives[3].Manifest.Complete && s.archives[3].Manifest.SHA256 != hexSum(d.file(3)) {
		t.Fatalf("kill after %d: a torn archive passes for complete", kill)
	}
}

// checkAppend: the next write works and closes whatever was torn.
func checkAppend(t *testing.T, d *fakeTape, first []byte, kill int) {
	t.Helper()
	before := len(d.objects)
	old := append([][]byte(nil), d.objects...)
	res := mustWrite(t, d, streamSource("third", []byte("third")))
	for i := range before {
		if !bytes.Equal(d.objects[i], old[i]) {
			t.Fatalf("kill after %d: the append wrote over object %d", kill, i)
		}
	}
	if got := mustRead(t, d, res.Manifest.File); string(got) != "third" {
		t.Fatalf("kill after %d: read %q", kill, got)
	}
	if got := mustRead(t, d, 1); !bytes.Equal(got, first) {
		t.Fatalf("kill after %d: the first archive is not what it was", kill)
	}
	s := mustScan(t, d)
	if len(s.Torn) != 0 {
		t.Fatalf("kill after %d: still torn after an append: %+v", kill, s.ScanResult)
	}
	for _, c := range res.Closed {
		if got := s.archives[c.Manifest.File]; got.Manifest != c.Manifest || got.ManifestFile != c.ManifestFile {
			t.Fatalf("kill after %d: closed %+v, scanned %+v", kill, c, got)
		}
	}
}

// TestTornIsNamed: the catalog knows what the dead writer was doing.
func TestTornIsNamed(t *testing.T) {
	d := labelledTape(t)
	d.killAfter = 5
	_, err := Write(context.Background(), d, streamSource("lost", randomBytes(1, 100_000)), writeOptions(t))
	if !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	d.killAfter = -1
	o := writeOptions(t)
	o.Torn = &TornArchive{File: 1, Name: "lost", Host: "other", Started: testTime}
	res, err := Write(context.Background(), d, streamSource("next", []byte("next")), o)
	if err != nil || len(res.Closed) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	m := res.Closed[0].Manifest
	if m.Name != "lost" || m.Host != "other" || m.Complete || m.SHA256 != "" || m.Blocks != 5 || m.SizeBytes != 5*4096 || m.BlockSizeBytes != 4096 {
		t.Errorf("closed %+v", m)
	}
	var out bytes.Buffer
	_, err = Read(context.Background(), d, nil, 1, ReadOptions{Stdout: &out})
	wantCode(t, err, errcode.ArchiveIncomplete)
	if !bytes.Equal(out.Bytes(), randomBytes(1, 100_000)[:5*4096]) {
		t.Error("other bytes")
	}
}

// TestTornManifestKeepsTheSum: an archive that was whole stays so when its manifest was cut.
func TestTornManifestKeepsTheSum(t *testing.T) {
	d := labelledTape(t)
	dir := sampleTree(t)
	m := mustWrite(t, d, treeSource("tree", dir)).Manifest
	manifest := int(m.FirstBlock + m.Blocks + 1)
	if d.objects[manifest+1] == nil {
		t.Fatal("the manifest has one block: nothing can be cut off")
	}
	d.objects = d.objects[:manifest+1]
	res := mustWrite(t, d, streamSource("next", []byte("next")))
	if len(res.Closed) != 1 || res.Closed[0].Manifest.SHA256 != m.SHA256 || !res.Closed[0].Manifest.Complete || res.Manifest.File != 4 {
		t.Fatalf("%+v", res)
	}
	o := readOptions(t)
	o.Dest = t.TempDir()
	got, err := Read(context.Background(), d, nil, 1, o)
	if err != nil || !got.Verified {
		t.Errorf("%+v, %v", got, err)
	}
}
