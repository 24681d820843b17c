package scsi

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Remaining and maximum capacity of an HPE LTO-9 drive's cartridge, its manufacture date, a barcode.
func mam() []byte {
	body := "\x00\x00\x80\x00\x08\x00\x00\x00\x00\x00\x9e\x4e\xdf" +
		"\x00\x01\x80\x00\x08\x00\x00\x00\x00\x01\x05\xef\x59" +
		"\x04\x06\x81\x00\x0820230417" +
		"\x08\x06\x01\x00\x20" + pad("CLNU01L9", 32) +
		"\x08\x08\x02\x00\x0bo\xcc\x88ffsite\x00\x00"
	return []byte("\x00\x00\x00" + string(rune(len(body))) + body)
}

func TestParseAttributes(t *testing.T) {
	list, complete, err := ParseAttributes(mam())
	if err != nil || !complete || len(list) != 5 {
		t.Fatalf("%d attributes, complete %v, %v", len(list), complete, err)
	}
	var got []string
	for _, a := range list {
		got = append(got, a.Name()+": "+a.String())
	}
	want := []string{
		"remaining capacity in partition: 10374879", // 9E4EDFh
		"maximum capacity in partition: 17166169",   // 105EF59h
		"medium manufacture date: 20230417",
		"barcode: CLNU01L9",
		"media pool: o\u0308ffsite",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !list[0].ReadOnly || list[3].ReadOnly || list[3].Format != ASCIIFormat {
		t.Errorf("%+v", list)
	}
}

// TestParseAttributesQuantum: the allocation length stands where the data length belongs, and what
// follows the attributes is whatever was in the buffer.
func TestParseAttributesQuantum(t *testing.T) {
	data := append(mam(), make([]byte, 64)...)
	copy(data[len(mam()):], mam()[4:]) // ids begin anew
	data[0], data[1], data[2], data[3] = 0, 0x01, 0, 0
	list, complete, err := ParseAttributes(data)
	if err != nil || complete || len(list) != 5 {
		t.Errorf("%d attributes, complete %v, %v", len(list), complete, err)
	}
	zeros := append(mam(), make([]byte, 64)...)
	zeros[3] = 0xFF
	if list, _, _ := ParseAttributes(zeros); len(list) != 5 {
		t.Errorf("%d attributes before zeros", len(list))
	}
}

func TestParseAttributesCut(t *testing.T) {
	full := mam()
	for n := range full {
		list, complete, err := ParseAttributes(full[:n])
		if (n < 4) != errors.Is(err, ErrShort) || complete || len(list) > 4 {
			t.Errorf("%d bytes: %d attributes, %v, %v", n, len(list), complete, err)
		}
	}
}

func TestParseAttributeList(t *testing.T) {
	ids, err := ParseAttributeList(unhex(t, "00000006 0000 0001 0806 ffff"))
	if diff := cmp.Diff([]uint16{0, 1, 0x0806}, ids); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if ids, _ := ParseAttributeList(unhex(t, "000000ff 0001 0400 0000")); len(ids) != 2 {
		t.Errorf("descending ids: %v", ids)
	}
	if _, err := ParseAttributeList([]byte{0}); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}

func TestAttributeParameters(t *testing.T) {
	barcode, err := NewAttribute(AttrBarcode, "V00001L8")
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "00000025 0806 01 0020"+hex.EncodeToString([]byte(pad("V00001L8", 32))))
	if got := AttributeParameters(barcode); !bytes.Equal(got, want) {
		t.Errorf("got % x", got)
	}
	deleted := AttributeParameters(Attribute{ID: AttrMediaPool, Format: TextFormat, ReadOnly: true})
	if !bytes.Equal(deleted, unhex(t, "00000005 0808 02 0000")) {
		t.Errorf("got % x", deleted)
	}
}

func TestNewAttribute(t *testing.T) {
	pool, err := NewAttribute(AttrMediaPool, "Büro")
	if err != nil || pool.Format != TextFormat || string(pool.Value) != "Büro" {
		t.Errorf("%+v, %v", pool, err)
	}
	for _, bad := range []struct {
		id   uint16
		text string
	}{
		{AttrBarcode, strings.Repeat("A", 33)}, {AttrBarcode, "V0000\x01L8"}, {AttrBarcode, "ÄÖ"},
		{AttrMediumSerial, "X"}, {0x0805, "X"}, {0x0BFF, "X"},
	} {
		if _, err := NewAttribute(bad.id, bad.text); err == nil {
			t.Errorf("%04X %q accepted", bad.id, bad.text)
		}
	}
}

func TestAttributeValues(t *testing.T) {
	tests := []struct {
		a    Attribute
		want string
	}{
		{Attribute{ID: 0x0405, Value: []byte{0x60}}, "96"},
		{Attribute{ID: 0x0408, Value: []byte{0xFF}}, "255"},
		{Attribute{ID: 0x0003, Value: []byte{0xFF, 0xFF}}, "ffff"}, // no value
		{Attribute{ID: 0x0340, Value: make([]byte, 9)}, "000000000000000000"},
		{Attribute{ID: 0x0340}, ""},
		{Attribute{ID: 0x0806, Format: ASCIIFormat, Value: []byte("A\x1b[mB   ")}, "A?[mB"},
		{Attribute{ID: 0x0806, Format: ASCIIFormat, Value: bytes.Repeat([]byte{0xFF}, 32)}, ""},
		{Attribute{ID: 0x0808, Format: TextFormat, Value: []byte("a\x9b\xff")}, "a??"},
		{Attribute{ID: 0x0808, Format: TextFormat, Value: []byte("a\u009bb")}, "a?b"},
		{Attribute{ID: 0x0806, Format: 3, Value: []byte("x")}, ""},
	}
	for _, tt := range tests {
		if tt.a.String() != tt.want {
			t.Errorf("%+v: %q, want %q", tt.a, tt.a, tt.want)
		}
	}
	if name := (Attribute{ID: 0x1234}).Name(); name != "attribute 1234h" {
		t.Error(name)
	}
}

func TestAttributesAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_read_attr")
	out := run(t, judge, "--in="+hexFile(t, mam()))
	for _, want := range []string{"Remaining capacity in partition [MiB]: 10374879", "Medium manufacture date: 20230417", "Barcode: CLNU01L9"} {
		if !strings.Contains(out, want) {
			t.Errorf("the judge does not say %q:\n%s", want, out)
		}
	}
}

// TestAttributeTableAgainstJudge compares length and format of every attribute that the judge lists.
func TestAttributeTableAgainstJudge(t *testing.T) {
	judge := judge(t, "sg_read_attr")
	formats := map[string]AttributeFormat{"binary": BinaryFormat, "ascii": ASCIIFormat, "text": TextFormat}
	compared := map[string]bool{} // version 1.13 lists 080Bh under the number before it
	for _, line := range strings.Split(run(t, judge, "--enumerate"), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "0x") {
			continue
		}
		raw := unhex(t, strings.TrimSuffix(f[0][2:], ":"))
		k, ok := attributeKinds[uint16(raw[0])<<8|uint16(raw[1])]
		format, known := formats[f[2]]
		if !ok || !known || f[1] == "-1" || compared[f[0]] {
			continue
		}
		compared[f[0]] = true
		if k.format != format || f[1] != itoa(k.length) {
			t.Errorf("%s: format %d length %d, the judge says %s %s", f[0], k.format, k.length, f[2], f[1])
		}
	}
	if len(compared) < 35 {
		t.Errorf("only %d attributes compared", len(compared))
	}
}

func itoa(n int) string { return Attribute{Value: []byte{byte(n)}}.String() }
