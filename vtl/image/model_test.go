package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// model is a tape as a slice of records; nil is a filemark.
type model struct {
	t       *rapid.T
	root    string
	dir     string
	tape    only
	records [][]byte
	synced  int // records that survive a power cut
	least   int // the fewest there were since the last Sync
}

func TestModel(t *testing.T) {
	root := tempDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: rt, root: root}
		m.dir = m.newDir()
		rt.Cleanup(func() { _ = m.tape.Close(); os.RemoveAll(m.dir) })
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "write": m.write, "run": m.run, "filemarks": m.filemarks, "truncate": m.truncate,
			"read ahead": m.readAhead, "reopen": m.reopen, "sync": m.sync, "lose sidecars": m.loseSidecars, "kill": m.kill, "power cut": m.powerCut,
		})
	})
}

func (m *model) newDir() string {
	dir, err := os.MkdirTemp(m.root, "run")
	m.must(err)
	dir = filepath.Join(dir, "V00001L8")
	m.must(Create(dir, Spec{Barcode: "V00001L8", Generation: "LTO-5"}))
	m.tape, err = openOnly(dir, false)
	m.must(err)
	return dir
}

func (m *model) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// address is most often the end of data, as in life.
func (m *model) address(t *rapid.T) int {
	if rapid.IntRange(0, 4).Draw(t, "append") > 0 {
		return len(m.records)
	}
	return rapid.IntRange(0, len(m.records)).Draw(t, "address")
}

func (m *model) cut(n int) {
	m.records = m.records[:n:n]
	m.least = min(m.least, n)
}

func (m *model) write(t *rapid.T) {
	at := m.address(t)
	block := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "block")
	m.must(m.tape.WriteBlock(int64(at), block))
	m.cut(at)
	m.records = append(m.records, block)
}

// run makes uniform segments.
func (m *model) run(t *rapid.T) {
	block := bytes.Repeat([]byte{7}, rapid.IntRange(1, 3).Draw(t, "length"))
	for i := range rapid.IntRange(1, 200).Draw(t, "count") {
		block := bytes.Clone(block)
		block[0] = byte(i)
		m.must(m.tape.WriteBlock(int64(len(m.records)), block))
		m.records = append(m.records, block)
	}
}

func (m *model) filemarks(t *rapid.T) {
	at, n := m.address(t), rapid.SampledFrom([]int{1, 1, 1, 2, 3, 100}).Draw(t, "n")
	m.must(m.tape.WriteFilemarks(int64(at), int64(n)))
	m.cut(at)
	m.records = append(m.records, make([][]byte, n)...)
}

func (m *model) truncate(t *rapid.T) {
	at := rapid.IntRange(0, len(m.records)).Draw(t, "at")
	m.must(m.tape.Truncate(int64(at)))
	m.cut(at)
}

// readAhead changes nothing that can be seen, wherever it is asked for.
func (m *model) readAhead(t *rapid.T) {
	m.tape.ReadAhead(int64(rapid.IntRange(-1, len(m.records)+1).Draw(t, "ahead")))
}

func (m *model) sync(*rapid.T) {
	m.must(m.tape.Sync())
	m.synced, m.least = len(m.records), len(m.records)
}

func (m *model) reopen(*rapid.T) {
	m.must(m.tape.Close())
	m.synced, m.least = len(m.records), len(m.records)
	m.open()
}

func (m *model) open() {
	tape, err := openOnly(m.dir, false)
	m.must(err)
	m.tape = tape
	if err := tape.Damaged(); err != nil {
		m.t.Fatal("damaged after open: ", err)
	}
}

func (m *model) loseSidecars(t *rapid.T) {
	m.must(m.tape.Close())
	m.synced, m.least = len(m.records), len(m.records)
	for _, name := range []string{indexName, crcName} {
		if rapid.Bool().Draw(t, "lose "+name) {
			if err := os.Remove(m.tape.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	m.open()
}

// kill ends the writer in the middle of a write: part of one more record is in the file.
func (m *model) kill(t *rapid.T) {
	m.abandon()
	block := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "block")
	record := make([]byte, size(uint32(len(block))))
	putWord(record, uint32(len(block)))
	copy(record[wordSize:], block)
	putWord(record[len(record)-wordSize:], uint32(len(block)))
	f, err := os.OpenFile(m.tape.path, os.O_WRONLY|os.O_APPEND, 0)
	m.must(err)
	_, err = f.Write(record[:rapid.IntRange(0, len(record)-1).Draw(t, "written")])
	m.must(err)
	m.must(f.Close())
	m.open()
	m.synced, m.least = min(m.synced, m.least), len(m.records)
}

// powerCut loses any part of the data that was not synced; what the sidecars hold is as it was.
func (m *model) powerCut(t *rapid.T) {
	durable := min(m.synced, m.least)
	low, high := offsetOf(m.records[:durable]), offsetOf(m.records)
	m.abandon()
	to := rapid.Int64Range(low, high).Draw(t, "left")
	m.must(os.Truncate(m.tape.path, to))
	kept := durable
	for kept < len(m.records) && offsetOf(m.records[:kept+1]) <= to {
		kept++
	}
	m.records = m.records[:kept:kept]
	m.open()
	m.synced, m.least = durable, kept
}

// abandon closes the descriptors as a kill does: nothing is saved.
func (m *model) abandon() {
	m.must(m.tape.f.Close())
	m.must(m.tape.crc.close())
}

func offsetOf(records [][]byte) (n int64) {
	for _, r := range records {
		n += size(uint32(len(r)))
	}
	return n
}

func (m *model) check(t *rapid.T) {
	tape := m.tape
	var marks int64
	for _, r := range m.records {
		if r == nil {
			marks++
		}
	}
	if tape.Objects() != int64(len(m.records)) || tape.Filemarks() != marks || tape.UsedBytes() != offsetOf(m.records) {
		t.Fatalf("%d objects, %d filemarks, %d bytes; want %d, %d, %d", tape.Objects(), tape.Filemarks(), tape.UsedBytes(),
			len(m.records), marks, offsetOf(m.records))
	}
	m.checkSome(t, marks)
	m.judge(t)
}

func (m *model) checkSome(t *rapid.T, marks int64) {
	if len(m.records) == 0 {
		return
	}
	start := rapid.IntRange(0, len(m.records)-1).Draw(t, "look at")
	step := rapid.SampledFrom([]int{1, 1, -1, 7}).Draw(t, "step")
	for at, n := start, 0; at >= 0 && at < len(m.records) && n < 20; at, n = at+step, n+1 {
		m.checkAt(t, at)
	}
	if marks > 0 {
		m.checkFilemark(t, rapid.Int64Range(0, marks-1).Draw(t, "filemark"))
	}
}

func (m *model) checkAt(t *rapid.T, at int) {
	want := m.records[at]
	o, err := m.tape.At(int64(at))
	if err != nil || o.Filemark != (want == nil) || o.Length != len(want) {
		t.Fatalf("At(%d) = %+v, %v; want length %d", at, o, err, len(want))
	}
	var before int64
	for _, r := range m.records[:at] {
		if r == nil {
			before++
		}
	}
	if got := m.tape.FileNumber(int64(at)); got != before {
		t.Fatalf("FileNumber(%d) = %d, want %d", at, got, before)
	}
	buf := make([]byte, 45)
	if at%3 == 0 {
		buf = buf[:3]
	}
	n, err := m.tape.ReadBlock(int64(at), buf)
	if want == nil {
		if !errors.Is(err, ErrFilemark) {
			t.Fatalf("ReadBlock of filemark %d: %v", at, err)
		}
		return
	}
	if err != nil || n != len(want) || !bytes.HasPrefix(want, buf[:min(n, len(buf))]) {
		t.Fatalf("ReadBlock(%d) = %d, %v: %x; want %x", at, n, err, buf, want)
	}
}

func (m *model) checkFilemark(t *rapid.T, n int64) {
	lba, ok := m.tape.FilemarkAddress(n)
	if !ok || m.records[lba] != nil {
		t.Fatalf("FilemarkAddress(%d) = %d, %v", n, lba, ok)
	}
	if got := m.tape.FileNumber(lba); got != n {
		t.Fatalf("FilemarkAddress(%d) = %d, in front of which there are %d", n, lba, got)
	}
}

// judge lets the independent reader look at the file.
func (m *model) judge(t *rapid.T) {
	blocks, err := readSIMH(m.tape.path)
	if err != nil || len(blocks) != len(m.records) {
		t.Fatalf("independent reader: %d records of %d, %v", len(blocks), len(m.records), err)
	}
	for i := range blocks {
		if (blocks[i] == nil) != (m.records[i] == nil) || !bytes.Equal(blocks[i], m.records[i]) {
			t.Fatalf("independent reader: record %d is %x, want %x", i, blocks[i], m.records[i])
		}
	}
}
