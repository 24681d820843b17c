package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"calypso/sys/errcode"
	"calypso/tape"
)

// maxCutManifests bounds how many cut manifests are looked behind: each is a writer that died while
// it closed the archive of one that had died.
const maxCutManifests = 16

// ReadManifest finds the manifest of the archive in a tape file, behind it on the tape, and its
// member list (nil when it has none; the caller closes it) in a temporary file in spool. Errors:
// errcode.TapeFileNotFound, ArchiveIsManifest when the file is no archive, ArchiveUnverified when
// the archive has no manifest that can be read, StateNewer.
func ReadManifest(ctx context.Context, d Tape, file int64, spool string) (*Manifest, *MemberList, error) {
	if file == 0 {
		return nil, nil, notArchive(file, "the label")
	}
	first, err := firstBlock(ctx, d, file)
	if err != nil {
		return nil, nil, err
	}
	m, list, err := manifestBehind(ctx, d, file, spool)
	if err != nil && errcode.Of(err) != errcode.ArchiveUnverified {
		return nil, nil, err
	}
	if m == nil && looksLikeManifest(first) && file > 1 {
		return nil, nil, notArchive(file, "a manifest")
	}
	return m, list, err
}

func notArchive(file int64, what string) error {
	return errcode.New(errcode.ArchiveIsManifest, tapeFile(file), "this is %s, not an archive", what)
}

// firstBlock reads the first block of a tape file. A file number behind the last file is
// errcode.TapeFileNotFound.
func firstBlock(ctx context.Context, d Tape, file int64) ([]byte, error) {
	if err := d.LocateFile(ctx, file); err != nil {
		return nil, err
	}
	first, err := readBlock(ctx, d, make([]byte, DefaultBlockSize))
	switch {
	case errors.Is(err, tape.ErrEndOfData):
		return nil, errcode.New(errcode.TapeFileNotFound, tapeFile(file), "the tape ends before it")
	case errors.Is(err, tape.ErrFilemark):
		return nil, nil // an empty file
	}
	return first, err
}

// manifestBehind looks for the archive's manifest in the files behind it.
func manifestBehind(ctx context.Context, d Tape, file int64, spool string) (*Manifest, *MemberList, error) {
	missing := errcode.New(errcode.ArchiveUnverified, tapeFile(file), "no manifest follows the archive")
	for next := file + 1; next <= file+maxCutManifests; next++ {
		if err := d.LocateFile(ctx, next); err != nil {
			if errcode.Of(err) == errcode.TapeFileNotFound {
				break
			}
			return nil, nil, err
		}
		m, list, err := loadManifest(ctx, d, spool)
		switch {
		case err == nil && m.File == file:
			return m, list, nil
		case err == nil:
			_ = list.Close()
			return nil, nil, missing
		case errcode.Of(err) == errcode.StateNewer, noKey(err):
			return nil, nil, err
		case errors.Is(err, ErrNotManifest) || errors.Is(err, tape.ErrEndOfData):
			return nil, nil, missing
		}
		missing.Msg, missing.Err = fmt.Sprintf("the manifest behind it, tape file %d, is damaged: %v", next, err), err
	}
	return nil, nil, missing
}

// loadManifest reads the manifest file that the tape stands before, its list into a spool file. A
// damaged list is an error.
func loadManifest(ctx context.Context, d Tape, spool string) (*Manifest, *MemberList, error) {
	first, err := readBlock(ctx, d, make([]byte, DefaultBlockSize))
	if err != nil {
		return nil, nil, err
	}
	if !looksLikeManifest(first) {
		return nil, nil, ErrNotManifest
	}
	more := newFileReader(ctx, d, make([]byte, max(len(first), DefaultBlockSize)))
	m, _, members, err := openManifest(io.MultiReader(bytes.NewReader(first), more))
	if err != nil {
		return nil, nil, err
	}
	if members == nil {
		return &m, nil, nil
	}
	list, err := spoolMembers(members, m, spool)
	return &m, list, err
}

func spoolMembers(r io.Reader, m Manifest, dir string) (*MemberList, error) {
	f, err := namelessFile(dir)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return nil, err
	}
	return &MemberList{file: f, Count: m.Members, Bytes: m.MembersBytes, SHA256: m.MembersSHA256}, nil
}
