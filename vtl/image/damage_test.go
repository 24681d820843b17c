package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/errcode"
)

// mixture is a small tape with everything that has a structure of its own: blocks that hold what looks
// like records, odd lengths, filemarks, runs.
func mixture() [][]byte {
	blocks := [][]byte{[]byte("label"), nil}
	record := []byte("\x04\x00\x00\x00data\x04\x00\x00\x00")
	blocks = append(blocks, bytes.Repeat(record, 5), record, nil)
	for i := range 70 {
		blocks = append(blocks, []byte{byte(i), 1, 0, 0})
	}
	return append(blocks, nil, nil, make([]byte, 16), []byte("x"), nil, bytes.Repeat([]byte{1, 0, 0, 0}, 6), nil)
}

func filled(t testing.TB, blocks [][]byte) string {
	dir := create(t, 0)
	tape := open(t, dir, false)
	put(t, tape, blocks...)
	closeTape(t, tape)
	return dir
}

// readAll checks that every object reads as it was written or as an error, and gives how many blocks
// read well.
func readAll(t *testing.T, tape only, want [][]byte) (good int) {
	t.Helper()
	buf := make([]byte, 64)
	for lba := range tape.Objects() {
		n, err := tape.ReadBlock(lba, buf)
		if err == nil && (lba >= int64(len(want)) || want[lba] == nil || !bytes.Equal(buf[:n], want[lba])) {
			t.Fatalf("block %d reads as %q without an error", lba, buf[:n])
		}
		if err != nil && !errors.Is(err, ErrFilemark) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("block %d: %v", lba, err)
		}
		if errors.Is(err, ErrDamaged) && (errcode.Of(err) != errcode.ImageDamaged || !strings.Contains(err.Error(), "at byte")) {
			t.Fatalf("block %d: error does not name the place: %v", lba, err)
		}
		if err == nil {
			good++
		}
	}
	return good
}

func TestFlippedByteNeverGivesWrongData(t *testing.T) {
	want := mixture()
	dir := filled(t, want)
	path := filepath.Join(dir, dataName)
	index, _ := os.ReadFile(filepath.Join(dir, indexName))
	crc, _ := os.ReadFile(filepath.Join(dir, crcName))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, withIndex := range []bool{true, false} {
		for at := range data {
			for _, flip := range []byte{0x01, 0x80, 0xFF} {
				bad := bytes.Clone(data)
				bad[at] ^= flip
				restore(t, dir, bad, crc, index, withIndex)
				// Opening for writing is dearer: it saves the index.
				for _, readonly := range []bool{true, false}[:1+at%8/7] {
					tape := open(t, dir, readonly)
					if tape.Objects() < int64(len(want)) {
						t.Fatalf("byte %d flipped by %02x: %d objects of %d, without a word", at, flip, tape.Objects(), len(want))
					}
					good := readAll(t, tape, want)
					if withIndex && good < 75 {
						t.Fatalf("byte %d flipped by %02x: only %d blocks are readable in spite of the index", at, flip, good)
					}
					closeTape(t, tape)
				}
				if after, _ := os.ReadFile(path); !bytes.Equal(after, bad) {
					t.Fatalf("byte %d flipped by %02x: opening changed the file", at, flip)
				}
			}
		}
	}
}

func restore(t *testing.T, dir string, data, crc, index []byte, withIndex bool) {
	t.Helper()
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, dataName), data, 0o600),
		os.WriteFile(filepath.Join(dir, crcName), crc, 0o600),
		os.WriteFile(filepath.Join(dir, indexName), index, 0o600),
	)
	if !withIndex {
		err = errors.Join(err, os.Remove(filepath.Join(dir, indexName)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A file that is cut anywhere after it was durable is damaged, not torn: what is left stays readable,
// nothing is cut off further, and nothing can be appended.
func TestCutFileIsDamaged(t *testing.T) {
	want := mixture()
	dir := filled(t, want)
	path := filepath.Join(dir, dataName)
	index, _ := os.ReadFile(filepath.Join(dir, indexName))
	crc, _ := os.ReadFile(filepath.Join(dir, crcName))
	data, _ := os.ReadFile(path)
	for at := 0; at < len(data); at += 3 {
		restore(t, dir, data[:at], crc, index, at%2 == 0)
		tape := open(t, dir, false)
		if tape.Objects() != int64(len(want)) || !errors.Is(tape.Damaged(), ErrDamaged) {
			t.Fatalf("cut at %d: %d objects, %v", at, tape.Objects(), tape.Damaged())
		}
		readAll(t, tape, want)
		if err := tape.WriteBlock(tape.Objects(), []byte("more")); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: append gives %v", at, err)
		}
		closeTape(t, tape)
		if info, _ := os.Stat(path); info.Size() != int64(at) {
			t.Fatalf("cut at %d: opening changed the size to %d", at, info.Size())
		}
	}
}

func TestDamageCanBeOverwritten(t *testing.T) {
	want := mixture()
	dir := filled(t, want)
	path := filepath.Join(dir, dataName)
	if err := os.Truncate(path, 40); err != nil {
		t.Fatal(err)
	}
	tape := open(t, dir, false)
	if err := tape.WriteBlock(2, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := tape.Damaged(); err != nil || tape.Objects() != 3 {
		t.Fatalf("after overwriting: %v, %d objects", err, tape.Objects())
	}
	closeTape(t, tape)
	tape = open(t, dir, true)
	defer closeTape(t, tape)
	readAll(t, tape, [][]byte{want[0], nil, []byte("new")})
	if err := tape.Damaged(); err != nil {
		t.Fatal(err)
	}
}

func TestTornTailWithoutSidecars(t *testing.T) {
	want := mixture()
	dir := filled(t, want)
	path := filepath.Join(dir, dataName)
	data, _ := os.ReadFile(path)
	torn := append(bytes.Clone(data), 0x10, 0, 0, 0, 'x', 'y')
	for _, name := range []string{crcName, indexName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	tape := open(t, dir, true)
	if tape.Objects() != int64(len(want)) || tape.Damaged() != nil {
		t.Fatalf("read-only: %d objects, %v", tape.Objects(), tape.Damaged())
	}
	closeTape(t, tape)
	if after, _ := os.ReadFile(path); !bytes.Equal(after, torn) {
		t.Fatal("a read-only open changed the file")
	}
	closeTape(t, open(t, dir, false))
	if after, _ := os.ReadFile(path); !bytes.Equal(after, data) {
		t.Fatal("the torn tail is still there, or more is gone")
	}
}

// Without a checksum file a length that leads behind the end of the file may be that of a torn record
// or a damaged one. When the file ends with a whole record the last write was not torn.
func TestDamagedLengthIsNotTakenForTorn(t *testing.T) {
	want := [][]byte{[]byte("first"), []byte("second"), []byte("third!")}
	dir := filled(t, want)
	path := filepath.Join(dir, dataName)
	data, _ := os.ReadFile(path)
	data[14+1] = 0x7F // the second record's length
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Remove(filepath.Join(dir, crcName)), os.Remove(filepath.Join(dir, indexName))); err != nil {
		t.Fatal(err)
	}
	tape := open(t, dir, false)
	defer closeTape(t, tape)
	if err := tape.Damaged(); !errors.Is(err, ErrDamaged) {
		t.Fatalf("damage is not seen: %v, %d objects", err, tape.Objects())
	}
	if info, _ := os.Stat(path); info.Size() != int64(len(data)) {
		t.Fatal("a damaged middle was cut off")
	}
}

func TestForeignMarks(t *testing.T) {
	gap, end := []byte{0xFE, 0xFF, 0xFF, 0xFF}, []byte{0xFF, 0xFF, 0xFF, 0xFF}
	bad := []byte("\x02\x00\x00\x80hi\x02\x00\x00\x80")
	good := []byte("\x02\x00\x00\x00ok\x02\x00\x00\x00")
	data := bytes.Join([][]byte{gap, good, gap, gap, bad, good, {0, 0, 0, 0}, gap, good, gap, end, []byte("garbage")}, nil)
	dir := create(t, 0)
	if err := os.WriteFile(filepath.Join(dir, dataName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	tape := open(t, dir, false)
	if tape.Objects() != 5 || tape.Filemarks() != 1 || tape.Damaged() != nil {
		t.Fatalf("%d objects, %d filemarks, %v", tape.Objects(), tape.Filemarks(), tape.Damaged())
	}
	if good := readAll(t, tape, [][]byte{[]byte("ok"), nil, []byte("ok"), nil, []byte("ok")}); good != 3 {
		t.Fatalf("%d good blocks", good)
	}
	for lba := tape.Objects() - 1; lba >= 0; lba-- {
		if _, err := tape.At(lba); err != nil {
			t.Fatal(err)
		}
	}
	put(t, tape, []byte("appended"))
	closeTape(t, tape)
	tape = open(t, dir, false)
	defer closeTape(t, tape)
	buf := make([]byte, 10)
	if n, err := tape.ReadBlock(5, buf); err != nil || string(buf[:n]) != "appended" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
}

// A block that became filemarks, or the other way round, is seen when the tape is walked: else files
// would be miscounted without a word.
func TestChangedKindIsDamage(t *testing.T) {
	for name, change := range map[string]struct{ old, new string }{
		"block to filemarks": {"\x04\x00\x00\x00AAAA\x04\x00\x00\x00", strings.Repeat("\x00", 12)},
		"filemarks to block": {strings.Repeat("\x00", 12), "\x04\x00\x00\x00AAAA\x04\x00\x00\x00"},
	} {
		dir := filled(t, [][]byte{[]byte("AAAA"), []byte("BBBB"), nil, nil, nil, []byte("CC")})
		path := filepath.Join(dir, dataName)
		data, _ := os.ReadFile(path)
		changed := strings.Replace(string(data), change.old, change.new, 1)
		if err := errors.Join(os.WriteFile(path, []byte(changed), 0o600), os.Remove(filepath.Join(dir, indexName))); err != nil {
			t.Fatal(err)
		}
		tape := open(t, dir, true)
		if changed == string(data) || !errors.Is(tape.Damaged(), ErrDamaged) {
			t.Errorf("%s: %v, %d filemarks", name, tape.Damaged(), tape.Filemarks())
		}
		closeTape(t, tape)
	}
}

// An image that was replaced by another of the same size, with the sidecars of the old one beside it.
func TestForeignIndexIsNotBelieved(t *testing.T) {
	dir := filled(t, [][]byte{[]byte("AA"), []byte("AAAAAAAAAA"), []byte("AA")})
	other := filled(t, [][]byte{[]byte("BB"), []byte("BB"), nil, nil, []byte("BB")})
	data, _ := os.ReadFile(filepath.Join(other, dataName))
	if err := os.WriteFile(filepath.Join(dir, dataName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	tape := open(t, dir, true)
	if !errors.Is(tape.Damaged(), ErrDamaged) {
		t.Errorf("the index of another tape is believed: %d objects", tape.Objects())
	}
	closeTape(t, tape)
	if err := os.Remove(filepath.Join(dir, crcName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, indexName)); err != nil {
		t.Fatal(err)
	}
	tape = open(t, dir, true)
	defer closeTape(t, tape)
	if tape.Objects() != 5 || tape.Damaged() != nil {
		t.Errorf("without the old sidecars: %d objects, %v", tape.Objects(), tape.Damaged())
	}
}

// An index that was saved while the tape was written, and knows of more than a power cut left in the file, goes
// before anything is written: after a kill it would be believed about the new objects in the place of the old ones.
func TestIndexOfMoreGoesBeforeWriting(t *testing.T) {
	want := mixture()
	for name, left := range map[string]func(int) int{"half": func(n int) int { return n / 2 }, "nothing": func(int) int { return 0 }} {
		dir := filled(t, want)
		path, index := filepath.Join(dir, dataName), filepath.Join(dir, indexName)
		data, err := os.ReadFile(path)
		x := loadIndex(index)
		if err != nil || x == nil || x.chain.objects != int64(len(want)) {
			t.Fatalf("%s: the test begins with the index %+v, %v", name, x, err)
		}
		x.sealed = 0 // nothing was promised to be on the disk
		err = errors.Join(os.WriteFile(path, data[:left(len(data))], 0o600), os.WriteFile(index, x.encode(), 0o600), os.Remove(filepath.Join(dir, crcName)))
		if err != nil {
			t.Fatal(err)
		}
		tape := open(t, dir, false)
		if x := loadIndex(index); tape.Objects() >= int64(len(want)) || x != nil && x.chain.objects > tape.Objects() {
			t.Errorf("%s: the index is %+v; the tape has %d objects", name, x, tape.Objects())
		}
		closeTape(t, tape)
	}
}
