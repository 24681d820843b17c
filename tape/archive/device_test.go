package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/place"
	"calypso/tape"
	"calypso/tape/archive"
	"calypso/tape/label"
	"calypso/tape/scsi"
	"calypso/vtl"
)

// These tests use the drive and the image of the virtual library, which share no code with this
// package but sys.

const (
	volume  = "V00001L8"
	library = "vtl01"
)

// station is a library with a cartridge in its drive.
type station struct {
	store  *vtl.Store
	image  string // directory of the cartridge's image
	drive  *tape.Drive
	device interface {
		scsi.Transport
		io.Closer
	}
}

// newStation makes a library in dir with a labelled cartridge of size bytes in its drive.
func newStation(t testing.TB, dir string, size int64) *station {
	t.Helper()
	ctx := context.Background()
	s := &station{store: vtl.NewStore(place.Places{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run")})}
	_, err := s.store.Create(ctx, vtl.CreateSpec{Name: library, Drives: 1, Slots: 2, Media: "LTO-8", TapeSizeBytes: size, Tapes: 1, Backing: filepath.Join(dir, "backing")})
	must(t, err)
	s.image = filepath.Join(dir, "backing", library, "tapes", volume)
	changer, err := s.store.OpenChanger(ctx, library)
	must(t, err)
	_, err = tape.NewChanger(changer).Load(ctx, 1, 0)
	must(t, errors.Join(err, changer.Close()))
	s.open(t)
	l, err := label.New(volume, "host", "calypso test", archive.DefaultBlockSize, time.Now())
	must(t, err)
	block, err := l.Encode()
	must(t, err)
	must(t, s.drive.Rewind(ctx))
	_, err = s.drive.Write(ctx, block)
	must(t, err)
	_, err = s.drive.WriteFilemarks(ctx, 1, false)
	must(t, err)
	t.Cleanup(func() { s.device.Close() })
	return s
}

// open opens the drive as a new process would.
func (s *station) open(t testing.TB) {
	t.Helper()
	device, err := s.store.OpenDrive(context.Background(), library, 0)
	must(t, err)
	s.device, s.drive = device, tape.NewDrive(device)
	must(t, s.drive.WaitReady(context.Background()))
	must(t, s.drive.SetVariableBlock(context.Background()))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options(t testing.TB) archive.WriteOptions {
	return archive.WriteOptions{
		Volume: volume, Host: "host", Software: "calypso test", BufferBytes: 4 << 20,
		Watermarks: archive.Watermarks{Off: true}, MemberSpool: t.TempDir(),
	}
}

func random(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func stream(name string, data []byte) archive.Source {
	return archive.Source{Name: name, Kind: archive.KindStream, Stream: bytes.NewReader(data)}
}

// readBack reads a whole archive as raw bytes and must find it good.
func (s *station) readBack(t testing.TB, file int64) []byte {
	t.Helper()
	var out bytes.Buffer
	res, err := archive.Read(context.Background(), s.drive, nil, file, archive.ReadOptions{Stdout: &out, BufferBytes: 4 << 20, Volume: volume})
	must(t, err)
	if !res.Verified {
		t.Errorf("file %d was not verified", file)
	}
	return out.Bytes()
}

func TestDeviceRoundTrip(t *testing.T) {
	s := newStation(t, t.TempDir(), 64<<20)
	ctx := context.Background()
	tree := sourceTree(t)
	data := random(1, 3<<20+17)
	res, err := archive.Write(ctx, s.drive, stream("stream", data), options(t))
	must(t, err)
	if res.Manifest.File != 1 || res.ManifestFile != 2 || res.Manifest.Blocks != 13 || res.Manifest.SHA256 != sumOf(data) {
		t.Errorf("%+v", res)
	}
	res, err = archive.Write(ctx, s.drive, treeOf(tree), options(t))
	must(t, err)
	defer res.Members.Close()
	must(t, s.device.Close())
	s.open(t)
	if !bytes.Equal(s.readBack(t, 1), data) {
		t.Error("the stream is another")
	}
	if got := s.readBack(t, 3); sumOf(got) != res.Manifest.SHA256 {
		t.Error("the tree's archive is another")
	}
	dest := t.TempDir()
	_, err = archive.Read(ctx, s.drive, nil, 3, archive.ReadOptions{Dest: dest, BufferBytes: 4 << 20})
	must(t, err)
	sameTree(t, tree, filepath.Join(dest, tree))
	for _, file := range []int64{1, 3} {
		v, err := archive.Verify(ctx, s.drive, file, nil, archive.ReadOptions{BufferBytes: 4 << 20})
		if err != nil || !v.OnTape {
			t.Errorf("verify file %d: %+v, %v", file, v, err)
		}
	}
	found := 0
	scan, err := archive.Scan(ctx, s.drive, func(archive.Found) error { found++; return nil })
	if err != nil || found != 2 || scan.Files != 5 || len(scan.Torn)+len(scan.Damaged) != 0 {
		t.Errorf("scan %+v, %v", scan, err)
	}
	_, err = archive.Read(ctx, s.drive, nil, 999, archive.ReadOptions{Stdout: io.Discard})
	if errcode.Of(err) != errcode.TapeFileNotFound {
		t.Errorf("file 999: %v", err)
	}
}

// TestDeviceEndOfMedium fills a cartridge: what was whole stays so, the rest says what it is.
func TestDeviceEndOfMedium(t *testing.T) {
	s := newStation(t, t.TempDir(), 16<<20)
	ctx := context.Background()
	first := random(1, 3<<20)
	_, err := archive.Write(ctx, s.drive, stream("first", first), options(t))
	must(t, err)
	second := random(2, 40<<20)
	res, err := archive.Write(ctx, s.drive, stream("second", second), options(t))
	if errcode.Of(err) != errcode.TapeFull {
		t.Fatalf("error %v", err)
	}
	m := res.Manifest
	if m.Complete || m.Reason != archive.ReasonEndOfMedium || res.ManifestFile != 4 || m.SHA256 != sumOf(second[:m.SizeBytes]) {
		t.Errorf("%+v", res)
	}
	t.Logf("%d bytes of the second archive are on a tape of 16 MiB", m.SizeBytes)
	if !bytes.Equal(s.readBack(t, 1), first) {
		t.Error("the first archive was harmed")
	}
	_, err = archive.Write(ctx, s.drive, stream("third", first), options(t))
	if errcode.Of(err) != errcode.TapeFull {
		t.Errorf("a full tape: %v", err)
	}
	found := 0
	scan, err := archive.Scan(ctx, s.drive, func(archive.Found) error { found++; return nil })
	if err != nil || found != 2 || len(scan.Torn) != 0 {
		t.Errorf("scan %+v, %v", scan, err)
	}
}

// TestDeviceTorn leaves an archive as a killed process does and goes on in a new one.
func TestDeviceTorn(t *testing.T) {
	s := newStation(t, t.TempDir(), 64<<20)
	ctx := context.Background()
	first := random(1, 1<<20)
	_, err := archive.Write(ctx, s.drive, stream("first", first), options(t))
	must(t, err)
	must(t, s.drive.SpaceEOD(ctx))
	for range 3 {
		_, err := s.drive.Write(ctx, random(3, archive.DefaultBlockSize))
		must(t, err)
	}
	must(t, s.drive.Flush(ctx))
	must(t, s.device.Close())
	s.open(t)
	res, err := archive.Write(ctx, s.drive, stream("second", first), options(t))
	must(t, err)
	if len(res.Closed) != 1 || res.Closed[0].Manifest.Blocks != 3 || res.Closed[0].ManifestFile != 4 || res.Manifest.File != 5 {
		t.Errorf("%+v", res)
	}
	for _, file := range []int64{1, 5} {
		if !bytes.Equal(s.readBack(t, file), first) {
			t.Errorf("file %d is another", file)
		}
	}
}

// TestDeviceDamagedImage flips bytes of the image: never wrong data without an error.
func TestDeviceDamagedImage(t *testing.T) {
	s := newStation(t, t.TempDir(), 64<<20)
	ctx := context.Background()
	data := random(1, 1<<20)
	res, err := archive.Write(ctx, s.drive, stream("first", data), options(t))
	must(t, err)
	must(t, s.device.Close())
	path := filepath.Join(s.image, "partition-0.tap")
	good, err := os.ReadFile(path)
	must(t, err)
	for at := 0; at < len(good); at += 70_001 {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		must(t, os.WriteFile(path, bad, 0o600))
		s.open(t)
		var out bytes.Buffer
		_, err := archive.Read(ctx, s.drive, &res.Manifest, 1, archive.ReadOptions{Stdout: &out, BufferBytes: 4 << 20})
		if err == nil && !bytes.Equal(out.Bytes(), data) {
			t.Errorf("byte %d: other data and no error", at)
		}
		_ = s.device.Close()
	}
}

// TestDeviceManyArchives: the time to reach a file does not grow with the files before it, so
// neither does the number of commands.
func TestDeviceManyArchives(t *testing.T) {
	s := newStation(t, t.TempDir(), 256<<20)
	ctx := context.Background()
	for i := range 100 {
		_, err := archive.Write(ctx, s.drive, stream(fmt.Sprint("archive ", i), []byte{byte(i)}), options(t))
		must(t, err)
	}
	for _, i := range []int64{0, 50, 99} {
		if got := s.readBack(t, 2*i+1); len(got) != 1 || got[0] != byte(i) {
			t.Errorf("archive %d: %v", i, got)
		}
	}
}
