package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/place"
	"calypso/tape"
	"calypso/tape/label"
	"calypso/tape/label/labeltest"
	"calypso/vtl"
)

// shelf is a library with one tape in its drive, used by commands in this process.
type shelf struct {
	t     *testing.T
	state string
	tap   string // the data of the tape
}

// newShelf makes the library lib with one tape, K00001L8, in drive lib:0.
func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, state: filepath.Join(t.TempDir(), "state")}
	s.tap = filepath.Join(s.state, "vtl", "lib", "tapes", "K00001L8", "partition-0.tap")
	s.ok("vtl", "create", "lib", "--slots", "1", "--tape-size", "100MB", "--prefix", "K")
	s.ok("library", "load", "lib", "--slot", "1")
	return s
}

// run is one command line, as a process would do it.
func (s *shelf) run(args ...string) answer {
	var out, err bytes.Buffer
	line := append([]string{"calypso", "--state-dir", s.state}, args...)
	exit := Main(line, strings.NewReader("stream\n"), &out, &err)
	return answer{args: args, exit: exit, stdout: out.String(), stderr: err.String()}
}

func (s *shelf) ok(args ...string) answer {
	s.t.Helper()
	a := s.run(args...)
	if a.exit != 0 {
		s.t.Fatalf("%q = %d; want 0\n%s%s", args, a.exit, a.stdout, a.stderr)
	}
	return a
}

// refused runs a command that must end with one of the statuses and leave the tape as it is.
func (s *shelf) refused(exits []errcode.Exit, args ...string) errorDoc {
	s.t.Helper()
	before := s.data()
	a := s.run(append(args, "--json")...)
	if !slices.Contains(exits, errcode.Exit(a.exit)) {
		s.t.Errorf("%q = %d; want one of %v\n%s%s", args, a.exit, exits, a.stdout, a.stderr)
		return errorDoc{}
	}
	if !bytes.Equal(before, s.data()) {
		s.t.Errorf("%q changed the tape", args)
	}
	var doc errorDoc
	if err := json.Unmarshal([]byte(a.stderr), &doc); err != nil {
		s.t.Errorf("%q: standard error is no JSON object: %v\n%s", args, err, a.stderr)
	}
	return doc
}

func (s *shelf) data() []byte {
	s.t.Helper()
	b, err := os.ReadFile(s.tap)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// put writes the head of a foreign tape through the drive, and tells what it is recognised as.
func (s *shelf) put(img labeltest.Image) label.Found {
	s.t.Helper()
	ctx := context.Background()
	places, err := place.Resolve(os.Getenv, os.Geteuid(), s.state, "")
	if err != nil {
		s.t.Fatal(err)
	}
	device, err := vtl.NewStore(places).OpenDrive(ctx, "lib", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	d := tape.NewDrive(device)
	var found label.Found
	for _, step := range []func() error{
		func() error { return d.WaitReady(ctx) },
		func() error { return d.Rewind(ctx) },
		func() error { return d.SetVariableBlock(ctx) },
		func() error { return img.WriteTo(ctx, d) },
		func() (err error) { found, err = label.Read(ctx, d); return err },
		device.Close,
	} {
		if err := step(); err != nil {
			s.t.Fatal(err)
		}
	}
	return found
}

// TestForeignTapes: whatever is on a tape, only its name lets it be overwritten, and no refusal touches it.
func TestForeignTapes(t *testing.T) {
	images, err := labeltest.All()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		t.Run(img.Name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			found := s.put(img)
			if string(found.Kind) != img.Kind {
				t.Errorf("recognised as %s; want %s", found.Kind, img.Kind)
			}
			if img.Kind == string(label.Blank) {
				s.ok("lto", "label", "-f", "lib:0", "K00001L8")
				return
			}
			s.refuseAll(found, file)
			name := found.ConfirmName("K00001L8")
			s.ok("lto", "label", "-f", "lib:0", "K00001L8", "--confirm="+name)
			s.ok("lto", "write", "-f", "lib:0", file)
			s.ok("lto", "verify", "-f", "lib:0")
		})
	}
}

// refuseAll tries everything that must not be done with such a tape.
func (s *shelf) refuseAll(found label.Found, file string) {
	s.t.Helper()
	refused := []errcode.Exit{errcode.ExitRefused}
	foreign := []string{string(errcode.MediaForeignLabel), string(errcode.MediaUnknownData)}
	if found.Kind == label.Calypso {
		foreign = []string{string(errcode.MediaLabelled)}
	}
	for _, verb := range [][]string{{"label", "K00001L8"}, {"erase"}, {"erase", "--long"}} {
		args := append([]string{"lto", verb[0], "-f", "lib:0"}, verb[1:]...)
		e := s.refused(refused, args...)
		if !slices.Contains(foreign, e.Code) || !strings.Contains(e.Message, "the tape holds ") || e.Hint == nil || !strings.Contains(*e.Hint, "--confirm") {
			s.t.Errorf("%q is refused with %+v; want one of %q, what the tape holds and the flag", args, e, foreign)
		}
		s.refused(refused, append(args, "--yes")...)
		s.refused(refused, append(args, "--confirm", "another name")...)
	}
	// A tape that is another calypso's is told from the cartridge it should be (17).
	notOurs := append(refused, errcode.ExitMismatch)
	for _, args := range [][]string{{"write", file}, {"write", file, "--confirm", found.ConfirmName("K00001L8")}, {"read", "--file", "1", "-n"},
		{"verify"}, {"scan"}, {"list", "--from-tape"}} {
		e := s.refused(notOurs, append([]string{"lto", args[0], "-f", "lib:0"}, args[1:]...)...)
		if found.Kind != label.Calypso && !slices.Contains(foreign, e.Code) {
			s.t.Errorf("lto %q is refused with %+v; want one of %q", args, e, foreign)
		}
	}
}
