package scsi

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// AttributeFormat says what a MAM value holds (SPC-5 table 405).
type AttributeFormat byte

// The formats. Binary values are big-endian numbers or structures.
const (
	BinaryFormat AttributeFormat = 0
	ASCIIFormat  AttributeFormat = 1
	TextFormat   AttributeFormat = 2
)

// Attribute is one value of the medium auxiliary memory (SPC-5 7.4).
type Attribute struct {
	ID       uint16
	Format   AttributeFormat
	ReadOnly bool
	Value    []byte
}

// ParseAttributes decodes READ ATTRIBUTE values. complete is false when the device has more than
// was received. It stops at the received bytes and at an id that does not ascend: drives that
// return the allocation length as data length (Quantum HH7) leave what follows undefined.
func ParseAttributes(data []byte) (list []Attribute, complete bool, err error) {
	if len(data) < 4 {
		return nil, false, shortData("attributes", len(data), 4)
	}
	claimed := uint64(uint32At(data, 0))
	body := extent(data, 4, claimed)[4:]
	complete = claimed <= uint64(len(data)-4)
	for len(body) >= 5 {
		a, size := attributeAt(body)
		if size > len(body) || (len(list) > 0 && a.ID <= list[len(list)-1].ID) {
			return list, complete, nil
		}
		list = append(list, a)
		body = body[size:]
	}
	return list, complete, nil
}

// attributeAt decodes the attribute that b begins with; size may be more than b holds.
func attributeAt(b []byte) (a Attribute, size int) {
	size = 5 + int(uint16At(b, 3))
	a = Attribute{ID: uint16At(b, 0), Format: AttributeFormat(b[2] & 0x03), ReadOnly: b[2]&0x80 != 0}
	a.Value = b[5:min(len(b), size)]
	return a, size
}

// ParseAttributeList decodes the ids of READ ATTRIBUTE's attribute list.
func ParseAttributeList(data []byte) ([]uint16, error) {
	if len(data) < 4 {
		return nil, shortData("attribute list", len(data), 4)
	}
	var ids []uint16
	for body := extent(data, 4, uint64(uint32At(data, 0)))[4:]; len(body) >= 2; body = body[2:] {
		id := uint16At(body, 0)
		if len(ids) > 0 && id <= ids[len(ids)-1] {
			break
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// AttributeParameters is the parameter list of WRITE ATTRIBUTE. Its length field counts the
// attributes without the header (SPC-5 6.50); an empty value deletes the attribute.
func AttributeParameters(attributes ...Attribute) []byte {
	list := make([]byte, 4)
	for _, a := range attributes {
		list = binary.BigEndian.AppendUint16(list, a.ID)
		list = append(list, byte(a.Format)&0x03)
		list = binary.BigEndian.AppendUint16(list, uint16(len(a.Value)))
		list = append(list, a.Value...)
	}
	binary.BigEndian.PutUint32(list, uint32(len(list)-4))
	return list
}

// Uint is the value of a binary attribute of up to 8 bytes. All FFh means that the device has no
// value (SSC-5 and the vendors' manuals), and is not ok.
func (a Attribute) Uint() (v uint64, ok bool) {
	if a.Format != BinaryFormat || len(a.Value) == 0 || len(a.Value) > 8 {
		return 0, false
	}
	unset := true
	for _, b := range a.Value {
		v = v<<8 | uint64(b)
		unset = unset && b == 0xFF
	}
	return v, !unset || len(a.Value) == 1
}

// Text is the value of an ASCII or text attribute without its padding; "" for a binary one. Bytes
// that are not printable become '?'.
func (a Attribute) Text() string {
	switch a.Format {
	case ASCIIFormat:
		return asciiField(a.Value)
	case TextFormat:
		return textField(a.Value)
	}
	return ""
}

// textField reads a text attribute. Attribute 0805h may say another character set; UTF-8 and ASCII
// are what drives hold in practice, and anything else shows as '?'.
func textField(b []byte) string {
	if !utf8.Valid(b) {
		return asciiField(b)
	}
	s := strings.TrimRight(string(b), " \x00")
	return strings.Map(func(r rune) rune {
		if r < 0x20 || (r >= 0x7F && r < 0xA0) {
			return '?'
		}
		return r
	}, s)
}

// String is the value for a person: text, a decimal number, or hex.
func (a Attribute) String() string {
	if a.Format != BinaryFormat {
		return a.Text()
	}
	if v, ok := a.Uint(); ok {
		return fmt.Sprint(v)
	}
	return hex.EncodeToString(a.Value)
}

// Name is the standard's name of the attribute, or its number.
func (a Attribute) Name() string {
	if k, ok := attributeKinds[a.ID]; ok {
		return k.name
	}
	return fmt.Sprintf("attribute %04Xh", a.ID)
}

// NewAttribute makes the value of a writable attribute from text, padded with spaces to the length
// that the standard gives it. It refuses an id that hosts may not write, one that is not text, a
// text that is too long, and bytes that the format does not allow.
func NewAttribute(id uint16, text string) (Attribute, error) {
	k, ok := attributeKinds[id]
	if !ok || !k.writable || k.format == BinaryFormat {
		return Attribute{}, fmt.Errorf("attribute %04Xh: not a text that hosts write", id)
	}
	if len(text) > k.length {
		return Attribute{}, fmt.Errorf("attribute %04Xh: %d bytes, at most %d", id, len(text), k.length)
	}
	if k.format == ASCIIFormat && asciiField([]byte(text)) != strings.TrimSpace(text) {
		return Attribute{}, fmt.Errorf("attribute %04Xh: %q is not ASCII", id, text)
	}
	value := []byte(text)
	if k.format == ASCIIFormat {
		value = append(value, strings.Repeat(" ", k.length-len(text))...)
	}
	return Attribute{ID: id, Format: k.format, Value: value}, nil
}
