package label

import (
	"context"
	"errors"
	"fmt"

	"calypso/tape"
	"calypso/tape/scsi"
)

// bufferBytes takes the largest block that tape software writes (LTFS, Bacula: 1 MiB). Of a longer
// block the beginning is enough to know it.
const bufferBytes = 1 << 20

// maxObjects bounds the blocks and filemarks looked at: five blocks and as many leading filemarks.
const maxObjects = 2 * MaxBlocks

// Reader is what Read needs of a drive in variable block mode: *tape.Drive. Read reads one block into
// buf and gives the bytes that were put there; its errors are those of package tape or carry the
// drive's sense (scsi.SenseOf).
type Reader interface {
	Rewind(ctx context.Context) error
	Read(ctx context.Context, buf []byte) (n int, err error)
}

// Read rewinds the tape, recognises its beginning and rewinds it again. It writes nothing.
//
// The end of data, a filemark, missing keys and a medium error at the beginning are findings. Every
// other error is returned with Found{Kind: Unknown}: a tape whose beginning could not be looked at is
// never blank. When only the last rewind fails, what was found comes with the error.
func Read(ctx context.Context, d Reader) (Found, error) {
	if err := d.Rewind(ctx); err != nil {
		return found(Unknown, "", ""), fmt.Errorf("read label: %w", err)
	}
	f, err := readHead(ctx, d)
	// Nobody may find the tape in the middle of its label because the user pressed ^C.
	if rewindErr := d.Rewind(context.WithoutCancel(ctx)); rewindErr != nil {
		err = errors.Join(err, rewindErr)
	}
	if err != nil {
		return f, fmt.Errorf("read label: %w", err)
	}
	return f, nil
}

// readHead reads until the head can be recognised.
func readHead(ctx context.Context, d Reader) (Found, error) {
	var h [][]byte
	data := 0
	buf := make([]byte, bufferBytes)
	for len(h) < maxObjects && data < MaxBlocks {
		n, err := d.Read(ctx, buf)
		o := classify(n, len(buf), err)
		switch {
		case o.err != nil:
			return found(Unknown, "", ""), o.err
		case o.block > 0:
			h = append(h, append([]byte(nil), buf[:o.block]...))
			data++
		case o.stop == StopFilemark && data == 0:
			h = append(h, nil)
		default:
			return stopped(h, o), nil
		}
	}
	return Recognise(h, StopMore), nil
}

// stopped keeps the drive's reason where it is all that was found.
func stopped(h [][]byte, o outcome) Found {
	f := Recognise(h, o.stop)
	if f.Kind == Encrypted || f.Kind == Unreadable {
		f.Cause = o.cause
	}
	return f
}

// outcome is what one read tells: a block (its length, in the buffer), or why there is none, or err.
type outcome struct {
	block int
	stop  Stop
	cause error
	err   error
}

// classify sorts the answer of a drive to a read of room bytes: by its sense where there is one,
// because that says more (SSC-5 4.2.21 and 6.4; 7/EF is IBM's "key required").
func classify(n, room int, err error) outcome {
	s, sensed := scsi.SenseOf(err)
	var long *tape.BlockTooLong
	switch {
	case n < 0 || n > room:
		return outcome{err: fmt.Errorf("the drive gave %d bytes for a buffer of %d", n, room)}
	case err == nil && n == 0:
		return outcome{err: errors.New("the drive gave an empty block")}
	case err == nil:
		return outcome{block: n}
	case sensed:
		return bySense(s, n, err)
	case errors.Is(err, tape.ErrFilemark):
		return outcome{stop: StopFilemark}
	case errors.Is(err, tape.ErrEndOfData):
		return outcome{stop: StopEndOfData}
	case errors.As(err, &long):
		return tooLong(n)
	}
	return outcome{err: err}
}

func bySense(s scsi.Sense, n int, err error) outcome {
	asc := byte(s.ASC >> 8)
	switch {
	case s.Key <= scsi.RecoveredError && s.Filemark:
		return outcome{stop: StopFilemark}
	case s.Key <= scsi.RecoveredError && s.ILI:
		return tooLong(n)
	case s.Key == scsi.BlankCheck && (s.ASC == ascEndOfData || s.ASC == 0):
		return outcome{stop: StopEndOfData}
	case s.Key == scsi.BlankCheck, s.Key == scsi.MediumError:
		// 8/14/03 is an end of data that was not found: there may be data, e.g. after a power cut.
		return outcome{stop: StopUnreadable, cause: err}
	case s.Key == scsi.DataProtect && (asc == 0x74 || asc == 0xEF):
		return outcome{stop: StopEncrypted, cause: err}
	}
	return outcome{err: err}
}

const ascEndOfData scsi.ASC = 0x0005

// tooLong: a block longer than the buffer is data, whether or not its beginning was given.
func tooLong(n int) outcome {
	if n > 0 {
		return outcome{block: n}
	}
	return outcome{stop: StopMore}
}
