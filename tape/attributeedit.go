package tape

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// FindAttribute finds an attribute by its name or by its id: "barcode", "0806", "0x0806", "0806h".
// Without either it is errcode.AttributeNotFound. An id need not be one that has a name.
func FindAttribute(text string) (scsi.AttributeInfo, error) {
	if info, ok := scsi.AttributeByName(text); ok {
		return info, nil
	}
	digits := strings.TrimPrefix(strings.TrimSuffix(text, "h"), "0x")
	id, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || len(digits) != 4 {
		return scsi.AttributeInfo{}, errcode.New(errcode.AttributeNotFound, text, "no attribute has this name or id; an id is four hexadecimal digits")
	}
	info, _ := scsi.LookupAttribute(uint16(id))
	info.ID = uint16(id)
	return info, nil
}

// TextAttribute makes the value of an attribute from what a person typed: text, a number, a UUID.
// Errors: errcode.AttributeReadOnly, and AttributeInvalid naming what would fit.
func TextAttribute(info scsi.AttributeInfo, text string) (Attribute, error) {
	if err := mayWrite(info); err != nil {
		return Attribute{}, err
	}
	switch {
	case info.Name == "":
		return Attribute{}, invalidAttribute(info, "its format is not known; give the bytes with --hex")
	case text == "":
		return Attribute{}, invalidAttribute(info, "the value is empty; 'lto attr clear' removes the attribute")
	case info.Format != scsi.BinaryFormat:
		a, err := scsi.NewAttribute(info.ID, text)
		if err != nil {
			return a, invalidAttribute(info, textFlaw(info, text))
		}
		return a, nil
	}
	return binaryAttribute(info, text)
}

// textFlaw says why a text does not fit.
func textFlaw(info scsi.AttributeInfo, text string) string {
	if len(text) > info.Length {
		return fmt.Sprintf("%d bytes are too long, at most %d fit", len(text), info.Length)
	}
	return fmt.Sprintf("%q is not printable ASCII", text)
}

func binaryAttribute(info scsi.AttributeInfo, text string) (Attribute, error) {
	a := Attribute{ID: info.ID}
	switch {
	case info.Length == 36 && isUUID(text):
		a.Value = []byte(text)
	case info.Length == 36:
		return a, invalidAttribute(info, fmt.Sprintf("%q is not a UUID; give other bytes with --hex", text))
	case info.Length != 1:
		return a, invalidAttribute(info, "it is no text; give the bytes with --hex")
	default:
		n, err := smallNumber(info, text)
		if err != nil {
			return a, invalidAttribute(info, err.Error())
		}
		a.Value = []byte{n}
	}
	return a, nil
}

// smallNumber reads one byte, in decimal, in hexadecimal after 0x, or as the name of a character set.
func smallNumber(info scsi.AttributeInfo, text string) (byte, error) {
	if info.ID == 0x0805 {
		for code, name := range encodingNames {
			if name == text {
				return code, nil
			}
		}
	}
	digits, base := text, 10
	if after, ok := strings.CutPrefix(text, "0x"); ok {
		digits, base = after, 16
	}
	n, err := strconv.ParseUint(digits, base, 8)
	if err != nil || base == 10 && len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("%q is not a number of 0 to 255", text)
	}
	return byte(n), nil
}

// HexAttribute makes the value of an attribute from its bytes in hexadecimal; errors as TextAttribute's.
// An attribute without a name becomes a binary one.
func HexAttribute(info scsi.AttributeInfo, text string) (Attribute, error) {
	if err := mayWrite(info); err != nil {
		return Attribute{}, err
	}
	value, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	switch {
	case err != nil:
		return Attribute{}, invalidAttribute(info, fmt.Sprintf("%q is not bytes in hexadecimal", text))
	case len(value) == 0:
		return Attribute{}, invalidAttribute(info, "the value is empty; 'lto attr clear' removes the attribute")
	case len(value) > maxAttribute:
		return Attribute{}, invalidAttribute(info, fmt.Sprintf("%d bytes are too long, at most %d fit", len(value), maxAttribute))
	case info.Length > 0 && len(value) > info.Length:
		return Attribute{}, invalidAttribute(info, fmt.Sprintf("%d bytes are too long, at most %d fit", len(value), info.Length))
	case info.Length > 0 && info.Format == scsi.BinaryFormat && len(value) != info.Length:
		return Attribute{}, invalidAttribute(info, fmt.Sprintf("%d bytes are too short, it has %d", len(value), info.Length))
	}
	return Attribute{ID: info.ID, Format: info.Format, Value: value}, nil
}

// The cartridge memory of LTO has 16 KiB for everything.
const maxAttribute = 16 << 10

// NoAttribute is the value that deletes an attribute; errcode.AttributeReadOnly.
func NoAttribute(info scsi.AttributeInfo) (Attribute, error) {
	return Attribute{ID: info.ID, Format: info.Format}, mayWrite(info)
}

func mayWrite(info scsi.AttributeInfo) error {
	if scsi.HostMayWrite(info.ID) {
		return nil
	}
	return errcode.New(errcode.AttributeReadOnly, attributeName(info), "the drive or the maker of the cartridge writes it, hosts may not; nothing was written")
}

func invalidAttribute(info scsi.AttributeInfo, why string) *errcode.Error {
	return errcode.New(errcode.AttributeInvalid, attributeName(info), "%s; nothing was written", why)
}

// attributeName is "barcode (0806h)".
func attributeName(info scsi.AttributeInfo) string {
	if info.Name == "" {
		return fmt.Sprintf("%04Xh", info.ID)
	}
	return fmt.Sprintf("%s (%04Xh)", info.Name, info.ID)
}
