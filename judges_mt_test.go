package main

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"calypso/tape/mt"
	"calypso/tape/scsi/sg"
)

// TestMtFormat: mt of mt-st and calypso are told the same by the driver, and write the same.
func TestMtFormat(t *testing.T) {
	need(t, "mt")
	a := newAppliance(t)
	library := shim(a)
	a.calypso(0, "vtl", "create", "vtl01", "--slots", "1")
	_, d := a.judged(library)
	plain := sg.MTGet{Type: 0x72, General: 0x1010000}
	list := []sg.MTGet{plain, {Type: 0x71, File: -1, Block: -1}, {Type: 0x72, File: 1 << 30, Block: 1 << 30, Residual: 0x1FF, Errors: 0x12345678}}
	for code := range uint32(256) {
		g := plain
		g.Registers = code<<24 | 1<<code%24
		list = append(list, g)
	}
	for bit := range 32 {
		g := plain
		g.General = 1 << bit
		list = append(list, g)
	}
	list = append(list, sg.MTGet{Type: 0x72, General: 0xFFFFFFFF, Registers: 0xFFFFFF})
	for _, g := range list {
		told := *d
		told.env = append(d.env[:len(d.env):len(d.env)], "JUDGE_MTGET="+mtgetHex(g))
		if got, want := mt.Status(g), told.ask(0, "mt", "-f", judgedDevice, "status"); got != want {
			t.Errorf("%+v: calypso says\n%smt says\n%s", g, got, want)
		}
	}
}

// mtgetHex is struct mtget as the kernel fills it in on a machine of 64 bits.
func mtgetHex(g sg.MTGet) string {
	var b []byte
	for _, v := range []uint32{g.Type, g.Residual, g.Registers, g.General, g.Errors} {
		b = binary.NativeEndian.AppendUint64(b, uint64(v))
	}
	b = binary.NativeEndian.AppendUint32(b, uint32(g.File))
	return hex.EncodeToString(binary.NativeEndian.AppendUint32(b, uint32(g.Block)))
}
