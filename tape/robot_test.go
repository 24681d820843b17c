package tape

import (
	"context"
	"encoding/binary"
	"strings"

	"calypso/tape/scsi"
)

// place is an element of the robot's library.
type place struct {
	kind    byte
	address uint16
	barcode string // "": empty
	source  uint16
	serial  string
	except  uint16
}

// robot is a small library that speaks bytes. Its flaws are those of real ones.
type robot struct {
	places []place
	page1D []byte

	refuseBoth    bool // VOLTAG and DVCID together
	refuseIDs     bool // DVCID at all
	refuseCurrent bool // CURDATA
	most          int  // it returns no more elements than this; 0: no limit
	noTags        bool // it cannot read barcodes
	ghosts        bool // empty places keep the tag and the source of what was there
	beyond        bool // answers go on behind the range that was asked for
	pretend       bool // it reports moves that it does not make
	swap          string
	queries       [][]byte
	moves         int
	onMove        func()
	moveSense     *scsi.Sense
	moveErr       error
	deaf          error // of READ ELEMENT STATUS
	deafOnly      int   // so often; 0: always
	notReady      int   // so many READ ELEMENT STATUS are too early
}

// newRobot is a library of two drives at 256, four slots at 1001, two io slots at 101 and a hand at 0.
func newRobot() *robot {
	r := &robot{page1D: []byte{0x1D, 0x12, 0, 0, 0, 1, 0x03, 0xE9, 0, 4, 0, 101, 0, 2, 1, 0, 0, 2, 0, 0}}
	r.places = []place{
		{kind: 1, address: 0},
		{kind: 2, address: 1001, barcode: "V00001L8"}, {kind: 2, address: 1002}, {kind: 2, address: 1003, barcode: "V00003L8"}, {kind: 2, address: 1004},
		{kind: 3, address: 101}, {kind: 3, address: 102, barcode: "V00009L8"},
		{kind: 4, address: 256, serial: "HU0000000A"}, {kind: 4, address: 257, serial: "HU0000000B", barcode: "V00002L8", source: 1002},
	}
	return r
}

func (r *robot) deafFor(n int, err error) { r.deafOnly, r.deaf = n, err }

func (r *robot) at(address uint16) *place {
	for i := range r.places {
		if r.places[i].address == address {
			return &r.places[i]
		}
	}
	return nil
}

func (r *robot) Exec(_ context.Context, cmd *scsi.Command) error {
	var sense *scsi.Sense
	switch cmd.CDB[0] {
	case scsi.OpTestUnitReady, scsi.OpInitializeElementStatus:
	case scsi.OpModeSense6:
		cmd.Transferred = copy(cmd.DataIn, append([]byte{23, 0, 0, 0}, r.page1D...))
	case scsi.OpReadElementStatus:
		if err := r.deaf; err != nil {
			if r.deafOnly--; r.deafOnly == 0 {
				r.deaf = nil
			}
			return err
		}
		sense = r.status(cmd)
	case scsi.OpMoveMedium:
		r.moves++
		if r.onMove != nil {
			r.onMove()
		}
		if r.moveErr != nil {
			return r.moveErr
		}
		sense = r.move(binary.BigEndian.Uint16(cmd.CDB[4:]), binary.BigEndian.Uint16(cmd.CDB[6:]))
	case 0xA6:
		r.moves++
		if r.onMove != nil {
			r.onMove()
		}
		sense = r.exchange(binary.BigEndian.Uint16(cmd.CDB[4:]), binary.BigEndian.Uint16(cmd.CDB[6:]), binary.BigEndian.Uint16(cmd.CDB[8:]))
	default:
		sense = &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidOpcode}
	}
	if sense != nil {
		return &scsi.SenseError{CDB: cmd.CDB, Sense: *sense}
	}
	return nil
}

func (r *robot) move(from, to uint16) *scsi.Sense {
	if r.moveSense != nil || r.pretend {
		return r.moveSense
	}
	s, d := r.at(from), r.at(to)
	if s == nil || d == nil {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidElement}
	}
	if s.barcode == "" {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCSourceEmpty}
	}
	if d.barcode != "" {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCDestinationFull}
	}
	d.barcode, d.source, s.barcode = s.barcode, from, ""
	if r.swap != "" {
		d.barcode = r.swap
	}
	return nil
}

// exchange of two full places; the others are refused as not known.
func (r *robot) exchange(from, first, second uint16) *scsi.Sense {
	if r.moveSense != nil || r.pretend {
		return r.moveSense
	}
	a, b := r.at(from), r.at(first)
	if a == nil || b == nil || second != from || a.barcode == "" || b.barcode == "" {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidElement}
	}
	a.barcode, b.barcode = b.barcode, a.barcode
	return nil
}

func (r *robot) status(cmd *scsi.Command) *scsi.Sense {
	c := cmd.CDB
	r.queries = append(r.queries, append([]byte(nil), c...))
	if r.notReady > 0 {
		r.notReady--
		return &scsi.Sense{Key: scsi.NotReady, ASC: scsi.ASCBecomingReady}
	}
	tags, ids, current := c[1]&0x10 != 0, c[6]&1 != 0, c[6]&2 != 0
	if tags && ids && r.refuseBoth || ids && r.refuseIDs || current && r.refuseCurrent {
		return &scsi.Sense{Key: scsi.IllegalRequest, ASC: scsi.ASCInvalidField}
	}
	var list []place
	for _, p := range r.places {
		if p.kind == c[1]&0x0F && p.address >= binary.BigEndian.Uint16(c[2:]) && (r.beyond || len(list) < int(binary.BigEndian.Uint16(c[4:]))) {
			list = append(list, p)
		}
	}
	if r.most > 0 && len(list) > r.most {
		list = list[:r.most]
	}
	data := r.encode(c[1]&0x0F, list, tags, ids)
	alloc := int(c[7])<<16 | int(c[8])<<8 | int(c[9])
	cmd.Transferred = copy(cmd.DataIn, data[:min(len(data), alloc)])
	return nil
}

func (r *robot) encode(kind byte, list []place, tags, ids bool) []byte {
	var body []byte
	for _, p := range list {
		body = append(body, r.descriptor(p, tags, ids)...)
	}
	if len(list) == 0 {
		return make([]byte, 8)
	}
	length := len(body) / len(list)
	head := []byte{byte(list[0].address >> 8), byte(list[0].address), byte(len(list) >> 8), byte(len(list)), 0, 0, 0, 0,
		kind, 0, byte(length >> 8), byte(length), 0, 0, 0, 0}
	if tags {
		head[9] = 0x80
	}
	putU24(head[5:], len(body)+8)
	putU24(head[13:], len(body))
	return append(head, body...)
}

func putU24(b []byte, n int) { b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n) }

func (r *robot) descriptor(p place, tags, ids bool) []byte {
	d := make([]byte, 12)
	binary.BigEndian.PutUint16(d, p.address)
	d[2] = 0x08
	if p.barcode != "" {
		d[2], d[9] = 0x09, 0x01
	}
	if p.except != 0 {
		d[2] |= 0x04
		binary.BigEndian.PutUint16(d[4:], p.except)
	}
	if r.ghosts && p.barcode == "" {
		p.barcode, p.source = "GHOST1L8", 1001
	}
	if p.source != 0 {
		d[9] |= 0x80
		binary.BigEndian.PutUint16(d[10:], p.source)
	}
	if tags {
		tag := p.barcode
		if r.noTags {
			tag = ""
		}
		d = append(d, tag+strings.Repeat(" ", 32-len(tag))+"\x00\x00\x00\x00"...)
	}
	if !ids {
		return append(d, 0, 0, 0, 0)
	}
	if p.serial == "" {
		p.serial = strings.Repeat("\x00", 10)
	}
	return append(d, "\x02\x01\x00\x22HPE     Ultrium 8-SCSI  "+p.serial...)
}
