package vtl

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"calypso/tape/scsi"
	"calypso/vtl/image"
	"calypso/vtl/ssc"
)

// readTap reads the blocks of a partition-0.tap as docs/image-format.md has it, with nothing of the packages that
// wrote it: it judges them. A filemark is nil.
func readTap(data, key []byte) (blocks [][]byte, err error) {
	le := binary.LittleEndian
	for len(data) >= 4 {
		word := le.Uint32(data)
		n := int(word & 0xFFFFFF)
		if data = data[4:]; word == 0 {
			blocks = append(blocks, nil)
			continue
		}
		block := data[:n]
		if le.Uint32(data[n+n%2:]) != word {
			return blocks, errors.New("the words around a block differ")
		}
		data = data[n+n%2+4:]
		if word>>24 == 0x10 {
			if block, err = openEnvelope(block, key, uint64(len(blocks))); err != nil {
				return blocks, err
			}
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

func openEnvelope(e, key []byte, address uint64) ([]byte, error) {
	le := binary.LittleEndian
	flags, payload := e[5], e[24:]
	if string(e[:4]) != "CENV" || e[4] != 1 || le.Uint64(e[16:]) != address {
		return nil, errors.New("not the envelope of this block")
	}
	if flags&2 != 0 {
		bound := 52 + int(e[12])
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		if payload, err = gcm.Open(nil, e[24:36], e[bound+int(e[13]):], e[:bound]); err != nil {
			return nil, err
		}
	}
	if flags&1 != 0 {
		decoder, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer decoder.Close()
		if payload, err = decoder.DecodeAll(payload, nil); err != nil {
			return nil, err
		}
	}
	if len(payload) != int(le.Uint32(e[8:])) {
		return nil, errors.New("a block of another length")
	}
	return payload, nil
}

var testKey = bytes.Repeat([]byte{0x5A, 0x17}, 16)

// setKey sends Set Data Encryption: encrypt and decrypt with key, or off without one; control is its byte 5.
func setKey(t testing.TB, d scsi.Transport, key []byte, control byte) {
	t.Helper()
	mode := byte(0)
	if key != nil {
		mode = 2
	}
	list := append([]byte{0, 0x10, 0, byte(16 + len(key)), 0x20, control, mode, mode, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(key))}, key...)
	if key != nil {
		list = append(list, 0, 0, 0, 4, 'n', 'a', 'm', 'e', 1, 0, 0, 2, 'i', 'd')
		list[3] += 14
	}
	if _, err := exec(d, []byte{0xB5, 0x20, 0, 0x10, 0, 0, 0, 0, 0, byte(len(list)), 0, 0}, list, nil); err != nil {
		t.Fatal(err)
	}
}

// encryptionStatus is encryption mode, decryption mode and key instance counter of the status page.
func encryptionStatus(t testing.TB, d scsi.Transport) string {
	t.Helper()
	in := make([]byte, 512)
	if _, err := exec(d, []byte{0xA2, 0x20, 0, 0x20, 0, 0, 0, 0, 2, 0, 0, 0}, nil, in); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %d %d", in[5], in[6], binary.BigEndian.Uint32(in[8:]))
}

func loadedDrive(t testing.TB, compression bool) (*Store, Device) {
	t.Helper()
	s := newStore(t)
	c := spec("vtl01", 2)
	c.Compression = compression
	create(t, s, c)
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	d := openDrive(t, s, 0)
	settle(t, d)
	return s, d
}

func reopen(t testing.TB, s *Store, d Device) Device {
	t.Helper()
	closeDevice(t, d)
	d = openDrive(t, s, 0)
	if seen := settle(t, d); len(seen) != 0 {
		t.Errorf("unit attentions %04X", seen)
	}
	return d
}

func rewind(t testing.TB, d scsi.Transport) {
	t.Helper()
	if _, err := exec(d, []byte{scsi.OpRewind, 0, 0, 0, 0, 0}, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// What a drive writes under keys and with compression, other software reads by the documentation.
func TestIndependentReader(t *testing.T) {
	for _, compression := range []bool{false, true} {
		s, d := loadedDrive(t, compression)
		line := bytes.Repeat([]byte("all work and no play "), 500)
		hard := make([]byte, 9001)
		for i := range hard {
			hard[i] = byte(i * i >> 3 * 7)
		}
		var want [][]byte
		for i := range 12 {
			switch i {
			case 3, 9:
				setKey(t, d, testKey, 0x40)
			case 6:
				setKey(t, d, nil, 0x40)
			}
			block := [][]byte{line, hard, line[:1+i]}[i%3]
			write(t, d, block)
			want = append(want, block)
			d = reopen(t, s, d) // every command is a process of its own
		}
		closeDevice(t, d)
		l, err := s.Get("vtl01")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(l.tapeDir("V00001L8"), "partition-0.tap"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readTap(data, testKey)
		if err != nil || len(got) != len(want) {
			t.Fatalf("compression %v: %d blocks of %d, %v", compression, len(got), len(want), err)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("compression %v: block %d differs", compression, i)
			}
		}
		if n := bytes.Count(data, line[:42]); compression && n != 0 || !compression && n < 2 {
			t.Errorf("compression %v: the text is in the image %d times in clear", compression, n)
		}
		if _, err := readTap(data, bytes.Repeat([]byte{1}, 32)); err == nil {
			t.Error("another key reads the image as well")
		}
	}
}

// A changed byte of an encrypted block is a medium error, by the checksum; without checksums the cipher sees it.
func TestTamperedImage(t *testing.T) {
	s, d := loadedDrive(t, false)
	setKey(t, d, testKey, 0x40)
	write(t, d, []byte("secret data"))
	closeDevice(t, d)
	l, err := s.Get("vtl01")
	if err != nil {
		t.Fatal(err)
	}
	dir := l.tapeDir("V00001L8")
	path := filepath.Join(dir, "partition-0.tap")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, withSums := range []bool{true, false} {
		for _, at := range []int{4 + 8, 4 + 53, 4 + 60, len(data) - 7} {
			bad := bytes.Clone(data)
			bad[at] ^= 0x10
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if !withSums {
				if err := os.Remove(filepath.Join(dir, "crc")); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			d := openDrive(t, s, 0)
			rewind(t, d)
			got, err := read(d, 11)
			sense, ok := scsi.SenseOf(err)
			if !ok || sense.Key != scsi.MediumError && sense.Key != scsi.DataProtect {
				t.Errorf("byte %d, checksums %v: read %q, %v", at, withSums, got, err)
			}
			if withSums && sense.Key != scsi.MediumError {
				t.Errorf("byte %d: %v, want a medium error", at, err)
			}
			closeDevice(t, d)
		}
	}
}

// The key is in a file of its own, for its owner only, while no process has the drive; never in the state.
func TestKeyFile(t *testing.T) {
	s, d := loadedDrive(t, false)
	path := s.keyFile("vtl01", 0)
	wantFile := func(when string, want bool) {
		t.Helper()
		info, err := os.Lstat(path)
		if (err == nil) != want || want && info.Mode() != 0o600 {
			t.Errorf("%s: the key file is there: %v, %v", when, err == nil, info)
		}
	}
	wantFile("without a key", false)
	setKey(t, d, testKey, 0x40)
	wantFile("while the drive is open", false)
	d = reopen(t, s, d)
	wantFile("opened again", false)
	if got := encryptionStatus(t, d); got != "2 2 1" {
		t.Errorf("status %s", got)
	}
	write(t, d, []byte("one"))
	closeDevice(t, d)
	wantFile("closed", true)
	state, err := os.ReadFile(s.driveFile("vtl01", 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{string(testKey), fmt.Sprintf("%x", testKey), "WhdaF1oX"} {
		if bytes.Contains(state, []byte(leak)) {
			t.Errorf("the state has the key: %s", state)
		}
	}

	// An observer needs no key and does not look for it.
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	o, err := s.ObserveDrive(background, "vtl01", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := encryptionStatus(t, o); got != "2 2 1" {
		t.Errorf("an observer sees status %s", got)
	}
	rewind(t, o)
	_, err = read(o, 3)
	wantSense(t, "an observer reads an encrypted block", err, scsi.DataProtect, 0x7401)
	closeDevice(t, o)
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0 {
		t.Errorf("the observer touched the key file: %v, %v", info, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}

	d = openDrive(t, s, 0)
	rewind(t, d)
	if got, err := read(d, 3); err != nil || string(got) != "one" {
		t.Errorf("read %q, %v", got, err)
	}
	setKey(t, d, nil, 0x40)
	closeDevice(t, d)
	wantFile("cleared", false)
}

// A process that was killed is a power cycle: its key is gone from memory and from disk.
func TestKilledProcessLosesTheKey(t *testing.T) {
	s, d := loadedDrive(t, false)
	setKey(t, d, testKey, 0x40)
	d = reopen(t, s, d)
	write(t, d, []byte("one"))
	if _, err := os.Lstat(s.keyFile("vtl01", 0)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a killed process leaves a key: %v", err)
	}
	again := openDrive(t, NewStore(s.places), 0) // another process
	settle(t, again)
	if got := encryptionStatus(t, again); got != "0 0 0" {
		t.Errorf("status %s after a kill", got)
	}
	_, err := read(again, 3)
	wantSense(t, "read without the key", err, scsi.DataProtect, 0x7401)
	closeDevice(t, again)
}

// The robot takes a cartridge whose key goes with it (CKOD).
func TestMoveClearsKey(t *testing.T) {
	for control, want := range map[byte]string{0x44: "0 0 2", 0x40: "2 2 1"} {
		s, d := loadedDrive(t, false)
		setKey(t, d, testKey, control)
		closeDevice(t, d)
		mustMove(t, s, Place{InDrive, 0}, Place{Slot, 1})
		_, err := os.Lstat(s.keyFile("vtl01", 0))
		if gone := errors.Is(err, fs.ErrNotExist); gone != (control == 0x44) {
			t.Errorf("control %02x: the key file is gone: %v", control, gone)
		}
		d = openDrive(t, s, 0)
		settle(t, d)
		if got := encryptionStatus(t, d); got != want {
			t.Errorf("control %02x: status %s, want %s", control, got, want)
		}
		closeDevice(t, d)
	}
}

// A key file that others could have made or read, or that is none, is as no key: the drive says that it lost it.
func TestBadKeyFile(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"readable by others": func(path string) error { return os.Chmod(path, 0o640) },
		"another key": func(path string) error {
			return os.WriteFile(path, append([]byte(keyMagic), make([]byte, 32)...), 0o600)
		},
		"short":     func(path string) error { return os.Truncate(path, 20) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"not a key": func(path string) error { return os.WriteFile(path, make([]byte, 100), 0o600) },
		"link": func(path string) error {
			return errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path))
		},
		"removed": os.Remove,
	} {
		s, d := loadedDrive(t, false)
		setKey(t, d, testKey, 0x40)
		closeDevice(t, d)
		if err := spoil(s.keyFile("vtl01", 0)); err != nil {
			t.Fatal(err)
		}
		d = openDrive(t, s, 0)
		if seen := settle(t, d); len(seen) != 1 || seen[0] != 0x2A12 {
			t.Errorf("%s: unit attentions %04X, want 2A12", name, seen)
		}
		if got := encryptionStatus(t, d); got != "0 0 2" {
			t.Errorf("%s: status %s", name, got)
		}
		if _, err := os.Lstat(s.keyFile("vtl01", 0)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file is still there", name)
		}
		closeDevice(t, d)
	}
}

func TestCompressionIsOfTheLibrary(t *testing.T) {
	for _, on := range []bool{false, true} {
		s, d := loadedDrive(t, on)
		in := make([]byte, 64)
		if _, err := exec(d, []byte{scsi.OpModeSense6, 8, 0x0F, 0, 64, 0}, nil, in); err != nil || in[6]&0x80 != 0 != on {
			t.Errorf("DCE of a library with compression %v: %02x, %v", on, in[6], err)
		}
		closeDevice(t, d)
		text, err := os.ReadFile(s.yamlFile("vtl01"))
		if err != nil || strings.Contains(string(text), "compression: true") != on {
			t.Errorf("compression %v is not in the file as such: %v\n%s", on, err, text)
		}
	}
}

// BenchmarkWrite: blocks of 256 KiB of text through a drive to an image.
func BenchmarkWrite(b *testing.B) {
	var block []byte
	sources, _ := filepath.Glob("*/*.go")
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		block = append(block, text...)
	}
	block = block[:256<<10]
	for _, tt := range []struct {
		name              string
		compress, encrypt bool
	}{{"plain", false, false}, {"encrypted", false, true}, {"compressed", true, false}, {"both", true, true}} {
		b.Run(tt.name, func(b *testing.B) { benchmarkWrite(b, block, tt.compress, tt.encrypt) })
	}
}

func benchmarkWrite(b *testing.B, block []byte, compress, encrypt bool) {
	s, err := os.MkdirTemp("/dev/shm", "vtl")
	if err != nil {
		s = b.TempDir()
	}
	defer os.RemoveAll(s)
	dir := filepath.Join(s, "V00001L8")
	if err := image.Create(dir, image.Spec{Barcode: "V00001L8", Generation: "LTO-8"}); err != nil {
		b.Fatal(err)
	}
	tape, err := image.Open(dir, false)
	if err != nil {
		b.Fatal(err)
	}
	defer tape.Close()
	d, err := ssc.New(ssc.Config{Generation: "LTO-8", Serial: "BENCH", Compression: compress}, medium{tape})
	if err != nil {
		b.Fatal(err)
	}
	settle(b, d)
	if encrypt {
		setKey(b, d, testKey, 0x40)
	}
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			rewind(b, d) // no more than 256 MiB
		}
		write(b, d, block)
	}
}
