package vtl

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/sys/place"
	"calypso/sys/state"
	"calypso/vtl/tcmu"
)

var serialRule = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z0-9]{1,32}$`) })

// Store is where the libraries of a machine are. It is safe for concurrent use.
type Store struct {
	places place.Places
	kernel tcmu.Host // where what a killed server left is looked for

	mu   sync.Mutex
	open map[driveKey]*Drive // drives that this process plays

	serving map[string]bool // libraries that this process serves
}

type driveKey struct {
	library string
	number  int
}

// NewStore makes a Store; it touches no file.
func NewStore(places place.Places) *Store {
	return &Store{places: places, kernel: tcmu.System, open: map[driveKey]*Drive{}}
}

const yamlSuffix = ".yaml"

func (s *Store) librariesDir() string        { return filepath.Join(s.places.StateDir, "libraries") }
func (s *Store) yamlFile(name string) string { return filepath.Join(s.librariesDir(), name+yamlSuffix) }
func (s *Store) runDir(name string) string   { return filepath.Join(s.places.RunDir, "vtl", name) }

// DefaultBacking is where images are when nothing else is asked for.
func (s *Store) DefaultBacking() string { return filepath.Join(s.places.StateDir, "vtl") }

// Get reads a library. Errors: errcode.NameInvalid, LibraryNotFound, StateInvalid naming the file,
// StateNewer.
func (s *Store) Get(name string) (*Library, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return s.read(s.yamlFile(name), name)
}

func (s *Store) read(path, name string) (*Library, error) {
	l := new(Library)
	err := state.ReadYAML(path, librarySchema, l)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errcode.New(errcode.LibraryNotFound, name, "no such virtual library")
	}
	if err == nil {
		err = l.checkFile(path, name)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Library) checkFile(path, name string) error {
	if err := l.check(); err != nil {
		return errcode.New(errcode.StateInvalid, path, "%w", err)
	}
	if l.Name != name {
		return errcode.New(errcode.StateInvalid, path, "is the file of library %s", l.Name)
	}
	return nil
}

// List reads all libraries, ordered by name. When some cannot be read it gives the others as well as
// the errors, joined.
func (s *Store) List() ([]*Library, error) {
	names, err := s.names(yamlSuffix)
	if err != nil {
		return nil, err
	}
	var list []*Library
	var failed []error
	for _, name := range names {
		l, err := s.Get(name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		list = append(list, l)
	}
	return list, errors.Join(failed...)
}

// names are those of the files in the libraries' directory that end in suffix, without it.
func (s *Store) names(suffix string) ([]string, error) {
	entries, err := os.ReadDir(s.librariesDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// update changes the file of a library under its lock.
func (s *Store) update(ctx context.Context, name string, change func(*Library) error) error {
	path := s.yamlFile(name)
	return state.Update(ctx, path, librarySchema, func(l *Library) error {
		if l.SchemaVersion == 0 {
			return errcode.New(errcode.LibraryNotFound, name, "no such virtual library")
		}
		if err := l.checkFile(path, name); err != nil {
			return err
		}
		if err := change(l); err != nil {
			return err
		}
		return l.checkFile(path, name)
	})
}

// registryWait is how long one change of what cartridges exist waits for another.
const registryWait = 30 * time.Second

// exclusive serialises changes of what libraries and cartridges exist, over all processes, and first
// finishes deletions that were interrupted.
func (s *Store) exclusive(ctx context.Context, do func() error) (err error) {
	l, err := lock.Acquire(ctx, filepath.Join(s.places.RunDir, "locks"), "vtl-registry", registryWait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	if err := errors.Join(s.finishDeletions(), s.finishCreations()); err != nil {
		return err
	}
	return do()
}

// barcodes maps all barcodes of the machine to their libraries. A library that cannot be read is an
// error: its barcodes may not be given out again.
func (s *Store) barcodes() (map[string]string, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	owners := map[string]string{}
	for _, l := range list {
		for _, c := range l.Cartridges {
			owners[c.Barcode] = l.Name
		}
		for _, code := range l.Removing {
			owners[code] = l.Name
		}
	}
	return owners, nil
}
