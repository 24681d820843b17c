package proc

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAlive(t *testing.T) {
	pid := os.Getpid()
	start, err := StartTime(pid)
	if err != nil || start == 0 {
		t.Fatalf("StartTime of this process = %d, %v", start, err)
	}
	if !Alive(pid, start) || Alive(pid, start+1) || Alive(-1, start) {
		t.Error("Alive does not tell this process from others")
	}
	child := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := StartTime(child.Process.Pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("StartTime of a process that ended = %v", err)
	}
	if len(BootID()) != 36 || UserName() == "" {
		t.Errorf("BootID() = %q, UserName() = %q", BootID(), UserName())
	}
}

func TestParseStat(t *testing.T) {
	tail := " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	tests := []struct {
		stat string
		want uint64
		ok   bool
	}{
		{"7 (tar) S" + tail, 4711, true},
		{"7 (a) S 1 (b) D" + tail, 4711, true},
		{"7 (tar) Z" + tail, 0, false},
		{"7 (tar) S 1 2", 0, false},
		{"", 0, false},
	}
	for _, tt := range tests {
		if got, err := parseStat([]byte(tt.stat)); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parseStat(%q) = %d, %v; want %d", tt.stat, got, err, tt.want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) S 1 (b) D 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711"))
	f.Fuzz(func(t *testing.T, stat []byte) { _, _ = parseStat(stat) })
}

func TestParseLoginUID(t *testing.T) {
	for text, want := range map[string]bool{"1000\n": true, "0": true, "4294967295": false, "": false, "x": false, "-1": false} {
		if uid, ok := parseLoginUID(text); ok != want || text == "1000\n" && uid != 1000 {
			t.Errorf("parseLoginUID(%q) = %d, %v", text, uid, ok)
		}
	}
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		argv []string
		want string
	}{
		{[]string{"/usr/bin/calypso", "lto", "write", "-f", "vtl01:0", "-"}, "calypso lto write -f vtl01:0 -"},
		{[]string{"calypso", "a b", "", "c\nd", "\xff"}, `calypso "a b" "" "c\nd" "\xff"`},
		{[]string{"calypso", "--password=x", "--key-passphrase", "y", "-token", "z", "--keyfile", "k"},
			"calypso --password=*** --key-passphrase *** -token *** --keyfile k"},
		{[]string{"calypso", "--token", "--secret", "x"}, "calypso --token *** x"},
		{[]string{}, ""},
	}
	for _, tt := range tests {
		if got := CommandLine(tt.argv); got != tt.want {
			t.Errorf("CommandLine(%q) = %s; want %s", tt.argv, got, tt.want)
		}
	}
	if got := CommandLine([]string{"calypso", strings.Repeat("ä", 500)}); len(got) > maxCommandLine || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
		t.Errorf("a long command line is shown as %q", got)
	}
}

// A process that runs another program has only the number in common with one that is gone.
func TestFellow(t *testing.T) {
	if command, runs := Fellow(os.Getpid()); !runs || command == "" {
		t.Errorf("this process: %q, %v", command, runs)
	}
	child := running(t)
	pid := child.Process.Pid
	if command, runs := Fellow(pid); runs || command != "cat -u -" {
		t.Errorf("another program: %q, %v", command, runs)
	}
	_, _ = child.Process.Kill(), child.Wait()
	if command, runs := Fellow(pid); runs || command != "" {
		t.Errorf("a process that is gone: %q, %v", command, runs)
	}
	if got := program("/usr/bin/calypso (deleted)"); got != "calypso" {
		t.Errorf("program: %q", got)
	}
}

// running starts "cat -u -" with files from descriptor 3 on. Start comes back while the kernel still sets a program
// up, with an empty command line: one that answers runs.
func running(t *testing.T, files ...*os.File) *exec.Cmd {
	t.Helper()
	child := exec.Command("cat", "-u", "-")
	child.ExtraFiles = files
	in, err1 := child.StdinPipe()
	out, err2 := child.StdoutPipe()
	if err := errors.Join(err1, err2, child.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return child
}
