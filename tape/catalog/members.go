package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"

	"calypso/sys/errcode"
	"calypso/tape/archive"
	"calypso/tape/archive/pax"
)

// OpenMembers opens the member list of an archive: JSON lines, see archive.NewMemberScanner. In
// place of io.EOF it gives errcode.StateInvalid when the list is not the one that was recorded. An
// archive without list is errcode.ArchiveNotTar when it is a stream, else fs.ErrNotExist.
func (s *Store) OpenMembers(a *Archive) (io.ReadCloser, error) {
	if err := CheckVolume(a.Volume); err != nil {
		return nil, err
	}
	if a.Kind == archive.KindStream {
		return nil, errcode.New(errcode.ArchiveNotTar, fmt.Sprintf("%s file %d", a.Volume, a.File), "the archive is a stream")
	}
	path := s.membersPath(a.Volume, a.File)
	if a.MembersSHA256 == "" {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		f.Close()
		return nil, err
	}
	return &memberFile{file: f, zstd: z, want: a.MembersSHA256, sum: sha256.New()}, nil
}

// memberFile reads a compressed list and checks it at its end.
type memberFile struct {
	file *os.File
	zstd *zstd.Decoder
	want string
	sum  hash.Hash
}

func (m *memberFile) Read(p []byte) (int, error) {
	n, err := m.zstd.Read(p)
	m.sum.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, errcode.New(errcode.StateInvalid, m.file.Name(), "damaged: %w", err)
	case hex.EncodeToString(m.sum.Sum(nil)) != m.want:
		return n, errcode.New(errcode.StateInvalid, m.file.Name(), "it is not the list of this archive").
			WithHint("'calypso lto scan' reads it from the tape again")
	}
	return n, io.EOF
}

func (m *memberFile) Close() error {
	m.zstd.Close()
	return m.file.Close()
}

// Members calls fn for every member of an archive, in the order of the archive.
func (s *Store) Members(ctx context.Context, a *Archive, fn func(*pax.Member) error) error {
	return s.members(ctx, a, func([]byte) bool { return true }, fn)
}

// members calls fn for the members whose lines pass a look.
func (s *Store) members(ctx context.Context, a *Archive, look func([]byte) bool, fn func(*pax.Member) error) error {
	r, err := s.OpenMembers(a)
	if err != nil {
		return err
	}
	defer r.Close()
	scan := archive.NewMemberScanner(r)
	for scan.NextIf(look) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(scan.Member()); err != nil {
			return err
		}
	}
	if err := scan.Err(); err != nil {
		return fmt.Errorf("%s file %d: member list: %w", a.Volume, a.File, err)
	}
	return nil
}
