package ssc

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// FuzzExec sends anything to drives with and without a cartridge: the answer is GOOD or a
// well-formed sense, and no byte is written behind the room the host gave.
func FuzzExec(f *testing.F) {
	f.Add([]byte{0x08, 0, 0, 0, 5, 0}, []byte{}, uint8(5))
	f.Add([]byte{0x0A, 1, 0, 0, 2, 0}, []byte("abcdef"), uint8(0))
	f.Add([]byte{0x15, 0x10, 0, 0, 28, 0}, append([]byte{0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 2, 0x0F, 0x0E, 0x40, 0x80}, make([]byte, 12)...), uint8(0))
	f.Add([]byte{0x55, 0x11, 0, 0, 0, 0, 0, 0, 24, 0}, append([]byte{0, 0, 0, 0x10, 0, 0, 0, 0, 0x10, 0x0E}, make([]byte, 14)...), uint8(0))
	f.Add([]byte{0x91, 1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{}, uint8(0))
	f.Add([]byte{0x92, 8, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{}, uint8(0))
	f.Add([]byte{0x8D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0}, []byte{0, 0, 0, 6, 8, 1, 1, 0, 1, 'A'}, uint8(0))
	f.Add([]byte{0x04, 0, 1, 0, 0, 0}, []byte{}, uint8(0))
	f.Add([]byte{0x2B, 2, 0, 0, 0, 0, 1, 0, 1, 0}, []byte{}, uint8(0))
	f.Add([]byte{0x34, 8, 0, 0, 0, 0, 0, 0, 32, 0}, []byte{}, uint8(32))
	f.Add([]byte{0x82, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{}, uint8(0))
	f.Add([]byte{0x15, 0x10, 0, 0, 20, 0}, []byte{0, 0, 0x10, 0, 0x11, 0x0E, 3, 1, 0x3C, 3, 9, 0, 0, 1, 0xFF, 0xFF, 0, 0, 0, 0}, uint8(0))
	f.Add([]byte{0x4D, 0, 0x40, 0xFF, 0, 0, 0, 0, 0xFF, 0}, []byte{}, uint8(255))
	f.Add([]byte{0x4D, 0, 0x57, 0, 0, 0, 0, 0, 0xFF, 0}, []byte{}, uint8(255))
	f.Add([]byte{0x4C, 2, 0x40, 0, 0, 0, 0, 0, 0, 0}, []byte{}, uint8(0))
	f.Add([]byte{0x44, 3, 0, 0, 0, 0, 0, 0, 0xFF, 0}, []byte{}, uint8(255))
	for _, op := range []byte{0x00, 0x03, 0x05, 0x12, 0x1A, 0x1B, 0x1C, 0x1D, 0x34, 0x5A, 0x5E, 0x8C, 0xA0, 0xA3, 0xA4} {
		f.Add(append([]byte{op}, make([]byte, 15)...), []byte{}, uint8(255))
		f.Add(append([]byte{op, 0, 0, 0, 255}, make([]byte, 1)...), []byte{}, uint8(10))
	}
	f.Fuzz(func(t *testing.T, cdb, out []byte, room uint8) {
		for _, medium := range []*memoryTape{nil, tapeOf("5a|3||b"), dividedTape("5a|3||b", "x|")} {
			r := newRig(t, medium)
			r.s.blockLength = 1
			r.s.position = int64(room) % 4 % max(1, r.objects()+1)
			fuzzOne(t, r.s, cdb, out, int(room))
			if at := r.s.position; at < 0 || r.s.tape != nil && at > r.s.tape.Objects() {
				t.Errorf("% x: position %d of %d", cdb, at, r.objects())
			}
		}
	})
}

func (r *rig) objects() int64 {
	if r.m == nil {
		return 0
	}
	return r.m.Objects()
}

func fuzzOne(t *testing.T, s scsi.Transport, cdb, out []byte, room int) {
	const guard = 64
	buf := bytes.Repeat([]byte{0xA5}, room+guard)
	cmd := &scsi.Command{CDB: bytes.Clone(cdb), DataOut: bytes.Clone(out), DataIn: buf[:room]}
	err := s.Exec(t.Context(), cmd)
	if !bytes.Equal(buf[room:], bytes.Repeat([]byte{0xA5}, guard)) {
		t.Errorf("% x: wrote behind DataIn", cdb)
	}
	if !bytes.Equal(cmd.CDB, cdb) || !bytes.Equal(cmd.DataOut, out) {
		t.Errorf("% x: changed what the host sent", cdb)
	}
	if cmd.Transferred < 0 || cmd.Transferred > max(len(out), room) {
		t.Errorf("% x: transferred %d of %d out, %d in", cdb, cmd.Transferred, len(out), room)
	}
	var status *scsi.StatusError
	var lost *scsi.TransportError
	if errors.As(err, &status) && status.Status != 0x18 || errors.As(err, &lost) {
		t.Errorf("% x: %v", cdb, err)
	}
	describe(t, err)
}

// FuzzState gives New a kept state with anything in it; the drive must come up and answer.
func FuzzState(f *testing.F) {
	good, err := json.Marshal(State{Barcode: "V00001L8", Loaded: true, Position: 3, Attentions: []scsi.ASC{0x2800},
		ModePages: []spc.ModeValue{{Code: 0x10, Current: "0000000000074000100000000108", Saved: "00"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"loaded":true,"position":1,"barcode":"V00001L8","heads":{"partition":1,"allow_overwrite":{"kind":1,"partition":1,"object":1}}}`))
	f.Add([]byte(`{"loaded":true,"position":-9223372036854775808,"block_length_bytes":99999999999,"barcode":"V00001L8"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var state State
		if json.Unmarshal(text, &state) != nil {
			return
		}
		s, err := New(Config{Generation: "LTO-8", State: &state}, dividedTape("5a|3", "x"))
		if err != nil {
			t.Fatal(err)
		}
		for _, cdb := range []string{"00 00 00 00 00 00", "1A 00 3F 00 FF 00", "08 01 00 00 01 00", "11 01 FF FF FF 00", "0A 00 00 00 01 00"} {
			fuzzOne(t, s, unhex(t, cdb), []byte{1}, 255)
		}
	})
}
