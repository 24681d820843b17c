package key

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"calypso/sys/errcode"
	"calypso/sys/state"
)

const (
	fileSuffix = ".key"
	lockName   = ".lock"
	dirPerm    = 0o700
	filePerm   = 0o600

	lockWait = 10 * time.Second
	lockPoll = 2 * time.Millisecond
)

// Store is the keys in one directory, a file ID.key each. It keeps nothing in memory.
type Store struct {
	dir string
}

// NewStore gives the keys in dir, which need not exist yet.
func NewStore(dir string) *Store { return &Store{dir: dir} }

func (s *Store) path(id string) string { return filepath.Join(s.dir, id+fileSuffix) }

// checkDir makes sure that nobody else can look into the directory; a missing one is fs.ErrNotExist.
func (s *Store) checkDir() error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errcode.New(errcode.KeyUnsafe, s.dir, "it is no directory")
	}
	return private(s.dir, info)
}

// List gives all keys, by name and generation. A file that is not as it must be does not hide the others:
// they come with the error that names it.
func (s *Store) List() ([]*Record, error) {
	if err := s.checkDir(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var list []*Record
	var bad []error
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), fileSuffix)
		if !ok || strings.HasPrefix(id, ".") {
			continue
		}
		r, err := s.read(id)
		switch {
		case err == nil:
			list = append(list, r)
		case errcode.Of(err) != errcode.KeyNotFound: // deleted meanwhile
			bad = append(bad, err)
		}
	}
	slices.SortFunc(list, func(a, b *Record) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Generation, b.Generation))
	})
	return list, errors.Join(bad...)
}

// Get gives the key with an id: errcode.KeyNotFound, KeyUnsafe, KeyDamaged.
func (s *Store) Get(id string) (*Record, error) {
	if err := s.checkDir(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s.read(id)
}

// read opens the file without following a link, so that what is checked is what is read.
func (s *Store) read(id string) (*Record, error) {
	path := s.path(id)
	if !IsID(id) {
		return nil, damaged(path, "%q is not the id of a key", id)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, notFound(id)
	case errors.Is(err, syscall.ELOOP):
		return nil, errcode.New(errcode.KeyUnsafe, path, "it is a symbolic link, not a plain file")
	case err != nil:
		return nil, errcode.New(errcode.Of(err), path, "%w", cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := plainFile(path, info); err != nil {
		return nil, err
	}
	data, err := ReadSecret(path, f, maxFile)
	if err != nil {
		return nil, err
	}
	r, err := Decode(path, data)
	if err == nil && r.ID != id {
		return nil, damaged(path, "it holds the key with the id %s", r.ID)
	}
	return r, err
}

func notFound(what string) error {
	return errcode.New(errcode.KeyNotFound, what, "the key store has no such key")
}

// Find gives the key of a name or id: of a name the highest generation.
func (s *Store) Find(nameOrID string) (*Record, error) {
	if IsID(nameOrID) {
		return s.Get(nameOrID)
	}
	all, err := s.Named(nameOrID)
	if err != nil {
		return nil, err
	}
	return all[len(all)-1], nil
}

// Named gives all generations of a name, the highest last; errcode.KeyNotFound when there is none. With a
// damaged file in the store nobody can tell which is the highest: its error.
func (s *Store) Named(name string) ([]*Record, error) {
	list, err := s.List()
	list = slices.DeleteFunc(list, func(r *Record) bool { return r.Name != name })
	if err == nil && len(list) == 0 {
		err = notFound(name)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Add stores a key durably. Errors: errcode.KeyExists when the store has its id, or its name in the same
// generation.
func (s *Store) Add(ctx context.Context, r *Record) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	list, err := s.List()
	if err != nil {
		return err
	}
	for _, other := range list {
		if other.ID == r.ID || other.Name == r.Name && other.Generation == r.Generation {
			return errcode.New(errcode.KeyExists, r.Name, "the store has %s already", other)
		}
	}
	return state.WriteFile(s.path(r.ID), data, filePerm)
}

// Delete removes the key with an id for good. allowed is asked under the lock of the store, so that no
// other Delete or Add comes between.
func (s *Store) Delete(ctx context.Context, id string, allowed func() error) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.Get(id); errcode.Of(err) == errcode.KeyNotFound {
		return err
	}
	if err := allowed(); err != nil {
		return err
	}
	if err := os.Remove(s.path(id)); err != nil {
		return err
	}
	return state.SyncDir(s.dir)
}

// lock makes the directory when it is missing and takes its lock.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o750); err != nil {
		return nil, errcode.New(errcode.StateUnwritable, s.dir, "%w", err)
	}
	if err := os.Mkdir(s.dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errcode.New(errcode.StateUnwritable, s.dir, "%w", err)
	}
	if err := s.checkDir(); err != nil {
		return nil, err
	}
	if err := state.SyncDir(filepath.Dir(s.dir)); err != nil {
		return nil, err
	}
	file := flock.New(filepath.Join(s.dir, lockName), flock.SetPermissions(filePerm))
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if _, err := file.TryLockContext(waiting, lockPoll); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errcode.New(errcode.LockBusy, s.dir, "the key store is in use: %w", err)
	}
	s.sweep()
	return func() { _ = file.Unlock() }, nil
}
