package vtl

import (
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"calypso/tape/scsi"
)

// partitioned is a drive over a real image beside the simplest model of it: each partition is a row of
// blocks, of which the empty ones are filemarks.
type partitioned struct {
	*rapid.T
	test   *testing.T
	store  *Store
	drive  Device
	parts  [][]string
	active int
	at     int
}

func TestPartitionedDriveIsSeveralTapes(t *testing.T) {
	s := newStore(t)
	create(t, s, spec("vtl01", 1))
	mustMove(t, s, Place{Slot, 1}, Place{InDrive, 0})
	d := openDrive(t, s, 0)
	settle(t, d)
	p := &partitioned{test: t, store: s, drive: d}
	rapid.Check(t, func(rt *rapid.T) {
		p.T = rt
		p.format(1)
		rt.Repeat(map[string]func(*rapid.T){
			"": p.check, "write": p.write, "write too": p.write, "read": p.read, "locate": p.locate,
			"erase": p.erase, "reopen": p.reopen, "exchange": p.exchange,
			"format": func(t *rapid.T) { p.format(rapid.IntRange(1, 4).Draw(t, "partitions")) },
		})
	})
	closeDevice(t, p.drive)
}

// do runs a command that has to succeed.
func (p *partitioned) do(cdb string, out, in []byte) int {
	p.Helper()
	var b []byte
	if _, err := fmt.Sscanf(cdb, "%x", &b); err != nil {
		p.Fatal(err)
	}
	n, err := exec(p.drive, b, out, in)
	if err != nil {
		p.Fatalf("%s: %v", cdb, err)
	}
	return n
}

// format divides the tape into n partitions of a GB, the last of which has the rest.
func (p *partitioned) format(n int) {
	page := []byte{0, 0, 0x10, 0, 0x11, 0x0E, 3, byte(n - 1), 0x3C, 3, 9, 0, 0, 1, 0, 1, 0, 1, 0, 1}
	binary.BigEndian.PutUint16(page[10+2*n:], 0xFFFF)
	p.do("151000001400", page, nil)
	p.do("2B020000000000000000", nil, nil)
	p.do("040001000000", nil, nil)
	p.parts, p.active, p.at = make([][]string, n), 0, 0
}

func (p *partitioned) write(t *rapid.T) {
	block := rapid.StringN(0, 9, 9).Draw(t, "block, or a filemark")
	if block == "" {
		p.do("100100000100", nil, nil)
	} else {
		p.do(fmt.Sprintf("0A00%06x00", len(block)), []byte(block), nil)
	}
	p.parts[p.active] = append(p.parts[p.active][:p.at:p.at], block)
	p.at++
}

func (p *partitioned) read(*rapid.T) {
	got, err := read(p.drive, 16)
	sense, _ := scsi.SenseOf(err)
	row := p.parts[p.active]
	if p.at == len(row) {
		if sense.Key != scsi.BlankCheck {
			p.Fatalf("read at the end of partition %d: %q, %v", p.active, got, err)
		}
		return
	}
	if want := row[p.at]; string(got) != want || sense.Filemark != (want == "") {
		p.Fatalf("object %d of partition %d reads %q, %v, want %q", p.at, p.active, got, err, want)
	}
	p.at++
}

func (p *partitioned) locate(t *rapid.T) {
	p.active = rapid.IntRange(0, len(p.parts)-1).Draw(t, "partition")
	p.at = rapid.IntRange(0, len(p.parts[p.active])).Draw(t, "object")
	p.do(fmt.Sprintf("920200%02x%016x00000000", p.active, p.at), nil, nil)
}

func (p *partitioned) erase(*rapid.T) {
	p.do("190000000000", nil, nil)
	p.parts[p.active] = p.parts[p.active][:p.at:p.at]
}

// reopen is another program that goes on with the drive.
func (p *partitioned) reopen(*rapid.T) {
	closeDevice(p.test, p.drive)
	p.drive = openDrive(p.test, p.store, 0)
}

// exchange takes the cartridge out and puts it in again.
func (p *partitioned) exchange(*rapid.T) {
	closeDevice(p.test, p.drive)
	mustMove(p.test, p.store, Place{InDrive, 0}, Place{Slot, 2})
	mustMove(p.test, p.store, Place{Slot, 2}, Place{InDrive, 0})
	p.drive = openDrive(p.test, p.store, 0)
	settle(p.test, p.drive)
	p.active, p.at = 0, 0
}

// check compares the position in all three forms, and the number of partitions.
func (p *partitioned) check(*rapid.T) {
	short, long, extended := make([]byte, 20), make([]byte, 32), make([]byte, 32)
	p.do("34000000000000000000", nil, short)
	p.do("34060000000000000000", nil, long)
	p.do("34080000000000002000", nil, extended)
	marks := 0
	for _, block := range p.parts[p.active][:p.at] {
		if block == "" {
			marks++
		}
	}
	if int(short[1]) != p.active || int(short[7]) != p.at || int(long[7]) != p.active || int(long[15]) != p.at ||
		int(long[23]) != marks || int(extended[1]) != p.active || int(extended[15]) != p.at {
		p.Fatalf("positions % x, % x, % x; want object %d, file %d of partition %d", short, long, extended, p.at, marks, p.active)
	}
	page := make([]byte, 32)
	p.do("1A0811002000", nil, page)
	if int(page[7]) != len(p.parts)-1 {
		p.Fatalf("page 11h: % x, want %d partitions", page[4:20], len(p.parts))
	}
}
