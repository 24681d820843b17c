// Package status asks a tape drive in one pass what it is, what it holds and what it does: for a look that
// disturbs nobody. It clears nothing, moves no tape and takes no lock.
//
// Sources: INQUIRY, TEST UNIT READY, the mode header and pages 0Ah, 0Fh, 10h (SPC-5, SSC-5), the cartridge's
// memory, READ POSITION, log pages 0Ch, 11h, 12h, 17h, 1Bh and those of LTO drives 31h and 32h, the tape
// data encryption protocol.
//
// Limits: a page that the drive does not have is nil, and so is every figure that nobody gives. One that
// fails is told in Problems, and the others are asked all the same.
package status

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
)

// Facts are what a drive told.
type Facts struct {
	Identity tape.Identity
	Ready    tape.Readiness
	Problems []string // what should have answered and failed

	Reservation *scsi.Reservation // who has reserved the drive; nil: nobody, or it cannot be told
	LockedOut   bool              // another host's reservation kept the drive from answering

	Device      *scsi.DeviceStatus     // page 11h
	Alerts      *tape.Alerts           // page 12h, or the cartridge's memory
	Setting     *tape.Compression      // mode page 0Fh
	Encryption  *scsi.EncryptionStatus // nil: the drive cannot encrypt, or does not tell
	Medium      *tape.Medium           // nil: nothing is loaded
	Protection  *bool                  // a host forbade to write
	Position    *tape.Position
	Volume      *scsi.VolumeStatistics // page 17h
	Capacity    *scsi.TapeCapacity     // page 31h
	Sequential  *scsi.SequentialAccess // page 0Ch
	Compression *scsi.DataCompression  // page 1Bh, else 32h
}

// Gather asks the drive. A drive that prepares a cartridge is asked nothing but what it is and how far it
// got: other commands disturb an LTO-9 drive. An error is a drive that does not answer at all.
func Gather(ctx context.Context, d *tape.Drive) (Facts, error) {
	var f Facts
	var err error
	if f.Identity, err = d.Identify(ctx); err != nil {
		return f, err
	}
	if err = f.askReady(ctx, d); err != nil || f.Ready.State == tape.BecomingReady {
		return f, err
	}
	questions := []func(context.Context, *tape.Drive) error{
		f.askReservation,
		page(scsi.LogDeviceStatus, func(p scsi.LogPage) { f.Device = p.DeviceStatus() }),
		keep(&f.Alerts, (*tape.Drive).Alerts),
		keep(&f.Setting, compression),
		keep(&f.Encryption, encryption),
		keep(&f.Protection, (*tape.Drive).SoftwareProtection),
	}
	if f.Ready.State == tape.Ready {
		questions = append(questions, f.mediumQuestions()...)
	}
	return f, f.ask(ctx, d, questions)
}

// askReady finds out what may be asked. A drive that answers with an error is not ready.
func (f *Facts) askReady(ctx context.Context, d *tape.Drive) error {
	r, err := d.Ready(ctx)
	if err != nil {
		r.State = tape.NeedsOperator
	}
	f.Ready = r
	return f.tolerate(err)
}

// ask puts the questions one after the other. One that the drive answers with an error is a problem of its
// own; where no answer came, asking on is of no use.
func (f *Facts) ask(ctx context.Context, d *tape.Drive, questions []func(context.Context, *tape.Drive) error) error {
	for _, question := range questions {
		if err := f.tolerate(question(ctx, d)); err != nil {
			return err
		}
	}
	return nil
}

// askReservation finds out whose the drive is.
func (f *Facts) askReservation(ctx context.Context, d *tape.Drive) error {
	r, err := d.Reservation(ctx)
	f.Reservation = r
	return err
}

func (f *Facts) tolerate(err error) error {
	if errcode.Of(err) == errcode.ReservedElsewhere { // told once, by the reservation itself
		f.LockedOut = true
		return nil
	}
	if _, answered := scsi.SenseOf(err); err == nil || !answered && errcode.Of(err) != errcode.DeviceError {
		return err
	}
	if code := errcode.Of(err); code != errcode.DriveEmpty && code != errcode.TapeNotReady { // which are states
		f.Problems = append(f.Problems, err.Error())
	}
	return nil
}

// mediumQuestions are about the cartridge. A later one is asked where the earlier ones left a gap.
func (f *Facts) mediumQuestions() []func(context.Context, *tape.Drive) error {
	return []func(context.Context, *tape.Drive) error{
		keep(&f.Medium, medium),
		keep(&f.Position, position),
		page(scsi.LogVolumeStatistics, func(p scsi.LogPage) { f.Volume = p.VolumeStatistics() }),
		f.unless(f.hasCapacity, page(scsi.LogTapeCapacity, func(p scsi.LogPage) { f.Capacity = of(p.TapeCapacity()) })),
		f.unless(f.hasCapacity, page(scsi.LogSequentialAccess, func(p scsi.LogPage) { f.Sequential = of(p.SequentialAccess()) })),
		page(scsi.LogDataCompression, func(p scsi.LogPage) { f.Compression = of(p.DataCompression()) }),
		f.unless(f.hasCompression, page(scsi.LogDataCompressionLTO, func(p scsi.LogPage) { f.Compression = of(p.DataCompression()) })),
	}
}

func (f *Facts) unless(has func() bool, question func(context.Context, *tape.Drive) error) func(context.Context, *tape.Drive) error {
	return func(ctx context.Context, d *tape.Drive) error {
		if has() {
			return nil
		}
		return question(ctx, d)
	}
}

func (f *Facts) hasCapacity() bool {
	a := f.Amounts()
	return a.CapacityBytes != nil && a.UsedBytes != nil && a.RemainingBytes != nil
}

func (f *Facts) hasCompression() bool { return f.Compression != nil }

// page reads one log page.
func page(code byte, take func(scsi.LogPage)) func(context.Context, *tape.Drive) error {
	return func(ctx context.Context, d *tape.Drive) error {
		p, err := d.LogPage(ctx, code, 0)
		if err == nil && p != nil {
			take(*p)
		}
		return err
	}
}

// keep puts what was asked where it belongs, unless it failed.
func keep[T any](to **T, ask func(*tape.Drive, context.Context) (*T, error)) func(context.Context, *tape.Drive) error {
	return func(ctx context.Context, d *tape.Drive) error {
		v, err := ask(d, ctx)
		if err == nil {
			*to = v
		}
		return err
	}
}

func of[T any](v T) *T { return &v }

func medium(d *tape.Drive, ctx context.Context) (*tape.Medium, error) {
	m, err := d.Medium(ctx)
	return &m, err
}

func position(d *tape.Drive, ctx context.Context) (*tape.Position, error) {
	p, err := d.Position(ctx)
	return &p, err
}

func compression(d *tape.Drive, ctx context.Context) (*tape.Compression, error) {
	c, err := d.Compression(ctx)
	return &c, err
}

// encryption is nil for a drive that cannot encrypt.
func encryption(d *tape.Drive, ctx context.Context) (*scsi.EncryptionStatus, error) {
	s, err := d.EncryptionStatus(ctx)
	if errcode.Of(err) == errcode.EncryptionMissing {
		return nil, nil
	}
	return &s, err
}
