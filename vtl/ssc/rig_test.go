package ssc

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
)

// rig is a drive under test with its cartridge; its power-on attention has been taken.
type rig struct {
	testing.TB
	s *Server
	m *memoryTape
}

func newRig(t testing.TB, m *memoryTape) *rig {
	t.Helper()
	var medium Medium
	if m != nil {
		medium = m
	}
	s, err := New(Config{Generation: "LTO-8", Serial: "CAL0000001", Compression: true}, medium)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, s, m}
	if got := r.sense("00 00 00 00 00 00"); got != "6/29/00" {
		t.Fatalf("first command after power on = %s, want 6/29/00", got)
	}
	return r
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exec runs a CDB given in hexadecimal with data out and room for data in.
func (r *rig) exec(cdb string, out []byte, room int) ([]byte, error) {
	r.Helper()
	cmd := &scsi.Command{CDB: unhex(r, cdb), DataOut: out}
	if room > 0 {
		cmd.DataIn = make([]byte, room)
	}
	err := r.s.Exec(context.Background(), cmd)
	if room > 0 {
		return cmd.DataIn[:cmd.Transferred], err
	}
	return nil, err
}

// sense gives the outcome of a command in short: "good", or as describe.
func (r *rig) sense(cdb string) string { return r.senseOut(cdb, nil) }

func (r *rig) senseOut(cdb string, out []byte) string {
	r.Helper()
	_, err := r.exec(cdb, out, 0)
	return describe(r, err)
}

// want runs a CDB and compares the outcome.
func (r *rig) want(cdb, outcome string) {
	r.Helper()
	if got := r.sense(cdb); got != outcome {
		r.Errorf("%s = %s, want %s", cdb, got, outcome)
	}
}

// wantAt compares the position, and that READ POSITION tells it.
func (r *rig) wantAt(position int64) {
	r.Helper()
	data, err := r.exec("34 06 00 00 00 00 00 00 00 00", nil, 32)
	if err != nil {
		r.Fatalf("READ POSITION: %v", err)
	}
	if got := int64(binary.BigEndian.Uint64(data[8:])); got != position {
		r.Errorf("position = %d, want %d", got, position)
	}
}

// describe reads a sense from its raw bytes: "key/asc/ascq" with FM, EOM, ILI, the information in
// decimal and the field pointer; it fails the test when the fields of the Sense say something else.
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
	if len(raw) < 18 || raw[0]&0x7F != 0x70 || int(raw[7]) != len(raw)-8 {
		t.Fatalf("malformed sense % x", raw)
	}
	info := int64(int32(binary.BigEndian.Uint32(raw[3:])))
	agree := scsi.Sense{
		Key: scsi.SenseKey(raw[2] & 0x0F), ASC: scsi.ASC(binary.BigEndian.Uint16(raw[12:])),
		Filemark: raw[2]&0x80 != 0, EOM: raw[2]&0x40 != 0, ILI: raw[2]&0x20 != 0,
		InfoValid: raw[0]&0x80 != 0, Info: info,
	}
	if s.Key != agree.Key || s.ASC != agree.ASC || s.Filemark != agree.Filemark || s.EOM != agree.EOM ||
		s.ILI != agree.ILI || s.InfoValid != agree.InfoValid || s.Info != agree.Info {
		t.Errorf("sense fields %+v disagree with raw % x", s, raw)
	}
	if s.SKSValid != (raw[15]&0x80 != 0) || !bytes.Equal(s.SKS[:], raw[15:18]) {
		t.Errorf("sense key specific bytes % x disagree with raw % x", s.SKS, raw)
	}
	text := fmt.Sprintf("%x/%02x/%02x", raw[2]&0x0F, raw[12], raw[13])
	for _, f := range []struct {
		mask byte
		name string
	}{{0x80, " FM"}, {0x40, " EOM"}, {0x20, " ILI"}} {
		if raw[2]&f.mask != 0 {
			text += f.name
		}
	}
	if raw[0]&0x80 != 0 {
		text += fmt.Sprintf(" info=%d", info)
	}
	return text + describeField(raw[15:18])
}

func describeField(b []byte) string {
	if b[0]&0x80 == 0 {
		return ""
	}
	text := " param"
	if b[0]&0x40 != 0 {
		text = " cdb"
	}
	text += fmt.Sprintf("[%d]", binary.BigEndian.Uint16(b[1:]))
	if b[0]&0x08 != 0 {
		text += fmt.Sprintf(".%d", b[0]&7)
	}
	return text
}

func wantBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got % x\nwant % x", what, got, want)
	}
}

func rawSense(t testing.TB, err error) []byte {
	t.Helper()
	s, ok := scsi.SenseOf(err)
	if !ok {
		t.Fatalf("no sense in %v", err)
	}
	return s.Raw
}
