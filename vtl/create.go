package vtl

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/vtl/image"
)

// CreateSpec says what library to make.
type CreateSpec struct {
	Name          string
	Drives        int
	Slots         int
	IOSlots       int
	Media         string // generation of the cartridges, e.g. "LTO-8"
	TapeSizeBytes int64  // 0: the native capacity
	Backing       string // "": DefaultBacking
	Tapes         int    // -1: one for every slot
	BarcodePrefix string // "": V
	StartNumber   int    // number of the first cartridge; 0: the first one behind those in use
	DryRun        bool   // check everything, write nothing
	Compression   bool   // drives compress by default
}

// Generations are the names of all generations of cartridges, oldest first.
func Generations() []string {
	names := make([]string, len(image.Generations))
	for i, g := range image.Generations {
		names[i] = g.Name
	}
	return names
}

// LeastTapeBytes is the smallest cartridge: a label, an archive and its manifest have to fit.
const LeastTapeBytes = 1 << 20

// markerName is the file that a library's directory has until the library is finished.
const markerName = ".calypso-unfinished"

// Create makes a library with its cartridges, in slots from 1 on. Errors: errcode.NameInvalid,
// LibraryExists, BarcodeInvalid, BarcodeExists, Usage for numbers out of range. When it fails, or is
// killed before the end, there is no library; what it made is removed, by the next create if need be.
func (s *Store) Create(ctx context.Context, spec CreateSpec) (*Library, error) {
	l, generation, err := s.plan(&spec)
	if err != nil {
		return nil, err
	}
	if spec.DryRun {
		return l, s.preview(l, spec, generation)
	}
	err = s.exclusive(ctx, func() error {
		if err := s.claim(l); err != nil {
			return err
		}
		if err := s.number(l, spec, generation); err != nil {
			return err
		}
		return s.build(ctx, l, spec)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// preview makes l what Create would make now, and touches nothing.
func (s *Store) preview(l *Library, spec CreateSpec, g image.Generation) error {
	if err := s.isNew(l.Name); err != nil {
		return err
	}
	if err := checkDir(l); err != nil {
		return err
	}
	return s.number(l, spec, g)
}

// plan checks spec, fills in its defaults, and makes the library without its cartridges.
func (s *Store) plan(spec *CreateSpec) (*Library, image.Generation, error) {
	if err := CheckName(spec.Name); err != nil {
		return nil, image.Generation{}, err
	}
	if spec.BarcodePrefix == "" {
		spec.BarcodePrefix = "V"
	}
	if spec.Tapes < 0 {
		spec.Tapes = spec.Slots
	}
	if spec.Backing == "" {
		spec.Backing = s.DefaultBacking()
	}
	generation, ok := image.GenerationByName(spec.Media)
	if !ok {
		return nil, generation, errcode.New(errcode.Usage, spec.Media, "not a known generation of media").
			WithHint("use one of %s", strings.Join(Generations(), ", "))
	}
	if err := checkSpec(*spec, generation); err != nil {
		return nil, generation, err
	}
	backing, err := filepath.Abs(spec.Backing)
	if err != nil {
		return nil, generation, err
	}
	l := &Library{
		SchemaVersion: librarySchema, Name: spec.Name, Created: time.Now().UTC().Truncate(time.Second), Backing: backing,
		Vendor: "CALYPSO", Product: "VTL", Revision: "0001", Media: generation.Name,
		Slots: spec.Slots, IOSlots: spec.IOSlots, Cartridges: []Cartridge{}, Removing: []string{},
	}
	l.equip(spec.Drives, generation)
	for n := range l.Drives {
		l.Drives[n].Compression = spec.Compression
	}
	return l, generation, nil
}

func checkSpec(spec CreateSpec, g image.Generation) error {
	bad := func(format string, args ...any) error {
		return errcode.New(errcode.Usage, spec.Name, format, args...)
	}
	switch {
	case spec.Drives < 1 || spec.Drives > maxDrives:
		return bad("%d drives are not 1 to %d", spec.Drives, maxDrives)
	case spec.Slots < 1 || spec.Slots > maxSlots:
		return bad("%d slots are not 1 to %d", spec.Slots, maxSlots)
	case spec.IOSlots < 0 || spec.IOSlots > maxMailSlots:
		return bad("%d mail slots are not 0 to %d", spec.IOSlots, maxMailSlots)
	case spec.Tapes > spec.Slots:
		return bad("%d tapes do not fit into %d slots", spec.Tapes, spec.Slots)
	case spec.StartNumber < 0:
		return bad("number %d for the first tape is negative", spec.StartNumber)
	}
	if err := checkTapeSize(spec.Name, spec.TapeSizeBytes, g); err != nil {
		return err
	}
	return checkPrefix(spec.BarcodePrefix)
}

func checkTapeSize(object string, bytes int64, g image.Generation) error {
	if bytes != 0 && (bytes < LeastTapeBytes || bytes > g.CapacityBytes) {
		return errcode.New(errcode.Usage, object, "tape size of %d bytes is not %d to %d, the capacity of %s",
			bytes, LeastTapeBytes, g.CapacityBytes, g.Name)
	}
	return nil
}

// equip gives the library its serial number and its drives. Serial numbers are random: two machines
// that back up to each other must not have the same drive twice.
func (l *Library) equip(drives int, media image.Generation) {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	id := strings.ToUpper(hex.EncodeToString(b[:]))[:7]
	l.Serial = "L" + id + "00"
	generation := driveFor(media)
	for n := range drives {
		l.Drives = append(l.Drives, DriveConfig{
			Vendor: "CALYPSO", Product: "ULTRIUM-TD" + strings.TrimPrefix(generation, "LTO-"), Revision: "0001",
			Serial: fmt.Sprintf("D%s%02d", id, n), Generation: generation,
		})
	}
}

// driveFor is the generation of drive that writes media: its own, but for LTO-7 cartridges of type M.
func driveFor(media image.Generation) string {
	if media.Name == "LTO-7M" {
		return "LTO-8"
	}
	return media.Name
}

// number gives the library its cartridges: prefix, digits up to six characters, media id.
func (s *Store) number(l *Library, spec CreateSpec, g image.Generation) error {
	owners, err := s.barcodes()
	if err != nil {
		return err
	}
	digits := volumeLength - len(spec.BarcodePrefix)
	first := spec.StartNumber
	if first == 0 {
		first = nextNumber(owners, spec.BarcodePrefix, g.MediaID)
	}
	l.Cartridges = l.Cartridges[:0]
	for i := range spec.Tapes {
		code := fmt.Sprintf("%s%0*d%s", spec.BarcodePrefix, digits, first+i, g.MediaID)
		if len(code) != volumeLength+2 {
			return errcode.New(errcode.BarcodeInvalid, code, "longer than 8 characters").
				WithHint("choose another prefix, or another first number")
		}
		if owner, taken := owners[code]; taken {
			return errcode.New(errcode.BarcodeExists, code, "already in library %s", owner)
		}
		p := Place{Slot, i + 1}
		l.Cartridges = append(l.Cartridges, Cartridge{Barcode: code, At: p, Home: p})
	}
	return nil
}

// nextNumber is the number behind the highest in use with this prefix and media id.
func nextNumber(owners map[string]string, prefix, mediaID string) int {
	highest := 0
	for code := range owners {
		number, ok := strings.CutPrefix(code[:volumeLength], prefix)
		if !ok || code[volumeLength:] != mediaID {
			continue
		}
		if n, ok := decimal(number); ok {
			highest = max(highest, n)
		}
	}
	return highest + 1
}

func decimal(s string) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, s != ""
}

func libraryExists(name string) error {
	return errcode.New(errcode.LibraryExists, name, "there is a virtual library of this name")
}

func (s *Store) isNew(name string) error {
	_, err := os.Lstat(s.yamlFile(name))
	if err == nil {
		return libraryExists(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// claim makes sure that neither the library nor its directory exists; an unfinished one is removed.
func (s *Store) claim(l *Library) error {
	if err := s.isNew(l.Name); err != nil {
		return err
	}
	if err := checkDir(l); err != nil {
		return err
	}
	return removeLibraryDir(l)
}

// checkDir refuses a directory in the library's place that holds anything but an unfinished library, and a link,
// which a create would replace.
func checkDir(l *Library) error {
	if to, err := os.Readlink(l.dir()); err == nil {
		return errcode.New(errcode.LibraryExists, l.dir(), "is a link to %s", to).
			WithHint("remove it, and name the directory in which the library is to have its own by --backing")
	}
	entries, err := os.ReadDir(l.dir())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err == nil {
		err = unfinished(l)
	}
	if err == nil {
		return nil
	}
	return errcode.New(errcode.LibraryExists, l.dir(), "the directory exists and %w", err).
		WithHint("move it away, or choose another name or --backing")
}

// unfinished proves that l's directory was left by a create that did not end: it has the mark, and
// no cartridge in it was ever written. The error says what speaks against it.
func unfinished(l *Library) error {
	if _, err := os.Lstat(filepath.Join(l.dir(), markerName)); err != nil {
		return errors.New("is not an unfinished library")
	}
	tapes, err := os.ReadDir(l.tapesDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range tapes {
		if n, err := image.UsedBytes(l.tapeDir(e.Name())); n > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("holds data, in %s", e.Name())
		}
	}
	return nil
}

// finishCreations removes the directories in DefaultBacking that creates left which were killed. The
// caller has the registry to itself, so that none of them is at work. One in another backing is removed
// by the next create of its name, and so is one that was not marked yet: what has no mark may be
// somebody else's.
func (s *Store) finishCreations() error {
	entries, err := os.ReadDir(s.DefaultBacking())
	if err != nil {
		return nil // there is none yet; or the create that needs it says what is wrong
	}
	for _, e := range entries {
		l := &Library{Name: e.Name(), Backing: s.DefaultBacking()}
		if !e.IsDir() || CheckName(l.Name) != nil || s.isNew(l.Name) != nil || unfinished(l) != nil {
			continue
		}
		if err := removeLibraryDir(l); err != nil {
			return fmt.Errorf("finish an interrupted create: %w", err)
		}
	}
	return nil
}

// build makes the files. The library exists from the moment its YAML file does.
func (s *Store) build(ctx context.Context, l *Library, spec CreateSpec) error {
	if err := makeLibraryDir(l); err != nil {
		return err // nothing to remove: the directory is not ours
	}
	err := buildTapes(ctx, l, spec)
	if err == nil {
		err = state.WriteYAML(s.yamlFile(l.Name), l)
	}
	if err != nil {
		return errors.Join(err, s.takeBack(l))
	}
	// From here on the mark means nothing: a library with a file is finished.
	_ = os.Remove(filepath.Join(l.dir(), markerName))
	return nil
}

// takeBack removes a library that was not built to its end. Its file may be there when all that failed
// was to make it durable: it goes first, so that no library is without its images.
func (s *Store) takeBack(l *Library) error {
	if err := os.Remove(s.yamlFile(l.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeLibraryDir(l)
}

func makeLibraryDir(l *Library) error {
	if err := os.MkdirAll(l.Backing, 0o750); err != nil {
		return err
	}
	return os.Mkdir(l.dir(), 0o750)
}

func buildTapes(ctx context.Context, l *Library, spec CreateSpec) error {
	if err := os.WriteFile(filepath.Join(l.dir(), markerName), nil, 0o640); err != nil {
		return err
	}
	step("marked")
	if err := os.Mkdir(l.tapesDir(), 0o750); err != nil {
		return err
	}
	if err := createImages(ctx, l, spec.TapeSizeBytes); err != nil {
		return err
	}
	step("images")
	// One sync for all files: thousands of them one by one would take minutes.
	return syncFileSystem(l.dir())
}

// createWorkers make images side by side: what takes time is the file system's journal.
const createWorkers = 8

func createImages(ctx context.Context, l *Library, bytes int64) error {
	var wg sync.WaitGroup
	failed := make([]error, createWorkers)
	for w := range createWorkers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < len(l.Cartridges) && failed[w] == nil; i += createWorkers {
				if failed[w] = ctx.Err(); failed[w] == nil {
					failed[w] = createImage(l, l.Cartridges[i].Barcode, bytes)
				}
			}
		}()
	}
	wg.Wait()
	return errors.Join(failed...)
}

func createImage(l *Library, barcode string, bytes int64) error {
	generation, worm, err := CheckBarcode(barcode)
	if err != nil {
		return err
	}
	return image.Create(l.tapeDir(barcode), image.Spec{
		Barcode: barcode, Generation: generation.Name, CapacityBytes: bytes, WORM: worm,
	})
}

func syncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("sync the file system of %s: %w", dir, err)
	}
	return nil
}

// step is called between the steps of a change. It does nothing but in the crash tests.
var step = func(name string) {}
