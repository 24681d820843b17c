package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/tape/archive/flat"
)

// Begin announces an archive before its first byte is written, durably. It gives the announcement
// that was there: an archive whose writer died, or nil.
func (s *Store) Begin(ctx context.Context, volume string, w InFlight) (died *InFlight, err error) {
	err = s.Update(ctx, volume, func(c *Cartridge) error {
		died, c.Writing = c.Writing, &w
		return nil
	})
	if err != nil || died == nil {
		return nil, err
	}
	if err := sweepTemporary(s.volumeDir(volume)); err != nil {
		return nil, err
	}
	if _, err := s.Archive(volume, died.File); err == nil {
		return nil, nil // it was recorded; only the announcement was left
	}
	return died, nil
}

// Unfinished gives the announcement of an archive that was never recorded: one that is being
// written now, or whose writer died. nil: there is none.
func (s *Store) Unfinished(volume string) (*InFlight, error) {
	c, err := s.Get(volume)
	if err != nil || c.Writing == nil {
		return nil, err
	}
	_, err = s.Archive(volume, c.Writing.File)
	switch errcode.Of(err) {
	case "":
		return nil, nil
	case errcode.ArchiveNotFound:
		return c.Writing, nil
	}
	return nil, err
}

// Abort takes an announcement back: nothing was written.
func (s *Store) Abort(ctx context.Context, volume string) error {
	return s.Update(ctx, volume, func(c *Cartridge) error {
		if c.Writing == nil {
			return state.ErrUnchanged
		}
		c.Writing = nil
		return nil
	})
}

// Finish records an archive that is on the tape, complete or not, with its member list (nil: none),
// and ends the announcement of it. A crash leaves the announcement or all of it.
func (s *Store) Finish(ctx context.Context, volume string, a Archive, members io.Reader) error {
	return s.record(ctx, volume, a, members, func(c *Cartridge) { c.Writing = nil })
}

// Add records an archive beside an announcement of another, such as one of a dead writer that was closed.
func (s *Store) Add(ctx context.Context, volume string, a Archive, members io.Reader) error {
	return s.record(ctx, volume, a, members, func(c *Cartridge) {
		if c.Writing != nil && c.Writing.File == a.File {
			c.Writing = nil
		}
	})
}

func (s *Store) record(ctx context.Context, volume string, a Archive, members io.Reader, change func(*Cartridge)) error {
	if err := checkArchive(&a); err != nil {
		return errcode.New(errcode.Internal, volume, "archive to record: %w", err)
	}
	return s.Update(ctx, volume, func(c *Cartridge) error {
		if c.UUID != a.VolumeUUID || volume != a.Volume {
			return errcode.New(errcode.MediaCatalogMismatch, volume, "the archive is on the cartridge with UUID %s, the catalog's has %s", a.VolumeUUID, c.UUID)
		}
		if err := os.MkdirAll(s.volumeDir(volume), dirPerm); err != nil {
			return err
		}
		if members != nil {
			if err := writeMembers(s.membersPath(volume, a.File), members); err != nil {
				return err
			}
		}
		var o flat.Object
		line := appendLine(&o, &a)
		if err := state.AppendLine(s.archivesPath(volume), line[:len(line)-1]); err != nil {
			return err
		}
		change(c)
		return nil
	})
}

// Replace makes archives all that is known of a cartridge: none after it was labelled. Member lists
// of other archives go.
func (s *Store) Replace(ctx context.Context, c Cartridge, archives []Archive) error {
	if err := CheckVolume(c.Volume); err != nil {
		return err
	}
	return state.Update(ctx, s.yamlPath(c.Volume), Version, func(old *Cartridge) error {
		*old = c
		return s.replaceArchives(c.Volume, archives)
	})
}

func (s *Store) replaceArchives(volume string, archives []Archive) error {
	var o flat.Object
	var data []byte
	keep := map[string]bool{archivesName: true}
	for i := range archives {
		if archives[i].Volume != volume {
			return errcode.New(errcode.Internal, volume, "archive of volume %q", archives[i].Volume)
		}
		data = append(data, appendLine(&o, &archives[i])...)
		keep[filepath.Base(s.membersPath(volume, archives[i].File))] = archives[i].MembersSHA256 != ""
	}
	if err := state.WriteFile(s.archivesPath(volume), data, filePerm); err != nil {
		return err
	}
	return sweep(s.volumeDir(volume), keep)
}

// sweep removes what no archive refers to.
func sweep(dir string, keep map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if keep[e.Name()] || e.IsDir() && !strings.HasPrefix(e.Name(), rebuildPrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// sweepTemporary removes what a writer or scanner that was killed left. Who calls it has the drive, and
// with it the cartridge and its directory, for itself.
func sweepTemporary(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, ".*"))
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

func (s *Store) membersPath(volume string, file int64) string {
	return filepath.Join(s.volumeDir(volume), fmt.Sprintf("members-%d.jsonl.zst", file))
}

// writeMembers compresses a member list into path, durably and all or nothing.
func writeMembers(path string, members io.Reader) (err error) {
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(filePerm))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	z, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, members); err != nil {
		_ = z.Close()
		return fmt.Errorf("member list: %w", err)
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return state.SyncDir(filepath.Dir(path))
}
