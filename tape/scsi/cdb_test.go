package scsi

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(stripped(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stripped(s string) string {
	return string(bytes.Join(bytes.Fields([]byte(s)), nil))
}

func TestCDBs(t *testing.T) {
	six := func(c CDB6) []byte { return c[:] }
	ten := func(c CDB10) []byte { return c[:] }
	twelve := func(c CDB12) []byte { return c[:] }
	sixteen := func(c CDB16) []byte { return c[:] }
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"test unit ready", six(TestUnitReady()), "00 00 00 00 00 00"},
		{"request sense", six(RequestSense(96)), "03 00 00 00 60 00"},
		{"inquiry", six(Inquiry(252)), "12 00 00 00 fc 00"},
		{"inquiry vpd", six(InquiryVPD(0x83, 0x1234)), "12 01 83 12 34 00"},
		{"report luns", twelve(ReportLUNs(0x01020304)), "a0 00 00 00 00 00 01 02 03 04 00 00"},
		{"rewind", six(Rewind(false)), "01 00 00 00 00 00"},
		{"rewind immediate", six(Rewind(true)), "01 01 00 00 00 00"},
		{"read block limits", six(ReadBlockLimits()), "05 00 00 00 00 00"},
		{"read variable", six(Read6(false, false, 0x040000)), "08 00 04 00 00 00"},
		{"read variable sili", six(Read6(false, true, 0x123456)), "08 02 12 34 56 00"},
		{"read fixed", six(Read6(true, false, 3)), "08 01 00 00 03 00"},
		{"write variable", six(Write6(false, 0x123456)), "0a 00 12 34 56 00"},
		{"write fixed", six(Write6(true, 1)), "0a 01 00 00 01 00"},
		{"write filemarks", six(WriteFilemarks6(false, 2)), "10 00 00 00 02 00"},
		{"write filemarks immediate", six(WriteFilemarks6(true, 1)), "10 01 00 00 01 00"},
		{"space filemarks", six(Space6(SpaceFilemarks, 1)), "11 01 00 00 01 00"},
		{"space blocks back", six(Space6(SpaceBlocks, -2)), "11 00 ff ff fe 00"},
		{"space eod", six(Space6(SpaceToEOD, 0)), "11 03 00 00 00 00"},
		{"space 16", sixteen(Space16(SpaceFilemarks, -1)), "91 01 00 00 ff ff ff ff ff ff ff ff 00 00 00 00"},
		{"locate 10", ten(Locate10(0x01020304)), "2b 00 00 01 02 03 04 00 00 00"},
		{"locate 16", sixteen(Locate16(LocateObject, 0x0102030405060708)), "92 00 00 00 01 02 03 04 05 06 07 08 00 00 00 00"},
		{"locate 16 file", sixteen(Locate16(LocateFile, 7)), "92 08 00 00 00 00 00 00 00 00 00 07 00 00 00 00"},
		{"locate 16 eod", sixteen(Locate16(LocateEOD, 0)), "92 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00"},
		{"read position short", ten(ReadPositionShort()), "34 00 00 00 00 00 00 00 00 00"},
		{"read position long", ten(ReadPositionLong()), "34 06 00 00 00 00 00 00 00 00"},
		{"erase short", six(Erase6(false, false)), "19 00 00 00 00 00"},
		{"erase long immediate", six(Erase6(true, true)), "19 03 00 00 00 00"},
		{"load", six(LoadUnload(true, false)), "1b 00 00 00 01 00"},
		{"unload immediate", six(LoadUnload(false, true)), "1b 01 00 00 00 00"},
		{"prevent", six(PreventAllow(true)), "1e 00 00 00 01 00"},
		{"allow", six(PreventAllow(false)), "1e 00 00 00 00 00"},
		{"mode sense 6", six(ModeSense6(false, CurrentValues, 0x10, 0, 252)), "1a 00 10 00 fc 00"},
		{"mode sense 6 dbd", six(ModeSense6(true, DefaultValues, 0x0A, 0xF0, 255)), "1a 08 8a f0 ff 00"},
		{"mode sense 10", ten(ModeSense10(true, ChangeableValues, 0x1D, 0, 0x0102)), "5a 08 5d 00 00 00 00 01 02 00"},
		{"mode select 6", six(ModeSelect6(28)), "15 10 00 00 1c 00"},
		{"mode select 10", ten(ModeSelect10(0x0102)), "55 10 00 00 00 00 00 01 02 00"},
		{"read attribute", sixteen(ReadAttribute(AttributeValues, 0x0806, 0x10000)), "8c 00 00 00 00 00 00 00 08 06 00 01 00 00 00 00"},
		{"attribute list", sixteen(ReadAttribute(AttributeList, 0, 4096)), "8c 01 00 00 00 00 00 00 00 00 00 00 10 00 00 00"},
		{"write attribute", sixteen(WriteAttribute(true, 41)), "8d 01 00 00 00 00 00 00 00 00 00 00 00 29 00 00"},
		{"read element status", twelve(ReadElementStatus(ElementQuery{Type: DriveElement, Start: 256, Count: 2,
			VolumeTags: true, DeviceIDs: true, CurrentData: true, Alloc: 0xFFFF})), "b8 14 01 00 00 02 03 00 ff ff 00 00"},
		{"read element status plain", twelve(ReadElementStatus(ElementQuery{Type: StorageElement, Start: 1, Count: 1000,
			Alloc: 0x012345})), "b8 02 00 01 03 e8 00 01 23 45 00 00"},
		{"move medium", twelve(MoveMedium(1, 0x0203, 0x0405)), "a5 00 00 01 02 03 04 05 00 00 00 00"},
		{"initialize element status", six(InitializeElementStatus()), "07 00 00 00 00 00"},
	}
	for _, tt := range tests {
		if want := unhex(t, tt.want); !bytes.Equal(tt.got, want) {
			t.Errorf("%s: got % x, want % x", tt.name, tt.got, want)
		}
	}
}

func TestBuildersDoNotAllocate(t *testing.T) {
	var sink byte
	n := testing.AllocsPerRun(100, func() {
		c := Write6(false, 262144)
		sink += c[2]
	})
	if n != 0 || sink == 0 {
		t.Errorf("%v allocations", n)
	}
}
