package smc

import (
	"strings"
	"testing"

	"calypso/vtl/spc"
)

// The parts of the small library's report with volume tags, 52 bytes for each element, which is the
// length a HPE MSL3040 has without device identifiers.
var (
	noTag = strings.Repeat("00", 36)

	handElement = "0001 00 00 0000 000000 00 0000" + noTag + "00000000"
	mail1       = "0065 38 00 0000 000000 00 0000" + noTag + "00000000"
	mail2       = "0066 3b 00 0000 000000 02 0000" + ascii("CLNU01L9", 32) + "00000000" + "00000000"
	drive       = "01f5 08 00 0000 000000 00 0000" + noTag + "00000000"
	slot1       = "03e9 09 00 0000 000000 01 0000" + ascii("V00001L9", 32) + "00000000" + "00000000"
	slot2       = "03ea 08 00 0000 000000 00 0000" + noTag + "00000000"
	slot3       = "03eb 08 00 0000 000000 00 0000" + noTag + "00000000"

	pageMT = "01 80 0034 00 000034" + handElement
	pageIE = "03 80 0034 00 000068" + mail1 + mail2
	pageDT = "04 80 0034 00 000034" + drive
	pageST = "02 80 0034 00 00009c" + slot1 + slot2 + slot3
)

func TestReadElementStatus(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	tests := []struct{ name, cdb, want string }{
		{"all", "B8 10 0000 FFFF 02 00FFFF 00 00", "0001 0007 00 00018c" + pageMT + pageIE + pageDT + pageST},
		{"transport", "B8 11 0000 FFFF 00 00FFFF 00 00", "0001 0001 00 00003c" + pageMT},
		{"storage", "B8 12 0000 FFFF 00 00FFFF 00 00", "03e9 0003 00 0000a4" + pageST},
		{"import/export", "B8 13 0000 FFFF 00 00FFFF 00 00", "0065 0002 00 000070" + pageIE},
		{"drives", "B8 14 0000 FFFF 00 00FFFF 00 00", "01f5 0001 00 00003c" + pageDT},
		{"from an address between", "B8 10 0067 FFFF 00 00FFFF 00 00", "01f5 0004 00 0000e0" + pageDT + pageST},
		{"so many", "B8 10 0066 0002 00 00FFFF 00 00",
			"0066 0002 00 000078" + "03 80 0034 00 000034" + mail2 + pageDT},
		{"none", "B8 10 0000 0000 00 00FFFF 00 00", "0000 0000 00 000000"},
		{"no volume tags: 16 bytes each", "B8 02 0000 0002 00 00FFFF 00 00",
			"03e9 0002 00 000028" + "02 00 0010 00 000020" +
				"03e9 09 00 0000 000000 01 0000 00000000" + "03ea 08 00 0000 000000 00 0000 00000000"},
		// What was cut off is still counted.
		{"header alone", "B8 10 0000 FFFF 00 000008 00 00", "0001 0007 00 00018c"},
		{"half a header", "B8 10 0000 FFFF 00 000005 00 00", "0001 0007 00"},
		{"no room", "B8 10 0000 FFFF 00 000000 00 00", ""},
		{"room for 2 of 3 slots", "B8 12 0000 FFFF 00 0000AB 00 00",
			"03e9 0003 00 0000a4" + "02 80 0034 00 00009c" + slot1 + slot2},
		{"room for 3 of 3 slots", "B8 12 0000 FFFF 00 0000AC 00 00", "03e9 0003 00 0000a4" + pageST},
		{"the next page header would fit, but comes behind", "B8 10 0065 FFFF 00 000058 00 00",
			"0065 0006 00 000150" + "03 80 0034 00 000068" + mail1},
		{"two pages of three", "B8 10 0065 FFFF 00 000078 00 00",
			"0065 0006 00 000150" + pageIE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rr := *r
			rr.TB = t
			rr.get(tt.cdb, tt.want)
		})
	}
	r.want("B8 10 03EC FFFF 00 00FFFF 00 00", "5/21/01")
	r.want("B8 13 0067 FFFF 00 00FFFF 00 00", "5/21/01")
}

// With DVCID the identifier of the drive is the T10 vendor ID that a HPE MSL3040 gives: 86 bytes.
func TestReadElementStatusDeviceID(t *testing.T) {
	r := newRig(t, smallLibrary(t))
	const element = "01f5 08 00 0000 000000 00 0000"
	id := "02 01 00 22" + ascii("HPE", 8) + ascii("Ultrium 9-SCSI", 16) + ascii("8031BDC7D1", 10)
	r.get("B8 14 0000 FFFF 01 00FFFF 00 00",
		"01f5 0001 00 00005e"+"04 80 0056 00 000056"+element+noTag+id)
	r.get("B8 04 0000 FFFF 03 00FFFF 00 00",
		"01f5 0001 00 00003a"+"04 00 0032 00 000032"+element+id)
	// Elements that are no drives have no identifier.
	r.get("B8 12 03EA 0001 01 00FFFF 00 00", "03ea 0001 00 00003c"+"02 80 0034 00 000034"+slot2)
}

// Drives with serial numbers of different lengths: all descriptors of the page are as long as the
// longest.
func TestReadElementStatusDescriptorsHaveOneLength(t *testing.T) {
	inv, err := NewInventory([]spc.Identity{driveID("A1"), driveID("A123"), {}}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	newRig(t, inv).get("B8 04 0000 FFFF 01 00FFFF 00 00", "01f5 0003 00 00008c"+"04 00 002c 00 000084"+
		"01f5 08 00 0000 000000 00 0000"+"02 01 00 1a"+ascii("HPE", 8)+ascii("Ultrium 9-SCSI", 16)+ascii("A1", 2)+"0000"+
		"01f6 08 00 0000 000000 00 0000"+"02 01 00 1c"+ascii("HPE", 8)+ascii("Ultrium 9-SCSI", 16)+ascii("A123", 4)+
		"01f7 08 00 0000 000000 00 0000"+strings.Repeat("00", 32))
}

func TestReadElementStatusFlags(t *testing.T) {
	inv := smallLibrary(t)
	e, _ := inv.Element(1001)
	e.Source, e.NoAccess, e.Exception, e.Medium = 1002, true, 0x8301, WORMMedium
	newRig(t, inv).get("B8 02 03E9 0001 00 00FFFF 00 00",
		"03e9 0001 00 000018"+"02 00 0010 00 000010"+"03e9 05 00 8301 000000 84 03ea 00000000")
}

// A type that the library does not have gives an empty report, not somebody else's elements.
func TestReadElementStatusOfAbsentType(t *testing.T) {
	inv, err := NewInventory(nil, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, inv)
	r.get("B8 03 0000 FFFF 00 00FFFF 00 00", "0000 0000 00 000000")
	r.get("B8 04 0000 FFFF 00 00FFFF 00 00", "0000 0000 00 000000")
	r.get("B8 00 0000 FFFF 00 000008 00 00", "0001 0003 00 000040")
}

func TestReadElementStatusOfThousands(t *testing.T) {
	inv, err := NewInventory(nil, 64535, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, inv)
	// 64535 x 52 bytes and a page header of 8 are 3,355,828 = 3334B4h.
	r.get("B8 12 0000 FFFF 00 000008 00 00", "03e9 fc17 00 3334b4")
}
