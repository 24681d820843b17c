package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tapeFile is what lies between two filemarks.
type tapeFile struct {
	first  int // logical address of the first block
	blocks [][]byte
	marked bool // a filemark ends it
}

func (f tapeFile) bytes() []byte { return bytes.Join(f.blocks, nil) }

// readSIMH reads an image by the description in docs/image-format.md, which is that of the SIMH
// standard: it is no code of calypso's, and refuses what is not in there.
func readSIMH(image []byte) (files []tapeFile, err error) {
	current, object := tapeFile{}, 0
	for at := 0; at < len(image); object++ {
		if len(image)-at < 4 {
			return nil, fmt.Errorf("%d bytes left over", len(image)-at)
		}
		n := int(binary.LittleEndian.Uint32(image[at:]))
		at += 4
		if n == 0 {
			current.marked = true
			files, current = append(files, current), tapeFile{first: object + 1}
			continue
		}
		pad := n % 2
		if n > 1<<24-1 || len(image)-at < n+pad+4 {
			return nil, fmt.Errorf("byte %d: a length of %d", at-4, n)
		}
		if behind := int(binary.LittleEndian.Uint32(image[at+n+pad:])); behind != n {
			return nil, fmt.Errorf("byte %d: length %d in front, %d behind", at-4, n, behind)
		}
		current.blocks = append(current.blocks, image[at:at+n])
		at += n + pad + 4
	}
	if len(current.blocks) > 0 {
		files = append(files, current)
	}
	return files, nil
}

// split writes each tape file of an image to a file as dd would read it: file0, file1, …
func (a *appliance) split(barcode string) []tapeFile {
	a.t.Helper()
	files, err := readSIMH(a.read(a.image(barcode)))
	check(a.t, err)
	for i, f := range files {
		a.write(fmt.Sprint("file", i), f.bytes())
	}
	return files
}

// yaml reads the flat YAML of a label or a manifest, which is all there is to it.
func yaml(text string) map[string]string {
	keys := map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		keys[key] = strings.Trim(value, `"`)
	}
	return keys
}

func number(t *testing.T, keys map[string]string, key string) int {
	t.Helper()
	n, err := strconv.Atoi(keys[key])
	if err != nil {
		t.Fatalf("%s: %q is no number", key, keys[key])
	}
	return n
}

// oneTape makes a library, labels the tape in its drive, and writes the hard tree and a stream of odd
// length to it.
func oneTape(t *testing.T) (a *appliance, stream []byte) {
	t.Helper()
	need(t, "tar", "sha256sum", "find", "getfattr", "setfattr", "getfacl", "setfacl", "mkfifo")
	a = newAppliance(t)
	if missing := a.tool("sh", script(t, "tree.sh"), a.path("tree")); missing != "" {
		t.Logf("this user or file system cannot have: %s", strings.Join(strings.Fields(missing), ", "))
	}
	stream = bytes.Repeat([]byte("a stream of odd length, longer than two blocks\n"), 13_000)[:600_001]
	a.calypso(0, "vtl", "create", "vtl01", "--slots", "1")
	a.calypso(0, "vtl", "load", "vtl01", "--slot", "1", "--drive", "0")
	a.calypso(0, "lto", "label", "V00001L8")
	a.calypso(0, "lto", "write", "--name", "hard", "tree")
	a.feed(0, stream, "lto", "write", "--name", "pipe", "-")
	return a, stream
}

func TestJudgesOfTheImage(t *testing.T) {
	a, stream := oneTape(t)
	files := a.split("V00001L8")
	if len(files) != 5 {
		t.Fatalf("%d tape files; want 5", len(files))
	}
	t.Run("layout", func(t *testing.T) { judgeLayout(t, files) })
	t.Run("label", func(t *testing.T) { judgeLabel(t, a) })
	for file, name := range map[int]string{1: "hard", 3: "pipe"} {
		t.Run("manifest of "+name, func(t *testing.T) { judgeManifest(t, a, files, file, name) })
	}
	t.Run("members", func(t *testing.T) { judgeMembers(t, a) })
	t.Run("restore", func(t *testing.T) { judgeRestore(t, a) })
	if !bytes.Equal(files[3].bytes(), stream) {
		t.Error("tape file 3 is not the stream that was given")
	}
}

// judgeLayout holds the tape to sections 1 to 4 of docs/tape-format.md.
func judgeLayout(t *testing.T, files []tapeFile) {
	for i, f := range files {
		if !f.marked {
			t.Errorf("tape file %d has no filemark behind it", i)
		}
		for k, b := range f.blocks {
			last := k == len(f.blocks)-1
			if i == 0 && (len(b) != 10240 || !last) {
				t.Errorf("the label has a block of %d bytes", len(b))
			}
			if i > 0 && len(b) != 262144 && !(last && len(b) < 262144) {
				t.Errorf("block %d of tape file %d has %d bytes", k, i, len(b))
			}
		}
	}
}

func judgeLabel(t *testing.T, a *appliance) {
	if got := a.tool("tar", "-tf", "file0"); got != ".calypso_label\n" {
		t.Errorf("tar lists the label as %q", got)
	}
	keys := yaml(a.tool("tar", "-xOf", "file0", ".calypso_label"))
	want := map[string]string{"format": "calypso-tape", "version": "1", "volume": "V00001L8", "block_size_bytes": "262144"}
	for key, value := range want {
		if keys[key] != value {
			t.Errorf("the label has %s: %q; want %q", key, keys[key], value)
		}
	}
}

func judgeManifest(t *testing.T, a *appliance, files []tapeFile, file int, name string) {
	manifest := fmt.Sprint("file", file+1)
	want := ".calypso_manifest\n"
	if name == "hard" {
		want += ".calypso_members\n"
	}
	if got := a.tool("tar", "-tf", manifest); got != want {
		t.Errorf("tar lists the manifest as %q; want %q", got, want)
	}
	text := a.tool("tar", "-xOf", manifest, ".calypso_manifest")
	keys := yaml(text)
	sum, _, _ := strings.Cut(a.tool("sha256sum", fmt.Sprint("file", file)), " ")
	above, _, _ := strings.Cut(a.sh("tar -xOf "+manifest+" .calypso_manifest | sed '$d' | sha256sum"), " ")
	label := yaml(a.tool("tar", "-xOf", "file0", ".calypso_label"))
	for key, value := range map[string]string{
		"format": "calypso-manifest", "version": "1", "name": name, "complete": "true", "sha256": sum, "self_sha256": above,
		"volume": "V00001L8", "volume_uuid": label["uuid"], "file": strconv.Itoa(file),
		"size_bytes": strconv.Itoa(len(files[file].bytes())), "blocks": strconv.Itoa(len(files[file].blocks)),
		"block_size_bytes": "262144", "first_block": strconv.Itoa(files[file].first),
	} {
		if keys[key] != value {
			t.Errorf("the manifest has %s: %q; want %q", key, keys[key], value)
		}
	}
}

// memberLine has the keys of a member that the judges look at.
type memberLine struct {
	Path    string
	PathHex *string `json:"path_hex"`
	Offset  int
	Length  int
	SHA256  string
}

// name is the path as it is, whatever bytes it has.
func (m memberLine) name(t *testing.T) string {
	if m.PathHex == nil {
		return m.Path
	}
	b, err := hex.DecodeString(*m.PathHex)
	check(t, err)
	return string(b)
}

func members(t *testing.T, a *appliance) (list []memberLine) {
	t.Helper()
	a.sh("tar -xOf file2 .calypso_members >members")
	keys := yaml(a.tool("tar", "-xOf", "file2", ".calypso_manifest"))
	sum, _, _ := strings.Cut(a.tool("sha256sum", "members"), " ")
	data := a.read(a.path("members"))
	if keys["members_sha256"] != sum || number(t, keys, "members_bytes") != len(data) {
		t.Errorf("the member list has %d bytes, SHA-256 %s; the manifest says %s, %s", len(data), sum, keys["members_bytes"], keys["members_sha256"])
	}
	for line := range bytes.Lines(data) {
		var m memberLine
		check(t, json.Unmarshal(line, &m))
		list = append(list, m)
	}
	if n := number(t, keys, "members"); n != len(list) {
		t.Errorf("the manifest counts %d members, the list has %d", n, len(list))
	}
	return list
}

// judgeMembers cuts every member out of the archive by its offset and length: the piece has the sum
// that the list says and is a tar of that member alone.
func judgeMembers(t *testing.T, a *appliance) {
	archive, list, next := a.read(a.path("file1")), members(t, a), 0
	check(t, os.MkdirAll(a.path("cut"), 0o700))
	for i, m := range list {
		if m.Offset != next {
			t.Fatalf("%q begins at %d; want %d", m.Path, m.Offset, next)
		}
		next = m.Offset + m.Length
		a.write(fmt.Sprintf("cut/%04d", i), archive[m.Offset:next])
	}
	if rest := archive[next:]; len(rest) < 1024 || len(bytes.Trim(rest, "\x00")) > 0 {
		t.Errorf("%d bytes behind the last member; want two records of zeros at least", len(rest))
	}
	for i, line := range strings.Split(strings.TrimSpace(a.sh("sha256sum cut/*")), "\n") {
		if sum, _, _ := strings.Cut(line, " "); sum != list[i].SHA256 {
			t.Errorf("%q has SHA-256 %s; the list says %s", list[i].Path, sum, list[i].SHA256)
		}
	}
	names := strings.Split(a.sh(`for f in cut/*; do tar --quoting-style=literal -tf "$f"; printf '\0'; done`), "\n\x00")
	for i, m := range list {
		if want := m.name(t); names[i] != want {
			t.Errorf("tar finds %q where the list says %q", names[i], want)
		}
	}
}

// libarchiveTime is what libarchive 3 reads half a second wrong: a fraction before 1970 (POSIX pax: the
// decimal number of seconds; libarchive takes the fraction away from zero).
var libarchiveTime = regexp.MustCompile(`^\./time-old-half\s`)

// judgeRestore restores the archive with calypso, GNU tar and bsdtar to the same tree.
func judgeRestore(t *testing.T, a *appliance) {
	want := a.describe(a.path("tree"))
	for name, restore := range map[string]func(dir string){
		"calypso": func(dir string) { a.calypso(0, "lto", "read", "--file", "1", "-C", dir) },
		"tar": func(dir string) {
			a.tool("tar", "--xattrs", "--xattrs-include=*", "--acls", "-xpf", "file1", "-C", dir)
		},
		"bsdtar": func(dir string) { a.tool("bsdtar", "--xattrs", "--acls", "-xpf", "file1", "-C", dir) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "bsdtar" {
				need(t, "bsdtar")
			}
			dir := a.path("restored-by-" + name)
			check(t, os.Mkdir(dir, 0o700))
			restore(dir)
			got, want := a.describe(filepath.Join(dir, "tree")), slices.Clone(want)
			if name == "bsdtar" {
				got, want = slices.DeleteFunc(got, libarchiveTime.MatchString), slices.DeleteFunc(want, libarchiveTime.MatchString)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the trees differ (-source +restored):\n%s", diff)
			}
		})
	}
}
