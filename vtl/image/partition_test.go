package image

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"calypso/sys/errcode"
)

const mega = 1 << 20

func openAll(t testing.TB, dir string, readonly bool) *Cartridge {
	t.Helper()
	c, err := Open(dir, readonly)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names are the files in dir, in order.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

// divided makes a cartridge with partitions of these capacities.
func divided(t testing.TB, capacities ...int64) string {
	t.Helper()
	dir := create(t, 0)
	c := openAll(t, dir, false)
	must(t, c.Format(capacities))
	must(t, c.Close())
	return dir
}

func TestPartitions(t *testing.T) {
	dir := divided(t, 8*mega, 16*mega, 4*mega)
	c := openAll(t, dir, false)
	for n, capacity := range []int64{8 * mega, 16 * mega, 4 * mega} {
		p := c.Partition(n)
		if p.CapacityBytes() != capacity || p.EarlyWarningBytes() != capacity*3/4 || p.UsedBytes() != 0 {
			t.Errorf("partition %d: capacity %d, early warning %d, used %d", n, p.CapacityBytes(), p.EarlyWarningBytes(), p.UsedBytes())
		}
		must(t, p.WriteBlock(0, []byte(fmt.Sprint("partition ", n))))
		must(t, p.WriteFilemarks(1, int64(n)))
	}
	if err := c.Partition(2).WriteFilemarks(3, mega); !errors.Is(err, ErrFull) {
		t.Errorf("4 MiB of filemarks and a block in 4 MiB: %v", err)
	}
	must(t, c.Close())
	want := "crc crc-1 crc-2 index index-1 index-2 meta.json partition-0.tap partition-1.tap partition-2.tap"
	if got := names(t, dir); got != want {
		t.Errorf("files: %s, want %s", got, want)
	}
	c = openAll(t, dir, true)
	defer c.Close()
	buf := make([]byte, 20)
	for n := range 3 {
		blocks, err := readSIMH(filepath.Join(dir, dataFile(n)))
		if want := append([][]byte{[]byte(fmt.Sprint("partition ", n))}, make([][]byte, n)...); err != nil || !slices.EqualFunc(blocks, want, bytes.Equal) {
			t.Errorf("partition-%d.tap: %q, %v, want %q", n, blocks, err, want)
		}
		if got, err := c.Partition(n).ReadBlock(0, buf); err != nil || string(buf[:got]) != fmt.Sprint("partition ", n) {
			t.Errorf("partition %d: %q, %v", n, buf[:got], err)
		}
	}
	if got := c.Meta().LifetimeWrittenBytes; got != 3*11 {
		t.Errorf("%d bytes written over all partitions, want 33", got)
	}
	if used, err := UsedBytes(dir); err != nil || used != 3*20+(0+1+2)*4 {
		t.Errorf("UsedBytes = %d, %v", used, err)
	}
}

// What a format leaves: nothing of the tape, all of the cartridge's memory.
func TestFormat(t *testing.T) {
	dir := filled(t, mixture())
	c := openAll(t, dir, false)
	must(t, c.SetMeta(func(m *Meta) { m.LoadCount = 7; m.SetAttribute(Attribute{ID: 0x0803, Format: 2, Value: []byte("x")}) }))
	before := c.Meta()
	for _, capacities := range [][]int64{{mega, mega}, {10, 20, 30, 40}, {50, 50, 50}, nil, {1}, {mega, mega}} {
		must(t, c.Format(capacities))
		want := max(len(capacities), 1)
		if c.Partitions() != want {
			t.Fatalf("%d partitions, want %d", c.Partitions(), want)
		}
		for n := range want {
			if p := c.Partition(n); p.Objects() != 0 || p.UsedBytes() != 0 || p.Filemarks() != 0 {
				t.Fatalf("partition %d is not blank", n)
			}
		}
		files := "meta.json"
		for n := range want {
			files += " " + dataFile(n)
		}
		if got := names(t, dir); got != files {
			t.Errorf("after the format: %s, want %s", got, files)
		}
		must(t, c.Partition(want-1).WriteBlock(0, []byte{1}))
		must(t, c.Sync())
	}
	m := c.Meta()
	if m.LoadCount != 7 || len(m.Attributes) != 1 || m.LifetimeWrittenBytes != before.LifetimeWrittenBytes+6 || m.Usage.Formats != 6 {
		t.Errorf("memory after the formats: %+v", m)
	}
	must(t, c.Close())
	if m, err := ReadMeta(dir); err != nil || !slices.Equal(m.Partitions, []int64{mega, mega}) {
		t.Errorf("partitions = %v, %v", m.Partitions, err)
	}
}

func TestFormatRefuses(t *testing.T) {
	dir := filled(t, mixture())
	c := openAll(t, dir, false)
	for _, bad := range [][]int64{{1, 0}, {-1, 2}, {12e12, 1}, {1 << 62, 1 << 62, 1 << 62}, {1, 1, 1, 1, 1}} {
		if err := c.Format(bad); errcode.Of(err) != errcode.Internal {
			t.Errorf("Format(%d) = %v", bad, err)
		}
	}
	for _, change := range []func(*Meta){
		func(m *Meta) { m.Partitions = []int64{1, 2} }, func(m *Meta) { m.CapacityBytes-- },
	} {
		if err := c.SetMeta(change); errcode.Of(err) != errcode.Internal {
			t.Errorf("SetMeta changed the layout: %v", err)
		}
	}
	if got := int(c.Partition(0).Objects()); got != len(mixture()) || strings.Contains(names(t, dir), formatName) {
		t.Errorf("%d objects, files %s", got, names(t, dir))
	}
	must(t, c.Close())
	r := openAll(t, dir, true)
	defer r.Close()
	if err := r.Format(nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Format of a cartridge opened for reading = %v", err)
	}
}

type killed struct{}

// killAt runs do and ends it at the n-th step of a format; it says whether do got that far.
func killAt(n int, do func()) (died bool) {
	defer func() { step = func(string) {} }()
	step = func(string) {
		if n--; n == 0 {
			panic(killed{})
		}
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(killed); !ours {
				panic(r)
			}
			died = true
		}
	}()
	do()
	return false
}

// A format that is killed anywhere leaves the blank cartridge, and so does one whose repair is killed
// anywhere.
func TestFormatSurvivesKill(t *testing.T) {
	for first := 1; ; first++ {
		died := false
		for second := 1; ; second++ {
			dir := divided(t, 8*mega, 8*mega, 8*mega)
			c := openAll(t, dir, false)
			for n := range 3 {
				must(t, c.Partition(n).WriteBlock(0, []byte("old")))
			}
			must(t, c.Sync())
			died = killAt(first, func() { must(t, c.Format([]int64{mega, 3 * mega})) })
			again := killAt(second, func() {
				if c, err := Open(dir, false); err == nil {
					must(t, c.Close())
				}
			})
			wantBlank(t, dir, fmt.Sprintf("kill %d, then %d", first, second))
			if !again {
				break
			}
		}
		if !died {
			if first < 10 {
				t.Fatalf("only %d steps", first)
			}
			return
		}
	}
}

// wantBlank opens the cartridge for reading, changes its memory from outside and opens it for writing.
func wantBlank(t *testing.T, dir, what string) {
	t.Helper()
	for _, readonly := range []bool{true, false} {
		files := names(t, dir)
		c := openAll(t, dir, readonly)
		if c.Partitions() != 2 || c.Partition(1).CapacityBytes() != 3*mega || c.Meta().Usage.Formats != 2 {
			t.Errorf("%s: %d partitions, %+v", what, c.Partitions(), c.Meta())
		}
		for n := range c.Partitions() {
			if p := c.Partition(n); p.Objects() != 0 || p.UsedBytes() != 0 || p.Damaged() != nil {
				t.Errorf("%s: partition %d has %d objects", what, n, p.Objects())
			}
			if err := c.Partition(n).WriteBlock(0, []byte("new")); (err != nil) != readonly {
				t.Errorf("%s: write, readonly %v: %v", what, readonly, err)
			}
		}
		must(t, c.Close())
		if readonly {
			if got := names(t, dir); got != files {
				t.Errorf("%s: reading changed the files %s to %s", what, files, got)
			}
			must(t, UpdateMeta(dir, func(m *Meta) { m.WriteProtect = true }))
		} else if !c.Meta().WriteProtect {
			t.Errorf("%s: what UpdateMeta wrote is lost", what)
		}
	}
	if got := names(t, dir); got != "crc crc-1 index index-1 meta.json partition-0.tap partition-1.tap" {
		t.Errorf("%s: files %s", what, got)
	}
}

// When format.json cannot be written all is as before; when it can and the rest fails, the tapes are
// blank and refuse writes until the cartridge is opened again.
func TestFormatFails(t *testing.T) {
	dir := filled(t, mixture())
	c := openAll(t, dir, false)
	must(t, os.Mkdir(filepath.Join(dir, formatName), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, formatName, "x"), nil, 0o600))
	if err := c.Format([]int64{1, 1}); err == nil {
		t.Fatal("no error with a directory in the place of format.json")
	}
	if got := int(c.Partition(0).Objects()); c.Partitions() != 1 || got != len(mixture()) {
		t.Errorf("%d partitions, %d objects after a format that did not begin", c.Partitions(), got)
	}
	must(t, os.RemoveAll(filepath.Join(dir, formatName)))
	must(t, os.Mkdir(filepath.Join(dir, dataFile(1)), 0o700))
	if err := c.Format([]int64{mega, mega}); err == nil {
		t.Fatal("no error with a directory in the place of partition-1.tap")
	}
	p := c.Partition(1)
	if c.Partitions() != 2 || p.Objects() != 0 || p.CapacityBytes() != mega {
		t.Errorf("%d partitions, %d objects after a format that failed", c.Partitions(), p.Objects())
	}
	if err := p.WriteBlock(0, []byte{1}); err == nil || p.Truncate(0) == nil {
		t.Error("a tape without a file was written to")
	}
	must(t, c.SetMeta(func(m *Meta) { m.LoadCount = 9 }))
	must(t, c.Close())
	must(t, os.Remove(filepath.Join(dir, dataFile(1))))
	c = openAll(t, dir, false)
	defer c.Close()
	if c.Partitions() != 2 || c.Partition(0).Objects() != 0 || c.Meta().LoadCount != 9 {
		t.Errorf("opened again: %d partitions, %+v", c.Partitions(), c.Meta())
	}
}

// Cartridges that were made before there were partitions.
func TestOldCartridges(t *testing.T) {
	for _, schema := range []string{
		`"schema_version": 1, `,
		`"schema_version": 2, "cleaning": false, "cleanings_left": 0, "partitions": [], "usage": {}, `,
	} {
		dir := filled(t, mixture())
		text := `{` + schema + `"barcode": "V00001L8", "generation": "LTO-8", "density_code": "5E", "medium_serial": "A",
			"manufacturer": "CALYPSO", "manufacture_date": "20250102", "native_capacity_bytes": 12000000000000,
			"capacity_bytes": 12000000000000, "write_protect": false, "worm": false, "load_count": 3,
			"lifetime_written_bytes": 5, "lifetime_read_bytes": 7, "attributes": []}`
		must(t, os.WriteFile(filepath.Join(dir, metaName), []byte(text), 0o600))
		tape := open(t, dir, false)
		if tape.Partitions() != 1 || readAll(t, tape, mixture()) == 0 || tape.CapacityBytes() != 12e12 {
			t.Errorf("%s: %d partitions of %d", schema, tape.Partitions(), tape.CapacityBytes())
		}
		closeTape(t, tape)
		if got := names(t, dir); got != "crc index meta.json partition-0.tap" {
			t.Errorf("%s: files %s", schema, got)
		}
	}
}

func TestPartitionMissing(t *testing.T) {
	dir := divided(t, mega, mega)
	must(t, os.Remove(filepath.Join(dir, dataFile(1))))
	for _, readonly := range []bool{true, false} {
		if _, err := Open(dir, readonly); errcode.Of(err) != errcode.ImageDamaged || !strings.Contains(err.Error(), dataFile(1)) {
			t.Errorf("no partition-1.tap: %v", err)
		}
	}
}

// cartridgeModel is a cartridge as slices of records.
type cartridgeModel struct {
	t     *rapid.T
	dir   string
	c     *Cartridge
	parts [][]string
}

func TestCartridgeModel(t *testing.T) {
	root := tempDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := &cartridgeModel{t: rt, dir: filepath.Join(root, fmt.Sprint(directory(rt))), parts: [][]string{nil}}
		m.must(Create(m.dir, Spec{Barcode: "V00001L8", Generation: "LTO-8"}))
		m.open()
		rt.Cleanup(func() { _ = m.c.Close(); os.RemoveAll(m.dir) })
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "write": m.write, "write too": m.write, "truncate": m.truncate, "format": m.format,
			"reopen": m.reopen, "sync": func(*rapid.T) { m.must(m.c.Sync()) },
		})
	})
}

func directory(t *rapid.T) uint32 { return rapid.Uint32().Draw(t, "directory") }

func (m *cartridgeModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *cartridgeModel) open() {
	var err error
	m.c, err = Open(m.dir, false)
	m.must(err)
}

func (m *cartridgeModel) place(t *rapid.T) (n, at int) {
	n = rapid.IntRange(0, len(m.parts)-1).Draw(t, "partition")
	return n, rapid.IntRange(len(m.parts[n])/2, len(m.parts[n])).Draw(t, "at")
}

func (m *cartridgeModel) write(t *rapid.T) {
	n, at := m.place(t)
	block := rapid.StringN(0, 9, 9).Draw(t, "block, or a filemark")
	if block == "" {
		m.must(m.c.Partition(n).WriteFilemarks(int64(at), 1))
	} else {
		m.must(m.c.Partition(n).WriteBlock(int64(at), []byte(block)))
	}
	m.parts[n] = append(m.parts[n][:at:at], block)
}

func (m *cartridgeModel) truncate(t *rapid.T) {
	n, at := m.place(t)
	m.must(m.c.Partition(n).Truncate(int64(at)))
	m.parts[n] = m.parts[n][:at:at]
}

func (m *cartridgeModel) format(t *rapid.T) {
	n := rapid.IntRange(1, MaxPartitions).Draw(t, "partitions")
	m.must(m.c.Format([]int64{mega, mega, mega, mega}[:n]))
	m.parts = make([][]string, n)
}

func (m *cartridgeModel) reopen(t *rapid.T) {
	if rapid.Bool().Draw(t, "killed") {
		m.must(dropAll(m.c.tapes))
	} else {
		m.must(m.c.Close())
	}
	m.open()
}

func (m *cartridgeModel) check(t *rapid.T) {
	if m.c.Partitions() != len(m.parts) {
		t.Fatalf("%d partitions, want %d", m.c.Partitions(), len(m.parts))
	}
	buf := make([]byte, 16)
	for n, want := range m.parts {
		p := m.c.Partition(n)
		if int(p.Objects()) != len(want) || p.Damaged() != nil {
			t.Fatalf("partition %d: %d objects, %v, want %d", n, p.Objects(), p.Damaged(), len(want))
		}
		for i, block := range want {
			got, err := p.ReadBlock(int64(i), buf)
			if block == "" != errors.Is(err, ErrFilemark) || string(buf[:got]) != block {
				t.Fatalf("partition %d, object %d: %q, %v, want %q", n, i, buf[:got], err, block)
			}
		}
	}
}

// FuzzFiles opens a cartridge whose memory, second partition and a format that was begun hold anything:
// an error, or tapes that can be walked.
func FuzzFiles(f *testing.F) {
	dir := divided(f, mega, mega)
	meta, err := os.ReadFile(filepath.Join(dir, metaName))
	must(f, err)
	f.Add(meta, []byte{}, []byte{})
	f.Add(meta, []byte{1, 0, 0, 0, 7, 0, 1, 0, 0, 0}, meta)
	f.Add(meta, []byte{1, 0, 0, 0}, []byte("{}"))
	f.Add(bytes.Replace(meta, []byte("1048576"), []byte("-1"), 1), []byte{}, []byte{})
	f.Add(bytes.Replace(meta, []byte("1048576"), []byte("9223372036854775807"), 2), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, meta, second, format []byte) {
		dir := tempDir(t)
		must(t, os.WriteFile(filepath.Join(dir, metaName), meta, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, dataFile(0)), nil, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, dataFile(1)), second, 0o600))
		if len(format) > 0 {
			must(t, os.WriteFile(filepath.Join(dir, formatName), format, 0o600))
		}
		for _, readonly := range []bool{true, false} {
			c, err := Open(dir, readonly)
			if err != nil {
				if code := errcode.Of(err); code != errcode.ImageDamaged && code != errcode.ImageNewer {
					t.Fatal(err)
				}
				continue
			}
			for n := range c.Partitions() {
				lookAround(t, only{c, c.Partition(n)})
			}
			if !readonly {
				must(t, c.Format([]int64{1, 1}[:min(2, int(c.Meta().CapacityBytes))]))
			}
			must(t, c.Close())
		}
	})
}
