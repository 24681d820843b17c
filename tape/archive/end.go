package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
)

// place is a position on the tape.
type place struct {
	file, block int64
}

// endState is what the end of the data on a tape looks like.
type endState struct {
	at       place // the end of data
	filemark bool  // the last object is a filemark
	last     int64 // number of the last file that holds something
}

// findEnd goes to where the next archive begins. An archive that a writer left without manifest is
// closed first: with a filemark if it has none and a manifest that says what can be known. Nothing
// that is on the tape is written over, so that write-once media are no exception.
func (w *writer) findEnd(ctx context.Context) error {
	end, err := w.endOfData(ctx)
	if err != nil {
		return err
	}
	torn, err := w.unfinished(ctx, end)
	if err != nil {
		return err
	}
	if err := w.tellWhole(ctx); err != nil {
		return err
	}
	if err := w.tape.SpaceEOD(ctx); err != nil {
		return err
	}
	if w.o.BeforeWrite != nil {
		if err := w.o.BeforeWrite(ctx); err != nil {
			return err
		}
	}
	w.at = end.at
	// From here on the tape is written: a signal waits until what was begun is whole.
	ctx = context.WithoutCancel(ctx)
	if !end.filemark {
		if _, err := w.tape.WriteFilemarks(ctx, 1, false); err != nil {
			return err
		}
		w.at = place{end.at.file + 1, end.at.block + 1}
	}
	if torn != nil {
		if err := w.closeTorn(ctx, *torn); err != nil {
			return err
		}
	}
	return w.expectAt(ctx, w.at)
}

// EndOfData goes behind all that is on a labelled tape, to where an archive can be appended. errcode.DeviceUnsupported
// for a drive that cannot tell where it is, errcode.TapeFull when nothing more fits.
func EndOfData(ctx context.Context, d Tape, volume string) (tape.Position, error) {
	if err := d.SpaceEOD(ctx); err != nil {
		return tape.Position{}, err
	}
	pos, err := d.Position(ctx)
	switch {
	case err != nil:
		return tape.Position{}, err
	case pos.File < 0 || pos.Block < 1:
		return tape.Position{}, errcode.New(errcode.DeviceUnsupported, volume, "the drive does not count files and blocks (block %d, file %d)", pos.Block, pos.File).
			WithState("nothing was written")
	case pos.EOP:
		return tape.Position{}, errcode.New(errcode.TapeFull, volume, "the tape is full").WithState("nothing was written")
	}
	return pos, nil
}

// endOfData looks at the object before the end of data.
func (w *writer) endOfData(ctx context.Context) (endState, error) {
	pos, err := EndOfData(ctx, w.tape, w.volume)
	if err != nil {
		return endState{}, err
	}
	if err := w.tape.LocateBlock(ctx, pos.Block-1); err != nil {
		return endState{}, err
	}
	_, err = w.readBlock(ctx)
	filemark := errors.Is(err, tape.ErrFilemark)
	if err != nil && !filemark {
		return endState{}, err
	}
	end := endState{at: place{pos.File, pos.Block}, filemark: filemark, last: pos.File}
	if filemark {
		end.last--
	}
	return end, nil
}

// readBlock reads a block, whatever its length.
func (w *writer) readBlock(ctx context.Context) ([]byte, error) {
	return readBlock(ctx, w.tape, make([]byte, max(w.o.BlockSize, DefaultBlockSize)))
}

// readBlock reads a block into buf, or into a larger buffer when it needs one.
func readBlock(ctx context.Context, d Tape, buf []byte) ([]byte, error) {
	n, err := d.Read(ctx, buf)
	var long *tape.BlockTooLong
	if !errors.As(err, &long) || long.Actual <= len(buf) {
		return buf[:n], err
	}
	pos, err := d.Position(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.LocateBlock(ctx, pos.Block-1); err != nil {
		return nil, err
	}
	buf = make([]byte, long.Actual)
	n, err = d.Read(ctx, buf)
	return buf[:n], err
}

// fileHead is the beginning of a tape file.
type fileHead struct {
	file      int64
	block     int64  // address of its first block
	first     []byte // its first block; empty for a file without blocks
	keyID     string // of the key that the first block is encrypted with
	manifest  *Manifest
	textBytes int   // of the manifest's YAML
	unread    error // why it begins like a manifest and is none
}

// head reads the beginning of a tape file.
func (w *writer) head(ctx context.Context, file int64) (fileHead, error) {
	if err := w.tape.LocateFile(ctx, file); err != nil {
		return fileHead{}, err
	}
	pos, err := w.tape.Position(ctx)
	if err != nil {
		return fileHead{}, err
	}
	h := fileHead{file: file, block: pos.Block}
	h.first, err = w.readBlock(ctx)
	if errors.Is(err, tape.ErrFilemark) || errors.Is(err, tape.ErrEndOfData) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	h.keyID = lastKeyID(w.tape)
	if looksLikeManifest(h.first) {
		h.decode(newFileReader(ctx, w.tape, make([]byte, len(h.first))))
	}
	return h, nil
}

// decode reads the manifest; more supplies the blocks behind the first.
func (h *fileHead) decode(more io.Reader) {
	m, text, _, err := openManifest(io.MultiReader(bytes.NewReader(h.first), more))
	if err != nil {
		h.unread = err
		return
	}
	h.manifest, h.textBytes = &m, text
}

// unfinished finds the archive at the end of the tape that has no whole manifest, and describes it;
// nil: there is none.
func (w *writer) unfinished(ctx context.Context, end endState) (*Manifest, error) {
	if end.last <= 0 {
		return nil, nil // only the label
	}
	after := end.at.block // behind the last block of the last file
	if end.filemark {
		after--
	}
	h, err := w.head(ctx, end.last)
	if noKey(err) && end.last == w.o.KnownEnd {
		return nil, nil // the catalog knows that it is the manifest of a whole archive
	}
	if err != nil {
		return nil, err
	}
	is, err := w.isManifest(ctx, h)
	switch {
	case err != nil:
		return nil, err
	case !is:
		return w.describeTorn(ctx, h, after)
	case errors.Is(h.unread, io.ErrUnexpectedEOF):
		return w.describeBefore(ctx, h)
	case h.unread != nil:
		return nil, nil // a damaged one is no reason to write a second
	case h.manifest.fileBlocks(h) == after-h.block:
		w.whole = Closed{Manifest: *h.manifest, ManifestFile: h.file}
		return nil, nil
	}
	cut := *h.manifest // its text is whole, its list is not
	return &cut, nil
}

// isManifest tells whether a file that looks like a manifest is one: it belongs to this tape and to
// the archive before it, with nothing between them but manifests of that archive that were cut. One
// that cannot be decoded is taken for it.
func (w *writer) isManifest(ctx context.Context, h fileHead) (bool, error) {
	if h.unread != nil {
		return h.file > 1, nil
	}
	if h.manifest == nil || !w.ours(h.manifest) || h.manifest.File >= h.file {
		return false, nil
	}
	after := h.block - 1 // behind the last block of the file before
	for file := h.file - 1; file > h.manifest.File; file-- {
		between, err := w.head(ctx, file)
		if err != nil {
			return false, err
		}
		m := between.manifest
		if m == nil || m.File != h.manifest.File || m.fileBlocks(between) <= after-between.block {
			return false, nil
		}
		after = between.block - 1
	}
	return true, nil
}

// describeBefore describes the archive before a manifest of which not even the text is whole.
func (w *writer) describeBefore(ctx context.Context, h fileHead) (*Manifest, error) {
	archive, err := w.head(ctx, h.file-1)
	if err != nil {
		return nil, err
	}
	return w.describeTorn(ctx, archive, h.block-1)
}

func (w *writer) ours(m *Manifest) bool { return m.VolumeUUID == w.uuid && m.Volume == w.volume }

// fileBlocks is how many blocks the manifest's file has when it is whole.
func (m *Manifest) fileBlocks(h fileHead) int64 {
	size := int64(max(len(h.first), 1))
	return (manifestFileBytes(h.textBytes, m) + size - 1) / size
}

// describeTorn makes the manifest of an archive whose writer died. after is the address behind its
// last block.
func (w *writer) describeTorn(ctx context.Context, h fileHead, after int64) (*Manifest, error) {
	now := w.o.Now().UTC().Truncate(time.Second)
	m := &Manifest{
		Volume: w.volume, VolumeUUID: w.uuid, File: h.file, Name: fmt.Sprintf("torn-%d", h.file),
		Kind: KindStream, Reason: ReasonTorn, Blocks: after - h.block, FirstBlock: h.block,
		BlockSizeBytes: w.o.BlockSize, Started: now, Finished: now, Host: printable(w.o.Host, maxText),
		Software: printable(w.o.Software, maxText),
	}
	if looksLikeTar(h.first) {
		m.Kind = KindTar
	}
	m.KeyID = h.keyID
	if t := w.o.Torn; t != nil && t.File == h.file && CheckName(t.Name) == nil {
		m.Name, m.Host, m.Started = t.Name, printable(t.Host, maxText), t.Started.UTC().Truncate(time.Second)
	}
	if m.Blocks == 0 {
		return m, nil
	}
	if err := w.measureTorn(ctx, m, h); err != nil {
		return nil, err
	}
	if known := w.knownTorn(m); known != nil {
		return known, nil
	}
	return m, nil
}

// knownTorn gives what the catalog knows of a torn archive, if it describes just what was found: it has
// the checksum.
func (w *writer) knownTorn(found *Manifest) *Manifest {
	t := w.o.Torn
	if t == nil || t.Manifest == nil {
		return nil
	}
	m := *t.Manifest
	same := m.File == found.File && m.FirstBlock == found.FirstBlock && m.Blocks == found.Blocks && m.SizeBytes == found.SizeBytes
	if !same || m.Complete || !w.ours(&m) || m.Validate() != nil {
		return nil
	}
	return &m
}

// measureTorn finds the size of a torn archive from its first and last block.
func (w *writer) measureTorn(ctx context.Context, m *Manifest, h fileHead) error {
	if err := w.tape.LocateBlock(ctx, h.block+m.Blocks-1); err != nil {
		return err
	}
	last, err := w.readBlock(ctx)
	if err != nil {
		return err
	}
	if checkBlockSize(len(h.first)) == nil && m.Blocks > 1 {
		m.BlockSizeBytes = len(h.first)
	}
	m.SizeBytes = (m.Blocks-1)*int64(m.BlockSizeBytes) + int64(len(last))
	if m.Validate() != nil { // blocks that no writer of ours left: their number is all that is known
		m.SizeBytes = m.Blocks * int64(m.BlockSizeBytes)
	}
	return nil
}

// closeTorn writes the manifest of an unfinished archive, and the filemark behind it. A member list
// that was cut off is not written again: only how many it had stays known.
func (w *writer) closeTorn(ctx context.Context, m Manifest) error {
	e, err := encodeManifest(m, nil)
	if err != nil {
		return err
	}
	blocks, err := writeManifestFile(ctx, w.tape, e, w.o.BlockSize)
	if err != nil {
		return err
	}
	c := Closed{Manifest: e.manifest, ManifestFile: w.at.file}
	w.closed = append(w.closed, c)
	w.at = place{w.at.file + 1, w.at.block + blocks + 1}
	return w.tellClosed(c, nil)
}

// tellWhole tells of the archive whose writer died when all of it was on the tape: the catalog does not
// have it yet.
func (w *writer) tellWhole(ctx context.Context) error {
	if w.o.Torn == nil || w.whole.ManifestFile == 0 || w.whole.Manifest.File != w.o.Torn.File {
		return nil
	}
	if err := w.tape.LocateFile(ctx, w.whole.ManifestFile); err != nil {
		return err
	}
	// A list that cannot be read is no reason not to write: it is on the tape for who wants it.
	_, members, _ := loadManifest(ctx, w.tape, w.o.MemberSpool)
	defer members.Close()
	return w.tellClosed(w.whole, members)
}

func (w *writer) tellClosed(c Closed, members *MemberList) error {
	if w.o.OnClosed == nil {
		return nil
	}
	return w.o.OnClosed(c, members)
}
