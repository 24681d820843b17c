package archive

import (
	"bytes"
	"context"
	"errors"
	"io"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/label"
	"calypso/tape/scsi"
)

// ScanResult is what a tape tells of itself.
type ScanResult struct {
	Label    *label.Label
	Archives int        // archives with a manifest
	Torn     []TornFile // archives without one that can be read
	Damaged  []DamagedFile
	Locked   []LockedFile // encrypted, and the key is not at hand
	Files    int64        // tape files, the label included
	Blocks   int64        // address of the end of data
}

// TornFile is an archive without a manifest that can be read. When it is the last on the tape, the
// next Write closes it.
type TornFile struct {
	File       int64
	FirstBlock int64
	Blocks     int64
	Kind       string // as its first block looks
}

// DamagedFile is a tape file that could not be understood.
type DamagedFile struct {
	File int64
	Err  error // errcode.StateNewer for a manifest of a newer version
}

// LockedFile is a tape file whose key is not at hand: an archive or a manifest, nobody can tell which.
type LockedFile struct {
	File       int64
	FirstBlock int64
	KeyID      string // as the drive tells it; "": it does not
	Err        error
}

// Found is an archive that Scan has found. A second one of the same file replaces the first: the
// manifest was cut off and written again.
type Found struct {
	Manifest     Manifest
	ManifestFile int64
	// Members is the member list, nil when there is none. It is read from the tape: only during the
	// callback. At its end it gives io.EOF if it is what was written, else why it is not; then it
	// is among the damaged, whatever the callback returns.
	Members io.Reader
}

// scanner is one Scan.
type scanner struct {
	tape    Tape
	res     *ScanResult
	found   func(Found) error
	buf     []byte
	pending *TornFile // an archive whose manifest was not met yet
	last    lastManifest
}

// lastManifest is the last manifest that was met. When it was cut, another of the same archive
// follows.
type lastManifest struct {
	archive     int64
	file, block int64 // where it is
	blocks      int64 // that it has when it is whole
	cut         bool
}

// Scan reads what is on a tape from the tape alone: the label and the manifests. The data of the
// archives are passed over. Damage is reported and does not end the scan; an error of the drive that
// makes going on impossible does, and comes with what was found before. A tape without our label is
// the error of label.Found.Err.
func Scan(ctx context.Context, d Tape, found func(Found) error) (*ScanResult, error) {
	head, err := label.Read(ctx, d)
	if err != nil {
		return nil, err
	}
	if head.Label == nil {
		return nil, head.Err("", "")
	}
	s := &scanner{tape: d, found: found, res: &ScanResult{Label: head.Label}, buf: make([]byte, max(head.Label.BlockSize, DefaultBlockSize))}
	s.res.Files = 1
	err = s.files(ctx)
	return s.res, err
}

// files goes through the tape file by file.
func (s *scanner) files(ctx context.Context) error {
	if err := skipFile(ctx, s.tape); err != nil {
		return err
	}
	for {
		pos, err := s.tape.Position(ctx)
		if err != nil {
			return err
		}
		s.settle(pos)
		more, err := s.oneFile(ctx, pos)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return s.end(ctx)
}

// settle counts the blocks of the file that the tape has just passed.
func (s *scanner) settle(pos tape.Position) {
	if s.pending != nil && s.pending.Blocks < 0 {
		s.pending.Blocks = passed(pos, s.pending.File, s.pending.FirstBlock)
	}
	if s.pending == nil && s.last.file == pos.File-1 {
		s.last.cut = passed(pos, s.last.file, s.last.block) < s.last.blocks
	}
}

// passed counts the blocks between the beginning of a file and the position behind it.
func passed(pos tape.Position, file, block int64) int64 {
	n := pos.Block - block
	if pos.File > file {
		n-- // the filemark
	}
	return n
}

// unreadable tells an error of the medium at this place. The sense says so: an embedded drive's error has
// the code of what is wrong with its image.
func unreadable(err error) bool {
	sense, answered := scsi.SenseOf(err)
	return answered && sense.Key == scsi.MediumError || errcode.Of(err) == errcode.TapeMediumError
}

// oneFile looks at the file that the tape stands before and goes behind it; false at the end.
func (s *scanner) oneFile(ctx context.Context, pos tape.Position) (bool, error) {
	first, err := readBlock(ctx, s.tape, s.buf)
	switch {
	case errors.Is(err, tape.ErrEndOfData):
		return false, nil
	}
	s.res.Files = pos.File + 1
	switch {
	case errors.Is(err, tape.ErrFilemark):
		s.archive(pos, nil) // an empty file
		return true, nil
	case noKey(err):
		s.locked(pos, err)
		return true, s.recover(ctx, pos)
	case unreadable(err):
		s.damaged(pos.File, err)
		if s.pending == nil { // most likely an archive: its manifest behind it may be whole
			s.archive(pos, nil)
		}
		return true, s.recover(ctx, pos)
	case err != nil:
		return false, err
	}
	if looksLikeManifest(first) {
		return true, s.manifest(ctx, pos, first)
	}
	s.archive(pos, first)
	return true, skipFile(ctx, s.tape)
}

// recover gets to the next file from a place that cannot be read: to the end of data behind the last one, which
// has no filemark when its writer died.
func (s *scanner) recover(ctx context.Context, pos tape.Position) error {
	err := s.tape.LocateFile(ctx, pos.File+1)
	if errcode.Of(err) == errcode.TapeFileNotFound {
		return s.tape.SpaceEOD(ctx)
	}
	return err
}

// locked notes a file that cannot be decrypted. What was pending before it may have its manifest in it.
func (s *scanner) locked(pos tape.Position, err error) {
	s.tornPending()
	f := LockedFile{File: pos.File, FirstBlock: pos.Block, Err: err}
	var needed *tape.KeyError
	if errors.As(err, &needed) {
		f.KeyID = needed.ID
	}
	s.res.Locked = append(s.res.Locked, f)
}

func (s *scanner) damaged(file int64, err error) {
	s.res.Damaged = append(s.res.Damaged, DamagedFile{file, err})
}

// archive notes an archive. One that is pending then has no manifest.
func (s *scanner) archive(pos tape.Position, first []byte) {
	s.tornPending()
	s.pending = &TornFile{File: pos.File, FirstBlock: pos.Block, Blocks: -1, Kind: KindStream}
	if looksLikeTar(first) {
		s.pending.Kind = KindTar
	}
}

func (s *scanner) tornPending() {
	if s.pending != nil {
		s.res.Torn = append(s.res.Torn, *s.pending)
		s.pending = nil
	}
}

// manifest handles a file that begins like a manifest. It is one when it belongs to this tape and to
// the archive before it; else it is an archive that happens to begin like one.
func (s *scanner) manifest(ctx context.Context, pos tape.Position, first []byte) error {
	file := newFileReader(ctx, s.tape, s.buf)
	// The reader has its own copy: the buffer is used again for the blocks behind the first.
	m, text, members, err := openManifest(io.MultiReader(bytes.NewReader(bytes.Clone(first)), file))
	switch {
	case err != nil && s.pending == nil && !s.last.cut:
		s.archive(pos, first)
	case err != nil:
		s.damaged(pos.File, err)
	case !s.isNext(m):
		s.archive(pos, first)
	default:
		s.last = lastManifest{archive: s.last.archive, file: pos.File, block: pos.Block}
		s.last.blocks = m.fileBlocks(fileHead{first: first, textBytes: text})
		if err := s.report(m, pos.File, members); err != nil {
			return err
		}
	}
	return file.skip()
}

// isNext tells whether m is the manifest of the pending archive, or again of the one before.
func (s *scanner) isNext(m Manifest) bool {
	if m.VolumeUUID != s.res.Label.UUID {
		return false
	}
	return s.pending != nil && m.File == s.pending.File && m.FirstBlock == s.pending.FirstBlock ||
		s.pending == nil && s.last.cut && m.File == s.last.archive
}

func (s *scanner) report(m Manifest, file int64, members io.Reader) error {
	if m.File != s.last.archive {
		s.res.Archives++
	}
	s.pending, s.last.archive = nil, m.File
	watch := &watchedReader{r: members}
	f := Found{Manifest: m, ManifestFile: file}
	if members != nil {
		f.Members = watch
	}
	err := s.found(f)
	if members != nil {
		_, _ = io.Copy(io.Discard, watch)
	}
	if watch.err != nil && !errors.Is(watch.err, io.EOF) {
		s.damaged(file, watch.err)
		return nil
	}
	return err
}

// watchedReader keeps how a reader ended.
type watchedReader struct {
	r   io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// end notes what the tape ends with.
func (s *scanner) end(ctx context.Context) error {
	pos, err := s.tape.Position(ctx)
	if err != nil {
		return err
	}
	s.settle(pos)
	s.tornPending()
	s.res.Blocks = pos.Block
	return nil
}
