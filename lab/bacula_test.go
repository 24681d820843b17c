//go:build lab

package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bacula is a director with its catalog, a storage daemon on a served library and a client, all on loopback and
// with nothing of /etc but the distribution's mtx-changer.
type bacula struct {
	t    *testing.T
	dir  string
	tree string // what is backed up
}

const baculaStorage = `
Storage {
  Name = lab-sd
  SDPort = 19103
  SDAddress = 127.0.0.1
  WorkingDirectory = "%DIR"
  Pid Directory = "%DIR"
  Maximum Concurrent Jobs = 4
}
Director {
  Name = lab-dir
  Password = "secret"
}
Messages {
  Name = Standard
  director = lab-dir = all
}
Autochanger {
  Name = Lib
  Device = Drive0, Drive1
  Changer Command = "/etc/bacula/scripts/mtx-changer %c %o %S %a %d"
  Changer Device = %CHANGER
}
`

const baculaDevice = `
Device {
  Name = Drive%[1]d
  Drive Index = %[1]d
  Media Type = LTO-8
  Archive Device = %[2]s
  AutoChanger = yes
  AutomaticMount = yes
  AlwaysOpen = yes
  RemovableMedia = yes
  RandomAccess = no
  %[3]s
}
`

const baculaClient = `
FileDaemon {
  Name = lab-fd
  FDport = 19102
  FDAddress = 127.0.0.1
  WorkingDirectory = "%DIR"
  Pid Directory = "%DIR"
}
Director {
  Name = lab-dir
  Password = "secret"
}
Messages {
  Name = Standard
  director = lab-dir = all, !skipped, !restored
}
`

const baculaDirector = `
Director {
  Name = lab-dir
  DIRport = 19101
  DirAddress = 127.0.0.1
  QueryFile = "/dev/null"
  WorkingDirectory = "%DIR"
  PidDirectory = "%DIR"
  Maximum Concurrent Jobs = 4
  Password = "secret"
  Messages = Standard
}
Catalog {
  Name = Catalog
  dbname = "lab"
  dbuser = ""
  dbpassword = ""
}
Client {
  Name = lab-fd
  Address = 127.0.0.1
  FDPort = 19102
  Catalog = Catalog
  Password = "secret"
}
FileSet {
  Name = Tree
  Include {
    Options {
      signature = SHA1
    }
    File = "%TREE"
  }
}
Autochanger {
  Name = Library
  Address = 127.0.0.1
  SDPort = 19103
  Password = "secret"
  Device = Lib
  Media Type = LTO-8
  Autochanger = Library
}
Storage {
  Name = SecondDrive
  Address = 127.0.0.1
  SDPort = 19103
  Password = "secret"
  Device = Drive1
  Media Type = LTO-8
  Autochanger = Library
}
Pool {
  Name = Tape
  Pool Type = Backup
}
Pool {
  Name = Other
  Pool Type = Backup
}
Messages {
  Name = Standard
  console = all, !skipped, !saved
  append = "%DIR/messages" = all, !skipped
}
JobDefs {
  Name = Defaults
  Type = Backup
  Level = Full
  Client = lab-fd
  FileSet = Tree
  Messages = Standard
  Storage = Library
  Pool = Tape
}
Job {
  Name = Two
  JobDefs = Defaults
}
Job {
  Name = Second
  JobDefs = Defaults
  Storage = SecondDrive
  Pool = Other
}
Job {
  Name = Restore
  Type = Restore
  Client = lab-fd
  FileSet = Tree
  Messages = Standard
  Storage = Library
  Pool = Tape
}
`

const baculaConsole = `
Director {
  Name = lab-dir
  DIRport = 19101
  address = 127.0.0.1
  Password = "secret"
}
`

// newBacula writes the configurations, with directives for the drives. These go by the names that stay.
func newBacula(t *testing.T, s *server, directives ...string) *bacula {
	t.Helper()
	b := &bacula{t: t, dir: t.TempDir()}
	b.tree = filepath.Join(b.dir, "tree")
	storage := baculaStorage
	for i, d := range s.drives {
		storage += fmt.Sprintf(baculaDevice, i, glob(t, "/dev/tape/by-id/*"+d.Serial+"-nst"), strings.Join(directives, "\n"))
	}
	fill := strings.NewReplacer("%DIR", b.dir, "%TREE", b.tree, "%CHANGER", s.changer.Generic)
	for name, text := range map[string]string{"sd": storage, "fd": baculaClient, "dir": baculaDirector, "console": baculaConsole} {
		if err := os.WriteFile(b.config(name), []byte(fill.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bacula) config(name string) string { return filepath.Join(b.dir, name+".conf") }

// start makes the catalog and starts the daemons.
func (b *bacula) start() {
	b.t.Helper()
	tables := exec.Command("/usr/share/bacula-director/make_sqlite3_tables")
	tables.Env = append(os.Environ(), "db_name="+filepath.Join(b.dir, "lab")) // the script adds .db
	if out, err := tables.CombinedOutput(); err != nil {
		b.t.Fatalf("the catalog: %v\n%s", err, out)
	}
	for name, port := range map[string]string{"sd": "19103", "fd": "19102", "dir": "19101"} {
		daemon := exec.Command("bacula-"+name, "-f", "-c", b.config(name))
		var said strings.Builder
		daemon.Stdout, daemon.Stderr = &said, &said
		if err := daemon.Start(); err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(func() {
			_ = daemon.Process.Kill()
			_ = daemon.Wait()
			if b.t.Failed() {
				b.t.Logf("bacula-%s says\n%s", name, said.String())
			}
		})
		eventually(b.t, "bacula-"+name, func() bool {
			c, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
}

// console gives commands to the director and wants words in its answer. bconsole tells of failures in words alone.
func (b *bacula) console(words []string, commands ...string) {
	b.t.Helper()
	wants(b.t, words, 4*time.Minute, commands, "bconsole", "-n", "-c", b.config("console"))
}

// wants gives a program lines to read and wants the words in what it says, in this order.
func wants(t *testing.T, words []string, limit time.Duration, lines []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, lines, err, out)
	}
	rest := string(out)
	for _, w := range words {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Fatalf("%s %q says\n%s\nwant %q in it, in the order %q", name, lines, out, w, words)
		}
		rest = after
	}
}

// btape runs Bacula's own program for whether it can use a tape drive, on the first of the drives.
func (b *bacula) btape(words []string, lines ...string) {
	b.t.Helper()
	began := time.Now()
	wants(b.t, words, 4*time.Minute, append(lines, "quit"), "btape", "-c", b.config("sd"), "-w", b.dir, "Drive0")
	fmt.Printf("btape %s: %.0f s\n", strings.TrimSpace(strings.Join(lines, " ")), time.Since(began).Seconds())
}

// TestBtape: its test of a drive writes 20,000 blocks, whatever their size; the one of the autochanger is part of it.
// With blocks of Bacula's default size, which TestBtapeFill has, the machine needs five minutes for it.
func TestBtape(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "2").start()
	b := newBacula(t, s, "Maximum Block Size = 8192")
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	b.btape([]string{
		"Block 20000 re-read correctly.",
		"=== Test Succeeded. End Write, rewind, and re-read test ===",
		"We should be in file 3. I am at file 3. This is correct!",
		"1 block of 8136 bytes in file 1\nEnd of File mark.\n2 blocks of 8136 bytes in file 2\nEnd of File mark.\n3 blocks of 8136 bytes in file 3\nEnd of File mark.\n",
		"We should be in file 4. I am at file 4. This is correct!",
		"Block re-read correct. Test succeeded!",
		"We should be in file 5. I am at file 5. This is correct!",
		"=== End Forward space files test ===",
		"Slot 1 loaded. I am going to unload it.",
		"The test autochanger worked!!",
	}, "test", "y")
}

// TestBtapeFill fills tapes to their end: one, then two that the autochanger changes. They hold more than the
// 10,000 records (330 MB) that it reads back from the beginning, whatever the size.
func TestBtapeFill(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "2", "--tape-size", "500MiB").start()
	b := newBacula(t, s)
	run(t, "mtx", "-f", s.changer.Generic, "load", "1", "0")
	b.btape([]string{"End of tape", "10000 records read now", "The last block on the tape matches. Test succeeded."}, "fill", "s")
	b.btape([]string{
		"End of medium on Volume",
		"Wrote 1000 blocks on second tape. Done.",
		"The last block of the first tape matches.",
		"The first block on the second tape matches.",
		"The last block on the second tape matches. Test succeeded.",
	}, "fill", "m", "", "", "")
}

// TestBaculaJobs: a whole Bacula backs up to a served library. The first job needs two tapes, and the storage daemon
// changes them by itself; the second uses the other drive.
func TestBaculaJobs(t *testing.T) {
	s := newLibrary(t, "vtl01", "--drives", "2", "--slots", "6", "--io-slots", "1", "--tape-size", "20MiB", "--tapes", "5").start()
	b := newBacula(t, s)
	run(t, "sh", "-c", fmt.Sprintf("mkdir -p %[1]s/sub && cp -r /etc/apt %[1]s && head -c 14M /dev/urandom >%[1]s/a && head -c 8M /dev/urandom >%[1]s/sub/b && ln %[1]s/a %[1]s/hard && ln -s a %[1]s/soft", b.tree))
	b.start()
	b.console([]string{`Volume="V00001L8"`, "Slot 1  successfully created", `Volume="V00002L8"`, "Slot 2  successfully created"},
		"label barcodes storage=Library drive=0 pool=Tape slots=1-2 yes")
	b.console([]string{`Volume="V00004L8"`, "Slot 4  successfully created", `Volume="V00005L8"`, "Slot 5  successfully created"},
		"label barcodes storage=Library drive=1 pool=Other slots=4-5 yes")
	for _, job := range []string{"Two", "Second"} {
		drive := map[string]string{"Two": `Using Device "Drive0" to write`, "Second": `Using Device "Drive1" to write`}[job]
		b.console([]string{drive, "End of medium on Volume", `3304 Issuing autochanger "load`, "New volume", "L8|V0000", "Termination:            Backup OK"},
			"run job="+job+" yes", "wait", "messages")
	}
	for _, job := range []string{"1", "2"} {
		back := filepath.Join(b.dir, "back"+job)
		b.console([]string{"End of Volume", `3304 Issuing autochanger "load`, "Files Restored:         ", "Termination:            Restore OK"},
			"restore jobid="+job+" client=lab-fd where="+back+" all done yes", "wait", "messages")
		run(t, "diff", "-r", "--no-dereference", b.tree, back+b.tree)
	}
	out := run(t, "mtx", "-f", s.changer.Generic, "status")
	if strings.Count(out, "VolumeTag") != 5 {
		t.Errorf("not every tape is in its place:\n%s", out)
	}
}
