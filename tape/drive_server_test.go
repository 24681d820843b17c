package tape_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
	"calypso/vtl/ssc"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The drive is judged here against the device server of the virtual library, which shares no
// encoder or decoder with this package.

// server is an LTO-8 drive with the reel in it; nil: empty.
func server(t testing.TB, r *reel) *ssc.Server {
	t.Helper()
	var m ssc.Medium
	if r != nil {
		m = r
	}
	s, err := ssc.New(ssc.Config{Generation: "LTO-8", Serial: "HU0000000A"}, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opened is a drive that was rewound and has its power-on behind it.
func opened(t testing.TB, r *reel, faults ...scsi.Fault) (*tape.Drive, *scsi.Faulty) {
	t.Helper()
	f := scsi.NewFaulty(server(t, r))
	d := tape.NewDrive(f)
	d.Name = "vtl01:0"
	must(t, d.WaitReady(t.Context()))
	must(t, d.Rewind(t.Context()))
	for _, fault := range faults {
		f.Add(fault)
	}
	return d, f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code errcode.Code) {
	t.Helper()
	if got := errcode.Of(err); got != code {
		t.Fatalf("code %q, want %q: %v", got, code, err)
	}
}

func write(t testing.TB, d *tape.Drive, blocks ...string) {
	t.Helper()
	for _, b := range blocks {
		if b == "|" {
			_, err := d.WriteFilemarks(t.Context(), 1, false)
			must(t, err)
			continue
		}
		_, err := d.Write(t.Context(), []byte(b))
		must(t, err)
	}
}

// rest reads to the end of the data; "|" is a filemark.
func rest(t testing.TB, d *tape.Drive) []string {
	t.Helper()
	var list []string
	for buf := make([]byte, 1<<16); ; {
		n, err := d.Read(t.Context(), buf)
		switch {
		case errors.Is(err, tape.ErrEndOfData):
			return list
		case errors.Is(err, tape.ErrFilemark):
			list = append(list, "|")
		case err != nil:
			t.Fatal(err)
		default:
			list = append(list, string(buf[:n]))
		}
	}
}

func TestServerWriteAndRead(t *testing.T) {
	d, _ := opened(t, newReel())
	ctx := t.Context()
	want := []string{"label", "|", "one", "two", "three", "|", "manifest", "|"}
	write(t, d, want...)
	must(t, d.Flush(ctx))
	p, err := d.Position(ctx)
	if err != nil || p.Block != 8 || p.File != 3 || p.BOP {
		t.Errorf("%+v, %v", p, err)
	}
	must(t, d.Rewind(ctx))
	if diff := cmp.Diff(want, rest(t, d)); diff != "" {
		t.Error(diff)
	}
	must(t, d.LocateFile(ctx, 2))
	if diff := cmp.Diff([]string{"manifest", "|"}, rest(t, d)); diff != "" {
		t.Error(diff)
	}
	must(t, d.LocateBlock(ctx, 3))
	must(t, d.SpaceBlocks(ctx, 1))
	n, err := d.Read(ctx, make([]byte, 3))
	var long *tape.BlockTooLong
	if !errors.As(err, &long) || long.Actual != 5 || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	wantCode(t, d.LocateFile(ctx, 9), errcode.TapeFileNotFound)
	wantCode(t, d.LocateBlock(ctx, 99), errcode.TapeFileNotFound)
	must(t, d.SpaceEOD(ctx))
	if err := d.SpaceFilemarks(ctx, -9); !errors.Is(err, tape.ErrBeginningOfTape) {
		t.Error(err)
	}
	must(t, d.LocateBlock(ctx, 2))
	must(t, d.Erase(ctx, false))
	must(t, d.Rewind(ctx))
	if diff := cmp.Diff([]string{"label", "|"}, rest(t, d)); diff != "" {
		t.Error(diff)
	}
}

// TestServerLocateFile compares every file of random tapes.
func TestServerLocateFile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newReel()
		objects := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "bb", "|"}), 0, 30).Draw(rt, "objects")
		d, _ := opened(t, r)
		write(t, d, objects...)
		n := rapid.IntRange(0, int(r.Filemarks())).Draw(rt, "file")
		must(t, d.LocateBlock(t.Context(), int64(rapid.IntRange(0, len(objects)).Draw(rt, "from"))))
		must(t, d.LocateFile(t.Context(), int64(n)))
		want := objects
		for range n {
			for want[0] != "|" {
				want = want[1:]
			}
			want = want[1:]
		}
		if got := rest(t, d); fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("file %d of %q: %q, want %q", n, objects, got, want)
		}
		wantCode(t, d.LocateFile(t.Context(), r.Filemarks()+1), errcode.TapeFileNotFound)
	})
}

func TestServerEndOfMedium(t *testing.T) {
	r := newReel()
	r.capacity = 300
	d, _ := opened(t, r)
	block := bytes.Repeat([]byte("x"), 49)
	warned := 0
	for i := range 6 {
		ew, err := d.Write(t.Context(), block)
		must(t, err)
		if ew {
			warned++
		} else if warned > 0 {
			t.Errorf("block %d: the early warning went away", i)
		}
	}
	if warned == 0 {
		t.Error("no early warning")
	}
	_, err := d.Write(t.Context(), block)
	wantCode(t, err, errcode.TapeFull)
	if r.Objects() != 6 {
		t.Errorf("%d objects on the tape", r.Objects())
	}
	if _, err := d.Position(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestServerUnitAttentionInMidWrite(t *testing.T) {
	r := newReel()
	s := server(t, r)
	d := tape.NewDrive(s)
	must(t, d.Rewind(t.Context()))
	write(t, d, "label", "|", "one")
	s.PowerOn() // as after a bus reset: the tape is at its beginning
	for range 3 {
		_, err := d.Write(t.Context(), []byte("two"))
		wantCode(t, err, errcode.TapePosition)
	}
	if r.Objects() != 3 || string(r.objects[0]) != "label" {
		t.Fatalf("the label was overwritten: %q", r.objects)
	}
	must(t, d.SpaceEOD(t.Context()))
	_, err := d.Write(t.Context(), []byte("two")) // the place is known, the cartridge is not
	wantCode(t, err, errcode.TapePosition)
	must(t, d.Rewind(t.Context()))
	must(t, d.SpaceEOD(t.Context()))
	write(t, d, "two")
	if r.Objects() != 4 {
		t.Errorf("%q", r.objects)
	}
}

func TestServerAnswerLost(t *testing.T) {
	r := newReel()
	d, _ := opened(t, r, scsi.Fault{Op: scsi.OpWrite6, Nth: 2, Done: true, Lose: true})
	write(t, d, "one")
	_, err := d.Write(t.Context(), []byte("two"))
	wantCode(t, err, errcode.DeviceUnknown)
	if !errors.Is(err, scsi.ErrInjected) {
		t.Error("the cause is lost")
	}
	_, err = d.Write(t.Context(), []byte("two"))
	wantCode(t, err, errcode.TapePosition)
	if r.Objects() != 2 {
		t.Errorf("%d blocks on the tape, 2 were sent", r.Objects())
	}
	must(t, d.LocateBlock(t.Context(), 2))
	write(t, d, "three")
}

func TestServerMediumError(t *testing.T) {
	r := newReel()
	d, _ := opened(t, r)
	write(t, d, "one", "two", "three")
	must(t, d.Rewind(t.Context()))
	r.bad[1] = errScratch
	buf := make([]byte, 10)
	if n, err := d.Read(t.Context(), buf); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	_, err := d.Read(t.Context(), buf)
	wantCode(t, err, errcode.TapeMediumError)
	var e *errcode.Error
	if !errors.As(err, &e) || e.State != "the tape is at block 2, file 0" || !errors.Is(err, errScratch) {
		t.Errorf("%v", err)
	}
	if n, err := d.Read(t.Context(), buf); n != 5 || err != nil {
		t.Errorf("behind the damage: %d, %v", n, err)
	}
	must(t, d.Rewind(t.Context()))
	r.bad[0] = errcode.New(errcode.ImageDamaged, "tapes/V00001L8", "block 0: wrong checksum")
	_, err = d.Read(t.Context(), buf)
	wantCode(t, err, errcode.ImageDamaged)
}

func TestServerDiskFull(t *testing.T) {
	r := newReel()
	d, _ := opened(t, r)
	r.writeErr = fmt.Errorf("write image: %w", syscall.ENOSPC)
	_, err := d.Write(t.Context(), []byte("one"))
	wantCode(t, err, errcode.DiskFull)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

func TestServerShortRead(t *testing.T) {
	d, _ := opened(t, newReel())
	write(t, d, "four")
	must(t, d.Rewind(t.Context()))
	d2, _ := opened(t, &reel{objects: [][]byte{[]byte("four")}, capacity: 1000, meta: newReel().meta}, scsi.Fault{Op: scsi.OpRead6, Short: 1})
	_, err := d2.Read(t.Context(), make([]byte, 4))
	wantCode(t, err, errcode.DeviceUnknown)
}

func TestServerReadiness(t *testing.T) {
	soon := &scsi.Sense{Key: scsi.NotReady, ASC: scsi.ASCBecomingReady}
	f := scsi.NewFaulty(server(t, newReel()), scsi.Fault{Op: scsi.OpTestUnitReady, Times: 1, Sense: soon})
	d := tape.NewDrive(f)
	if r, err := d.Ready(t.Context()); err != nil || r.State != tape.BecomingReady {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := d.Ready(t.Context()); err != nil || r.State != tape.Ready {
		t.Errorf("%+v, %v", r, err)
	}
	must(t, d.Unload(t.Context()))
	if r, err := d.Ready(t.Context()); err != nil || r.State == tape.Ready {
		t.Errorf("unloaded: %+v, %v", r, err)
	}
	must(t, d.Load(t.Context()))
	must(t, d.WaitReady(t.Context()))
	must(t, d.Rewind(t.Context()))
	write(t, d, "one")
}

func TestServerEmptyDrive(t *testing.T) {
	d := tape.NewDrive(server(t, nil))
	if r, err := d.Ready(t.Context()); err != nil || r.State != tape.Empty {
		t.Errorf("%+v, %v", r, err)
	}
	wantCode(t, d.WaitReady(t.Context()), errcode.DriveEmpty)
	wantCode(t, d.Rewind(t.Context()), errcode.DriveEmpty)
	_, err := d.Attributes(t.Context())
	wantCode(t, err, errcode.DriveEmpty)
	if id, err := d.Identify(t.Context()); err != nil || id.Serial != "HU0000000A" {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestServerWriteProtected(t *testing.T) {
	r := newReel()
	r.meta.WriteProtect = true
	d, _ := opened(t, r)
	_, err := d.Write(t.Context(), []byte("one"))
	wantCode(t, err, errcode.TapeWriteProtected)
	_, err = d.WriteFilemarks(t.Context(), 1, false)
	wantCode(t, err, errcode.TapeWriteProtected)
	wantCode(t, d.Erase(t.Context(), false), errcode.TapeWriteProtected)
	if m, err := d.Medium(t.Context()); err != nil || !m.WriteProtected {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestServerMedium(t *testing.T) {
	r := newReel()
	r.capacity = 12_000_000_000_000
	d, _ := opened(t, r)
	ctx := t.Context()
	must(t, d.Unload(ctx))
	must(t, d.Load(ctx))
	m, err := d.Medium(ctx)
	if err != nil || m.Generation != "LTO-8" || m.WriteProtected || m.WORM || m.Serial != "SN12345678" ||
		m.ManufactureDate != "20250102" || m.LoadCount != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	const mebibyte = 1 << 20
	if off := m.CapacityBytes - r.capacity; off < -mebibyte || off > mebibyte {
		t.Errorf("capacity %d, want %d", m.CapacityBytes, r.capacity)
	}
	for _, text := range []struct {
		id   uint16
		text string
	}{{scsi.AttrBarcode, "V00001L8"}, {scsi.AttrMediaPool, "Büro"}, {scsi.AttrAppName, "calypso"}} {
		a, err := scsi.NewAttribute(text.id, text.text)
		must(t, err)
		must(t, d.SetAttribute(ctx, a))
		got, err := d.Attribute(ctx, text.id)
		if err != nil || got == nil || got.Text() != text.text {
			t.Errorf("%04X: %v, %v", text.id, got, err)
		}
	}
	if m, err := d.Medium(ctx); err != nil || m.Barcode != "V00001L8" {
		t.Errorf("barcode %q, %v", m.Barcode, err)
	}
	wantCode(t, d.SetAttribute(ctx, tape.Attribute{ID: scsi.AttrMediumSerial, Format: scsi.ASCIIFormat, Value: []byte("X")}), errcode.CommandRefused)
	must(t, d.SetAttribute(ctx, tape.Attribute{ID: scsi.AttrMediaPool, Format: scsi.TextFormat}))
	if a, err := d.Attribute(ctx, scsi.AttrMediaPool); a != nil || err != nil {
		t.Errorf("deleted: %v, %v", a, err)
	}
}

func TestServerModes(t *testing.T) {
	d, _ := opened(t, newReel())
	ctx := t.Context()
	must(t, d.SetVariableBlock(ctx))
	for _, on := range []bool{false, true, false} {
		must(t, d.SetCompression(ctx, on))
		if c, err := d.Compression(ctx); err != nil || c.Enabled != on || !c.Capable {
			t.Errorf("%v: %+v, %v", on, c, err)
		}
	}
	smallest, largest, err := d.Limits(ctx)
	if err != nil || smallest != 1 || largest < 1<<20 {
		t.Error(smallest, largest, err)
	}
	if largest < 1<<24-1 {
		_, err = d.Write(ctx, make([]byte, largest+1))
		wantCode(t, err, errcode.TapeBlockTooLarge)
	}
	must(t, d.Prevent(ctx, true))
	wantCode(t, d.Unload(ctx), errcode.RemovalPrevented)
	must(t, d.Prevent(ctx, false))
	must(t, d.Unload(ctx))
}

// TestServerFixedBlocks: another program left the drive with a fixed block length.
func TestServerFixedBlocks(t *testing.T) {
	s := server(t, newReel())
	d := tape.NewDrive(s)
	must(t, d.Rewind(t.Context()))
	list := []byte{0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0}
	cdb := scsi.ModeSelect6(byte(len(list)))
	must(t, s.Exec(t.Context(), &scsi.Command{CDB: cdb[:], DataOut: list}))
	if m, err := d.Medium(t.Context()); err != nil || m.BlockLength != 512 {
		t.Fatalf("%+v, %v", m, err)
	}
	must(t, d.SetVariableBlock(t.Context()))
	if m, err := d.Medium(t.Context()); err != nil || m.BlockLength != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestServerTranscript records a run and plays it back to another drive.
func TestServerTranscript(t *testing.T) {
	var log bytes.Buffer
	session := func(tr scsi.Transport) []string {
		d := tape.NewDrive(tr)
		must(t, d.Rewind(t.Context()))
		write(t, d, "one", "|", "two")
		must(t, d.LocateFile(t.Context(), 1))
		return rest(t, d)
	}
	rec := scsi.NewRecorder(server(t, newReel()), &log)
	first := session(rec)
	must(t, rec.Err())
	play, err := scsi.NewReplayer(&log)
	must(t, err)
	if diff := cmp.Diff(first, session(play)); diff != "" {
		t.Error(diff)
	}
	must(t, play.Done())
}

func TestServerCancelled(t *testing.T) {
	r := newReel()
	d, _ := opened(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	write(t, d, "one")
	cancel()
	_, err := d.Write(ctx, []byte("two"))
	wantCode(t, err, errcode.Interrupted)
	write(t, d, "three") // a command that was not sent does no harm to the position
	if r.Objects() != 2 {
		t.Errorf("%d objects", r.Objects())
	}
}

// TestServerDamagedTape: damage is not the end of data.
func TestServerDamagedTape(t *testing.T) {
	r := newReel()
	d, _ := opened(t, r)
	write(t, d, "one", "|", "two")
	r.damage = errcode.New(errcode.ImageDamaged, "tapes/V00001L8", "cut at block 3")
	wantCode(t, d.LocateFile(t.Context(), 2), errcode.ImageDamaged)
	must(t, d.LocateFile(t.Context(), 1))
}
