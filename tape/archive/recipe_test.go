package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/tape/archive"
	"calypso/tape/archive/pax"
)

// The recipe of docs/tape-format.md, carried out with the tools it names.

func sourceTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	must(t, os.MkdirAll(filepath.Join(dir, "a", "empty"), 0o755))
	for name, size := range map[string]int{"a/one": 1, "a/big": 700_000, "zero": 0, "b\u00e9": 5000} {
		must(t, os.WriteFile(filepath.Join(dir, name), random(byte(size), size), 0o640))
	}
	must(t, os.Symlink("a/one", filepath.Join(dir, "link")))
	must(t, os.Link(filepath.Join(dir, "a", "one"), filepath.Join(dir, "hard")))
	return dir
}

func treeOf(dir string) archive.Source {
	return archive.Source{Name: "src", Kind: archive.KindTar, Selection: pax.Selection{Roots: []string{dir}}}
}

// sameTree compares two trees by path, mode and content.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(describe(t, want), describe(t, got)); diff != "" {
		t.Errorf("trees differ (-source +restored):\n%s", diff)
	}
}

func describe(t *testing.T, root string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		tree[rel] = info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			tree[rel] += " " + sumOf(data)
			return err
		}
		if target, err := os.Readlink(path); err == nil {
			tree[rel] += " " + target
		}
		return nil
	}))
	return tree
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: it is the judge of this test", name)
	}
	return path
}

// shell runs a line of the recipe.
func shell(t *testing.T, dir, line string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// dump splits a SIMH image into tape files as dd would read them, by the published description of
// the format alone: a length, the data padded to even, the length again; length 0 is a filemark.
func dump(t *testing.T, image, dir string) int {
	t.Helper()
	data, err := os.ReadFile(image)
	must(t, err)
	var files [][]byte
	current := []byte{}
	for at := 0; at+4 <= len(data); {
		n := int(binary.LittleEndian.Uint32(data[at:]))
		at += 4
		if n == 0 {
			files, current = append(files, current), []byte{}
			continue
		}
		if n == 0xFFFFFFFF {
			break
		}
		current = append(current, data[at:at+n]...)
		at += n + n%2 + 4
	}
	for i, f := range files {
		must(t, os.WriteFile(filepath.Join(dir, "file"+string(rune('0'+i))), f, 0o600))
	}
	return len(files)
}

// recipe is a tape with a tree and a stream, dumped into files named file0 … file4.
func recipe(t *testing.T) (dir, tree string, data []byte) {
	t.Helper()
	s := newStation(t, t.TempDir(), 64<<20)
	tree, data, dir = sourceTree(t), random(9, 1<<20+3), t.TempDir()
	res, err := archive.Write(context.Background(), s.drive, treeOf(tree), options(t))
	must(t, err)
	must(t, res.Members.Close())
	_, err = archive.Write(context.Background(), s.drive, stream("stream", data), options(t))
	must(t, err)
	must(t, s.device.Close())
	if n := dump(t, filepath.Join(s.image, "partition-0.tap"), dir); n != 5 {
		t.Fatalf("%d tape files", n)
	}
	return dir, tree, data
}

func TestRecipe(t *testing.T) {
	tool(t, "sha256sum")
	tarTool := tool(t, "tar")
	dir, tree, data := recipe(t)
	if out := shell(t, dir, "tar -tf file0"); out != ".calypso_label\n" {
		t.Errorf("the label lists as %q", out)
	}
	if out := shell(t, dir, "tar -xOf file0 .calypso_label"); !strings.Contains(out, "volume: "+volume+"\n") {
		t.Errorf("label %q", out)
	}
	if out := shell(t, dir, "tar -tf file2"); out != ".calypso_manifest\n.calypso_members\n" {
		t.Errorf("the manifest lists as %q", out)
	}
	if out := shell(t, dir, "tar -tf file4"); out != ".calypso_manifest\n" {
		t.Errorf("the stream's manifest lists as %q", out)
	}
	shell(t, dir, checkLine("file1", "file2"))
	shell(t, dir, checkLine("file3", "file4"))
	if got, _ := os.ReadFile(filepath.Join(dir, "file3")); !bytes.Equal(got, data) {
		t.Error("the stream is not the bytes that were given")
	}
	shell(t, dir, selfLine("file2"))
	shell(t, dir, membersLine("file2"))
	for _, tar := range []string{tarTool, "bsdtar"} {
		if _, err := exec.LookPath(tar); err != nil {
			t.Logf("%s is not installed", tar)
			continue
		}
		dest := t.TempDir()
		shell(t, dir, tar+" -xpf file1 -C "+dest)
		sameTree(t, tree, filepath.Join(dest, tree))
	}
}

// The lines of the recipe, as the document has them.
func checkLine(archive, manifest string) string {
	return `echo "$(tar -xOf ` + manifest + ` .calypso_manifest | sed -n 's/^sha256: "*\([0-9a-f]*\)"*$/\1/p')  ` + archive + `" | sha256sum -c`
}

func selfLine(manifest string) string {
	return `tar -xOf ` + manifest + ` .calypso_manifest | sed '$d' | sha256sum`
}

func membersLine(manifest string) string {
	return `tar -xOf ` + manifest + ` .calypso_members | sha256sum`
}

// TestRecipeOneMember restores one member by its offset, with dd.
func TestRecipeOneMember(t *testing.T) {
	tool(t, "dd")
	dir, tree, _ := recipe(t)
	list := shell(t, dir, "tar -xOf file2 .calypso_members")
	m := regexp.MustCompile(`"path":"[^"]*/a/big".*"offset":(\d+),"length":(\d+)`).FindStringSubmatch(list)
	if m == nil {
		t.Fatalf("a/big is not in the list:\n%s", list)
	}
	dest := t.TempDir()
	shell(t, dir, "dd if=file1 bs=1M iflag=skip_bytes,count_bytes skip="+m[1]+" count="+m[2]+" status=none | tar -xpf - -C "+dest)
	got, err := os.ReadFile(filepath.Join(dest, tree, "a", "big"))
	if err != nil || sumOf(got) != sumOf(random(byte(700_000&0xFF), 700_000)) {
		t.Errorf("a/big: %v", err)
	}
}

// TestRecipeIsInTheDocument: the document has the lines that are tested here.
func TestRecipeIsInTheDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/tape-format.md")
	must(t, err)
	for _, line := range []string{checkLine("file1", "file2"), selfLine("file2"), membersLine("file2"), "iflag=skip_bytes,count_bytes"} {
		if !strings.Contains(string(doc), line) {
			t.Errorf("docs/tape-format.md has no line %s", line)
		}
	}
}
