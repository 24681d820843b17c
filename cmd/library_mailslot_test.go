package cmd

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
)

// person is somebody at the terminal who does something before each Enter. When nothing is left to do, the
// terminal is hung up.
type person struct {
	asked strings.Builder
	does  []func()
	types string // before Enter
}

func (p *person) Write(b []byte) (int, error) { return p.asked.Write(b) }

func (p *person) Read(b []byte) (int, error) {
	if len(p.does) == 0 {
		return 0, io.EOF
	}
	p.does[0]()
	p.does = p.does[1:]
	return copy(b, p.types+"\n"), nil
}

// atTerminal runs one command whose standard input is a terminal.
func (p *person) atTerminal(t *testing.T, want errcode.Exit, args ...string) (stdout, stderr string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	old := openTerminal
	defer func() { openTerminal = old }()
	openTerminal = func() (io.ReadWriter, error) { return p, nil }
	var out, errs bytes.Buffer
	if got := mainOf(testTree(), append([]string{"calypso"}, args...), terminal, &out, &errs); got != int(want) {
		t.Fatalf("calypso %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &errs)
	}
	return out.String(), errs.String()
}

func TestMailslotPrompts(t *testing.T) {
	t.Setenv("CALYPSO_STATE_DIR", t.TempDir())
	r := &hostRig{t: t}
	does := func(line string) func() {
		return func() { r.calypso(0, strings.Fields(line)...) } // while the other command waits
	}
	nothing := func() {}
	does("vtl create vtl01 --slots 6 --io-slots 2 --tapes 3")()

	p := &person{does: []func(){nothing, does("vtl tape add vtl01 A00001L8 --io-slot 1"), nothing}}
	out, errs := p.atTerminal(t, 0, "library", "import", "vtl01")
	wantText(t, p.asked.String(), "calypso: put cartridges into the I/O slots of vtl01 and close the door, then press Enter (Ctrl-C ends): ")
	wantText(t, out, "moved A00001L8 from io slot 1 to slot 4 of vtl01")
	wantText(t, errs, "the library does not see it yet")
	if len(p.does) != 1 {
		t.Errorf("it asked %d times too often or too seldom", 1-len(p.does))
	}

	// The door is still open: the robot cannot reach what is in it.
	p = &person{does: []func(){does("vtl door open vtl01"), does("vtl tape add vtl01 A00002L8 --io-slot 2"), does("vtl door close vtl01")}}
	out, _ = p.atTerminal(t, 0, "library", "import", "vtl01", "--io-slot", "2", "--slot", "6")
	wantText(t, out, "moved A00002L8 from io slot 2 to slot 6 of vtl01")

	// Three cartridges go out through two I/O slots.
	p = &person{does: []func(){nothing, does("vtl tape remove vtl01 V00001L8 --yes")}}
	out, _ = p.atTerminal(t, 0, "library", "export", "vtl01", "V00001L8", "V00002L8", "V00003L8")
	wantText(t, p.asked.String(), "take the cartridges out of the I/O slots of vtl01")
	wantText(t, out, "V00001L8 from slot 1 to io slot 1", "V00002L8 from slot 2 to io slot 2", "V00003L8 from slot 3 to io slot 1")

	// Nobody is there any more.
	p = &person{}
	_, errs = p.atTerminal(t, errcode.ExitNoSpace, "library", "export", "vtl01", "A00001L8")
	wantText(t, errs, "nobody made room in the I/O slots")
	does("library import vtl01")()
	_, errs = (&person{}).atTerminal(t, errcode.ExitNotFound, "library", "import", "vtl01")
	wantText(t, errs, "no cartridge came into the I/O slots")

	// Nothing is asked for a dry run, a script, or a library without I/O slots.
	p = &person{}
	p.atTerminal(t, 0, "library", "import", "vtl01", "-n")
	p.atTerminal(t, 0, "library", "import", "vtl01", "--json")
	does("vtl create vtl02 --slots 1 --io-slots 0 --prefix W")()
	p.atTerminal(t, errcode.ExitNotFound, "library", "export", "vtl02", "slot:1")
	if p.asked.Len() != 0 {
		t.Error(p.asked.String())
	}
}
