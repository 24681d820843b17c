package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/place"
	"calypso/tape/discover"
	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// hostRig is a machine with a library that the device servers play behind nodes of the kernel. The program
// under test knows nothing of it but the nodes.
type hostRig struct {
	t     *testing.T
	store *vtl.Store
	lib   *vtl.Library
	nodes []sg.Node
	held  map[string]int // how often each node was held
	busy  map[string]bool
}

// newHostRig has a changer at sg0 and two drives at sg1 and sg2, and is what calypso finds.
func newHostRig(t *testing.T) *hostRig {
	t.Helper()
	dir := t.TempDir()
	r := &hostRig{t: t, held: map[string]int{}, busy: map[string]bool{}}
	r.store = vtl.NewStore(place.Places{StateDir: filepath.Join(dir, "hw"), RunDir: filepath.Join(dir, "hwrun")})
	lib, err := r.store.Create(t.Context(), vtl.CreateSpec{Name: "real", Drives: 2, Slots: 4, Media: "LTO-8", Tapes: 3, BarcodePrefix: "R"})
	if err != nil {
		t.Fatal(err)
	}
	r.lib = lib
	r.nodes = []sg.Node{
		{Generic: "/dev/sg0", Changer: "/dev/sch0", Kind: sg.Changer, Serial: lib.Serial},
		{Generic: "/dev/sg1", Tape: "/dev/st0", NoRewind: "/dev/nst0", Kind: sg.Tape, Serial: lib.Drives[0].Serial},
		{Generic: "/dev/sg2", Tape: "/dev/st1", NoRewind: "/dev/nst1", Kind: sg.Tape, Serial: lib.Drives[1].Serial},
	}
	t.Setenv("CALYPSO_STATE_DIR", filepath.Join(dir, "state"))
	t.Setenv("HOME", dir)
	r.put()
	return r
}

// put makes the host the one that calypso finds, for as long as the test runs.
func (r *hostRig) put() {
	nodes, open, hold := hostNodes, openNode, holdNode
	r.t.Cleanup(func() { hostNodes, openNode, holdNode = nodes, open, hold })
	hostNodes = func() ([]sg.Node, error) { return append([]sg.Node(nil), r.nodes...), nil }
	openNode = r.open
	holdNode = func(n sg.Node) (io.Closer, error) {
		if r.busy[n.NoRewind] {
			return nil, errcode.New(errcode.DeviceBusy, n.NoRewind, "held by pid 4711 (tar cf %s .)", n.NoRewind)
		}
		r.held[n.NoRewind]++
		return io.NopCloser(nil), nil
	}
}

// open plays what is behind a node: by its serial number, as cables do not care for numbers. An open for
// looking would do for the most of it, but the program does not say which it wants.
func (r *hostRig) open(n sg.Node) (discover.Device, error) {
	if n.Kind == sg.Changer {
		return r.store.OpenChanger(context.Background(), "real")
	}
	for i, d := range r.lib.Drives {
		if d.Serial == n.Serial {
			return r.store.OpenDrive(context.Background(), "real", i)
		}
	}
	return nil, errcode.New(errcode.DeviceNotFound, n.Generic, "no such device")
}

// calypso runs one command and gives what it printed.
func (r *hostRig) calypso(want errcode.Exit, args ...string) (stdout, stderr string) {
	r.t.Helper()
	var out, errs bytes.Buffer
	got := mainOf(testTree(), append([]string{"calypso"}, args...), strings.NewReader(""), &out, &errs)
	if got != int(want) {
		r.t.Fatalf("calypso %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &errs)
	}
	return out.String(), errs.String()
}

func TestHostLibraryIsRemembered(t *testing.T) {
	r := newHostRig(t)
	_, errs := r.calypso(errcode.ExitRefused, "library", "load", "/dev/sg0", "--slot", "1")
	if !strings.Contains(errs, "discover --write") {
		t.Errorf("the refusal does not say what to do:\n%s", errs)
	}
	r.calypso(errcode.ExitRefused, "library", "inventory", "/dev/sch0")
	out, _ := r.calypso(0, "library", "show", "/dev/sch0") // looking is free
	if !strings.Contains(out, "R00001L8") {
		t.Error(out)
	}
	r.calypso(errcode.ExitNotFound, "library", "show", "msl")
	r.calypso(0, "library", "discover", "--write", "--name", "msl", "--dry-run")
	r.calypso(errcode.ExitNotFound, "library", "show", "msl")
	out, _ = r.calypso(0, "library", "discover", "--write", "--name", "msl", "--json")
	var doc discoverDoc
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	b := doc.Libraries[0].Bays
	if len(b) != 2 || *b[0].Serial != r.lib.Drives[0].Serial || *b[1].Tape != "/dev/nst1" || len(doc.Drives) != 0 {
		t.Errorf("%s", out)
	}
	r.calypso(0, "library", "load", "msl", "--slot", "1", "--drive", "1")
	out, _ = r.calypso(0, "library", "list")
	if !strings.Contains(out, "msl   hardware") {
		t.Error(out)
	}
	_, errs = r.calypso(errcode.ExitRefused, "library", "discover", "--write", "--name", "other")
	if !strings.Contains(errs, "msl") {
		t.Error(errs)
	}
}

// The configuration file allows a robot to be moved that nobody had remembered, with the same care.
func TestHostChangerIsAllowed(t *testing.T) {
	r := newHostRig(t)
	config := filepath.Join(t.TempDir(), "config.yaml")
	allow := func(serial string) {
		if err := os.WriteFile(config, []byte("changers: ["+serial+"]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	allow("OTHER")
	_, errs := r.calypso(errcode.ExitRefused, "library", "load", "/dev/sch0", "--slot", "1", "--config", config)
	if !strings.Contains(errs, "changers:") {
		t.Errorf("the refusal does not say what to do:\n%s", errs)
	}
	allow(r.lib.Serial)
	r.calypso(0, "library", "load", "/dev/sch0", "--slot", "1", "--drive", "1", "--config", config)
	r.busy["/dev/nst1"] = true
	r.calypso(errcode.ExitBusy, "library", "unload", r.lib.Serial, "--drive", "1", "--config", config)
	r.busy["/dev/nst1"] = false
	r.calypso(0, "library", "exchange", "/dev/sg0", "slot:2", "--drive", "1", "--config", config)
	r.calypso(0, "library", "unload", r.lib.Serial, "--drive", "1", "--config", config)
	if lib, _ := r.store.Get("real"); lib.LoadedIn(1) != "" || r.held["/dev/nst1"] != 2 {
		t.Errorf("the drive was not unloaded and held: %v", r.held)
	}
	if out, _ := r.calypso(0, "library", "list", "--config", config); strings.Contains(out, r.lib.Serial) {
		t.Errorf("it was remembered:\n%s", out)
	}
	if err := os.WriteFile(config, []byte("changers: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.calypso(errcode.ExitUsage, "library", "load", "/dev/sg0", "--slot", "1", "--config", config)
	r.calypso(0, "library", "show", "/dev/sg0", "--config", config)
}

// Every name of a drive leads to the same drive and lock, and to all verbs.
func TestHostDriveHasManyNames(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.calypso(0, "library", "load", "msl", "--slot", "1", "--drive", "1")
	r.calypso(0, "lto", "label", "-f", "msl:1", "R00001L8")
	link := filepath.Join(t.TempDir(), "scsi-nst")
	if err := os.Symlink("/dev/nst1", link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"msl:1", "/dev/nst1", "/dev/st1", "/dev/nst1a", "/dev/sg2", r.lib.Drives[1].Serial} {
		r.calypso(0, "lto", "write", "-f", name, "--name", fmt.Sprint("a", i), file)
	}
	out, _ := r.calypso(0, "lto", "verify", "-f", "/dev/nst1")
	if !strings.Contains(out, "a5") {
		t.Error(out)
	}
	if r.held["/dev/nst1"] == 0 || r.held["/dev/nst0"] != 0 {
		t.Errorf("held: %v", r.held)
	}
	before := r.held["/dev/nst1"]
	r.calypso(0, "lto", "status", "-f", "msl:1")
	if r.held["/dev/nst1"] != before {
		t.Error("a verb that looks held the drive")
	}
}

func TestHostDriveInUse(t *testing.T) {
	r := newHostRig(t)
	r.busy["/dev/nst0"] = true
	_, errs := r.calypso(errcode.ExitBusy, "lto", "rewind", "-f", "/dev/nst0")
	if !strings.Contains(errs, "pid 4711 (tar cf /dev/nst0 .)") {
		t.Error(errs)
	}
	r.calypso(0, "lto", "identify", "-f", "/dev/nst0")
}

// A drive is unloaded before its cartridge is moved, and one that is in use keeps it.
func TestHostUnloadBeforeMove(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.calypso(0, "library", "load", "msl", "--slot", "1")
	r.busy["/dev/nst0"] = true
	r.calypso(errcode.ExitBusy, "library", "unload", "msl")
	if lib, _ := r.store.Get("real"); lib.LoadedIn(0) == "" {
		t.Error("the cartridge was moved out of a drive that is in use")
	}
	r.busy["/dev/nst0"] = false
	held := r.held["/dev/nst0"]
	r.calypso(0, "library", "unload", "msl")
	if lib, _ := r.store.Get("real"); lib.LoadedIn(0) != "" || r.held["/dev/nst0"] != held+1 {
		t.Error("the drive was not unloaded, or not held meanwhile")
	}
	r.calypso(0, "library", "load", "msl", "--slot", "2")
	r.calypso(0, "library", "exchange", "msl", "slot:1", "--drive", "0")
	// One that lies in the mouth of the drive, where 'mt offline' left it, needs no more.
	openNode = func(n sg.Node) (discover.Device, error) {
		d, err := r.open(n)
		return strict{d}, err
	}
	r.calypso(0, "lto", "eject", "-f", "msl:0")
	r.calypso(0, "library", "exchange", "msl", "slot:3", "--drive", "0")
	if _, err := r.store.AddTape(t.Context(), "real", vtl.TapeSpec{Barcode: "CLN001L8"}); err != nil {
		t.Fatal(err)
	}
	r.calypso(0, "lto", "eject", "-f", "msl:0")
	r.calypso(0, "lto", "clean", "-f", "msl:0", "--unload")
}

// exchanged is a drive whose cartridge is another suddenly; the unit attention is told to another process.
type exchanged struct{ scsi.Transport }

// What was confirmed is what is overwritten: not what somebody put into the drive while the question stood.
func TestCartridgeChangedDuringQuestion(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	for n, volume := range []string{"R00001L8", "R00002L8"} {
		r.calypso(0, "library", "load", "msl", "--slot", fmt.Sprint(n+1), "--drive", fmt.Sprint(n))
		r.calypso(0, "lto", "label", "-f", driveName("msl", n), volume)
	}
	other, err := r.store.OpenDrive(t.Context(), "real", 1)
	if err != nil {
		t.Fatal(err)
	}
	before := transportOf
	t.Cleanup(func() { transportOf = before })
	way := &exchanged{}
	transportOf = func(d vtl.Device) scsi.Transport { way.Transport = d; return way }
	for _, verb := range [][]string{{"lto", "label", "-f", "msl:0", "R00001L8"}, {"lto", "erase", "-f", "msl:0"}} {
		p := &person{does: []func(){func() { way.Transport = other }}, types: "R00001L8"}
		_, errs := p.atTerminal(t, errcode.ExitMismatch, verb...)
		if !strings.Contains(errs, "R00002L8") {
			t.Error(errs)
		}
	}
	transportOf = before
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if out, errs := r.calypso(0, "lto", "scan", "-f", "msl:1", "--json"); !strings.Contains(out+errs, "R00002L8") {
		t.Errorf("another cartridge than the one that was named was overwritten:\n%s%s", out, errs)
	}
}

// strict is a drive that refuses to unload what it has unloaded.
type strict struct{ discover.Device }

func (s strict) Exec(ctx context.Context, cmd *scsi.Command) error {
	if ready := scsi.TestUnitReady(); cmd.CDB[0] == scsi.OpLoadUnload {
		if err := s.Device.Exec(ctx, &scsi.Command{CDB: ready[:]}); err != nil {
			return err
		}
	}
	return s.Device.Exec(ctx, cmd)
}

// Other numbers, the same names.
func TestHostRenumbered(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	for i, generic := range []string{"/dev/sg7", "/dev/sg2", "/dev/sg1"} {
		r.nodes[i].Generic = generic
	}
	r.nodes[1].NoRewind, r.nodes[2].NoRewind = r.nodes[2].NoRewind, r.nodes[1].NoRewind
	out, _ := r.calypso(0, "lto", "identify", "-f", "msl:0")
	if !strings.Contains(out, r.lib.Drives[0].Serial) {
		t.Error(out)
	}
	r.calypso(0, "library", "load", "msl", "--slot", "1", "--drive", "0")
	if r.calypso(0, "lto", "rewind", "-f", "msl:0"); r.held["/dev/nst1"] == 0 {
		t.Errorf("held: %v", r.held)
	}
	// A number that changed hands between the look and the open.
	r.nodes[1].Serial, r.nodes[2].Serial = "GONE1", r.lib.Drives[0].Serial
	hostNodes = func() ([]sg.Node, error) {
		list := append([]sg.Node(nil), r.nodes...)
		list[2].Serial = "STALE"
		return list, nil
	}
	openNode = func(n sg.Node) (discover.Device, error) { n.Serial = r.lib.Drives[0].Serial; return r.open(n) }
	_, errs := r.calypso(errcode.ExitNotFound, "lto", "identify", "-f", "STALE")
	if !strings.Contains(errs, "replaced or renumbered") {
		t.Error(errs)
	}
}

func TestHostTwins(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.nodes[2].Serial = r.nodes[1].Serial
	_, errs := r.calypso(errcode.ExitRefused, "lto", "rewind", "-f", "msl:0")
	if !strings.Contains(errs, "/dev/sg1 and /dev/sg2") {
		t.Error(errs)
	}
	r.nodes[1] = sg.Node{Generic: "/dev/sg8", Kind: sg.Changer, Serial: r.lib.Serial}
	for _, name := range []string{"msl", r.lib.Serial} {
		if _, errs := r.calypso(errcode.ExitRefused, "library", "show", name); !strings.Contains(errs, "/dev/sg0 and /dev/sg8") {
			t.Error(errs)
		}
	}
}

func TestHostVanished(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.nodes = r.nodes[:1]
	r.calypso(errcode.ExitNotFound, "lto", "status", "-f", "msl:1")
	r.calypso(errcode.ExitNotFound, "lto", "status", "-f", "/dev/nst-none")
	r.nodes = nil
	r.calypso(errcode.ExitNotFound, "library", "show", "msl")
}

// A bay that holds another drive than the one that is remembered is not served.
func TestHostBayChanged(t *testing.T) {
	r := newHostRig(t)
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	r.calypso(0, "library", "load", "msl", "--slot", "1", "--drive", "1")
	path := filepath.Join(os.Getenv("CALYPSO_STATE_DIR"), "hardware", "msl.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	swapped := strings.NewReplacer(r.lib.Drives[0].Serial, r.lib.Drives[1].Serial, r.lib.Drives[1].Serial, r.lib.Drives[0].Serial).Replace(string(b))
	if err := os.WriteFile(path, []byte(swapped), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"library", "load", "msl", "--slot", "2"},
		{"library", "load", "msl", "--slot", "2", "--dry-run"},
		{"library", "unload", "msl", "--drive", "1"},
		{"library", "exchange", "msl", "slot:2", "--drive", "1"},
	} {
		if _, errs := r.calypso(errcode.ExitRefused, args...); !strings.Contains(errs, "that is remembered") {
			t.Errorf("%v: %s", args, errs)
		}
	}
	if lib, _ := r.store.Get("real"); lib.LoadedIn(1) == "" || lib.LoadedIn(0) != "" {
		t.Error("something was moved")
	}
	out, _ := r.calypso(0, "lto", "alerts", "-f", "msl:1") // the cartridge in that bay is another drive's
	if strings.Contains(out, "R00001L8") {
		t.Error(out)
	}
}

// renamed is a drive that calls itself otherwise than its library does.
type renamed struct {
	discover.Device
	was, now string
}

func (r renamed) Exec(ctx context.Context, cmd *scsi.Command) error {
	err := r.Device.Exec(ctx, cmd)
	if cmd.CDB[0] == scsi.OpInquiry {
		copy(cmd.DataIn, bytes.ReplaceAll(cmd.DataIn, []byte(r.was), []byte(r.now)))
	}
	return err
}

// A bay that is known by its number alone must not contradict what is remembered either.
func TestHostCleanOfAChangedBay(t *testing.T) {
	r := newHostRig(t)
	if _, err := r.store.AddTape(t.Context(), "real", vtl.TapeSpec{Barcode: "CLN001L8"}); err != nil {
		t.Fatal(err)
	}
	was, now := r.lib.Drives[0].Serial, strings.Repeat("Z", len(r.lib.Drives[0].Serial))
	r.calypso(0, "library", "discover", "--write", "--name", "msl")
	path := filepath.Join(os.Getenv("CALYPSO_STATE_DIR"), "hardware", "msl.yaml")
	remembered, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.nodes[1].Serial = now
	openNode = func(n sg.Node) (discover.Device, error) {
		if n.Serial != now {
			return r.open(n)
		}
		n.Serial = was
		d, err := r.open(n)
		return renamed{d, was, now}, err
	}
	for told, want := range map[string]errcode.Exit{was: 0, "OF-ANOTHER": errcode.ExitRefused} {
		text := strings.NewReplacer("serial: "+was, "serial: "+now, "told: "+was, "told: "+told).Replace(string(remembered))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, errs := r.calypso(want, "lto", "clean", "-f", "msl:0", "--dry-run")
		if want != 0 && !strings.Contains(errs, "that is remembered") {
			t.Error(errs)
		}
	}
}

func TestHostWithoutDriver(t *testing.T) {
	newHostRig(t)
	hostNodes = func() ([]sg.Node, error) { return nil, fmt.Errorf("list: %w", fs.ErrNotExist) }
	r := &hostRig{t: t}
	for _, args := range [][]string{{"lto", "status", "-f", "/dev/nst0"}, {"library", "discover"}} {
		if _, errs := r.calypso(errcode.ExitUnsupported, args...); !strings.Contains(errs, "modprobe sg") {
			t.Error(errs)
		}
	}
	r.calypso(0, "lto", "list-drives") // there are none
}
