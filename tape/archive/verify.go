package archive

import (
	"context"
	"encoding/hex"
	"io"
	"time"

	"calypso/sys/errcode"
)

// VerifyResult is what Verify compared.
type VerifyResult struct {
	Manifest       *Manifest // the one on the tape, else the catalog's; nil: none
	OnTape         bool      // the manifest on the tape was read and says the same as the catalog's
	Bytes          int64
	Blocks         int64
	SHA256         string
	MembersChecked bool // the member list on the tape is what was written
	Duration       time.Duration
}

// Rate is the average in bytes per second.
func (r *VerifyResult) Rate() float64 {
	if r.Duration <= 0 {
		return 0
	}
	return float64(r.Bytes) / r.Duration.Seconds()
}

// Verify reads an archive entirely and compares its size, blocks and SHA-256 with its manifest: m if
// it is not nil, and the one on the tape, which is read with its member list and must say the same.
// It stores nothing. Of o the label, buffer and progress are used. Errors: errcode.ArchiveDamaged,
// MediaCatalogMismatch, ArchiveIncomplete, ArchiveUnverified; the result comes with them.
func Verify(ctx context.Context, d Tape, file int64, m *Manifest, o ReadOptions) (*VerifyResult, error) {
	o.Stdout, o.Dest, o.Members, o.MemberList = io.Discard, "", nil, nil
	r := &reader{tape: d, o: o, file: file, manifest: m, res: &ReadResult{}, started: time.Now()}
	defer func() { _ = r.spooled.Close() }()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	v := &VerifyResult{Manifest: r.manifest}
	err := r.sumUp(ctx, v)
	v.Duration = time.Since(r.started)
	if err == nil || errcode.Of(err) == errcode.ArchiveIncomplete {
		if disagree := r.manifestAgrees(ctx, v); disagree != nil {
			err = disagree
		}
	}
	return v, err
}

// sumUp reads the archive to its end.
func (r *reader) sumUp(ctx context.Context, v *VerifyResult) error {
	p, err := startPipeline(ctx, r.feeder, []stretch{{0, -1}}, r.o)
	if err != nil {
		return err
	}
	defer p.close()
	if r.manifest != nil {
		p.meter.total.Store(r.manifest.SizeBytes)
	}
	out := p.await(ctx, func() outcome {
		in := &ringReader{ring: p.ring}
		return outcome{err: in.drain()}
	})
	v.Bytes, v.Blocks = r.feeder.bytes, r.feeder.blocks
	r.res.Bytes = v.Bytes
	if p.ring.covered() {
		v.SHA256 = hex.EncodeToString(p.hash.Sum(nil))
		r.res.SHA256 = v.SHA256
	}
	return r.verdict(ctx, out.err, true, nil)
}

// manifestAgrees reads the manifest behind the archive. When the catalog had none it is the one the
// archive was compared with; then its member list was read already.
func (r *reader) manifestAgrees(ctx context.Context, v *VerifyResult) error {
	m, list, err := ReadManifest(ctx, r.tape, r.file, r.o.MemberSpool)
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	if !sameArchive(m, r.manifest) || m.MembersSHA256 != r.manifest.MembersSHA256 && m.MembersSHA256 != "" {
		return errcode.New(errcode.MediaCatalogMismatch, tapeFile(r.file), "the manifest on the tape is not the catalog's")
	}
	v.OnTape, v.MembersChecked = true, list != nil
	return nil
}
