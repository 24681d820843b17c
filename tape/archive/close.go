package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/archive/pax"
)

func newHash() hash.Hash { return sha256.New() }

// finish closes the archive, for whatever reason it ended: cause nil is the end of the source.
func (w *writer) finish(ctx context.Context, cause error) (*WriteResult, error) {
	w.meter.phase.Store(PhaseClosing)
	if cause != nil {
		w.ring.stop(cause)
	}
	if w.blocks == 0 {
		return w.nothingWritten(w.explain(ctx, cause))
	}
	res, err := w.result(cause, w.reason(ctx, cause))
	if err != nil {
		return res, err
	}
	if mayHaveBroken(cause) {
		return res, w.explain(ctx, cause)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := w.writeEnd(closing, res); err != nil {
		return res, w.notClosed(res, cause, err)
	}
	res.Duration = w.o.Now().Sub(w.moving)
	return res, w.explain(ctx, cause)
}

// mayHaveBroken tells whether nothing may be written any more: behind a medium error, or where the
// position is in doubt, a manifest could land on anything. The end of the medium is no such error.
func mayHaveBroken(cause error) bool {
	var d *driveError
	return errors.As(cause, &d) && errcode.Of(d.err) != errcode.TapeFull
}

// reason is what the manifest says of cause.
func (w *writer) reason(ctx context.Context, cause error) string {
	var d *driveError
	switch {
	case cause == nil:
		return ""
	case errors.Is(cause, errEarlyWarning), errcode.Of(cause) == errcode.TapeFull && errors.As(cause, &d):
		return ReasonEndOfMedium
	case errors.As(cause, &d):
		return "drive: " + d.err.Error()
	case ctx.Err() != nil:
		return ReasonInterrupted
	}
	return "source: " + cause.Error()
}

// result gathers what is known of the archive, whose blocks are on the tape but for its end.
func (w *writer) result(cause error, reason string) (*WriteResult, error) {
	res := &WriteResult{Closed: w.closed, Stops: w.ring.stopCount(), EarlyWarning: w.early}
	report, whole := w.awaitReport(cause == nil)
	res.Problems = report.Problems
	m, err := w.manifest(cause == nil && whole, reason)
	if err == nil && w.spool != nil {
		size := int64(-1)
		if cause != nil {
			size = w.bytes
		}
		res.Members, err = w.spool.seal(size)
	}
	if res.Members != nil {
		m.Members, m.MembersBytes, m.MembersSHA256 = res.Members.Count, res.Members.Bytes, res.Members.SHA256
	}
	m.SourceErrors = lost(res.Problems)
	res.Manifest = m
	res.Duration = w.o.Now().Sub(w.moving)
	return res, err
}

// awaitReport gives the source's report. A source that was cut off may hang; then its problems
// stay unknown.
func (w *writer) awaitReport(ended bool) (report pax.Report, ok bool) {
	if ended {
		return <-w.report, true
	}
	timer := time.NewTimer(stragglerGrace)
	defer timer.Stop()
	select {
	case report = <-w.report:
		return report, true
	case <-timer.C:
		return pax.Report{}, false
	}
}

// lost counts the files that something was kept out of; one file can have several problems.
func lost(problems []pax.Problem) int64 {
	paths := map[string]bool{}
	for _, p := range problems {
		if !p.Notice() {
			paths[p.Path] = true
		}
	}
	return int64(len(paths))
}

// stillThere makes sure that the tape is behind the last block. A drive tells its host once that it was reset or
// has another cartridge, and during a pause that may have been another process, such as a monitor: a writer that
// was told nothing would go on at the beginning of the tape.
func (w *writer) stillThere(ctx context.Context) error {
	return w.expectAt(ctx, place{file: w.at.file, block: w.at.block + w.blocks})
}

// writeEnd writes what follows the blocks of an archive: filemark, manifest, filemark.
func (w *writer) writeEnd(ctx context.Context, res *WriteResult) error {
	list := res.Members
	if w.early && list != nil && list.Bytes > w.o.EndRoom {
		list = nil
	}
	e, err := encodeManifest(res.Manifest, list)
	if err != nil {
		return err
	}
	if err := w.stillThere(ctx); err != nil {
		return err
	}
	// Immediate: the drive goes on with the manifest. The filemark behind it waits for everything.
	early, err := w.tape.WriteFilemarks(ctx, 1, true)
	if err != nil {
		return err
	}
	w.early = w.early || early
	blocks, err := writeManifestFile(ctx, w.tape, e, w.o.BlockSize)
	if err != nil {
		return err
	}
	res.Manifest, res.ManifestFile, res.EarlyWarning = e.manifest, w.at.file+1, w.early
	return w.expectAt(ctx, place{file: w.at.file + 2, block: w.at.block + w.blocks + blocks + 2})
}

// expectAt compares the drive's count with ours: a drive that lost or doubled a block must not be
// believed.
func (w *writer) expectAt(ctx context.Context, want place) error {
	at, err := w.tape.Position(ctx)
	if err != nil {
		return err
	}
	if at.Block != want.block || at.File != want.file {
		return errcode.New(errcode.TapePosition, w.src.Name, "the drive is at block %d, file %d and must be at block %d, file %d",
			at.Block, at.File, want.block, want.file).WithState("archive %d cannot be trusted", w.at.file)
	}
	return nil
}

// explain turns what ended the archive into the error that the user sees.
func (w *writer) explain(ctx context.Context, cause error) error {
	if cause == nil {
		return nil
	}
	e := &errcode.Error{Op: "write", Object: fmt.Sprintf("archive %q", w.src.Name), Err: cause, State: w.onTape(cause)}
	var d *driveError
	switch {
	case errors.Is(cause, errEarlyWarning):
		e.Code, e.Msg = errcode.TapeFull, "the end of the medium was reached"
	case errors.As(cause, &d):
		e.Code = errcode.Of(d.err)
	case ctx.Err() != nil:
		e.Code = errcode.Of(context.Cause(ctx))
	default:
		e.Code, e.Msg = sourceCode(cause), "source: "+cause.Error()
	}
	return e
}

// sourceCode is the code of a source that failed: its own if it has one.
func sourceCode(err error) errcode.Code {
	if c := errcode.Of(err); c != errcode.Failed {
		return c
	}
	return errcode.ArchiveIncomplete
}

// onTape says what is on the tape after an archive that was cut off.
func (w *writer) onTape(cause error) string {
	switch {
	case w.blocks == 0:
		return "nothing of it is on the tape"
	case mayHaveBroken(cause):
		return fmt.Sprintf("tape file %d holds about %d bytes of it and was not closed; the archives before it are untouched", w.at.file, w.bytes)
	}
	return fmt.Sprintf("%d bytes of it are in tape file %d, marked incomplete; the archives before it are untouched", w.bytes, w.at.file)
}

// notClosed reports an archive that has no manifest on the tape.
func (w *writer) notClosed(res *WriteResult, cause, err error) error {
	res.Manifest.Complete = false
	if res.Manifest.Reason == "" {
		res.Manifest.Reason = w.reason(context.Background(), &driveError{err})
	}
	e := &errcode.Error{
		Code: errcode.Of(err), Op: "close", Object: fmt.Sprintf("archive %q", w.src.Name),
		Err: errors.Join(err, cause), Msg: err.Error(),
	}
	return e.WithState("tape file %d holds %d bytes of it without a manifest; the tape is readable up to file %d", w.at.file, w.bytes, w.at.file-1)
}
