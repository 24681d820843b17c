package tape

import (
	"encoding/hex"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/scsi"

	"github.com/google/go-cmp/cmp"
)

const volumeUUID = "01234567-89ab-cdef-0123-456789abcdef"

// ltfsCoherency is volume coherency information as LTFS writes it: 46h bytes.
var ltfsCoherency = "08 0000000000000005 0000000000000007 0000000000000001 002b" + hex.EncodeToString([]byte("LTFS\x00"+volumeUUID+"\x00\x01"))

func TestDecodeAttribute(t *testing.T) {
	tests := []struct {
		id     uint16
		format scsi.AttributeFormat
		value  string
		number int64
		unit   string
		text   string
	}{
		{0x0000, 0, "00000000009e4edf", 10374879 << 20, "bytes", ""},
		{0x0000, 0, "ffffffffffffffff", -1, "", ""}, // the drive has no value
		{0x0002, 0, "2000000000000001", -1, "", "flags 3, 64"},
		{0x0002, 0, "0000000000000000", -1, "", "none"},
		{0x0002, 0, "00", -1, "", ""},
		{0x0003, 0, "0000000000000009", 9, "", ""},
		{0x0004, 0, "0000000000001bb2", 7090, "bytes", ""},
		{0x0006, 0, "5d", 0x5D, "", "LTO-7-M8 (5Dh)"},
		{0x0405, 0, "53", 0x53, "", "53h"},
		{0x020A, 1, hex.EncodeToString([]byte("IBM     XYZZY_A1                        ")), -1, "", "IBM XYZZY_A1"},
		{0x0402, 0, "000003c0", 960, "metres", ""},
		{0x0403, 0, "0000007f", 12700, "micrometres", ""},
		{0x0406, 1, hex.EncodeToString([]byte("20230417")), -1, "", "2023-04-17"},
		{0x0406, 1, hex.EncodeToString([]byte("1795163142\x00\x00")), -1, "", "1795163142"}, // mhvtl
		{0x0408, 0, "80", 0x80, "", "worm"},
		{0x0408, 0, "42", 0x42, "", ""},
		{0x0409, 0, "0032", 50, "", ""},
		{0x040B, 0, "5e5c0000000000000000", -1, "", "LTO-8 (5Eh), LTO-7 (5Ch)"},
		{0x0804, 1, hex.EncodeToString([]byte("202504171230")), -1, "", "2025-04-17 12:30"},
		{0x0805, 0, "81", 0x81, "", "utf-8"},
		{0x080C, 0, ltfsCoherency, -1, "", "count 7, set 1, LTFS " + volumeUUID},
		{0x080C, 0, "08 0000", -1, "", ""},
		{0x0820, 0, hex.EncodeToString([]byte(volumeUUID)), -1, "", volumeUUID},
		{0x0820, 0, strings.Repeat("00", 36), -1, "", ""},
		{0x1000, 0, "0102", -1, "", ""},
		{0x1623, 0, "01", 1, "", ""},
	}
	for _, tt := range tests {
		v := DecodeAttribute(Attribute{ID: tt.id, Format: tt.format, Value: unhex(t, tt.value)})
		if v.Number != tt.number || v.Unit != tt.unit || v.Text != tt.text {
			t.Errorf("%04X %s: %+v; want %d %q %q", tt.id, tt.value, v, tt.number, tt.unit, tt.text)
		}
	}
}

func TestDecodeParts(t *testing.T) {
	history := make([]byte, 90)
	history[5], history[11], history[0x30+5], history[0x48+5] = 3, 2, 0xFF, 7
	v := DecodeAttribute(Attribute{ID: 0x0340, Value: history})
	got := map[string]int64{}
	for _, p := range v.Parts {
		got[p.Name] = p.Number
	}
	want := map[string]int64{"current_written": 3 << 20, "current_write_retries": 2, "total_written": 0xFF << 20, "load_count": 7}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s = %d, want %d", name, got[name], n)
		}
	}
	if len(v.Parts) != 15 {
		t.Errorf("%d parts", len(v.Parts))
	}
	short := DecodeAttribute(Attribute{ID: 0x0341, Value: unhex(t, "00000003 00000001 0000")})
	if diff := cmp.Diff([]AttributePart{{"current_written", 3 << 20, "bytes", ""}, {"current_write_retries", 1, "", ""}}, short.Parts); diff != "" {
		t.Error(diff)
	}
	coherency := DecodeAttribute(Attribute{ID: 0x080C, Value: unhex(t, ltfsCoherency)})
	if len(coherency.Parts) != 4 || coherency.Parts[0].Number != 5 || coherency.Parts[1].Number != 7 {
		t.Errorf("%+v", coherency)
	}
}

func TestFindAttribute(t *testing.T) {
	for _, text := range []string{"barcode", "0806", "0x0806", "0806h"} {
		if info, err := FindAttribute(text); err != nil || info.ID != 0x0806 || info.Name != "barcode" {
			t.Errorf("%s: %+v, %v", text, info, err)
		}
	}
	if info, err := FindAttribute("1401"); err != nil || info.ID != 0x1401 || info.Name != "" {
		t.Errorf("%+v, %v", info, err)
	}
	for _, text := range []string{"", "806", "00806", "zzzz", "0x", "Barcode"} {
		_, err := FindAttribute(text)
		wantCode(t, err, errcode.AttributeNotFound)
	}
}

// Every attribute with a name: the name leads back to it, and it is writable where hosts may write.
func TestAttributeNames(t *testing.T) {
	n := 0
	for id := range 0x10000 {
		info, ok := scsi.LookupAttribute(uint16(id))
		if !ok {
			continue
		}
		n++
		if again, ok := scsi.AttributeByName(info.Name); !ok || again != info || strings.Trim(info.Name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%04X: %q leads to %+v", id, info.Name, again)
		}
		if info.Writable != scsi.HostMayWrite(info.ID) {
			t.Errorf("%04X: writable %v", id, info.Writable)
		}
	}
	if n < 50 {
		t.Errorf("%d attributes", n)
	}
}

func TestAttributeFromText(t *testing.T) {
	tests := []struct {
		name, text, hex string
		code            errcode.Code
	}{
		{"media_pool", "Büro", hex.EncodeToString([]byte("Büro")), ""},
		{"application_vendor", "CAL", hex.EncodeToString([]byte("CAL     ")), ""},
		{"application_vendor", "123456789", "", errcode.AttributeInvalid},
		{"barcode", "Ä", "", errcode.AttributeInvalid},
		{"text_encoding", "utf-8", "81", ""},
		{"text_encoding", "0x81", "81", ""},
		{"text_encoding", "129", "81", ""},
		{"text_encoding", "010", "", errcode.AttributeInvalid},
		{"medium_guid", volumeUUID, hex.EncodeToString([]byte(volumeUUID)), ""},
		{"medium_guid", volumeUUID[1:], "", errcode.AttributeInvalid},
		{"volume_coherency", "x", "", errcode.AttributeInvalid},
		{"1401", "x", "", errcode.AttributeInvalid},
		{"load_count", "1", "", errcode.AttributeReadOnly},
		{"1000", "1", "", errcode.AttributeReadOnly},
		{"media_pool", "", "", errcode.AttributeInvalid},
	}
	for _, tt := range tests {
		info, err := FindAttribute(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := TextAttribute(info, tt.text)
		if wantCode(t, err, tt.code); err == nil && hex.EncodeToString(a.Value) != tt.hex {
			t.Errorf("%s %q: % x", tt.name, tt.text, a.Value)
		}
	}
}

func TestAttributeFromHex(t *testing.T) {
	for text, code := range map[string]errcode.Code{
		"01": "", "0102": errcode.AttributeInvalid, "": errcode.AttributeInvalid, "0": errcode.AttributeInvalid, "zz": errcode.AttributeInvalid,
	} {
		info, _ := FindAttribute("ltfs_volume_lock")
		_, err := HexAttribute(info, text)
		wantCode(t, err, code)
	}
	unknown, _ := FindAttribute("1401")
	_, err := HexAttribute(unknown, strings.Repeat("00", maxAttribute+1))
	wantCode(t, err, errcode.AttributeInvalid, "at most 16384 fit")
	_, err = HexAttribute(scsi.AttributeInfo{ID: 0x0400}, "00")
	wantCode(t, err, errcode.AttributeReadOnly)
}

// The partition is in the CDB of reading and writing, and binary values are compared to the last byte.
func TestAttributesOfAPartition(t *testing.T) {
	lock := Attribute{ID: 0x1623, Value: []byte{0x20}} // a blank in text, a value in binary
	write := step{cdb: "8d 01 00 00 00 00 00 01 00 00 0000000a 00 00", out: "00000006 1623 00 0001 20"}
	readOne := step{cdb: "8c 00 00 00 00 00 00 01 0000 00010000 00 00", in: "00000006 1623 00 0001 20"}
	empty := readOne
	empty.in = "00000000"
	d, _ := newDrive(t, write, readOne, write, empty)
	if err := d.SetAttributeOf(t.Context(), 1, lock); err != nil {
		t.Error(err)
	}
	wantCode(t, d.SetAttributeOf(t.Context(), 1, lock), errcode.AttributeMismatch)
}

func TestSupportedAttributes(t *testing.T) {
	const cdb = "8c 05 00 00 00 00 00 00 0000 00001000 00 00"
	d, _ := newDrive(t, step{cdb: cdb, in: "00000004 0000 0806"}, step{cdb: cdb, sense: badField}, step{cdb: cdb, in: "0000"})
	ids, err := d.SupportedAttributes(t.Context())
	if diff := cmp.Diff([]uint16{0, 0x0806}, ids); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = d.SupportedAttributes(t.Context())
	wantCode(t, err, errcode.CommandRefused)
	_, err = d.SupportedAttributes(t.Context())
	wantCode(t, err, errcode.DeviceError, "makes no sense")
}

func FuzzDecodeAttribute(f *testing.F) {
	f.Add(uint16(0x080C), byte(0), unhex(f, ltfsCoherency))
	f.Add(uint16(0x0340), byte(0), make([]byte, 90))
	f.Add(uint16(0x020A), byte(1), []byte("IBM     SERIAL"))
	f.Add(uint16(0x0406), byte(1), []byte("20230417"))
	f.Add(uint16(0x0820), byte(0), []byte(volumeUUID))
	f.Fuzz(func(t *testing.T, id uint16, format byte, data []byte) {
		v := DecodeAttribute(Attribute{ID: id, Format: scsi.AttributeFormat(format & 3), Value: append(make([]byte, 0, len(data)), data...)})
		if v.Number < -1 || len(v.Parts) > max(64, len(data)) {
			t.Errorf("%+v", v)
		}
		for _, p := range v.Parts {
			if p.Number < -1 || strings.ContainsFunc(p.Text, func(r rune) bool { return r < 0x20 || r == 0x7F }) {
				t.Errorf("%+v", p)
			}
		}
	})
}
