//go:build lab

package lab

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host is a host with a calypso of its own: what it knows of tapes is its own.
type host struct {
	state string
	drive string // as it names the drive
}

// writing is a `lto write` that goes on until its source is ended.
type writing struct {
	t     *testing.T
	cmd   *exec.Cmd
	end   func() // of the source
	ended chan struct{}
	out   bytes.Buffer
}

// write begins to write an archive from a source that gives some megabytes a second.
func (h host) write(t *testing.T, name string) *writing {
	t.Helper()
	w := &writing{t: t, ended: make(chan struct{})}
	w.cmd = exec.Command("calypso", "lto", "write", "-f", h.drive, "--name", name, "--buffer", "4MiB", "-")
	w.cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+h.state)
	r, source, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = r, &w.out, &w.out
	w.end = func() { close(stop) }
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	go feed(source, stop)
	go func() { _ = w.cmd.Wait(); close(w.ended) }()
	t.Cleanup(func() { _ = w.cmd.Process.Kill(); <-w.ended })
	return w
}

func feed(to io.WriteCloser, stop chan struct{}) {
	defer to.Close()
	random := rand.NewChaCha8([32]byte{1})
	block := make([]byte, 64<<10)
	for {
		_, _ = random.Read(block)
		if _, err := to.Write(block); err != nil {
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// wait gives the exit status and what was said.
func (w *writing) wait() (int, string) {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(90 * time.Second):
		stack, _ := exec.Command("sh", "-c", "cat /proc/"+itoa(w.cmd.Process.Pid)+"/task/*/stack; dmesg | tail -40").CombinedOutput()
		w.t.Fatalf("the writer does not end\n%s", stack)
	}
	return w.cmd.ProcessState.ExitCode(), w.out.String()
}

// cut is wait for a writer whose device was taken from it: it says that the state is not known, and where its
// archive is.
func (w *writing) cut(what string) {
	w.t.Helper()
	exit, said := w.wait()
	w.t.Logf("%s: exit status %d\n%s", what, exit, said)
	if exit != 14 && exit != 16 {
		w.t.Errorf("%s: exit status %d; want 14 or 16: the state is not known\n%s", what, exit, said)
	}
	if !strings.Contains(said, "was not closed") || !strings.Contains(said, "the archives before it are untouched") {
		w.t.Errorf("%s: it does not say what is on the tape:\n%s", what, said)
	}
}

// calypso runs the program on this host.
func (h host) calypso(t *testing.T, want int, args ...string) string {
	t.Helper()
	out, errs := calypso(t, h.state, want, args...)
	return out + errs
}

// begun waits until an archive of the writer is on the tape with some data.
func (h host) begun(t *testing.T, s *server, barcode string, more int64) {
	t.Helper()
	announced := filepath.Join(h.state, "media", barcode+".yaml")
	eventually(t, "the archive is announced", func() bool {
		text, err := os.ReadFile(announced)
		return err == nil && bytes.Contains(text, []byte("writing:"))
	})
	from := s.imageBytes(barcode)
	eventually(t, "data on the tape", func() bool { return s.imageBytes(barcode) >= from+more })
}

func (s *server) imageBytes(barcode string) (n int64) {
	_ = filepath.WalkDir(filepath.Join(s.state, "vtl", s.library, "tapes", barcode), func(_ string, e fs.DirEntry, err error) error {
		if info, e := e.Info(); err == nil && e == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

type archiveOnTape struct {
	Name     string
	File     int64
	Complete bool
}

// whole verifies the tape: every archive that is complete is as it was written, and these are. The catalog has
// what is on the tape.
func (h host) whole(t *testing.T, complete ...string) {
	t.Helper()
	var known, found struct{ Archives []archiveOnTape }
	h.into(t, &known, "lto", "list", "-f", h.drive)
	h.into(t, &found, "lto", "list", "-f", h.drive, "--from-tape")
	var verified struct {
		Archives []struct {
			File int64
			OK   bool
		}
	}
	h.into(t, &verified, "lto", "verify", "-f", h.drive)
	ok := map[int64]bool{}
	for _, v := range verified.Archives {
		ok[v.File] = v.OK
	}
	names := map[string]bool{}
	for i, a := range found.Archives {
		if i >= len(known.Archives) || known.Archives[i] != a {
			t.Errorf("the tape has %+v, the catalog %+v", found.Archives, known.Archives)
			break
		}
		if a.Complete && !ok[a.File] {
			t.Errorf("archive %q in file %d is damaged", a.Name, a.File)
		}
		names[a.Name] = a.Complete
	}
	for _, name := range complete {
		if !names[name] {
			t.Errorf("archive %q is not whole: %+v", name, found.Archives)
		}
	}
}

// into reads the answer of a verb, which may end with status 3 for archives that are known to be cut.
func (h host) into(t *testing.T, doc any, args ...string) {
	t.Helper()
	cmd := exec.Command("calypso", append(args, "--json")...)
	cmd.Env = append(os.Environ(), "CALYPSO_STATE_DIR="+h.state)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, _ := cmd.Output()
	if exit := cmd.ProcessState.ExitCode(); exit != 0 && exit != 3 {
		t.Fatalf("%v: exit status %d\n%s", args, exit, errs.String())
	}
	if err := json.Unmarshal(out, doc); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// small writes an archive of a few files to its end.
func (h host) small(t *testing.T, name string) {
	t.Helper()
	h.calypso(t, 0, "lto", "write", "-f", h.drive, "--name", name, "/etc/udev", "/etc/apt")
}

// writable is a served library with a labelled tape in each drive, and the host that the server runs on.
func writable(t *testing.T, drives int, serve ...string) (*server, host) {
	t.Helper()
	s := newLibrary(t, "vtl01", "--drives", itoa(drives), "--slots", "4").start(serve...)
	h := host{s.state, "vtl01:0"}
	for n := range drives {
		h.calypso(t, 0, "library", "load", "vtl01", "--slot", itoa(n+1), "--drive", itoa(n))
		h.calypso(t, 0, "lto", "label", "-f", "vtl01:"+itoa(n), "V0000"+itoa(n+1)+"L8")
	}
	return s, h
}
