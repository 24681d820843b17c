package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tapes that were made without calypso, put in the place of the image of a cartridge.

// foreign writes an image by the SIMH standard alone.
type foreign struct{ bytes.Buffer }

func (w *foreign) word(n uint32) { _ = binary.Write(w, binary.LittleEndian, n) }

// record is one record of a class: 0 for good data, 8 for data that was read in error.
func (w *foreign) record(class uint32, p []byte) {
	w.word(class<<28 | uint32(len(p)))
	w.Write(p)
	w.Write(make([]byte, len(p)%2))
	w.word(class<<28 | uint32(len(p)))
}

// file is data in blocks of a size, as dd bs=SIZE would write it, and a filemark.
func (w *foreign) file(p []byte, size int) {
	for len(p) > 0 {
		n := min(size, len(p))
		w.record(0, p[:n])
		p = p[n:]
	}
	w.filemark()
}

func (w *foreign) filemark()    { w.word(0) }
func (w *foreign) gap()         { w.word(0xFFFFFFFE) }
func (w *foreign) endOfMedium() { w.word(0xFFFFFFFF) }

// foreignTape is a tape, what it is recognised as, and where its data ends.
type foreignTape struct {
	name, message string
	image         []byte
	blocks, files int // logical objects and filemarks in front of the end of data
}

func foreignTapes(t *testing.T, a *appliance) []foreignTape {
	t.Helper()
	a.sh("mkdir -p src && seq 9999 >src/numbers && ln -f src/numbers src/hard && ln -sf numbers src/soft")
	gnu := []byte(a.tool("tar", "-cf", "-", "src"))
	pax := []byte(a.tool("bsdtar", "-cf", "-", "--format=pax", "src"))
	cpio := []byte(a.tool("bsdtar", "-cf", "-", "--format=newc", "src"))
	tape := func(write func(w *foreign)) []byte {
		var w foreign
		write(&w)
		return w.Bytes()
	}
	blocks := func(p []byte, size int) int { return (len(p) + size - 1) / size }
	return []foreignTape{
		{"GNU tar, two filemarks at the end", "a tar archive", tape(func(w *foreign) {
			w.file(gnu, 10240)
			w.filemark()
		}), blocks(gnu, 10240) + 2, 2},
		{"bsdtar, odd blocks, gaps and the end of the medium", "a tar archive", tape(func(w *foreign) {
			w.gap()
			w.file(pax, 10241)
			w.gap()
			w.gap()
			w.file(pax, 333)
			w.endOfMedium()
		}), blocks(pax, 10241) + blocks(pax, 333) + 2, 2},
		{"bsdtar, one block, nothing behind it", "a tar archive", tape(func(w *foreign) { w.record(0, pax) }), 1, 0},
		{"cpio", "a cpio archive", tape(func(w *foreign) { w.file(cpio, 5120) }), blocks(cpio, 5120) + 1, 1},
		{"tar behind a filemark", "a tar archive", tape(func(w *foreign) {
			w.filemark()
			w.file(gnu, 10240)
		}), blocks(gnu, 10240) + 2, 2},
		{"data that was read in error", "", tape(func(w *foreign) {
			w.record(8, gnu[:512])
			w.file(gnu, 10240)
		}), blocks(gnu, 10240) + 2, 1},
		{"data nobody knows", "", tape(func(w *foreign) { w.file(bytes.Repeat([]byte("?"), 65536), 512) }), 129, 1},
	}
}

// used makes cartridges V00001L8 … that calypso has labelled and written, so that the sidecars of each
// describe something.
func used(t *testing.T, tapes int) *appliance {
	t.Helper()
	a := newAppliance(t)
	a.calypso(0, "vtl", "create", "vtl01", "--slots", fmt.Sprint(tapes))
	for i := 1; i <= tapes; i++ {
		a.load(i)
		a.calypso(0, "lto", "label", barcode(i))
		a.feed(0, bytes.Repeat([]byte("calypso's own\n"), 1000), "lto", "write", "--name", "own", "-")
		a.unload()
	}
	return a
}

func barcode(i int) string { return fmt.Sprintf("V%05dL8", i) }

func (a *appliance) load(slot int) {
	a.t.Helper()
	a.calypso(0, "vtl", "load", "vtl01", "--slot", fmt.Sprint(slot), "--drive", "0")
}

func (a *appliance) unload() {
	a.t.Helper()
	a.calypso(0, "vtl", "unload", "vtl01", "--drive", "0")
}

// replace puts another, longer image into a cartridge. The index stays and is out of date; the checksums
// go, for they are no cache: a block that has not its checksum is a damaged one.
func (a *appliance) replace(code string, image []byte) {
	a.t.Helper()
	check(a.t, os.WriteFile(a.image(code), image, 0o640))
	check(a.t, os.Remove(filepath.Join(a.cartridge(code), "crc")))
}

func TestJudgesForeignTapes(t *testing.T) {
	need(t, "tar", "bsdtar")
	tapes := foreignTapes(t, newAppliance(t))
	a := used(t, len(tapes))
	for i, tape := range tapes {
		t.Run(tape.name, func(t *testing.T) {
			a.t = t
			a.replace(barcode(i+1), tape.image)
			a.load(i + 1)
			a.judgeRefused(tape.message)
			a.judgeEnd(tape.blocks, tape.files)
			a.unload()
			if got := a.read(a.image(barcode(i + 1))); !bytes.Equal(got, tape.image) {
				t.Errorf("the image of %d bytes has changed; it has %d bytes now", len(tape.image), len(got))
			}
		})
	}
}

// refusal is an error on standard error in JSON.
type refusal struct {
	Code, Message string
	ExitCode      int `json:"exit_code"`
}

func (r answer) refusal(t *testing.T) refusal {
	t.Helper()
	var e refusal
	if err := json.Unmarshal([]byte(r.err), &e); err != nil {
		t.Fatalf("standard error is no JSON: %v\n%s", err, r.err)
	}
	return e
}

// judgeRefused: nothing is written to the tape in the drive, whatever is asked for.
func (a *appliance) judgeRefused(message string) {
	a.t.Helper()
	want := "media_foreign_label"
	if message == "" {
		want = "media_unknown_data"
	}
	for _, args := range [][]string{
		{"lto", "label", "V99999L8"}, {"lto", "erase"}, {"lto", "erase", "--yes"}, {"lto", "write", "--name", "x", "src"}, {"lto", "scan"},
	} {
		got := a.run(nil, built.path, append(args, "--json")...).refusal(a.t)
		if args[1] == "label" && got.Code == "media_label_mismatch" {
			continue // the barcode is looked at first
		}
		if got.ExitCode != 13 || got.Code != want || !strings.Contains(got.Message, message) {
			a.t.Errorf("calypso %q: %+v; want 13, %s and %q", args, got, want, message)
		}
	}
}

// judgeEnd: the drive finds the end of data where the writer of the tape left it.
func (a *appliance) judgeEnd(blocks, files int) {
	a.t.Helper()
	a.calypso(0, "lto", "seek", "--end")
	var status struct{ Position struct{ Block, File int } }
	check(a.t, json.Unmarshal([]byte(a.calypso(0, "lto", "status", "--json").out), &status))
	if p := status.Position; p.Block != blocks || p.File != files {
		a.t.Errorf("the data ends at block %d, file %d; want %d, %d", p.Block, p.File, blocks, files)
	}
}

// TestJudgesStaleChecksums: a foreign image beside the checksums of another one may be refused as damaged
// or recognised, but it is not written to and no byte of it is given as good.
func TestJudgesStaleChecksums(t *testing.T) {
	need(t, "tar", "bsdtar")
	tapes := foreignTapes(t, newAppliance(t))
	a := used(t, len(tapes))
	for i, tape := range tapes {
		t.Run(tape.name, func(t *testing.T) {
			a.t = t
			check(t, os.WriteFile(a.image(barcode(i+1)), tape.image, 0o640))
			a.load(i + 1)
			for _, args := range [][]string{{"lto", "erase"}, {"lto", "write", "--name", "x", "src"}, {"lto", "scan"}} {
				if got := a.run(nil, built.path, args...); got.status == 0 {
					t.Errorf("calypso %q: status 0\n%s", args, got.out)
				}
			}
			if got := a.run(nil, built.path, "lto", "read", "--file", "1", "--stdout"); got.status == 0 {
				t.Errorf("calypso gave %d bytes of a tape that it does not know", len(got.out))
			}
			a.unload()
			if got := a.read(a.image(barcode(i + 1))); !bytes.Equal(got, tape.image) {
				t.Errorf("the image has changed from %d to %d bytes", len(tape.image), len(got))
			}
		})
	}
}

// TestJudgesConfirmedOverwrite: once named, a foreign tape becomes a blank one with a label, and nothing
// of what was on it is left behind the end of the data.
func TestJudgesConfirmedOverwrite(t *testing.T) {
	need(t, "tar", "bsdtar")
	tape := foreignTapes(t, newAppliance(t))[0]
	a := used(t, 1)
	a.replace("V00001L8", tape.image)
	a.load(1)
	a.calypso(13, "lto", "label", "V00001L8", "--confirm", "V00002L8")
	a.calypso(0, "lto", "label", "V00001L8", "--confirm", "V00001L8")
	a.unload()
	files := a.split("V00001L8")
	if len(files) != 1 || a.tool("tar", "-tf", "file0") != ".calypso_label\n" {
		t.Errorf("%d tape files behind a label that was written anew", len(files))
	}
}

// handmade writes a tape as docs/tape-format.md says, with tar, dd and sha256sum: a label, a tree without
// a member list, and its manifest.
func handmade(a *appliance) []byte {
	a.t.Helper()
	a.sh(`
cat >.calypso_label <<'END'
format: calypso-tape
version: 1
volume: V00001L8
uuid: 6f2d7a60-1c1e-4a53-9d0f-2b7a4d1c9e11
created: 2026-01-02T03:04:05Z
host: elsewhere
block_size_bytes: 65536
software: a pencil
END
tar --format=ustar -b20 -cf label .calypso_label
mkdir -p src && seq 99999 >src/numbers && ln -f src/numbers src/hard && ln -sf numbers src/soft
tar --format=pax -b1 -cf archive src
size=$(stat -c %s archive)
cat >.calypso_manifest <<END
format: calypso-manifest
version: 1
volume: V00001L8
volume_uuid: 6f2d7a60-1c1e-4a53-9d0f-2b7a4d1c9e11
file: 1
name: by hand
kind: tar
complete: true
reason: ""
size_bytes: $size
blocks: $(((size + 65535) / 65536))
block_size_bytes: 65536
sha256: $(sha256sum <archive | cut -d' ' -f1)
first_block: 2
started: "2026-01-02T03:04:05Z"
finished: "2026-01-02T03:04:06Z"
host: elsewhere
software: a pencil
key_id: ""
members: 4
source_errors: 0
members_bytes: 0
members_sha256: ""
END
echo "self_sha256: \"$(sha256sum <.calypso_manifest | cut -d' ' -f1)\"" >>.calypso_manifest
tar --format=ustar -b1 -cf manifest .calypso_manifest`)
	var w foreign
	w.file(a.read(a.path("label")), 65536)
	w.file(a.read(a.path("archive")), 65536)
	w.file(a.read(a.path("manifest")), 65536)
	return w.Bytes()
}

// TestJudgesHandmadeTape: docs/tape-format.md says enough to write a tape that calypso takes for its own.
func TestJudgesHandmadeTape(t *testing.T) {
	need(t, "tar", "sha256sum", "getfattr", "getfacl")
	a := used(t, 1)
	image := handmade(a)
	a.replace("V00001L8", image)
	a.load(1)
	if got := a.calypso(0, "lto", "verify"); !strings.Contains(got.err, "another cartridge") {
		t.Errorf("nothing is said of the catalog, which knows another tape of this name: %q", got.err)
	}
	a.calypso(0, "lto", "scan")
	a.calypso(0, "lto", "verify")
	check(t, os.Mkdir(a.path("restored"), 0o700))
	a.calypso(0, "lto", "read", "--name", "by hand", "-C", "restored")
	if diff := cmp.Diff(a.describe(a.path("src")), a.describe(a.path("restored/src"))); diff != "" {
		t.Errorf("the trees differ (-source +restored):\n%s", diff)
	}
	a.calypso(0, "lto", "write", "--name", "appended", "src")
	a.unload()
	if files := a.split("V00001L8"); len(files) != 5 || !bytes.HasPrefix(a.read(a.image("V00001L8")), image) {
		t.Errorf("%d tape files after an archive was added; want 5, the first 3 as they were", len(files))
	}
}

// TestJudgesFlippedByte: without checksums beside the image, the manifest on the tape tells.
func TestJudgesFlippedByte(t *testing.T) {
	need(t, "tar", "sha256sum")
	a := used(t, 1)
	image := handmade(a)
	image[10252+4+100_000] ^= 1
	a.replace("V00001L8", image)
	a.load(1)
	a.calypso(0, "lto", "scan")
	a.calypso(17, "lto", "verify")
	a.calypso(17, "lto", "read", "--file", "1", "--stdout")
}
