package scsi

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// descriptor is an element descriptor with a primary volume tag and rest behind it.
func descriptor(fixed, barcode, rest string, t *testing.T) string {
	t.Helper()
	return string(unhex(t, fixed)) + pad(barcode, 32) + "\x00\x00\x00\x00" + rest
}

// tag is a volume tag as it is sent.
func tag(text string) string { return pad(text, 32) + "\x00\x00\x00\x00" }

func u24(n int) string { return string([]byte{byte(n >> 16), byte(n >> 8), byte(n)}) }

// page is an element status page of descriptors that all have one length.
func page(kind, flags byte, descriptors ...string) string {
	body := strings.Join(descriptors, "")
	length := len(descriptors[0])
	return string([]byte{kind, flags, byte(length >> 8), byte(length), 0}) + u24(len(body)) + body
}

func report(first, count int, pages ...string) []byte {
	body := strings.Join(pages, "")
	return []byte(string([]byte{byte(first >> 8), byte(first), byte(count >> 8), byte(count), 0}) + u24(len(body)) + body)
}

// msl3040 has what an HPE MSL3040 returns: 86-byte drive descriptors with device ids, 52-byte slot
// descriptors with four bytes behind the tag, a cleaning cartridge whose byte 9 has no SVALID.
func msl3040(t *testing.T) []byte {
	id := "\x02\x01\x00\x22" + pad("HPE", 8) + pad("Ultrium 9-SCSI", 16)
	drives := page(4, 0x80,
		descriptor("0001 09 00 0000 00 00 00 81 03f2", "S30002L9", id+"8031BDC7D1", t),
		descriptor("0002 08 00 0000 00 00 00 00 0000", "", id+"8031BDC7DB", t))
	slots := page(2, 0x80,
		descriptor("03e9 09 00 0000 00 00 00 02 0000", "CLNU01L9", "\x00\x00\x00\x00", t),
		descriptor("03ea 0e 00 8301 00 00 00 00 0000", "", "\x00\x00\x00\x00", t))
	return report(1, 4, drives, slots)
}

func TestParseElementStatus(t *testing.T) {
	data := msl3040(t)
	if data[8+3] != 86 || data[8+8+2*86+3] != 52 {
		t.Fatalf("fixture lengths %d %d", data[11], data[8+8+2*86+3])
	}
	got, err := ParseElementStatus(data)
	if err != nil {
		t.Fatal(err)
	}
	want := ElementReport{First: 1, Reported: 4, Elements: []ElementStatus{
		{Type: DriveElement, Address: 1, Full: true, Accessible: true, SourceValid: true, Source: 0x3F2, SourceField: 0x3F2, MediumType: 1,
			Tag: tag("S30002L9"), Barcode: "S30002L9", DeviceVendor: "HPE", DeviceModel: "Ultrium 9-SCSI", DeviceSerial: "8031BDC7D1"},
		{Type: DriveElement, Address: 2, Accessible: true, Tag: tag(""), DeviceVendor: "HPE", DeviceModel: "Ultrium 9-SCSI", DeviceSerial: "8031BDC7DB"},
		{Type: StorageElement, Address: 0x3E9, Full: true, Accessible: true, MediumType: 2, Barcode: "CLNU01L9", Tag: tag("CLNU01L9")},
		{Type: StorageElement, Address: 0x3EA, Accessible: true, Except: true, ASC: 0x8301, Tag: tag("")},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseElementStatusVariants(t *testing.T) {
	alternate := page(3, 0xC0, descriptor("0065 33 00 0000 00 00 00 c8 0007", "V00001L8", pad("ALT", 32)+"\x00\x00\x00\x00", t))
	serialOnly := page(4, 0x00, string(unhex(t, "0100 00 00 0000 00 00 00 00 0000"))+"\x02\x00\x00\x0aHU12345678")
	shortT10 := page(4, 0x00, string(unhex(t, "0101 00 00 0000 00 00 00 00 0000"))+"\x02\x01\x00\x0aHU12345679")
	binary := page(4, 0x00, string(unhex(t, "0102 00 00 0000 00 00 00 00 0000"))+"\x01\x03\x00\x08\x50\x01\x43\x80\x31\xbd\xc7\xdb")
	lyingID := page(4, 0x00, string(unhex(t, "0103 00 00 0000 00 00 00 00 0000"))+"\x02\x00\x00\xffHU1")
	got, err := ParseElementStatus(report(0x65, 5, alternate, serialOnly, shortT10, binary, lyingID))
	if err != nil {
		t.Fatal(err)
	}
	want := []ElementStatus{
		{Type: ImportElement, Address: 0x65, Full: true, Imported: true, ExportOK: true, ImportOK: true, SourceValid: true,
			Source: 7, SourceField: 7, Inverted: true, Disabled: true, Barcode: "V00001L8", AltBarcode: "ALT", Tag: tag("V00001L8"), AltTag: tag("ALT")},
		{Type: DriveElement, Address: 0x100, DeviceSerial: "HU12345678"},
		{Type: DriveElement, Address: 0x101, DeviceSerial: "HU12345679"},
		{Type: DriveElement, Address: 0x102},
		{Type: DriveElement, Address: 0x103, DeviceSerial: "HU1"},
	}
	if diff := cmp.Diff(want, got.Elements); diff != "" {
		t.Error(diff)
	}
}

func TestParseElementStatusCut(t *testing.T) {
	full := msl3040(t)
	whole := []int{8 + 8 + 86, 8 + 8 + 2*86, 8 + 8 + 2*86 + 8 + 52, 8 + 8 + 2*86 + 8 + 2*52}
	for n := range full {
		got, err := ParseElementStatus(full[:n])
		if (n < 8) != errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
		complete := 0
		for _, end := range whole {
			if n >= end {
				complete++
			}
		}
		if len(got.Elements) != complete {
			t.Errorf("%d bytes: %d elements, want %d", n, len(got.Elements), complete)
		}
	}
}

func TestParseElementStatusLies(t *testing.T) {
	zero := msl3040(t)
	zero[8+2], zero[8+3] = 0, 0 // a descriptor length of 0 would never end
	if got, err := ParseElementStatus(zero); err != nil || len(got.Elements) != 2 {
		t.Errorf("%d elements, %v", len(got.Elements), err)
	}
	short := msl3040(t)
	short[8+3] = 11
	if got, _ := ParseElementStatus(short); len(got.Elements) != 2 {
		t.Errorf("%d elements", len(got.Elements))
	}
	small := msl3040(t)
	small[5], small[6], small[7] = 0, 0, 8+86 // the report says that it ends after the first drive
	if got, _ := ParseElementStatus(small); len(got.Elements) != 1 {
		t.Errorf("%d elements", len(got.Elements))
	}
}

// What tgt 1.0.85 answers: it counts the header for nothing and leaves out the last 8 bytes of the report.
func TestParseElementStatusOfTgt(t *testing.T) {
	full := msl3040(t)
	first := full[:8+8+86]
	got, err := ParseElementStatus(full[:8+8+2*86-8])
	if err != nil || len(got.Elements) != 1 || got.Cut == nil {
		t.Fatalf("%+v, %v; want one element and one that is cut", got, err)
	}
	whole, err := ParseElementStatus(full[:8+8+2*86])
	if err != nil {
		t.Fatal(err)
	}
	want := whole.Elements[1]
	want.DeviceVendor, want.DeviceModel, want.DeviceSerial = "", "", "" // never half a serial number
	if diff := cmp.Diff(want, *got.Cut); diff != "" {
		t.Error(diff)
	}
	if got, _ := ParseElementStatus(first[:8+8+20]); got.Cut == nil || got.Cut.Barcode != "" || !got.Cut.Full == whole.Elements[0].Full {
		t.Errorf("%+v; want the fields before the barcode", got.Cut)
	}
}
