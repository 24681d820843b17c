package archive_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/archive"
	"calypso/tape/label"
	"calypso/tape/scsi"
)

// disturbed is a drive to which something happens before its nth command, which meets the unit attention.
type disturbed struct {
	scsi.Transport
	left   int
	happen func(*disturbed)
	asc    scsi.ASC
}

func (d *disturbed) Exec(ctx context.Context, cmd *scsi.Command) error {
	const inquiry = 0x12 // which meets no attention (SPC-5 5.9)
	if cmd.CDB[0] == inquiry {
		return d.Transport.Exec(ctx, cmd)
	}
	if d.left--; d.left == 0 {
		d.happen(d)
		cmd.Transferred = 0
		return &scsi.SenseError{CDB: bytes.Clone(cmd.CDB), Sense: scsi.Sense{Key: scsi.UnitAttention, ASC: d.asc}}
	}
	return d.Transport.Exec(ctx, cmd)
}

func endOf(t *testing.T, d *tape.Drive) int64 {
	t.Helper()
	must(t, d.Rewind(t.Context()))
	must(t, d.SpaceEOD(t.Context()))
	p, err := d.Position(t.Context())
	must(t, err)
	return p.Block
}

// Another cartridge is put into the drive before any command of a write: nothing is written on it.
func TestCartridgeChangedAtEveryCommand(t *testing.T) {
	other := newStation(t, t.TempDir(), 0)
	was := endOf(t, other.drive)
	for n := 1; ; n++ {
		s := newStation(t, t.TempDir(), 0)
		found, err := label.Read(t.Context(), s.drive)
		must(t, err)
		way := &disturbed{Transport: s.device, left: n, asc: scsi.ASCMediumChanged}
		way.happen = func(d *disturbed) { d.Transport = other.device }
		o := options(t)
		o.UUID = found.Label.UUID
		_, err = archive.Write(t.Context(), tape.NewDrive(way), stream("x", random(1, 600<<10)), o)
		if is := endOf(t, other.drive); is != was {
			t.Fatalf("changed at command %d: the other cartridge ends at block %d, it ended at %d (%v)", n, is, was, err)
		}
		if way.left > 0 { // the write has fewer commands
			must(t, err)
			if n < 20 {
				t.Errorf("a write of %d commands shows little", n)
			}
			return
		}
		if err == nil && n > 1 {
			t.Logf("changed at command %d: not noticed", n)
		}
	}
}

// The drive is reset before any command of a write, which rewinds the tape and takes the modes away: what was on
// the tape stays, and the next write appends.
func TestResetAtEveryCommand(t *testing.T) {
	for _, asc := range []scsi.ASC{scsi.ASCPowerOnReset, 0x2903, 0x2A01, 0x2A03} {
		for n := 1; ; n += 3 {
			s := newStation(t, t.TempDir(), 0)
			first := random(2, 300<<10)
			_, err := archive.Write(t.Context(), s.drive, stream("first", first), options(t))
			must(t, err)
			way := &disturbed{Transport: s.device, left: n, asc: asc}
			way.happen = func(d *disturbed) {
				must(t, d.Transport.Exec(context.Background(), &scsi.Command{CDB: []byte{scsi.OpRewind, 0, 0, 0, 0, 0}}))
			}
			_, err = archive.Write(t.Context(), tape.NewDrive(way), stream("second", random(3, 600<<10)), options(t))
			if code := errcode.Of(err); err != nil && code != errcode.TapePosition {
				t.Errorf("%v at command %d: code %s: %v", asc, n, code, err)
			}
			must(t, s.drive.Rewind(t.Context()))
			res, err := archive.Write(t.Context(), s.drive, stream("third", random(4, 300<<10)), options(t))
			must(t, err)
			if got := s.readBack(t, 1); !bytes.Equal(got, first) {
				t.Fatalf("%v at command %d: the first archive is damaged", asc, n)
			}
			if got := s.readBack(t, res.Manifest.File); !bytes.Equal(got, random(4, 300<<10)) {
				t.Fatalf("%v at command %d: the archive behind it is damaged", asc, n)
			}
			if way.left > 0 {
				break
			}
		}
	}
}

// watched is a drive that is reset after its nth WRITE, while the writer waits for its source, and whose unit
// attention another process of the host meets: a monitor that asked for the status. The writer is told nothing.
type watched struct {
	scsi.Transport
	left int
}

func (d *watched) Exec(ctx context.Context, cmd *scsi.Command) error {
	write := cmd.CDB[0] == scsi.OpWrite6
	err := d.Transport.Exec(ctx, cmd)
	if write && err == nil {
		if d.left--; d.left == 0 {
			return d.Transport.Exec(ctx, &scsi.Command{CDB: []byte{scsi.OpRewind, 0, 0, 0, 0, 0}})
		}
	}
	return err
}

func TestResetThatAnotherWasTold(t *testing.T) {
	for n := 1; n <= 4; n++ { // blocks: behind the last the manifest follows without a pause
		s := newStation(t, t.TempDir(), 0)
		first := random(2, 300<<10)
		_, err := archive.Write(t.Context(), s.drive, stream("first", first), options(t))
		must(t, err)
		way, o, now := &watched{s.device, n}, options(t), time.Now()
		o.Now = func() time.Time { now = now.Add(time.Minute); return now } // the source is slow
		_, err = archive.Write(t.Context(), tape.NewDrive(way), stream("second", random(3, 900<<10)), o)
		if code := errcode.Of(err); code != errcode.TapePosition || way.left > 0 {
			t.Errorf("reset after block %d: code %q: %v", n, code, err)
		}
		must(t, s.drive.Rewind(t.Context()))
		res, err := archive.Write(t.Context(), s.drive, stream("third", random(4, 300<<10)), options(t))
		if err != nil {
			t.Fatalf("reset after block %d: the next write: %v", n, err)
		}
		if !bytes.Equal(s.readBack(t, 1), first) || !bytes.Equal(s.readBack(t, res.Manifest.File), random(4, 300<<10)) {
			t.Fatalf("reset after block %d: an archive is damaged", n)
		}
	}
}
