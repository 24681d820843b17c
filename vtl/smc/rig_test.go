package smc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// hand is a Mover that keeps a record.
type hand struct {
	moves []string
	err   error
}

func (h *hand) Move(_ context.Context, src, dst uint16) error {
	if h.err != nil {
		return h.err
	}
	h.moves = append(h.moves, fmt.Sprintf("%d-%d", src, dst))
	return nil
}

func (h *hand) Exchange(_ context.Context, src, first, second uint16) error {
	if h.err != nil {
		return h.err
	}
	h.moves = append(h.moves, fmt.Sprintf("%d-%d-%d", src, first, second))
	return nil
}

// rig is a changer under test; its power-on attention has been taken.
type rig struct {
	testing.TB
	s *Server
	h *hand
}

func newRig(t testing.TB, inv Inventory) *rig {
	t.Helper()
	h := new(hand)
	s, err := New(Config{Serial: "CALLIB0001"}, inv, h)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, s, h}
	r.want("00 00 00 00 00 00", "6/29/00")
	return r
}

func driveID(serial string) spc.Identity {
	return spc.Identity{DeviceType: 1, Vendor: "HPE", Product: "Ultrium 9-SCSI", Serial: serial}
}

// smallLibrary has 1 drive, 2 mail slots and 3 slots; the first slot and the second mail slot are
// full.
func smallLibrary(t testing.TB) Inventory {
	t.Helper()
	inv, err := NewInventory([]spc.Identity{driveID("8031BDC7D1")}, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	slot, _ := inv.Element(1001)
	slot.Full, slot.Barcode, slot.Medium = true, "V00001L9", DataMedium
	mail, _ := inv.Element(102)
	mail.Full, mail.Barcode, mail.Medium, mail.ByOperator = true, "CLNU01L9", CleaningMedium, true
	return inv
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *rig) exec(cdb string, room int) ([]byte, error) {
	r.Helper()
	cmd := &scsi.Command{CDB: unhex(r, cdb), DataIn: make([]byte, room)}
	err := r.s.Exec(context.Background(), cmd)
	return cmd.DataIn[:cmd.Transferred], err
}

func (r *rig) want(cdb, outcome string) {
	r.Helper()
	_, err := r.exec(cdb, 0)
	if got := describe(r, err); got != outcome {
		r.Errorf("%s = %s, want %s", cdb, got, outcome)
	}
}

// get wants GOOD and these bytes.
func (r *rig) get(cdb, want string) {
	r.Helper()
	got, err := r.exec(cdb, 1<<16)
	if err != nil {
		r.Fatalf("%s: %v", cdb, err)
	}
	if w := unhex(r, want); !bytes.Equal(got, w) {
		r.Errorf("%s\n got % x\nwant % x", cdb, got, w)
	}
}

// describe reads a sense from its raw bytes: "key/asc/ascq" and the field pointer.
func describe(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return "good"
	}
	var status *scsi.StatusError
	if errors.As(err, &status) && status.Status == 0x18 {
		return "conflict"
	}
	var check *scsi.SenseError
	if !errors.As(err, &check) {
		t.Fatalf("no sense in %v", err)
	}
	raw, s := check.Sense.Raw, check.Sense
	if len(raw) != 18 || raw[0] != 0x70 || raw[7] != 10 {
		t.Fatalf("malformed sense % x", raw)
	}
	if byte(s.Key) != raw[2] || uint16(s.ASC) != binary.BigEndian.Uint16(raw[12:]) || !bytes.Equal(s.SKS[:], raw[15:]) {
		t.Errorf("sense fields %+v disagree with raw % x", s, raw)
	}
	text := fmt.Sprintf("%x/%02x/%02x", raw[2], raw[12], raw[13])
	if raw[15]&0xC0 == 0xC0 {
		text += fmt.Sprintf(" cdb[%d]", binary.BigEndian.Uint16(raw[16:]))
	}
	if raw[15]&0x08 != 0 {
		text += fmt.Sprintf(".%d", raw[15]&7)
	}
	return text
}

func ascii(s string, n int) string {
	return hex.EncodeToString([]byte(s + strings.Repeat(" ", n-len(s))))
}
