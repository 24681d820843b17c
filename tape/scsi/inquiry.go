package scsi

import (
	"encoding/hex"
	"strings"
)

// DeviceType is the peripheral device type (SPC-5 table 151).
type DeviceType byte

// The device types that calypso drives.
const (
	TapeDevice    DeviceType = 1
	ChangerDevice DeviceType = 8
)

// InquiryData is standard INQUIRY data (SPC-5 6.7.2).
type InquiryData struct {
	Qualifier byte // peripheral qualifier: 0 connected
	Type      DeviceType
	Removable bool
	Version   byte
	Vendor    string
	Product   string
	Revision  string
}

// ParseInquiry decodes standard INQUIRY data; text fields that were not received are empty.
func ParseInquiry(data []byte) (InquiryData, error) {
	if len(data) < 5 {
		return InquiryData{}, shortData("inquiry", len(data), 5)
	}
	data = extent(data, 5, uint64(data[4]))
	return InquiryData{
		Qualifier: data[0] >> 5, Type: DeviceType(data[0] & 0x1F),
		Removable: data[1]&0x80 != 0, Version: data[2],
		Vendor: asciiAt(data, 8, 8), Product: asciiAt(data, 16, 16), Revision: asciiAt(data, 32, 4),
	}, nil
}

// asciiAt is the text field at offset i, as far as it was received.
func asciiAt(data []byte, i, length int) string {
	if i >= len(data) {
		return ""
	}
	return asciiField(data[i:min(len(data), i+length)])
}

// The vital product data pages that calypso reads.
const (
	VPDSupportedPages     = 0x00
	VPDUnitSerial         = 0x80
	VPDIdentification     = 0x83
	VPDManufacturerSerial = 0xB1 // the drive's own when the library assigns the one on page 80h
)

// ParseVPD checks that data is a vital product data page of this code and gives its contents
// without the header (SPC-5 7.7).
func ParseVPD(data []byte, page byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, shortData("vital product data", len(data), 4)
	}
	if data[1] != page {
		return nil, &PageError{Want: page, Got: data[1]}
	}
	return extent(data, 4, uint64(uint16At(data, 2)))[4:], nil
}

// ParseVPDPages decodes page 00h: the codes of the supported pages.
func ParseVPDPages(data []byte) ([]byte, error) { return ParseVPD(data, VPDSupportedPages) }

// ParseVPDSerial decodes page 80h or B1h: a serial number.
func ParseVPDSerial(data []byte, page byte) (string, error) {
	body, err := ParseVPD(data, page)
	if err != nil {
		return "", err
	}
	return asciiField(body), nil
}

// DesignatorType says how a designator is made (SPC-5 table 591).
type DesignatorType byte

// The designator types that calypso uses.
const (
	DesignatorVendor DesignatorType = 0
	DesignatorT10    DesignatorType = 1
	DesignatorEUI64  DesignatorType = 2
	DesignatorNAA    DesignatorType = 3
)

// Designator is one name of a device (SPC-5 7.7.6).
type Designator struct {
	Type        DesignatorType
	Association byte // 0 logical unit, 1 target port, 2 target device
	CodeSet     byte // 1 binary, 2 ASCII, 3 UTF-8
	Value       []byte
}

// String is the text of an ASCII designator, else its bytes in hex.
func (d Designator) String() string {
	if d.CodeSet == 1 {
		return hex.EncodeToString(d.Value)
	}
	return asciiField(d.Value)
}

// ParseVPDIdentification decodes page 83h. A designator that runs past the data ends the list.
func ParseVPDIdentification(data []byte) ([]Designator, error) {
	body, err := ParseVPD(data, VPDIdentification)
	if err != nil {
		return nil, err
	}
	var list []Designator
	for len(body) >= 4 {
		end := 4 + int(body[3])
		if end > len(body) {
			break
		}
		list = append(list, Designator{
			Type: DesignatorType(body[1] & 0x0F), Association: body[1] >> 4 & 0x03,
			CodeSet: body[0] & 0x0F, Value: body[4:end],
		})
		body = body[end:]
	}
	return list, nil
}

// T10Serial is the unit serial number inside a T10 vendor id designator that is made, as LTO drives
// make it, of vendor 8, product 16 and serial; empty when there is none.
func (d Designator) T10Serial() string {
	if d.Type != DesignatorT10 || len(d.Value) <= 24 {
		return ""
	}
	return strings.TrimSpace(asciiField(d.Value[24:]))
}
