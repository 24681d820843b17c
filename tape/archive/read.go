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

// ReadOptions say what of an archive is read and where it goes: to Stdout, as its raw bytes, or as
// files beneath Dest.
type ReadOptions struct {
	Stdout io.Writer
	Dest   string
	// Members are names and patterns, see pax.Match; empty: all.
	Members []string
	DryRun  bool // only OnMember is called, for what would be restored
	// KeepDamaged keeps files that fail their verification, as NAME.damaged.
	KeepDamaged             bool
	NumericOwner, SameOwner bool

	// MemberList opens the archive's member list from the catalog. When it is nil and files are restored,
	// or the manifest is unknown, the list is read from the tape.
	MemberList   func() (io.ReadCloser, error)
	Volume, UUID string // what the label must say; both empty: the label is not looked at
	BufferBytes  int64  // 0: DefaultBufferBytes
	Watermarks   Watermarks
	MemberSpool  string // directory for a member list read from tape; "": the system's
	OnMember     func(pax.Member) error
	Progress     func(Progress) // at most five times a second
}

// ReadResult is what was read. It comes with an error too when something was read.
type ReadResult struct {
	Manifest *Manifest // nil: the archive has none
	Bytes    int64     // archive bytes given
	Blocks   int64
	SHA256   string // of all bytes of the archive; "" after a subset
	Verified bool   // everything given is what was written
	Members  int64  // restored
	Problems []pax.Problem
	Duration time.Duration
}

// reader is one Read.
type reader struct {
	tape     Tape
	o        ReadOptions
	file     int64
	manifest *Manifest
	kind     string
	list     func() (io.ReadCloser, error) // nil: no member list
	spooled  *MemberList
	feeder   *feeder
	res      *ReadResult
	started  time.Time
}

// Read brings an archive back. m is its manifest if the catalog has it; with nil the tape is asked.
//
// All bytes that are read are compared with what was written: of a whole archive its SHA-256 at the
// end, of every file its own before it takes its name, when there is a member list. A subset is
// located and read without the rest. Data whose comparison fails is errcode.ArchiveDamaged, never a
// success; an archive that was not written to its end is given as far as it goes and is
// errcode.ArchiveIncomplete, one without manifest errcode.ArchiveUnverified.
func Read(ctx context.Context, d Tape, m *Manifest, file int64, o ReadOptions) (*ReadResult, error) {
	r := &reader{tape: d, o: o, file: file, manifest: m, list: o.MemberList, res: &ReadResult{}, started: time.Now()}
	defer func() { _ = r.spooled.Close() }()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	r.res.Manifest = r.manifest
	err := r.transfer(ctx)
	r.res.Duration = time.Since(r.started)
	return r.res, err
}

// prepare finds out all that can be known before the first block is read.
func (r *reader) prepare(ctx context.Context) error {
	if err := r.checkLabel(ctx); err != nil {
		return err
	}
	if r.file == 0 {
		return notArchive(r.file, "the label")
	}
	if err := r.findManifest(ctx); err != nil {
		return err
	}
	if err := r.findKind(ctx); err != nil {
		return err
	}
	if r.kind == KindStream && r.o.Stdout == nil {
		return errcode.New(errcode.ArchiveNotTar, tapeFile(r.file), "the archive is a stream")
	}
	return nil
}

func (r *reader) checkLabel(ctx context.Context) error {
	if r.o.Volume == "" && r.o.UUID == "" {
		return nil
	}
	found, err := label.Read(ctx, r.tape)
	if err != nil {
		return err
	}
	if found.Label == nil {
		return errcode.New(errcode.MediaLabelMismatch, r.o.Volume, "the tape holds %s", found)
	}
	return labelMatches(found.Label, r.o.Volume, r.o.UUID)
}

// findManifest asks the tape when the catalog has no manifest, or no member list where one is
// needed.
func (r *reader) findManifest(ctx context.Context) error {
	if r.manifest != nil {
		if err := r.manifest.Validate(); err != nil {
			return errcode.New(errcode.StateInvalid, tapeFile(r.file), "the catalog's entry: %w", err)
		}
		if r.manifest.File != r.file {
			return errcode.New(errcode.Internal, tapeFile(r.file), "manifest of tape file %d", r.manifest.File)
		}
	}
	if r.manifest != nil && !r.needsList() {
		return nil
	}
	m, list, err := ReadManifest(ctx, r.tape, r.file, r.o.MemberSpool)
	switch {
	case err == nil && r.manifest != nil && !sameArchive(m, r.manifest):
		_ = list.Close()
		return errcode.New(errcode.MediaCatalogMismatch, tapeFile(r.file), "the catalog describes another archive than the tape")
	case err == nil:
		r.manifest = m
	case errcode.Of(err) != errcode.ArchiveUnverified:
		return err
	}
	if list != nil {
		r.spooled = list
		r.list = func() (io.ReadCloser, error) { return list.Open(), nil }
	}
	return nil
}

func (r *reader) needsList() bool {
	return r.list == nil && r.o.Stdout == nil && r.manifest.MembersSHA256 != ""
}

// sameArchive compares what two manifests say of the bytes on the tape.
func sameArchive(a, b *Manifest) bool {
	return a.VolumeUUID == b.VolumeUUID && a.File == b.File && a.FirstBlock == b.FirstBlock &&
		a.SizeBytes == b.SizeBytes && a.SHA256 == b.SHA256
}

// findKind brings the tape before the archive when its first block had to be looked at.
func (r *reader) findKind(ctx context.Context) error {
	if r.manifest != nil {
		r.kind = r.manifest.Kind
		r.feeder = &feeder{tape: r.tape, file: r.file, firstBlock: r.manifest.FirstBlock, blockSize: int64(r.manifest.BlockSizeBytes), at: -1}
		return nil
	}
	first, err := firstBlock(ctx, r.tape, r.file)
	if err != nil {
		return err
	}
	if len(first) == 0 {
		return errcode.New(errcode.ArchiveUnverified, tapeFile(r.file), "the file is empty and has no manifest")
	}
	r.kind = KindStream
	if looksLikeTar(first) {
		r.kind = KindTar
	}
	if err := r.tape.LocateFile(ctx, r.file); err != nil {
		return err
	}
	pos, err := r.tape.Position(ctx)
	if err != nil {
		return err
	}
	r.feeder = &feeder{tape: r.tape, file: r.file, firstBlock: pos.Block, blockSize: int64(len(first)), at: 0}
	return nil
}

// plan says what to read and how each member is checked. The check is nil without a member list.
func (r *reader) plan() ([]stretch, *memberCheck, error) {
	whole := []stretch{{0, -1}}
	if r.list == nil || r.o.Stdout != nil {
		return whole, nil, nil
	}
	if len(r.o.Members) > 0 {
		return r.planSubset()
	}
	check, err := newMemberCheck(r.list, nil)
	return whole, check, err
}

// transfer runs the pipeline: tape, hash, and what takes the data.
func (r *reader) transfer(ctx context.Context) error {
	stretches, check, err := r.plan()
	if err != nil {
		return err
	}
	defer check.close()
	if r.o.DryRun && check != nil {
		return r.listOnly(check)
	}
	p, err := startPipeline(ctx, r.feeder, stretches, r.o)
	if err != nil {
		return err
	}
	defer p.close()
	if r.manifest != nil {
		p.meter.total.Store(totalOf(stretches, r.manifest))
	}
	out := p.await(ctx, func() outcome { return r.consume(ctx, p, check) })
	r.res.Bytes, r.res.Blocks = p.ring.takenBytes(), r.feeder.blocks
	r.res.Problems, r.res.Members = out.report.Problems, out.report.Members
	whole := stretches[0].length < 0
	if whole && p.ring.covered() {
		r.res.SHA256 = hex.EncodeToString(p.hash.Sum(nil))
	}
	return r.verdict(ctx, out.err, whole, check)
}

func totalOf(stretches []stretch, m *Manifest) int64 {
	if stretches[0].length < 0 {
		return m.SizeBytes
	}
	var total int64
	for _, s := range stretches {
		total += s.length
	}
	return total
}

// consume hands the bytes to where they go.
func (r *reader) consume(ctx context.Context, p *pipeline, check *memberCheck) outcome {
	in := &ringReader{ring: p.ring}
	if r.o.Stdout != nil {
		widenPipe(r.o.Stdout)
		_, err := in.WriteTo(r.o.Stdout)
		return outcome{err: err}
	}
	opts := pax.ExtractOptions{
		DryRun: r.o.DryRun, KeepDamaged: r.o.KeepDamaged, NumericOwner: r.o.NumericOwner, SameOwner: r.o.SameOwner,
		OnMember: r.onMember(ctx, p.meter, check),
	}
	if check != nil {
		opts.Verify = check.verify
	} else {
		opts.Members = r.o.Members
	}
	report, err := pax.Extract(ctx, in, r.o.Dest, opts)
	if in.atEnd() && brokenTar(err) {
		err = errCut
	}
	return outcome{report: report, err: err}
}

// brokenTar tells whether err is about what the archive holds. At its end that means no more than
// that it was cut.
func brokenTar(err error) bool {
	code := errcode.Of(err)
	return code == errcode.ArchiveDamaged || code == errcode.ArchiveNotTar
}

// onMember tells the caller of a member, but nothing any more when ctx is over: Read may have
// returned by then.
func (r *reader) onMember(ctx context.Context, m *meter, check *memberCheck) func(pax.Member) error {
	return func(member pax.Member) error {
		m.current.Store(member.Path)
		if r.o.OnMember == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if check != nil {
			member.Offset += check.shift
		}
		return r.o.OnMember(member)
	}
}

// listOnly is a dry run with a member list: the tape is not read.
func (r *reader) listOnly(check *memberCheck) error {
	for check.next() {
		r.res.Members++
		if r.o.OnMember == nil {
			continue
		}
		if err := r.o.OnMember(*check.scan.Member()); err != nil {
			return err
		}
	}
	return check.scan.Err()
}

// verdict is the outcome: the worst that can be said of the data comes first.
func (r *reader) verdict(ctx context.Context, err error, whole bool, check *memberCheck) error {
	name := tapeFile(r.file)
	m := r.manifest
	if err != nil && !r.cutAsKnown(err) {
		return r.failed(ctx, err)
	}
	if whole {
		if err := compare(m, r.feeder, r.res.SHA256, name); err != nil {
			return err
		}
	}
	if damaged := count(r.res.Problems, pax.KindDamaged); damaged > 0 {
		return errcode.New(errcode.ArchiveDamaged, name, "%d members are not what was written", damaged)
	}
	if m == nil {
		return errcode.New(errcode.ArchiveUnverified, name, "the archive has no manifest: %d bytes were given", r.res.Bytes)
	}
	if !whole {
		if err := check.missed(r.res.Problems); err != nil {
			return errcode.New(errcode.ArchiveDamaged, name, "%w", err)
		}
	}
	r.res.Verified = !whole || m.SHA256 != ""
	if !m.Complete {
		return errcode.New(errcode.ArchiveIncomplete, name, "the archive was not written to its end (%s): %d bytes were given", m.Reason, r.res.Bytes)
	}
	return problemsError(name, r.res.Problems)
}

// cutAsKnown tells whether an error is no more than the end of an archive known to be cut.
func (r *reader) cutAsKnown(err error) bool {
	known := r.manifest == nil || !r.manifest.Complete
	return known && errors.Is(err, errCut)
}

// failed adds what was restored to the error that ended the reading.
func (r *reader) failed(ctx context.Context, err error) error {
	var out *outputError
	e := &errcode.Error{Op: "read", Object: tapeFile(r.file), Err: err, Code: errcode.Of(err)}
	switch {
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
		e.Code = errcode.Of(e.Err)
	case errors.As(err, &out):
		e.Code = errcode.OutputFailed
	case errors.Is(err, errCut):
		e.Code = errcode.ArchiveDamaged
	}
	return e.WithState("%d bytes and %d members were given", r.res.Bytes, r.res.Members)
}

// compare holds what was read against the manifest.
func compare(m *Manifest, f *feeder, sum, name string) error {
	switch {
	case m == nil || m.SHA256 == "":
		return nil
	case f.bytes != m.SizeBytes:
		return errcode.New(errcode.ArchiveDamaged, name, "%d bytes were read, %d were written", f.bytes, m.SizeBytes)
	case f.blocks != m.Blocks || f.odd != nil:
		return errcode.New(errcode.ArchiveDamaged, name, "%d blocks were read, %d were written", f.blocks, m.Blocks)
	case sum != m.SHA256:
		return errcode.New(errcode.ArchiveDamaged, name, "the SHA-256 read is %s, that written is %s", sum, m.SHA256)
	}
	return nil
}

func count(problems []pax.Problem, kind string) int {
	n := 0
	for _, p := range problems {
		if p.Kind == kind {
			n++
		}
	}
	return n
}

// problemsError is the error of a restore whose bytes were right but not all of which took its
// place.
func problemsError(name string, problems []pax.Problem) error {
	bad := lost(problems)
	switch {
	case bad == 0:
		return nil
	case count(problems, pax.KindUnsafe) > 0:
		return errcode.New(errcode.RestoreUnsafe, name, "%d members were not restored as they are", bad)
	}
	return errcode.New(errcode.Partial, name, "%d members were not restored as they are", bad).
		WithHint("the list above names them; all others were restored and verified")
}

// notFound is the error of names that no member has.
func notFound(file int64, missing []string) error {
	return errcode.New(errcode.MemberNotFound, tapeFile(file), "no member matches %s", quoted(missing))
}

func quoted(names []string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%q", n)
	}
	return s
}
