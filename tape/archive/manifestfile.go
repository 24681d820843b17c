package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"calypso/sys/errcode"
)

// The members of a manifest file.
const (
	manifestMember = ".calypso_manifest"
	membersMember  = ".calypso_members"

	tarRecord  = 512
	tarTrailer = 2 * tarRecord
)

// looksLikeManifest tells from its first block whether a tape file may be a manifest. An archive
// may begin with the same bytes; its place on the tape and its content tell, see endState.
func looksLikeManifest(block []byte) bool {
	return len(block) >= tarRecord && bytes.HasPrefix(block, []byte(manifestMember+"\x00")) &&
		string(block[257:262]) == "ustar"
}

func looksLikeTar(block []byte) bool {
	return len(block) >= tarRecord && string(block[257:262]) == "ustar"
}

// encodedManifest is a manifest file ready to be written.
type encodedManifest struct {
	manifest Manifest
	text     []byte
	list     *MemberList // nil: no list
}

func encodeManifest(m Manifest, list *MemberList) (encodedManifest, error) {
	m.MembersBytes, m.MembersSHA256 = 0, ""
	if list != nil {
		m.Members, m.MembersBytes, m.MembersSHA256 = list.Count, list.Bytes, list.SHA256
	}
	text, err := m.encodeYAML()
	return encodedManifest{manifest: m, text: text, list: list}, err
}

// writeTo writes the manifest file: a ustar archive whose first member is small enough for a human.
func (e encodedManifest) writeTo(w io.Writer) error {
	tw := tar.NewWriter(w)
	if err := e.member(tw, manifestMember, int64(len(e.text)), bytes.NewReader(e.text)); err != nil {
		return err
	}
	if e.list != nil {
		if err := e.member(tw, membersMember, e.list.Bytes, e.list.Open()); err != nil {
			return err
		}
	}
	return tw.Close()
}

func (e encodedManifest) member(tw *tar.Writer, name string, size int64, r io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: e.manifest.Finished}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	// The spool is read through a plain reader: tar.Writer would look for a way around the copy.
	_, err := io.CopyBuffer(struct{ io.Writer }{tw}, r, make([]byte, 128<<10))
	return err
}

// manifestFileBytes is the length of the tape file of a manifest, given its text.
func manifestFileBytes(text int, m *Manifest) int64 {
	n := int64(tarRecord + padded(int64(text)) + tarTrailer)
	if m.MembersSHA256 != "" {
		n += tarRecord + padded(m.MembersBytes)
	}
	return n
}

func padded(n int64) int64 { return (n + tarRecord - 1) / tarRecord * tarRecord }

// blockWriter cuts a stream into blocks of one size and writes them on tape.
type blockWriter struct {
	ctx    context.Context
	tape   Tape
	buf    []byte
	used   int
	blocks int64
	early  bool
}

func newBlockWriter(ctx context.Context, d Tape, blockSize int) *blockWriter {
	return &blockWriter{ctx: ctx, tape: d, buf: make([]byte, blockSize)}
}

func (b *blockWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := copy(b.buf[b.used:], p)
		b.used += n
		p = p[n:]
		if b.used == len(b.buf) {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

// flush writes what is left as a shorter block.
func (b *blockWriter) flush() error {
	if b.used == 0 {
		return nil
	}
	early, err := b.tape.Write(b.ctx, b.buf[:b.used])
	if err != nil {
		return err
	}
	b.early = b.early || early
	b.blocks++
	b.used = 0
	return nil
}

// writeManifestFile writes the manifest and the filemark behind it, and waits until both are on the
// medium. It gives the number of blocks.
func writeManifestFile(ctx context.Context, d Tape, e encodedManifest, blockSize int) (int64, error) {
	b := newBlockWriter(ctx, d, blockSize)
	if err := e.writeTo(b); err != nil {
		return b.blocks, err
	}
	if err := b.flush(); err != nil {
		return b.blocks, err
	}
	_, err := d.WriteFilemarks(ctx, 1, false)
	return b.blocks, err
}

// openManifest reads the head of a manifest file and gives the manifest, the length of its text and
// its member list, which must be read to its end to be believed; nil when there is none. A file of
// another kind is ErrNotManifest.
func openManifest(r io.Reader) (m Manifest, text int, list io.Reader, err error) {
	tr := tar.NewReader(r)
	h, err := tr.Next()
	if err != nil || h.Name != manifestMember || h.Typeflag != tar.TypeReg {
		return m, 0, nil, joinCause(ErrNotManifest, err)
	}
	if h.Size > maxManifestBytes {
		return m, 0, nil, fmt.Errorf("manifest of %d bytes", h.Size)
	}
	yamlText, err := io.ReadAll(tr)
	if err != nil {
		return m, 0, nil, fmt.Errorf("manifest: %w", err)
	}
	if m, err = decodeYAML(yamlText); err != nil {
		return m, 0, nil, fmt.Errorf("manifest: %w", err)
	}
	if m.MembersSHA256 == "" {
		return m, len(yamlText), nil, nil
	}
	return m, len(yamlText), openMembers(tr, m), nil
}

func joinCause(err, cause error) error {
	if cause == nil || errors.Is(cause, io.EOF) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// openMembers goes to the member list. A list that is cut or is not there is an error of its reader:
// the manifest itself is good.
func openMembers(tr *tar.Reader, m Manifest) io.Reader {
	check := &checkedList{want: m, sum: sha256.New()}
	h, err := tr.Next()
	switch {
	case err != nil:
		check.err = damagedList(m, joinCause(io.ErrUnexpectedEOF, err))
	case h.Name != membersMember || h.Typeflag != tar.TypeReg || h.Size != m.MembersBytes:
		check.err = damagedList(m, fmt.Errorf("%q of %d bytes in its place", h.Name, h.Size))
	default:
		check.r = tr
	}
	return check
}

// checkedList gives a member list and, in place of io.EOF, an error when it is not the one that was
// written.
type checkedList struct {
	r     io.Reader
	want  Manifest
	sum   hash.Hash
	bytes int64
	lines int64
	err   error
}

func (c *checkedList) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.bytes += int64(n)
	c.lines += int64(bytes.Count(p[:n], []byte("\n")))
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		c.err = c.verdict()
	default:
		c.err = damagedList(c.want, err)
	}
	return n, c.err
}

func (c *checkedList) verdict() error {
	switch {
	case c.bytes != c.want.MembersBytes:
		return damagedList(c.want, fmt.Errorf("%d bytes, not %d", c.bytes, c.want.MembersBytes))
	case hex.EncodeToString(c.sum.Sum(nil)) != c.want.MembersSHA256:
		return damagedList(c.want, errors.New("its SHA-256 is not that in the manifest"))
	case c.lines != c.want.Members:
		return damagedList(c.want, fmt.Errorf("%d members, not %d", c.lines, c.want.Members))
	}
	return io.EOF
}

func damagedList(m Manifest, cause error) error {
	return errcode.New(errcode.ArchiveDamaged, tapeFile(m.File), "its member list is damaged: %w", cause).
		WithHint("the archive itself may be good: 'calypso lto verify' tells")
}
