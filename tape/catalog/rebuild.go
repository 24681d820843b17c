package catalog

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"calypso/sys/state"
)

const rebuildPrefix = ".rebuild-"

// Rebuild collects what a scan finds on a tape, beside what the catalog has. Nothing that others see
// changes before Commit.
type Rebuild struct {
	store    *Store
	volume   string
	staging  string
	archives []Archive
}

// Rebuild begins to collect the archives of a volume. Discard must be called at the end.
func (s *Store) Rebuild(volume string) (*Rebuild, error) {
	if err := CheckVolume(volume); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.volumeDir(volume), dirPerm); err != nil {
		return nil, err
	}
	if err := sweepTemporary(s.volumeDir(volume)); err != nil {
		return nil, err
	}
	staging, err := os.MkdirTemp(s.volumeDir(volume), rebuildPrefix)
	if err != nil {
		return nil, err
	}
	return &Rebuild{store: s, volume: volume, staging: staging}, nil
}

// Add adds an archive with its member list (nil: none). When the list turns out to be damaged, the
// error is its reader's, and the archive is added with the list that the catalog has of it, or without.
func (r *Rebuild) Add(a Archive, members io.Reader) error {
	path := filepath.Join(r.staging, filepath.Base(r.store.membersPath(r.volume, a.File)))
	var err error
	if members != nil {
		err = writeMembers(path, members)
	}
	if members == nil || err != nil && r.copyKnown(path, &a) != nil {
		_ = os.Remove(path)
		a.MembersBytes, a.MembersSHA256 = 0, ""
	}
	r.archives = append(r.archives, a)
	return err
}

// copyKnown stages the list that the catalog has of an archive, if it is the one its manifest names.
func (r *Rebuild) copyKnown(path string, a *Archive) error {
	known, err := r.store.OpenMembers(a)
	if err != nil {
		return err
	}
	defer known.Close()
	return writeMembers(path, known)
}

// Len says how many archives were added.
func (r *Rebuild) Len() int { return len(latest(r.archives)) }

// Commit makes what was collected all that the catalog knows of c.
func (r *Rebuild) Commit(ctx context.Context, c Cartridge) error {
	archives := latest(r.archives)
	return state.Update(ctx, r.store.yamlPath(r.volume), Version, func(old *Cartridge) error {
		// The lists come first: one that waits for its archive does no harm, and a list that does not
		// fit its archive is recognised by its SHA-256.
		for _, a := range archives {
			if err := r.moveList(a); err != nil {
				return err
			}
		}
		if err := state.SyncDir(r.store.volumeDir(r.volume)); err != nil {
			return err
		}
		*old = c
		return r.store.replaceArchives(r.volume, archives)
	})
}

func (r *Rebuild) moveList(a Archive) error {
	if a.MembersSHA256 == "" {
		return nil
	}
	path := r.store.membersPath(r.volume, a.File)
	return os.Rename(filepath.Join(r.staging, filepath.Base(path)), path)
}

// Discard removes what was collected and not committed.
func (r *Rebuild) Discard() { _ = os.RemoveAll(r.staging) }
