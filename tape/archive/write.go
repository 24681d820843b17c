package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/archive/pax"
	"calypso/tape/label"
)

// The defaults of WriteOptions and ReadOptions.
const (
	DefaultBufferBytes   = 256 << 20
	DefaultBlockSize     = 256 << 10
	DefaultLowWatermark  = 0.05
	DefaultHighWatermark = 0.75
)

// Watermarks say when a drive runs, as parts of the buffer. Writing, a drive that ran the buffer
// down to Low waits until it is filled to High; reading, one that filled it waits until no more than
// Low is left. Zero values are the defaults.
type Watermarks struct {
	Low, High float64
	Off       bool // the drive has no mechanics to spare: it never waits on purpose
}

func (w Watermarks) values() (low, high float64) {
	if w.Off {
		return 0, 0
	}
	if w.High <= 0 || w.High > 1 {
		w.High = DefaultHighWatermark
	}
	if w.Low <= 0 || w.Low >= w.High {
		w.Low = min(DefaultLowWatermark, w.High/2)
	}
	return w.Low, w.High
}

// WriteOptions say how an archive is written.
type WriteOptions struct {
	Volume, UUID   string // what the label on the tape must say; an empty UUID matches any
	Barcode        string // of the cartridge, for messages
	Host, Software string // for the manifest
	KeyID          string // of the key that the drive encrypts with
	BlockSize      int    // bytes; 0: DefaultBlockSize
	BufferBytes    int64  // 0: DefaultBufferBytes
	Watermarks     Watermarks
	MemberSpool    string // directory for the member list while it grows; "": the system's
	TotalBytes     int64  // for Progress; 0: not known
	// EndRoom is how much of an archive whose source has ended may still be written behind early
	// warning, with its manifest; 0: 4 MiB, which is less than drives keep there.
	EndRoom int64

	// OnStart is called when the tape is positioned, before the first byte is written. Its error
	// ends the writing with the tape as it was.
	OnStart func(file, firstBlock int64) error
	// BeforeWrite is called once, before the first block or filemark is written, when all that Write reads
	// of the tape was read: here the key is set. Its error ends the writing with the tape as it was.
	BeforeWrite func(ctx context.Context) error
	// KnownEnd is the tape file of the last manifest as the catalog has it, 0 when it does not know. It
	// counts only where that file is encrypted and its key is not at hand.
	KnownEnd int64
	// OnClosed is called before OnStart for an archive of an earlier writer that has its manifest on
	// the tape now: one that this Write closed, or Torn when its writer died after it had closed it
	// itself; then members is its list, nil when there is none. Its error ends the writing.
	OnClosed func(c Closed, members *MemberList) error
	Progress func(Progress) // at most five times a second
	// Torn names the archive that a writer left unfinished, if the catalog knows; see findEnd.
	Torn *TornArchive
	// Now is the clock of the manifest; nil: time.Now.
	Now func() time.Time
}

// TornArchive is what the catalog knows of an archive whose writer died.
type TornArchive struct {
	File    int64
	Name    string
	Host    string
	Started time.Time
	// Manifest is the whole of it when the writer lived to say so but could not write it, as on a full
	// disk; nil: not known. It counts when it fits what is on the tape.
	Manifest *Manifest
}

// WriteResult is what was done. It comes with an error too when there is something to say: when
// Manifest.File is not 0, that much of the archive is on the tape and Manifest.Complete is false.
type WriteResult struct {
	Manifest     Manifest
	ManifestFile int64       // its tape file; 0 when it is not on the tape
	Members      *MemberList // nil for a stream; the caller closes it
	Problems     []pax.Problem
	Duration     time.Duration // from the first block to the last filemark
	Closed       []Closed      // unfinished archives of earlier writers that were closed first
	Stops        int           // times that the drive had to wait for the source
	EarlyWarning bool
}

// Closed is an archive of a writer that died, and the tape file of the manifest that it got.
type Closed struct {
	Manifest     Manifest
	ManifestFile int64
}

// Rate is the average in bytes per second.
func (r *WriteResult) Rate() float64 {
	if r.Duration <= 0 {
		return 0
	}
	return float64(r.Manifest.SizeBytes) / r.Duration.Seconds()
}

const (
	// closeTimeout bounds the commands that close an archive after a signal.
	closeTimeout = 10 * time.Minute
	// stragglerGrace is how long a source that hangs is waited for at the end.
	stragglerGrace = 250 * time.Millisecond
	// longPause is how long after the last command the drive is asked whether it still is where it was.
	longPause = time.Second
	// earlyWarningRoom is the default of WriteOptions.EndRoom.
	earlyWarningRoom = 4 << 20
)

// signalGrace is how much later a signal may take effect in this process than the end of the one before the pipe,
// on a host with work for many more processors than it has.
var signalGrace = 250 * time.Millisecond

var errEarlyWarning = errors.New("early warning")

// writer is one Write.
type writer struct {
	tape  Tape
	src   Source
	o     WriteOptions
	ring  *ring
	spool *spool // nil for a stream
	meter *meter
	// report is the source's; it is there once the source's goroutine has ended.
	report chan pax.Report

	volume, uuid string
	start        time.Time
	moving       time.Time // when the tape was in place
	at           place
	closed       []Closed
	whole        Closed // the last manifest on the tape, if it is one and whole
	blocks       int64
	bytes        int64
	state        []byte // of the hash after the last block on tape
	early        bool
}

// Write appends an archive to the tape: behind whatever is there, after the label was found to be
// the one expected. Nothing is written when the source is empty (errcode.ArchiveEmpty) or fails at
// once. When ctx ends, the source fails or the medium ends, the archive is closed as incomplete:
// the error says why, the result what is there.
//
// At early warning the source is cut off, unless it has ended and what is left of it fits into
// EndRoom: whatever has room for a manifest gets one.
func Write(ctx context.Context, d Tape, src Source, o WriteOptions) (*WriteResult, error) {
	w, err := newWriter(d, src, o)
	if err != nil {
		return nil, err
	}
	defer w.close()
	defer context.AfterFunc(ctx, func() { w.ring.stop(context.Cause(ctx)) })()
	source, cancel := context.WithCancel(ctx)
	defer cancel()
	w.startSource(source)
	if err := w.begin(ctx); err != nil {
		return w.nothingWritten(err)
	}
	cause := w.copyBlocks(ctx)
	if cause == nil {
		cause = w.brokenPipe(ctx)
	}
	return w.finish(ctx, cause)
}

// brokenPipe is why the end of a stream is not to be believed: Ctrl-C ends the program before the pipe and
// this one alike, and that program's end may be heard of first. What it gave is not all then.
func (w *writer) brokenPipe(ctx context.Context) error {
	if !isPipe(w.src.Stream) {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(signalGrace):
		return nil
	}
}

func newWriter(d Tape, src Source, o WriteOptions) (*writer, error) {
	if o.BlockSize == 0 {
		o.BlockSize = DefaultBlockSize
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = DefaultBufferBytes
	}
	if o.EndRoom == 0 {
		o.EndRoom = earlyWarningRoom
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := errors.Join(src.check(), checkBlockSize(o.BlockSize)); err != nil {
		return nil, err
	}
	w := &writer{tape: d, src: src, o: o, report: make(chan pax.Report, 1)}
	low, high := o.Watermarks.values()
	var err error
	w.ring, err = newRing(o.BufferBytes, o.BlockSize, func(n int64) marks { return toTape(n, low, high) })
	if err != nil {
		return nil, fmt.Errorf("buffer of %d bytes: %w", o.BufferBytes, err)
	}
	if src.Kind == KindTar {
		if w.spool, err = newSpool(o.MemberSpool); err != nil {
			w.ring.close(0)
			return nil, err
		}
	}
	total := int64(-1)
	if o.TotalBytes > 0 {
		total = o.TotalBytes
	}
	w.meter = startMeter(o.Progress, w.ring.fillState, total)
	return w, nil
}

func (w *writer) close() {
	w.ring.close(stragglerGrace)
	w.meter.stop()
}

// startSource lets the source fill the ring and the hash follow it.
func (w *writer) startSource(ctx context.Context) {
	w.ring.run(func() {
		if w.src.Kind == KindStream {
			widenPipe(w.src.Stream)
			fillFromStream(w.ring, w.src.Stream)
			w.report <- pax.Report{}
			return
		}
		w.report <- fillFromTree(ctx, w.ring, w.src.Selection, w.addMember)
	})
	w.ring.run(func() { w.ring.digest(newHash(), true) })
}

func (w *writer) addMember(m pax.Member) error {
	w.meter.current.Store(m.Path)
	return w.spool.add(m)
}

// begin does everything that comes before the first byte.
func (w *writer) begin(ctx context.Context) error {
	if err := w.peek(ctx); err != nil {
		return err
	}
	w.meter.phase.Store(PhasePosition)
	if err := w.checkLabel(ctx); err != nil {
		return err
	}
	w.start = w.o.Now()
	if err := w.findEnd(ctx); err != nil {
		return err
	}
	if w.o.OnStart != nil {
		if err := w.o.OnStart(w.at.file, w.at.block); err != nil {
			return err
		}
	}
	w.meter.phase.Store(PhaseData)
	w.moving = w.o.Now()
	return ctx.Err()
}

// peek waits for the first bytes of the source.
func (w *writer) peek(ctx context.Context) error {
	err := w.ring.awaitFirst()
	empty := errors.Is(err, io.EOF)
	if err == nil && w.spool != nil && w.ring.allFilled() {
		members, _ := w.spool.counts()
		empty = members == 0
	}
	if empty {
		if err := w.brokenPipe(ctx); err != nil {
			return err
		}
		return errcode.New(errcode.ArchiveEmpty, w.src.Name, "the source gave nothing, so nothing was written")
	}
	return err
}

// checkLabel makes sure that this is the cartridge it is taken for.
func (w *writer) checkLabel(ctx context.Context) error {
	found, err := label.Read(ctx, w.tape)
	if err != nil {
		return err
	}
	if found.Label == nil {
		return found.Err(w.o.Volume, w.o.Barcode)
	}
	w.volume, w.uuid = found.Label.Volume, found.Label.UUID
	return labelMatches(found.Label, w.o.Volume, w.o.UUID)
}

// labelMatches compares a label with what is expected; an empty string expects nothing.
func labelMatches(l *label.Label, volume, uuid string) error {
	if volume != "" && l.Volume != volume {
		return errcode.New(errcode.MediaLabelMismatch, volume, "the label on the tape says %q", l.Volume)
	}
	if uuid != "" && l.UUID != uuid {
		return errcode.New(errcode.MediaCatalogMismatch, volume, "the catalog describes the cartridge with UUID %s, this one has %s", uuid, l.UUID)
	}
	return nil
}

// nothingWritten reports a failure before the first byte of the archive. Archives of earlier
// writers may have been closed all the same.
func (w *writer) nothingWritten(err error) (*WriteResult, error) {
	var problems []pax.Problem
	if w.ring.allFilled() {
		problems = (<-w.report).Problems
	}
	if w.spool != nil {
		_ = w.spool.close()
	}
	if len(problems) == 0 && len(w.closed) == 0 {
		return nil, err
	}
	return &WriteResult{Problems: problems, Closed: w.closed}, err
}

// copyBlocks writes blocks until the source ends (nil) or something ends it.
func (w *writer) copyBlocks(ctx context.Context) error {
	// A command that was sent is never abandoned: between two of them the ring tells that ctx ended.
	ctx = context.WithoutCancel(ctx)
	sent := w.moving
	for {
		block, state, err := w.ring.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if w.early && !w.restFits() {
			return errEarlyWarning
		}
		now := w.o.Now()
		if now.Sub(sent) >= longPause {
			if err := w.stillThere(ctx); err != nil {
				return &driveError{err}
			}
		}
		sent = now
		early, err := w.tape.Write(ctx, block)
		if err != nil {
			return &driveError{err}
		}
		w.blocks++
		w.bytes += int64(len(block))
		w.state = append(w.state[:0], state...)
		w.ring.release()
		w.meter.bytes.Store(w.bytes)
		w.early = w.early || early
	}
}

// restFits tells whether the rest of the archive may be written behind early warning.
func (w *writer) restFits() bool {
	rest, all := w.ring.rest()
	if !all {
		return false
	}
	var list int64
	if w.spool != nil {
		_, list = w.spool.counts()
	}
	return rest+list <= w.o.EndRoom
}

// driveError marks an error as the drive's own: after it, what is on the tape is in question.
type driveError struct{ err error }

func (e *driveError) Error() string { return e.err.Error() }
func (e *driveError) Unwrap() error { return e.err }

// manifest describes what is on the tape so far.
func (w *writer) manifest(complete bool, reason string) (Manifest, error) {
	sum, err := sumOf(w.state)
	if err != nil {
		return Manifest{}, err
	}
	return Manifest{
		Volume: w.volume, VolumeUUID: w.uuid, File: w.at.file, Name: w.src.Name, Kind: w.src.Kind,
		Complete: complete, Reason: printable(reason, maxReason), SizeBytes: w.bytes, Blocks: w.blocks,
		BlockSizeBytes: w.o.BlockSize, SHA256: hex.EncodeToString(sum), FirstBlock: w.at.block,
		Started: w.start.UTC().Truncate(time.Second), Finished: w.o.Now().UTC().Truncate(time.Second),
		Host: printable(w.o.Host, maxText), Software: printable(w.o.Software, maxText), KeyID: w.o.KeyID,
	}, nil
}
