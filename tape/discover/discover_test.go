package discover_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/sys/place"
	"calypso/tape/discover"
	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

// host is a host whose devices are played by the device servers.
type host struct {
	store *vtl.Store
	lib   *vtl.Library
	nodes []sg.Node
	wrap  func(n sg.Node, d discover.Device) discover.Device
}

// newHost has one library with so many drives. The first drive's node is behind the changer's.
func newHost(t *testing.T, drives int) *host {
	t.Helper()
	dir := t.TempDir()
	store := vtl.NewStore(place.Places{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run")})
	lib, err := store.Create(context.Background(), vtl.CreateSpec{Name: "lib", Drives: drives, Slots: 4, Media: "LTO-8", Tapes: -1, BarcodePrefix: "V"})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{store: store, lib: lib, nodes: []sg.Node{{Generic: "/dev/sg0", Kind: sg.Changer}}}
	for n := range drives {
		h.nodes = append(h.nodes, sg.Node{Generic: fmt.Sprintf("/dev/sg%d", n+1), NoRewind: fmt.Sprintf("/dev/nst%d", n), Kind: sg.Tape})
	}
	return h
}

func (h *host) open(n sg.Node) (discover.Device, error) {
	var d discover.Device
	var err error
	if n.Kind == sg.Changer {
		d, err = h.store.ObserveChanger(context.Background(), "lib")
	} else {
		var number int
		fmt.Sscanf(n.NoRewind, "/dev/nst%d", &number)
		d, err = h.store.ObserveDrive(context.Background(), "lib", number)
	}
	if err == nil && h.wrap != nil {
		d = h.wrap(n, d)
	}
	return d, err
}

// edited passes commands on and changes the answers.
type edited struct {
	discover.Device
	edit func(cmd *scsi.Command) error
}

func (e edited) Exec(ctx context.Context, cmd *scsi.Command) error {
	if err := e.Device.Exec(ctx, cmd); err != nil {
		return err
	}
	return e.edit(cmd)
}

// bays tells what a scan found: the node of each bay's drive, or why there is none.
func bays(h discover.Host) []string {
	var list []string
	for _, b := range h.Changers[0].Bays {
		text := b.Reason
		if b.Drive != nil {
			text = b.Drive.Node.Generic
		}
		list = append(list, text)
	}
	return list
}

func TestScanJoinsBaysToDrives(t *testing.T) {
	h := newHost(t, 3)
	h.nodes[1], h.nodes[3] = h.nodes[3], h.nodes[1] // numbers say nothing
	h.nodes[1].Generic, h.nodes[3].Generic = "/dev/sg1", "/dev/sg3"
	got := discover.Scan(t.Context(), h.nodes, h.open)
	if diff := cmp.Diff([]string{"/dev/sg3", "/dev/sg2", "/dev/sg1"}, bays(got)); diff != "" {
		t.Error(diff)
	}
	if got.Changers[0].Serial != h.lib.Serial || got.Drives[0].Serial != h.lib.Drives[2].Serial {
		t.Errorf("serial numbers %q, %q", got.Changers[0].Serial, got.Drives[0].Serial)
	}
}

// refuse answers a command that a library does not know in this form.
func refuse(cmd *scsi.Command) error {
	cmd.Transferred = 0
	return &scsi.SenseError{CDB: cmd.CDB, Sense: scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidField}}
}

// The rungs of the ladder: whatever of the question a library refuses, the rest finds the drives.
func TestScanLadder(t *testing.T) {
	const voltag, curdata, dvcid = 0x10, 0x02, 0x01
	for name, tt := range map[string]struct {
		refuses func(cdb []byte) bool
		want    []string
	}{
		"takes all":  {func([]byte) bool { return false }, []string{"/dev/sg1", "/dev/sg2"}},
		"no CURDATA": {func(c []byte) bool { return c[6]&curdata != 0 }, []string{"/dev/sg1", "/dev/sg2"}},
		"one by one": {func(c []byte) bool { return c[1]&voltag != 0 && c[6]&dvcid != 0 }, []string{"/dev/sg1", "/dev/sg2"}},
		"both":       {func(c []byte) bool { return c[6]&curdata != 0 || c[1]&voltag != 0 && c[6]&dvcid != 0 }, []string{"/dev/sg1", "/dev/sg2"}},
		"no DVCID":   {func(c []byte) bool { return c[6]&dvcid != 0 }, []string{"the library does not tell which drive is here", "the library does not tell which drive is here"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, 2)
			h.wrap = func(n sg.Node, d discover.Device) discover.Device {
				return edited{d, func(cmd *scsi.Command) error {
					if cmd.CDB[0] == scsi.OpReadElementStatus && tt.refuses(cmd.CDB) {
						return refuse(cmd)
					}
					return nil
				}}
			}
			if diff := cmp.Diff(tt.want, bays(discover.Scan(t.Context(), h.nodes, h.open))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Some libraries answer a question for both with the barcodes alone.
func TestScanFillsGaps(t *testing.T) {
	h := newHost(t, 2)
	h.wrap = func(n sg.Node, d discover.Device) discover.Device {
		return edited{d, func(cmd *scsi.Command) error {
			c := cmd.CDB
			if c[0] == scsi.OpReadElementStatus && c[1]&0x10 != 0 && c[6]&1 != 0 {
				hideDrives(cmd.DataIn[:cmd.Transferred])
			}
			return nil
		}}
	}
	if diff := cmp.Diff([]string{"/dev/sg1", "/dev/sg2"}, bays(discover.Scan(t.Context(), h.nodes, h.open))); diff != "" {
		t.Error(diff)
	}
}

// hideDrives empties the device identifiers of a page of drives with volume tags.
func hideDrives(report []byte) {
	length := int(report[8+2])<<8 | int(report[8+3])
	for d := report[16:]; len(d) >= length; d = d[length:] {
		clear(d[48:length])
	}
}

// replaceSerial makes a drive say another serial number on a page of vital product data.
func replaceSerial(page byte, serial string) func(*scsi.Command) error {
	return func(cmd *scsi.Command) error {
		if c := cmd.CDB; c[0] == scsi.OpInquiry && c[1]&1 != 0 && c[2] == page {
			clear(cmd.DataIn)
			cmd.Transferred = 4 + copy(cmd.DataIn[4:], serial)
			cmd.DataIn[0], cmd.DataIn[1], cmd.DataIn[3] = 1, page, byte(len(serial))
		}
		return nil
	}
}

func TestScanProvesNothingWithTwins(t *testing.T) {
	h := newHost(t, 3)
	h.wrap = func(n sg.Node, d discover.Device) discover.Device {
		if n.Generic != "/dev/sg2" {
			return d
		}
		return edited{d, replaceSerial(scsi.VPDUnitSerial, h.lib.Drives[0].Serial)}
	}
	got := bays(discover.Scan(t.Context(), h.nodes, h.open))
	if !strings.Contains(got[0], "/dev/sg1 and /dev/sg2 have one serial number") || !strings.Contains(got[1], "/dev/sg2 and /dev/sg1 have one") || got[2] != "/dev/sg3" {
		t.Errorf("%q", got)
	}
}

// A drive that the library named anew says so on page 80h and keeps its own number on B1h.
func TestDriveIs(t *testing.T) {
	d := discover.Drive{Serial: "8031BDC7DB"}
	d.Identity.Serial, d.Identity.ManufacturerSerial = "8031BDC7DB", "CZ123"
	d.Identity.T10ID = "HPE     Ultrium 9-SCSI  8031BDC7D1"
	for name, want := range map[string]bool{"8031BDC7DB": true, "CZ123": true, "8031BDC7D1": true,
		"HPE     Ultrium 9-SCSI  8031BDC7D1": true, "": false, "8031BDC7D": false, "CZ": false, "Ultrium 9-SCSI": false} {
		if d.Is(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
}

func TestScanGoesOnPastErrors(t *testing.T) {
	h := newHost(t, 2)
	gone := errors.New("gone")
	open := func(n sg.Node) (discover.Device, error) {
		if n.Generic == "/dev/sg1" {
			return nil, gone
		}
		return h.open(n)
	}
	got := discover.Scan(t.Context(), h.nodes, open)
	if !errors.Is(got.Drives[0].Err, gone) || got.Drives[1].Err != nil {
		t.Errorf("%v, %v", got.Drives[0].Err, got.Drives[1].Err)
	}
	if b := bays(got); b[0] != "this host has no drive with serial number "+h.lib.Drives[0].Serial || b[1] != "/dev/sg2" {
		t.Errorf("%q", b)
	}
}

func TestStore(t *testing.T) {
	h := newHost(t, 2)
	got := discover.Scan(t.Context(), h.nodes, h.open)
	now := time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)
	l, err := got.Changers[0].Remember("msl", now)
	if err != nil {
		t.Fatal(err)
	}
	s := discover.NewStore(t.TempDir())
	if err := s.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	back, err := s.Get("msl")
	if err != nil {
		t.Fatal(err)
	}
	l.SchemaVersion = 1
	if diff := cmp.Diff(&l, back); diff != "" {
		t.Error(diff)
	}
	if n := back.BayOf(h.lib.Drives[1].Serial); n != 1 {
		t.Errorf("bay %d, want 1", n)
	}
	other := l
	other.Serial = "OTHER"
	if err := s.Put(t.Context(), other); errcode.Of(err) != errcode.LibraryExists {
		t.Errorf("another changer under the name: %v", err)
	}
	other.Name, other.Drives = "two", append(other.Drives, other.Drives[0])
	if err := s.Put(t.Context(), other); err == nil {
		t.Error("one drive in two bays was taken")
	}
	if list, err := s.List(); len(list) != 1 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := s.Get("../msl"); errcode.Of(err) != errcode.LibraryNotFound {
		t.Errorf("a name that leads out: %v", err)
	}
}
