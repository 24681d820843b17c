package pax

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"calypso/sys/errcode"
)

const (
	readBytes = 256 << 10 // read-ahead of headers; data goes past it
	copyBytes = 1 << 20   // unit of data, and of attention to the context
	keepBytes = 8 << 20   // headers of one member: more are not believed
)

// reader cuts an archive into members. The headers of each are decoded by a fresh archive/tar
// Reader, which has no state that would pass from one member to the next; data is read here, because
// archive/tar gives neither the offsets of members nor the holes of sparse files.
type reader struct {
	tap   tap
	buf   []byte
	cur   member
	begun bool
}

// member is the one in work.
type member struct {
	Member
	header *tar.Header
	sparse []extent // nil: stored whole
	left   int64    // bytes of the data area not read yet, padding not counted
}

func newReader(r io.Reader) *reader {
	return &reader{tap: tap{r: bufio.NewReaderSize(r, readBytes), sum: sha256.New()}, buf: make([]byte, copyBytes)}
}

// next gives the next member, past what is left of the one before. It is io.EOF at the end of the
// archive: two zero blocks, or the end of the stream between members.
func (a *reader) next(ctx context.Context) (*member, error) {
	for {
		if err := a.finish(ctx); err != nil {
			return nil, err
		}
		start := a.tap.begin()
		header, err := tar.NewReader(&a.tap).Next()
		a.tap.keeping = false
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // Extract judges names itself
			return nil, a.broken(err, start)
		}
		if header.Typeflag == tar.TypeXGlobalHeader { // a comment as git writes; nothing here uses its records
			if _, err := io.ReadFull(&a.tap, a.buf[:padding(a.tap.offset-start)]); err != nil {
				return nil, a.cut(err)
			}
			continue
		}
		a.cur = member{Member: describe(header), header: header, left: header.Size}
		a.cur.Offset = start
		if headerOnly(header.Typeflag) {
			a.cur.left = 0
		}
		if err := a.cur.readMap(a.tap.kept); err != nil {
			return nil, a.broken(err, start)
		}
		a.begun = true
		return &a.cur, nil
	}
}

// broken turns what stopped the decoder at a member that starts at offset into the error to return.
// Errors of the archive's own reader pass as they are.
func (a *reader) broken(err error, offset int64) error {
	switch {
	case a.tap.failed != nil:
		return a.tap.failed
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF) && a.tap.offset >= blockSize:
		return errcode.New(errcode.ArchiveDamaged, "archive", "ends in the middle of the member header at byte %d", offset)
	case offset == 0:
		return errcode.New(errcode.ArchiveNotTar, "archive", "does not begin with a tar header: %w", err)
	}
	return errcode.New(errcode.ArchiveDamaged, "archive", "no valid member header at byte %d: %w", offset, err)
}

// data reads file data of the current member into its buffer, at most limit bytes. The slice is
// valid until the next call.
func (a *reader) data(ctx context.Context, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := a.buf[:min(int64(len(a.buf)), limit, a.cur.left)]
	n, err := io.ReadFull(&a.tap, p)
	a.cur.left -= int64(n)
	if err != nil {
		return nil, a.cut(err)
	}
	return p, nil
}

// cut is the error of an archive that ends within a member's data.
func (a *reader) cut(err error) error {
	if a.tap.failed != nil {
		return a.tap.failed
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errcode.New(errcode.ArchiveDamaged, "archive", "ends in the middle of %q", a.cur.Path)
	}
	return err
}

// finish reads the rest of the current member with its padding; then its Length and SHA256 are set.
func (a *reader) finish(ctx context.Context) error {
	if !a.begun {
		return nil
	}
	for a.cur.left > 0 {
		if _, err := a.data(ctx, a.cur.left); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(&a.tap, a.buf[:padding(a.tap.offset-a.cur.Offset)]); err != nil {
		return a.cut(err)
	}
	a.begun = false
	a.cur.Length = a.tap.offset - a.cur.Offset
	a.cur.SHA256 = hex.EncodeToString(a.tap.sum.Sum(nil))
	return nil
}

// drain reads what follows the end of the archive: tar fills its last block.
func (a *reader) drain(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := a.tap.Read(a.buf); err != nil {
			return a.tap.failed
		}
	}
}

// tap is the archive's byte stream: counted, summed and, while headers are decoded, kept.
type tap struct {
	r       io.Reader
	offset  int64
	sum     hash.Hash
	kept    []byte
	keeping bool
	failed  error // what r failed with, other than its end
}

func (t *tap) begin() int64 {
	t.sum.Reset()
	t.kept, t.keeping = t.kept[:0], true
	return t.offset
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.offset += int64(n)
	t.sum.Write(p[:n])
	if t.keeping {
		if len(t.kept)+n > keepBytes {
			return n, tar.ErrHeader
		}
		t.kept = append(t.kept, p[:n]...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		t.failed = err
	}
	return n, err
}

func headerOnly(flag byte) bool {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		return true
	}
	return false
}

// describe gives the Member of a header; Type is empty for types that are not known here.
func describe(h *tar.Header) Member {
	m := Member{Path: h.Name, Mode: uint32(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.UTC(), Link: h.Linkname}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		m.Type, m.Size, m.Link = TypeFile, h.Size, ""
	case tar.TypeDir:
		m.Type, m.Link = TypeDir, ""
		if !strings.HasSuffix(m.Path, "/") {
			m.Path += "/"
		}
	case tar.TypeSymlink:
		m.Type = TypeSymlink
	case tar.TypeLink:
		m.Type = TypeHardlink
	case tar.TypeChar:
		m.Type = TypeChar
	case tar.TypeBlock:
		m.Type = TypeBlock
	case tar.TypeFifo:
		m.Type = TypeFifo
	}
	return m
}

// List calls onMember for each member of an archive. It reads r to its end. A damaged archive is an
// error after the members before the damage.
func List(ctx context.Context, r io.Reader, onMember func(Member) error) error {
	a := newReader(r)
	for {
		m, err := a.next(ctx)
		if errors.Is(err, io.EOF) {
			return a.drain(ctx)
		}
		if err != nil {
			return err
		}
		if err := a.finish(ctx); err != nil {
			return err
		}
		if err := onMember(m.Member); err != nil {
			return err
		}
	}
}
