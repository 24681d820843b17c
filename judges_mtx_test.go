package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"calypso/tape"
	"calypso/tape/mtx"
	"calypso/tape/scsi"
	"calypso/vtl"
)

// What calypso writes for scripts that read mtx is held against mtx itself, byte for byte, on the same library.

// sameAsMtx compares `mtx status` with our own of the changer behind the same device.
func sameAsMtx(t *testing.T, c *bench, what string) string {
	t.Helper()
	want := c.ask(0, "mtx", "-f", judgedDevice, "status")
	v, err := tape.NewChanger(c.device).Inventory(t.Context())
	check(t, err)
	if got := mtx.Status(judgedDevice, v); got != want {
		t.Errorf("%s: calypso says\n%smtx says\n%s", what, got, want)
	}
	return want
}

// TestMtxFormat: the states of a library that a virtual one can be in.
func TestMtxFormat(t *testing.T) {
	need(t, "mtx")
	a := newAppliance(t)
	a.calypso(0, "vtl", "create", "vtl01", "--drives", "2", "--slots", "4", "--io-slots", "2", "--tapes", "3")
	a.calypso(0, "vtl", "tape", "add", "vtl01", "CLNU01CU")
	a.calypso(0, "vtl", "tape", "add", "vtl01", "X00001L8", "--io-slot", "2")
	show := a.calypso(0, "library", "show", "vtl01", "--format", "mtx").out
	c, _ := a.judged(shim(a))
	if want := sameAsMtx(t, c, "nothing loaded"); strings.ReplaceAll(want, judgedDevice, "vtl01") != show {
		t.Errorf("library show --format mtx:\n%smtx status:\n%s", show, want)
	}
	c.says(0, "mtx -f /dev/judged load 2 1")
	sameAsMtx(t, c, "a tape in a drive")
	c.says(0, "mtx -f /dev/judged load 6 0")
	sameAsMtx(t, c, "a tape in a drive that came from an I/O slot")
	c.says(0, "mtx -f /dev/judged transfer 1 5")
	sameAsMtx(t, c, "a tape put out")
}

// TestMtxFormatOfOtherLibraries: what real libraries say that ours does not.
func TestMtxFormatOfOtherLibraries(t *testing.T) {
	need(t, "mtx")
	a := newAppliance(t)
	library := shim(a)
	a.calypso(0, "vtl", "create", "vtl01", "--drives", "2", "--slots", "3", "--io-slots", "1", "--tapes", "2")
	a.calypso(0, "library", "load", "vtl01", "--slot", "1", "--drive", "1")
	c, _ := a.judged(library)
	number := 0
	for what, edit := range map[string]func(address uint16, d []byte){
		"the source is not known":             func(_ uint16, d []byte) { d[9] &^= 0x80 },
		"the source is no slot":               func(_ uint16, d []byte) { binary.BigEndian.PutUint16(d[10:], 9999) },
		"labels filled up to 36 bytes":        func(_ uint16, d []byte) { copy(d[12:48], strings.Repeat("L", 8)+strings.Repeat(" ", 28)) },
		"labels of blanks":                    func(_ uint16, d []byte) { copy(d[12:48], strings.Repeat(" ", 36)) },
		"labels of zeros":                     func(_ uint16, d []byte) { clear(d[12:48]) },
		"labels that begin with a control":    func(_ uint16, d []byte) { d[12] = 7 },
		"labels with a byte that is no ASCII": func(_ uint16, d []byte) { d[15] = 0xE9 },
		"labels with the last ASCII byte":     func(_ uint16, d []byte) { d[15] = 0x7F },
		"everything is full":                  func(_ uint16, d []byte) { d[2] |= 1 },
		"everything is empty":                 func(_ uint16, d []byte) { d[2] &^= 1 },
		"no sources":                          func(_ uint16, d []byte) { d[2] |= 1; d[9] &^= 0x80 },
		"no sources, a slot is empty": func(address uint16, d []byte) {
			if d[9] &^= 0x80; address != 1003 {
				d[2] |= 1
			}
		},
		"no sources, an I/O slot is empty": func(address uint16, d []byte) {
			if d[9] &^= 0x80; address != 101 {
				d[2] |= 1
			}
		},
		"two drives and one source": func(address uint16, d []byte) {
			if address < 1000 && address > 500 {
				d[2], d[9] = d[2]|1, d[9]|0x80
				binary.BigEndian.PutUint16(d[10:], 1003)
			}
		},
		"a source is what another may have": func(address uint16, d []byte) {
			if address == 501 {
				d[2] |= 1
			}
		},
		"a source is what another has": func(address uint16, d []byte) {
			if d[2] |= 1; address == 1001 {
				d[2] &^= 1
			}
		},
		"no source, then a wrong one":    loadedFrom(-1, 9),
		"a wrong source, then none":      loadedFrom(9, -1),
		"two wrong sources":              loadedFrom(9, 8),
		"two sources that are not known": loadedFrom(-1, -1),
		"a source, then none":            loadedFrom(1001, -1),
		"the other source, then none":    loadedFrom(1003, -1),
		"none, then a source":            loadedFrom(-1, 1003),
		"a full source, then none":       loadedFrom(1002, -1),
		"none, then a full source":       loadedFrom(-1, 1002),
		"two full sources":               loadedFrom(1002, 1002),
		"a source that is not valid": func(address uint16, d []byte) {
			if d[9] &^= 0x80; address == 502 {
				binary.BigEndian.PutUint16(d[10:], 1003)
			}
		},
		"the source is full":             from(1002, false),
		"the source is an I/O slot":      from(101, false),
		"the source is a full I/O slot":  from(101, true),
		"the source is another drive":    from(501, false),
		"the source is the robot's hand": from(0, false),
		"exceptions":                     func(_ uint16, d []byte) { d[2] |= 4; d[4], d[5] = 0x83, 0x01 },
	} {
		number++
		other := serveDevice(a, library, fmt.Sprint("other", number), retold{c.device, edit})
		sameAsMtx(t, other, what)
	}
}

// from makes a place the source of the tape in drive 1, and fills it.
func from(place uint16, full bool) func(uint16, []byte) {
	return func(address uint16, d []byte) {
		if address == 502 {
			binary.BigEndian.PutUint16(d[10:], place)
		}
		if full && address == place {
			d[2] |= 1
		}
	}
}

// loadedFrom fills both drives; -1 is for none.
func loadedFrom(list ...int) func(uint16, []byte) {
	return func(address uint16, d []byte) {
		if address != 501 && address != 502 {
			return
		}
		place := list[address-501]
		d[2], d[9] = d[2]|1, d[9]|0x80
		if place < 0 {
			d[9] &^= 0x80
		}
		binary.BigEndian.PutUint16(d[10:], uint16(place))
	}
}

// retold is a changer whose reports of its elements are changed, descriptor by descriptor.
type retold struct {
	vtl.Device
	edit func(address uint16, descriptor []byte)
}

func (r retold) Close() error { return nil }

func (r retold) Exec(ctx context.Context, cmd *scsi.Command) error {
	err := r.Device.Exec(ctx, cmd)
	if err != nil || cmd.CDB[0] != scsi.OpReadElementStatus {
		return err
	}
	data := cmd.DataIn[:cmd.Transferred]
	for at := 8; at+8 <= len(data); {
		length, end := int(binary.BigEndian.Uint16(data[at+2:])), at+8+int(binary.BigEndian.Uint32(data[at+4:])&0xFFFFFF)
		for at += 8; at+length <= min(end, len(data)); at += length {
			r.edit(binary.BigEndian.Uint16(data[at:]), data[at:at+length])
		}
		at = end
	}
	return nil
}
