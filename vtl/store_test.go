package vtl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/sys/place"
	"calypso/vtl/image"
)

var background = context.Background()

// newStore is a Store in memory where the system has a file system there.
func newStore(t testing.TB) *Store {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vtl")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return NewStore(place.Places{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run")})
}

func spec(name string, tapes int) CreateSpec {
	return CreateSpec{Name: name, Drives: 2, Slots: 10, IOSlots: 2, Media: "LTO-8", Tapes: tapes}
}

func create(t testing.TB, s *Store, spec CreateSpec) *Library {
	t.Helper()
	l, err := s.Create(background, spec)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func wantCode(t *testing.T, what string, err error, code errcode.Code) {
	t.Helper()
	if errcode.Of(err) != code {
		t.Errorf("%s: %q, %v; want %q", what, errcode.Of(err), err, code)
	}
}

// writeTape puts data on a cartridge behind the library's back.
func writeTape(t testing.TB, l *Library, barcode string) {
	t.Helper()
	tape, err := image.Open(l.tapeDir(barcode), false)
	if err == nil {
		err = errors.Join(tape.Partition(0).WriteBlock(0, []byte("data")), tape.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files lists everything under the store with its size.
func files(t testing.TB, s *Store) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	root := filepath.Dir(s.places.StateDir)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			found[path] = info.Size()
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"vtl01", "helper", "a", "7", "A.b_c-d", strings.Repeat("x", 32)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "help", "-rf", "..", ".", ".x", "../x", "a/b", "a b", "_x", "x\n", "é", "\xff", strings.Repeat("x", 33), strings.Repeat("x", 300)} {
		wantCode(t, fmt.Sprintf("%.40q", name), CheckName(name), errcode.NameInvalid)
		s := newStore(t)
		_, err := s.Create(background, spec(name, 1))
		wantCode(t, "create", err, errcode.NameInvalid)
		_, err = s.Get(name)
		wantCode(t, "get", err, errcode.NameInvalid)
		wantCode(t, "delete", s.Delete(background, name, true), errcode.NameInvalid)
		_, err = s.AddTape(background, name, TapeSpec{Barcode: "V00001L8"})
		wantCode(t, "add", err, errcode.NameInvalid)
		if found := files(t, s); len(found) != 0 {
			t.Errorf("%q: files were made: %v", name, found)
		}
	}
}

func TestCheckBarcode(t *testing.T) {
	for code, want := range map[string]string{"V00001L8": "LTO-8", "ABC123L5": "LTO-5", "000001LA": "LTO-10", "V00001M8": "LTO-7M", "W00001LY": "LTO-8",
		"CLN001L8": "universal", "CLNU01L9": "universal", "CLNU01CU": "universal", "CLN999L1": "universal", "CLN000LA": "universal"} {
		g, worm, err := CheckBarcode(code)
		if err != nil || g.Name != want || worm != (code[0] == 'W') {
			t.Errorf("%s: %s, %v, %v", code, g.Name, worm, err)
		}
	}
	for _, code := range []string{"", "V00001", "V0001L8", "V000001L8", "v00001L8", "V0000 L8", "V00001L4", "V00001XX", "../../L8", "CLN001LY", "CLN001XX", "CLN01L8", "CLNU01L0", "V00001CU", strings.Repeat("V", 300)} {
		_, _, err := CheckBarcode(code)
		wantCode(t, fmt.Sprintf("%.20q", code), err, errcode.BarcodeInvalid)
	}
}

func TestCreate(t *testing.T) {
	s := newStore(t)
	made := create(t, s, spec("vtl01", -1))
	got, err := s.Get("vtl01")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Fatal(diff)
	}
	if got.Media != "LTO-8" || got.TapeCount() != 10 || len(got.Drives) != 2 || got.Drives[1].Generation != "LTO-8" {
		t.Fatalf("%+v", got)
	}
	tapes, err := s.Tapes("vtl01")
	if err != nil {
		t.Fatal(err)
	}
	for i, tape := range tapes {
		want := TapeInfo{
			Barcode: fmt.Sprintf("V%05dL8", i+1), Generation: "LTO-8", Location: fmt.Sprintf("slot %d", i+1), At: Place{Slot, i + 1},
			Home: Place{Slot, i + 1}, CapacityBytes: 12e12, MediumSerial: tape.MediumSerial,
		}
		if diff := cmp.Diff(want, tape); diff != "" || tape.MediumSerial == "" {
			t.Error(diff)
		}
	}
	if _, err := os.Stat(filepath.Join(got.dir(), markerName)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the mark of an unfinished library is still there")
	}
}

func TestSecondLibraryContinues(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", -1))
	second := create(t, s, spec("vtl02", 2))
	if diff := cmp.Diff([]string{"V00011L8", "V00012L8"}, second.Barcodes()); diff != "" {
		t.Error(diff)
	}
	other := spec("vtl03", 1)
	other.Media = "lto9"
	if got := create(t, s, other).Barcodes()[0]; got != "V00001L9" {
		t.Errorf("first LTO-9 tape is %s", got)
	}
	clash := spec("vtl04", 3)
	clash.StartNumber = 9
	_, err := s.Create(background, clash)
	wantCode(t, "clash", err, errcode.BarcodeExists)
	clash.StartNumber = 99_998
	_, err = s.Create(background, clash)
	wantCode(t, "overflow", err, errcode.BarcodeInvalid)
	clash.StartNumber, clash.BarcodePrefix = 7, "BK"
	if got := create(t, s, clash).Barcodes()[2]; got != "BK0009L8" {
		t.Errorf("with prefix and number: %s", got)
	}
	_, err = s.Create(background, spec("vtl01", 1))
	wantCode(t, "twice", err, errcode.LibraryExists)
	list, err := s.List()
	if err != nil || len(list) != 4 || list[3].Name != "vtl04" {
		t.Errorf("list: %d libraries, %v", len(list), err)
	}
}

func TestCreateRefusals(t *testing.T) {
	s := newStore(t)
	for name, c := range map[string]struct {
		change func(*CreateSpec)
		code   errcode.Code
	}{
		"no drives":     {func(c *CreateSpec) { c.Drives = 0 }, errcode.Usage},
		"drives":        {func(c *CreateSpec) { c.Drives = 101 }, errcode.Usage},
		"no slots":      {func(c *CreateSpec) { c.Slots = 0 }, errcode.Usage},
		"slots":         {func(c *CreateSpec) { c.Slots = 1 << 40 }, errcode.Usage},
		"mail slots":    {func(c *CreateSpec) { c.IOSlots = -1 }, errcode.Usage},
		"tapes":         {func(c *CreateSpec) { c.Tapes = 11 }, errcode.Usage},
		"media":         {func(c *CreateSpec) { c.Media = "LTO-4" }, errcode.Usage},
		"small tapes":   {func(c *CreateSpec) { c.TapeSizeBytes = 1000 }, errcode.Usage},
		"large tapes":   {func(c *CreateSpec) { c.TapeSizeBytes = 13e12 }, errcode.Usage},
		"negative size": {func(c *CreateSpec) { c.TapeSizeBytes = -1 }, errcode.Usage},
		"prefix":        {func(c *CreateSpec) { c.BarcodePrefix = "toolong" }, errcode.BarcodeInvalid},
		"cleaning":      {func(c *CreateSpec) { c.BarcodePrefix = "CLN" }, errcode.BarcodeInvalid},
		"prefix path":   {func(c *CreateSpec) { c.BarcodePrefix = "../" }, errcode.BarcodeInvalid},
		"number":        {func(c *CreateSpec) { c.StartNumber = -1 }, errcode.Usage},
	} {
		for _, dry := range []bool{true, false} {
			bad := spec("vtl01", -1)
			bad.DryRun = dry
			c.change(&bad)
			_, err := s.Create(background, bad)
			wantCode(t, name, err, c.code)
		}
	}
	if found := files(t, s); len(found) != 0 {
		t.Errorf("files were made: %v", found)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	s := newStore(t)
	dry := spec("vtl01", -1)
	dry.DryRun = true
	if l := create(t, s, dry); len(l.Cartridges) != 10 {
		t.Errorf("%d cartridges planned", len(l.Cartridges))
	}
	if found := files(t, s); len(found) != 0 {
		t.Fatalf("files were made: %v", found)
	}
	create(t, s, spec("vtl01", 1))
	before := files(t, s)
	info, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L8", DryRun: true})
	if err != nil || info.Location != "slot 2" || info.CapacityBytes != 12e12 {
		t.Errorf("%+v, %v", info, err)
	}
	if diff := cmp.Diff(before, files(t, s)); diff != "" {
		t.Error(diff)
	}
	_, err = s.Create(background, dry)
	wantCode(t, "dry run of what exists", err, errcode.LibraryExists)
}

func TestForeignDirectoryIsLeftAlone(t *testing.T) {
	s := newStore(t)
	dir := filepath.Join(s.DefaultBacking(), "vtl01")
	if err := os.MkdirAll(filepath.Join(dir, "tapes", "V00001L8"), 0o700); err != nil {
		t.Fatal(err)
	}
	tap := filepath.Join(dir, "tapes", "V00001L8", "partition-0.tap")
	if err := os.WriteFile(tap, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.Create(background, spec("vtl01", 1))
	wantCode(t, "directory of somebody", err, errcode.LibraryExists)
	// A mark alone is no proof: there is data.
	if err := os.WriteFile(filepath.Join(dir, markerName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Create(background, spec("vtl01", 1))
	wantCode(t, "unfinished with data", err, errcode.LibraryExists)
	if data, _ := os.ReadFile(tap); string(data) != "data" {
		t.Error("data is gone")
	}
}

// What lies beside the libraries stays, whatever the verb: files, links, and directories that are empty, perhaps
// because a file system is not mounted there.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	s := newStore(t)
	path := func(name string) string { return filepath.Join(s.DefaultBacking(), name) }
	err := errors.Join(os.MkdirAll(path("disk2"), 0o750), os.WriteFile(path("notes.txt"), []byte("mine"), 0o640), os.Symlink(t.TempDir(), path("vtl07")))
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, spec("vtl01", 1))
	if err := s.Delete(background, "vtl01", false); err != nil {
		t.Fatal(err)
	}
	_, err = s.Create(background, spec("vtl07", 1))
	wantCode(t, "a link in the library's place", err, errcode.LibraryExists)
	for _, name := range []string{"disk2", "notes.txt", "vtl07"} {
		if _, err := os.Lstat(path(name)); err != nil {
			t.Errorf("after a create and a delete of another library: %v", err)
		}
	}
}

func TestDelete(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", -1))
	keep := filepath.Join(l.dir(), "notes.txt")
	writeTape(t, l, "V00003L8")
	before := files(t, s)
	err := s.Delete(background, "vtl01", false)
	wantCode(t, "written", err, errcode.LibraryNotEmpty)
	if !strings.Contains(err.Error(), "V00003L8") || !strings.Contains(errcode.HintOf(err), "--confirm vtl01") {
		t.Errorf("%v; %s", err, errcode.HintOf(err))
	}
	if diff := cmp.Diff(before, files(t, s)); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(background, "vtl01", true); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get("vtl01")
	wantCode(t, "get", err, errcode.LibraryNotFound)
	wantCode(t, "delete again", s.Delete(background, "vtl01", true), errcode.LibraryNotFound)
	if _, err := os.Stat(keep); err != nil {
		t.Error("somebody's file was deleted")
	}
	if _, err := os.Stat(l.tapesDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the tapes are still there: %v", err)
	}
}

func TestDeleteBlank(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", -1))
	if err := s.Delete(background, "vtl01", false); err != nil {
		t.Fatal(err)
	}
	for path := range files(t, s) {
		if !strings.HasSuffix(path, "lock") && !strings.Contains(path, "/locks/") {
			t.Errorf("left over: %s", path)
		}
	}
}

func TestTapes(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 9))
	info, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "X00001L9", CapacityBytes: 50e6})
	if err != nil || info.Location != "slot 10" || info.Generation != "LTO-9" || info.CapacityBytes != 50e6 {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "W00001LY", IOSlot: 2}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Tape("vtl01", "W00001LY"); err != nil || !got.WORM || got.Location != "io slot 2" {
		t.Errorf("%+v, %v", got, err)
	}
	for name, c := range map[string]struct {
		spec TapeSpec
		code errcode.Code
	}{
		"full":       {TapeSpec{Barcode: "X00002L8"}, errcode.NoFreeSlot},
		"exists":     {TapeSpec{Barcode: "V00001L8", IOSlot: 1}, errcode.BarcodeExists},
		"taken":      {TapeSpec{Barcode: "X00002L8", Slot: 1}, errcode.SlotFull},
		"no slot":    {TapeSpec{Barcode: "X00002L8", Slot: 11}, errcode.SlotNotFound},
		"negative":   {TapeSpec{Barcode: "X00002L8", Slot: -1}, errcode.SlotNotFound},
		"both":       {TapeSpec{Barcode: "X00002L8", Slot: 1, IOSlot: 1}, errcode.Usage},
		"size":       {TapeSpec{Barcode: "X00002L8", CapacityBytes: 13e12}, errcode.Usage},
		"barcode":    {TapeSpec{Barcode: "x"}, errcode.BarcodeInvalid},
		"cleaning":   {TapeSpec{Barcode: "CLN001XX"}, errcode.BarcodeInvalid},
		"capacity":   {TapeSpec{Barcode: "CLN001L8", CapacityBytes: 20e6}, errcode.Usage},
		"too many":   {TapeSpec{Barcode: "CLN001L8", Cleanings: new51()}, errcode.Usage},
		"no cleaner": {TapeSpec{Barcode: "X00002L8", Cleanings: new(int)}, errcode.Usage},
	} {
		_, err := s.AddTape(background, "vtl01", c.spec)
		wantCode(t, name, err, c.code)
	}
	writeTape(t, l, "V00002L8")
	wantCode(t, "remove written", s.RemoveTape(background, "vtl01", "V00002L8", false), errcode.ConfirmRequired)
	wantCode(t, "remove unknown", s.RemoveTape(background, "vtl01", "V99999L8", true), errcode.BarcodeNotFound)
	for _, code := range []string{"V00001L8", "V00002L8"} {
		if err := s.RemoveTape(background, "vtl01", code, code == "V00002L8"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(l.tapeDir(code)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the image of %s is still there: %v", code, err)
		}
		_, err := s.Tape("vtl01", code)
		wantCode(t, "removed", err, errcode.BarcodeNotFound)
	}
	if info, err := s.AddTape(background, "vtl01", TapeSpec{Barcode: "V00002L8"}); err != nil || info.Location != "slot 1" || info.Written {
		t.Errorf("add again: %+v, %v", info, err)
	}
	if err := s.Protect(background, "vtl01", "V00003L8", true); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Tape("vtl01", "V00003L8"); !got.WriteProtected {
		t.Error("the switch did not move")
	}
	wantCode(t, "protect unknown", s.Protect(background, "vtl01", "V99999L8", true), errcode.BarcodeNotFound)
}

func TestDamagedTapeIsListed(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 2))
	if err := os.WriteFile(filepath.Join(l.tapeDir("V00001L8"), "meta.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	tapes, err := s.Tapes("vtl01")
	if err != nil || len(tapes) != 2 || tapes[1].Problem != nil {
		t.Fatalf("%+v, %v", tapes, err)
	}
	wantCode(t, "problem", tapes[0].Problem, errcode.ImageDamaged)
	if err := s.RemoveTape(background, "vtl01", "V00001L8", false); err != nil {
		t.Error(err)
	}
}

// A tape of which files are missing, or cannot be seen, may hold data nevertheless: who removes it is asked.
func TestWrittenTapeWithMissingFiles(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 3))
	second := filepath.Join(l.tapeDir("V00001L8"), "partition-1.tap")
	err := errors.Join(os.Remove(filepath.Join(l.tapeDir("V00001L8"), "partition-0.tap")), os.WriteFile(second, []byte("data"), 0o600))
	// A loop of links stands for a disk that does not answer.
	loop := filepath.Join(l.tapeDir("V00002L8"), "partition-0.tap")
	err = errors.Join(err, os.Remove(loop), os.Symlink(loop, loop), os.RemoveAll(l.tapeDir("V00003L8")))
	if err != nil {
		t.Fatal(err)
	}
	for code, written := range map[string]bool{"V00001L8": true, "V00002L8": true, "V00003L8": false} {
		if info, err := s.Tape("vtl01", code); err != nil || info.Written != written || info.Problem == nil {
			t.Errorf("%s: written %v, problem %v, %v; want written %v, and a problem", code, info.Written, info.Problem, err, written)
		}
	}
	wantCode(t, "delete", s.Delete(background, "vtl01", false), errcode.LibraryNotEmpty)
}

// A disk that is not mounted does not make tapes blank.
func TestTapesOfUnmountedDisk(t *testing.T) {
	s := newStore(t)
	l := create(t, s, spec("vtl01", 1))
	if err := os.Rename(l.dir(), l.dir()+".unmounted"); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Tape("vtl01", "V00001L8"); err != nil || !info.Written || info.Problem == nil {
		t.Errorf("%+v, %v; want one that may be written", info, err)
	}
	wantCode(t, "delete", s.Delete(background, "vtl01", false), errcode.LibraryNotEmpty)
	if _, err := s.Get("vtl01"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(background, "vtl01", true); err != nil {
		t.Errorf("confirmed: %v", err)
	}
}

func TestBadLibraryFile(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 2))
	path := s.yamlFile("vtl01")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new string }{
		{"schema_version: 1", "schema_version: 0"},
		{"name: vtl01", "name: vtl02"},
		{"name: vtl01", "name: ../x"},
		{"backing: /", "backing: ./"},
		{"backing: /", "backing: /../"},
		{"slots: 10", "slots: 010"},
		{"\nslots: 10", "\nslots: 0"},
		{"\nslots: 10", "\nslots: 1"},
		{"\nslots: 10", "\nslots: 99999999"},
		{"V00002L8", "V00001L8"},
		{"V00002L8", "V00002XX"},
		{"V00002L8", "../../L8"},
		{"at: slot-2", "at: slot-1"},
		{"at: slot-2", "at: slot-11"},
		{"at: slot-2", "at: slot-02"},
		{"at: slot-2", "at: slot--2"},
		{"at: slot-2", "at: drive-2"},
		{"at: slot-2", "at: shelf-2"},
		{"at: slot-2", "at: io-3"},
		{"home: slot-2", "home: drive-0"},
		{"home: slot-2", "home: slot-0"},
		{"generation: LTO-8", "generation: LTO-4"},
		{"media: LTO-8", "media: lto8"},
		{"removing: []", "removing: [V00001L8]"},
		{"removing: []", "removing: [/etc]"},
		{"removing: []", "removed: []"},
		{"removing: []", "removing: []\n---\nmore: 1"},
	} {
		if !strings.Contains(string(good), c.old) {
			t.Fatalf("no %q in\n%s", c.old, good)
		}
		bad := strings.Replace(string(good), c.old, c.new, 1)
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get("vtl01")
		wantCode(t, c.new, err, errcode.StateInvalid)
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the file is not named: %v", c.new, err)
		}
		_, err = s.OpenChanger(background, "vtl01")
		wantCode(t, "changer with "+c.new, err, errcode.StateInvalid)
		if after, _ := os.ReadFile(path); string(after) != bad {
			t.Errorf("%s: the file was changed", c.new)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(good), "schema_version: 1", "schema_version: 2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get("vtl01")
	wantCode(t, "newer", err, errcode.StateNewer)
	_, err = s.Create(background, spec("vtl02", 1))
	wantCode(t, "create beside one that cannot be read", err, errcode.StateNewer)
}
