package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of so many bytes below dir and gives its directory.
func smallDisk(t *testing.T, dir string, bytes int64) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", bytes)); err != nil {
		t.Skipf("a full disk needs a small one, and a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until the disk is full, and gives all but so many bytes of it to the test.
func fill(t *testing.T, dir string, leave int64) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var size int64
	for page := make([]byte, 4096); ; {
		n, err := f.Write(page)
		size += int64(n)
		if err != nil {
			break
		}
	}
	if err := f.Truncate(max(0, size-leave)); err != nil {
		t.Fatal(err)
	}
	return ballast
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// A disk that gets full under the images ends the archive, and no other.
func TestDiskFullUnderImages(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	disk := smallDisk(t, filepath.Join(a.dir, "disk"), 24<<20)
	a.library("--backing", disk)
	a.mustFrom(0, someBytes(4<<20), "lto", "write", "-f", "vtl01:0", "--name", "before", "-")
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte("x"), 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	got := a.mustFrom(18, newEndless(), "lto", "write", "-f", "vtl01:0", "--name", "full", "-", "--json")
	f := got.failure(t)
	if f.Code != "disk_full" || !strings.Contains(f.Message, "no space left") || f.State == nil || !strings.Contains(*f.State, "untouched") {
		t.Errorf("the failure is %+v", f)
	}
	if s := a.status(); len(s.Incomplete) != 1 || s.Incomplete[0].File != 3 || *s.Incomplete[0].Name != "full" {
		t.Errorf("status names %+v", s.Incomplete)
	}
	a.verified()

	f = a.mustFrom(18, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "again", "-", "--json").failure(t)
	if f.Code != "disk_full" {
		t.Errorf("the failure of the next is %+v", f)
	}
	removeFile(t, ballast)
	a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "after", "-")
	archives := a.agreed()
	if len(archives) < 3 || archives[1].Complete || archives[1].Name != "full" || archives[1].SHA256 == nil {
		t.Fatalf("the archives are %+v", archives)
	}
	a.verified()
	a.tidy()
}

// A state directory that is full keeps what it holds, and refuses what it could not remember.
func TestDiskFullUnderState(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	disk := smallDisk(t, filepath.Join(a.dir, "state"), 8<<20)
	a.library("--backing", filepath.Join(a.dir, "images"))
	a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "before", "-")
	many := filepath.Join(a.dir, "many")
	for i := range 3000 {
		if err := os.MkdirAll(filepath.Join(many, fmt.Sprintf("%s-%d", strings.Repeat("d", 100), i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := a.list().Archives
	ballast := fill(t, disk, 0)
	for _, args := range [][]string{
		{"lto", "write", "-f", "vtl01:0", "--name", "full", "-"},
		{"library", "move", "vtl01", "slot:2", "slot:1"},
		{"vtl", "create", "vtl02", "--backing", filepath.Join(a.dir, "images")},
		{"vtl", "tape", "add", "vtl01", "A00001L8"},
		{"lto", "label", "-f", "vtl01:0", "V00001L8", "--confirm", "V00001L8"},
	} {
		f := a.mustFrom(18, someBytes(1<<20), append(args, "--json")...).failure(t)
		if f.Code != "disk_full" {
			t.Errorf("%q: %+v", args, f)
		}
	}
	removeFile(t, ballast)
	if after := a.list(); len(after.Archives) != len(before) || len(after.Incomplete) != 0 {
		t.Fatalf("the catalog has %+v", after)
	}
	a.must(10, "vtl", "show", "vtl02")

	// A member list that does not fit cuts the archive off.
	ballast = fill(t, disk, 128<<10)
	if f := a.must(18, "lto", "write", "-f", "vtl01:0", "--name", "many", many, "--json").failure(t); f.Code != "disk_full" {
		t.Errorf("the failure is %+v", f)
	}
	removeFile(t, ballast)
	a.namesTorn()
	a.mustFrom(0, someBytes(1<<20), "lto", "write", "-f", "vtl01:0", "--name", "after", "-")
	a.agreed()
	a.verified()
	a.tidy()
	a.must(0, "audit", "verify")
}

// A restore onto a full disk leaves no file that looks whole and is not.
func TestDiskFullUnderRestore(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library()
	dir := a.tree(8 << 20) // eight files of 1 MiB
	a.must(0, "lto", "write", "-f", "vtl01:0", "--name", "tree", dir)
	disk := smallDisk(t, filepath.Join(a.dir, "disk"), 3<<20+512<<10)
	if f := a.must(18, "lto", "read", "-f", "vtl01:0", "--file", "1", "-C", disk, "--json").failure(t); f.Code != "disk_full" {
		t.Errorf("the failure is %+v", f)
	}
	restored, err := filepath.Glob(filepath.Join(disk, dir, "*"))
	if err != nil || len(restored) == 0 {
		t.Fatalf("restored are %q, %v", restored, err)
	}
	for _, path := range restored {
		got, err := os.ReadFile(path)
		want, err2 := os.ReadFile(filepath.Join(dir, filepath.Base(path)))
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what was written (%v, %v)", path, err, err2)
		}
	}
	a.verified()
}

// A tape that ends in an archive ends that one, keeps the others, and takes no more.
func TestTapeFull(t *testing.T) {
	t.Parallel()
	sources := map[string]func(a *appliance) answer{
		"stream": func(a *appliance) answer {
			return a.mustFrom(18, newEndless(), "lto", "write", "-f", "vtl01:0", "--name", "full", "-", "--json")
		},
		"tree": func(a *appliance) answer {
			return a.must(18, "lto", "write", "-f", "vtl01:0", "--name", "full", a.tree(32<<20), "--json")
		},
	}
	for name, write := range sources {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			a.library("--tape-size", "16MiB")
			a.mustFrom(0, someBytes(4<<20), "lto", "write", "-f", "vtl01:0", "--name", "before", "-")
			got := write(a)
			if f := got.failure(t); f.Code != "tape_full" || f.State == nil || !strings.Contains(*f.State, "marked incomplete") {
				t.Errorf("the failure is %+v", f)
			}
			var doc writeDoc
			got.into(t, &doc)
			if doc.Archive == nil || doc.Archive.Complete || doc.Archive.SizeBytes == 0 {
				t.Errorf("the answer is %+v", doc.Archive)
			}
			archives := a.agreed()
			if len(archives) != 2 || archives[1].Complete || archives[1].ManifestFile == nil {
				t.Fatalf("the archives are %+v", archives)
			}
			if s := a.status(); len(s.Incomplete) != 1 {
				t.Errorf("status names %+v", s.Incomplete)
			}
			a.verified()
			a.refusesMore()
		})
	}
}

// refusesMore checks that a full tape takes no archive, and stays as it is.
func (a *appliance) refusesMore() {
	a.t.Helper()
	before := len(a.agreed())
	for range 40 { // what is left behind the last archive may be enough for some small ones
		got := a.start(someBytes(300<<10), "lto", "write", "-f", "vtl01:0", "--name", "more", "-", "--json").wait()
		if got.exit == 0 {
			before++
			continue
		}
		if f := got.failure(a.t); got.exit != 18 || f.Code != "tape_full" {
			a.t.Fatalf("exit status %d, %+v", got.exit, f)
		}
		archives := a.agreed()
		if n := len(archives); n > before+1 || n == before+1 && archives[before].Complete {
			a.t.Fatalf("%d archives were followed by %+v", before, archives)
		}
		a.verified()
		a.must(0, "lto", "scan", "-f", "vtl01:0")
		a.agreed()
		return
	}
	a.t.Fatal("the tape is never full")
}

// Archives of every size around the end of the tape: each is whole with its manifest, or incomplete, or
// refused, and what is on the tape is known.
func TestTapeFullAtEveryPlace(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library("--tape-size", "1MiB")
	var whole, cut, refused int
	for size := int64(600 << 10); size <= 1100<<10; size += 40 << 10 {
		// Blocks so small that what is left when no further one fits has no room for a manifest.
		a.must(0, "lto", "label", "-f", "vtl01:0", "V00001L8", "--confirm", "V00001L8", "--block-size", "1KiB")
		got := a.start(someBytes(size), "lto", "write", "-f", "vtl01:0", "--name", "archive", "-").wait()
		archives := a.agreed()
		switch {
		case got.exit == 0 && len(archives) == 1 && archives[0].Complete:
			whole++
		case got.exit == 18 && len(archives) == 1 && !archives[0].Complete && archives[0].ManifestFile != nil:
			cut++
		case got.exit == 18 && len(archives) == 0:
			refused++
		default:
			t.Fatalf("%d bytes: exit status %d, %+v\n%s", size, got.exit, archives, got.stderr)
		}
		a.verified()
	}
	t.Logf("%d whole, %d cut off, %d refused", whole, cut, refused)
	if whole == 0 || cut == 0 {
		t.Error("the sizes are not around the end of the tape")
	}
}

// Small archives until the tape is full.
func TestTapeFullOfSmallArchives(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.library("--tape-size", "1MiB")
	for n := 0; ; n++ {
		got := a.start(someBytes(20<<10), "lto", "write", "-f", "vtl01:0", "--name", "small", "-", "--json").wait()
		if got.exit == 0 {
			continue
		}
		if f := got.failure(t); got.exit != 18 || f.Code != "tape_full" {
			t.Fatalf("archive %d: exit status %d, %+v", n, got.exit, f)
		}
		t.Logf("%d archives", n)
		break
	}
	a.agreed()
	a.verified()
	a.refusesMore()
	a.must(0, "lto", "scan", "-f", "vtl01:0")
	a.agreed()
}
