package tape

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"calypso/tape/scsi"
)

// AttributeValue is what an attribute means. A value that it has not is -1 or "".
type AttributeValue struct {
	Number int64  // of a number; capacities are in bytes
	Unit   string // "bytes", "metres", "micrometres"
	Text   string // for a person; "" of a number without words, and of bytes that mean nothing here
	Parts  []AttributePart
}

// AttributePart is a field of an attribute that has several.
type AttributePart struct {
	Name   string
	Number int64 // -1: not a number, or unknown
	Unit   string
	Text   string
}

// DecodeAttribute tells what an attribute means. It never fails: what cannot be decoded has no value,
// and its bytes are in the attribute.
func DecodeAttribute(a Attribute) AttributeValue {
	v := AttributeValue{Number: -1, Text: a.Text()}
	if decode, ok := attributeDecoders[a.ID]; ok {
		decode(a, &v)
		return v
	}
	if a.Format == scsi.BinaryFormat {
		v.setNumber(a)
	}
	return v
}

// attributeDecoders are for attributes that are more than a text or a number (SPC-5, SSC-5, attributes).
var attributeDecoders = map[uint16]func(Attribute, *AttributeValue){
	scsi.AttrTapeAlert:       decodeAlertFlags,
	scsi.AttrFormatDensity:   decodeDensity,
	scsi.AttrMediumDensity:   decodeDensity,
	0x020A:                   decodeDevice,
	0x020B:                   decodeDevice,
	0x020C:                   decodeDevice,
	0x020D:                   decodeDevice,
	0x0340:                   decodeMediumUsage,
	0x0341:                   decodePartitionUsage,
	scsi.AttrManufactureDate: decodeDate,
	scsi.AttrMediumType:      decodeMediumType,
	0x0409:                   decodeTypeInformation,
	0x040B:                   decodeDensities,
	scsi.AttrLastWritten:     decodeTime,
	0x0805:                   decodeEncoding,
	0x080C:                   decodeCoherency,
	0x0820:                   decodeGUID,
	0x0821:                   decodeGUID,
	0x1000:                   decodeBytes,
	0x1001:                   decodeBytes,
}

func decodeBytes(Attribute, *AttributeValue) {}

// setNumber takes a number and turns it into the unit that is shown.
func (v *AttributeValue) setNumber(a Attribute) {
	info, _ := scsi.LookupAttribute(a.ID)
	unit, scale := info.Unit, int64(1)
	switch unit {
	case "mib":
		unit, scale = "bytes", 1<<20
	case "100um":
		unit, scale = "micrometres", 100
	}
	if v.Number = number(a, scale); v.Number >= 0 {
		v.Unit = unit
	}
}

// decodeAlertFlags: flag 1 is the highest bit of the first byte.
func decodeAlertFlags(a Attribute, v *AttributeValue) {
	flags, ok := a.Uint()
	if !ok || len(a.Value) != 8 {
		return
	}
	var names []string
	for n := 1; n <= 64; n++ {
		if flags>>(64-n)&1 != 0 {
			names = append(names, fmt.Sprint(n))
			v.Parts = append(v.Parts, AttributePart{Name: "flag", Number: int64(n)})
		}
	}
	if v.Text = "flags " + strings.Join(names, ", "); len(names) == 0 {
		v.Text = "none"
	}
}

func decodeDensity(a Attribute, v *AttributeValue) {
	if len(a.Value) == 1 {
		v.Number, v.Text = int64(a.Value[0]), densityText(a.Value[0])
	}
}

// densityText is "LTO-8 (5Eh)", and the code alone when it has no name.
func densityText(code byte) string {
	if name, ok := generations[code]; ok {
		return fmt.Sprintf("%s (%02Xh)", name, code)
	}
	return fmt.Sprintf("%02Xh", code)
}

func decodeDensities(a Attribute, v *AttributeValue) {
	var names []string
	for _, code := range a.Value {
		if code != 0 {
			names = append(names, densityText(code))
			v.Parts = append(v.Parts, AttributePart{Name: "density", Number: int64(code), Text: densityText(code)})
		}
	}
	v.Text = strings.Join(names, ", ")
}

// decodeDevice parts vendor and serial number: 8 and 32 bytes.
func decodeDevice(a Attribute, v *AttributeValue) {
	if len(a.Value) < 8 {
		return
	}
	text := func(b []byte) string { return Attribute{Format: scsi.ASCIIFormat, Value: b}.Text() }
	vendor, serial := text(a.Value[:8]), text(a.Value[8:])
	v.Text = strings.TrimSpace(vendor + " " + serial)
	v.Parts = []AttributePart{{Name: "vendor", Number: -1, Text: vendor}, {Name: "serial", Number: -1, Text: serial}}
}

// usageFields are the counters of the usage histories in their order (SSC-5, medium usage history).
var usageFields = [...]struct{ name, unit string }{
	{"current_written", "bytes"}, {"current_write_retries", ""}, {"current_read", "bytes"}, {"current_read_retries", ""},
	{"previous_written", "bytes"}, {"previous_write_retries", ""}, {"previous_read", "bytes"}, {"previous_read_retries", ""},
	{"total_written", "bytes"}, {"total_write_retries", ""}, {"total_read", "bytes"}, {"total_read_retries", ""},
	{"load_count", ""}, {"change_partition_count", ""}, {"partition_initialization_count", ""},
}

func decodeMediumUsage(a Attribute, v *AttributeValue) { decodeUsage(a.Value, 6, v) }

func decodePartitionUsage(a Attribute, v *AttributeValue) { decodeUsage(a.Value, 4, v) }

// decodeUsage reads counters of so many bytes each; amounts of data are in MiB.
func decodeUsage(b []byte, width int, v *AttributeValue) {
	for i, f := range usageFields {
		if len(b) < (i+1)*width {
			return
		}
		scale := int64(1)
		if f.unit != "" {
			scale = 1 << 20
		}
		n := number(Attribute{Value: b[i*width : (i+1)*width]}, scale)
		v.Parts = append(v.Parts, AttributePart{Name: f.name, Number: n, Unit: f.unit})
	}
}

func decodeDate(a Attribute, v *AttributeValue) {
	if t := a.Text(); len(t) == 8 && onlyDigits(t) {
		v.Text = t[:4] + "-" + t[4:6] + "-" + t[6:]
	}
}

// decodeTime: YYYYMMDDHHMM, in a time zone that nobody wrote down.
func decodeTime(a Attribute, v *AttributeValue) {
	if t := a.Text(); len(t) == 12 && onlyDigits(t) {
		v.Text = t[:4] + "-" + t[4:6] + "-" + t[6:8] + " " + t[8:10] + ":" + t[10:]
	}
}

func onlyDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func decodeMediumType(a Attribute, v *AttributeValue) {
	if len(a.Value) != 1 {
		return
	}
	v.Number = int64(a.Value[0])
	v.Text = map[byte]string{0x00: "data", 0x01: "cleaning", 0x80: "worm"}[a.Value[0]]
}

// decodeTypeInformation: what the two bytes count depends on the medium type, which is another
// attribute; of a cleaning cartridge it is how often it can clean.
func decodeTypeInformation(a Attribute, v *AttributeValue) { v.setNumber(a) }

func decodeEncoding(a Attribute, v *AttributeValue) {
	if len(a.Value) != 1 {
		return
	}
	v.Number = int64(a.Value[0])
	v.Text = encodingNames[a.Value[0]]
}

// encodingNames are the character sets of text attributes that occur (SPC-5, text localization
// identifier).
var encodingNames = map[byte]string{0x00: "ascii", 0x01: "iso-8859-1", 0x80: "ucs-2", 0x81: "utf-8"}

// decodeCoherency is SSC-5's volume coherency information, by which LTFS knows that its index is the
// newest: a counted volume change reference, count and set id of 8 bytes each, and counted bytes of
// the application.
func decodeCoherency(a Attribute, v *AttributeValue) {
	b := a.Value
	if len(b) < 1 || len(b) < 1+int(b[0])+18 {
		return
	}
	n := 1 + int(b[0])
	application := b[n+18:]
	application = application[:min(len(application), int(binary.BigEndian.Uint16(b[n+16:])))]
	v.Parts = []AttributePart{
		{Name: "volume_change_reference", Number: number(Attribute{Value: b[1:n]}, 1), Text: hex.EncodeToString(b[1:n])},
		{Name: "count", Number: number(Attribute{Value: b[n : n+8]}, 1)},
		{Name: "set_id", Number: number(Attribute{Value: b[n+8 : n+16]}, 1)},
		{Name: "application", Number: -1, Text: applicationText(application)},
	}
	v.Text = fmt.Sprintf("count %d, set %d", v.Parts[1].Number, v.Parts[2].Number)
	if text := v.Parts[3].Text; text != "" {
		v.Text += ", " + text
	}
}

// applicationText makes words of the application's bytes: LTFS puts its name, the volume's UUID and a
// version there, parted by NULs.
func applicationText(b []byte) string {
	var words []string
	for _, word := range strings.Split(string(b), "\x00") {
		if text := (Attribute{Format: scsi.ASCIIFormat, Value: []byte(word)}).Text(); text != "" && !strings.Contains(text, "?") {
			words = append(words, text)
		}
	}
	return strings.Join(words, " ")
}

// decodeGUID shows the text of a UUID, which is what 36 bytes are in practice.
func decodeGUID(a Attribute, v *AttributeValue) {
	text := Attribute{Format: scsi.ASCIIFormat, Value: a.Value}.Text()
	if len(text) == len(a.Value) && isUUID(text) {
		v.Text = text
	}
}

// isUUID says whether text is 8-4-4-4-12 hexadecimal digits.
func isUUID(text string) bool {
	parts := strings.Split(text, "-")
	if len(text) != 36 || len(parts) != 5 {
		return false
	}
	for i, n := range []int{8, 4, 4, 4, 12} {
		if len(parts[i]) != n || strings.Trim(parts[i], "0123456789abcdefABCDEF") != "" {
			return false
		}
	}
	return true
}
