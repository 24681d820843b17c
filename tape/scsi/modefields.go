package scsi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ModeFieldKind is how the value of a mode field is read.
type ModeFieldKind int

// The kinds.
const (
	BoolField ModeFieldKind = iota
	NumberField
	EnumField
)

// ModeField is one field of a mode page. Its bits follow each other, the most significant first, as
// the standards draw them.
type ModeField struct {
	Name string
	Kind ModeFieldKind
	Unit string // of a number: "bytes", "megabytes", "100ms", "seconds"; "" for a plain one

	first  int      // first bit, counted from bit 7 of byte 0 of the page
	bits   int      // how many
	values []string // of an enum: the word for each value; "" for one without
}

// ModePageInfo names a mode page and its fields.
type ModePageInfo struct {
	Name          string
	Code, Subpage byte
	Fields        []ModeField
}

// modeNumber, modeBool and modeEnum make fields: byte and bit are those of the most significant bit.
func modeNumber(name string, at, bit, bits int, unit string) ModeField {
	return ModeField{Name: name, Kind: NumberField, Unit: unit, first: 8*at + 7 - bit, bits: bits}
}

func modeBool(name string, at, bit int) ModeField {
	return ModeField{Name: name, Kind: BoolField, first: 8*at + 7 - bit, bits: 1}
}

func modeEnum(name string, at, bit, bits int, values ...string) ModeField {
	return ModeField{Name: name, Kind: EnumField, first: 8*at + 7 - bit, bits: bits, values: values}
}

// ModeHeaderName is the name of the page that is none: the mode parameter header and the block
// descriptor, which hold the buffered mode and the block length (SSC-5, mode parameter header).
const ModeHeaderName = "buffering"

// IsHeader says whether this is the header and block descriptor rather than a page.
func (p ModePageInfo) IsHeader() bool { return p.Name == ModeHeaderName }

// Field finds a field by its name.
func (p ModePageInfo) Field(name string) (ModeField, bool) {
	i := slices.IndexFunc(p.Fields, func(f ModeField) bool { return f.Name == name })
	if i < 0 {
		return ModeField{}, false
	}
	return p.Fields[i], true
}

// ModePageInfos lists the pages with names, the header first, then by code and subpage.
func ModePageInfos() []ModePageInfo { return modePageInfos() }

// LookupModePage is what is known of a page; one without a name is "page_24" or "page_24_01" and has
// no fields.
func LookupModePage(code, subpage byte) ModePageInfo {
	for _, p := range modePageInfos() {
		if !p.IsHeader() && p.Code == code && p.Subpage == subpage {
			return p
		}
	}
	name := fmt.Sprintf("page_%02x", code)
	if subpage != 0 {
		name += fmt.Sprintf("_%02x", subpage)
	}
	return ModePageInfo{Name: name, Code: code, Subpage: subpage}
}

// Max is the largest value the field can hold.
func (f ModeField) Max() uint64 { return 1<<f.bits - 1 }

// Get takes the value out of a page as received; not ok when the page ends before the field does.
func (f ModeField) Get(page []byte) (v uint64, ok bool) {
	if 8*len(page) < f.first+f.bits {
		return 0, false
	}
	for i := f.first; i < f.first+f.bits; i++ {
		v = v<<1 | uint64(page[i/8]>>(7-i%8)&1)
	}
	return v, true
}

// Put sets the value in a page; false when the page ends before the field does.
func (f ModeField) Put(page []byte, v uint64) bool {
	if 8*len(page) < f.first+f.bits {
		return false
	}
	for i := f.first + f.bits - 1; i >= f.first; i-- {
		page[i/8] = page[i/8]&^(0x80>>(i%8)) | byte(v&1)<<(7-i%8)
		v >>= 1
	}
	return true
}

// Changeable says whether the mask of changeable bits lets any of the field change.
func (f ModeField) Changeable(mask []byte) bool {
	v, ok := f.Get(mask)
	return ok && v != 0
}

// Text is a value as Parse reads it: on or off, a decimal number, or the word of an enum.
func (f ModeField) Text(v uint64) string {
	switch {
	case f.Kind == BoolField && v == 0:
		return "off"
	case f.Kind == BoolField:
		return "on"
	case f.Kind == EnumField && v < uint64(len(f.values)) && f.values[v] != "":
		return f.values[v]
	}
	return strconv.FormatUint(v, 10)
}

// Words are the values of an enum that have a word, nil for other fields.
func (f ModeField) Words() []string {
	return slices.DeleteFunc(slices.Clone(f.values), func(s string) bool { return s == "" })
}

// Parse reads a value: on, off, yes, no, true, false, 1 or 0 for a bool; a word of an enum; a number in
// decimal, or in hexadecimal after 0x. Its error says what would be right.
func (f ModeField) Parse(text string) (uint64, error) {
	if f.Kind == BoolField {
		return parseSwitch(text)
	}
	if i := slices.Index(f.values, text); i >= 0 && text != "" {
		return uint64(i), nil
	}
	v, err := parseModeNumber(text)
	switch {
	case err != nil && f.Kind == EnumField:
		return 0, fmt.Errorf("%q is not one of %s or a number", text, strings.Join(f.Words(), ", "))
	case err != nil:
		return 0, err
	case v > f.Max():
		return 0, fmt.Errorf("%s is more than %d, the most that the field holds", text, f.Max())
	}
	return v, nil
}

func parseSwitch(text string) (uint64, error) {
	switch text {
	case "on", "yes", "true", "1":
		return 1, nil
	case "off", "no", "false", "0":
		return 0, nil
	}
	return 0, fmt.Errorf("%q is neither on nor off", text)
}

// parseModeNumber takes no leading zeros: 010 is 8 to some programs.
func parseModeNumber(text string) (uint64, error) {
	digits, base := text, 10
	if after, hexadecimal := strings.CutPrefix(text, "0x"); hexadecimal {
		digits, base = after, 16
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case err != nil && strings.Trim(digits, "0123456789") == "" && digits != "":
		return 0, fmt.Errorf("%s is out of range", text)
	case err != nil || strings.HasPrefix(digits, "+"):
		return 0, fmt.Errorf("%q is not a number", text)
	case base == 10 && len(digits) > 1 && digits[0] == '0':
		return 0, fmt.Errorf("%q has a leading zero; write it in decimal without, or in hexadecimal after 0x", text)
	}
	return v, nil
}
