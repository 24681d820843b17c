package scsi

// ElementStatus is one place of a changer (SMC-3 6.10.3).
type ElementStatus struct {
	Type         ElementType
	Address      uint16
	Full         bool
	Imported     bool // IMPEXP: an operator put the cartridge there
	Except       bool // something is wrong with it; ASC says what
	Accessible   bool // ACCESS
	ExportOK     bool // EXENAB
	ImportOK     bool // INENAB
	ASC          ASC
	SourceValid  bool   // SVALID
	Source       uint16 // the storage element that the cartridge came from last
	SourceField  uint16 // what stands there, valid or not
	Inverted     bool
	Disabled     bool // ED
	MediumType   byte // 0 unknown, 1 data, 2 cleaning, 3 diagnostic, 4 WORM, 5 microcode
	Barcode      string
	AltBarcode   string
	Tag          string // the volume tags as they were sent, with their padding; "" when none came
	AltTag       string
	DeviceVendor string // DVCID: the drive in this place
	DeviceModel  string
	DeviceSerial string
}

// ElementReport is decoded READ ELEMENT STATUS data. Reported is the number of elements that the
// device says it has in the range; fewer in Elements means that the answer was cut. Cut is a last element
// of which only a part came: fields that were not whole are not set, for half a serial number is that of
// another drive. It is better asked for again; tgt, though, cuts the last 8 bytes of every answer.
type ElementReport struct {
	First    uint16
	Reported int
	Elements []ElementStatus
	Cut      *ElementStatus
}

// ParseElementStatus decodes READ ELEMENT STATUS. The length of a descriptor is what its page says,
// never a constant: 52 bytes and 86 bytes have both been seen where a sum of fields gives 48 and 82.
func ParseElementStatus(data []byte) (ElementReport, error) {
	if len(data) < 8 {
		return ElementReport{}, shortData("element status", len(data), 8)
	}
	r := ElementReport{First: uint16At(data, 0), Reported: int(uint16At(data, 2))}
	body := extent(data, 8, uint64(uint24(data[5:])))[8:]
	for len(body) >= 8 {
		page := extent(body, 8, uint64(uint24(body[5:])))
		r.add(page)
		body = body[len(page):]
	}
	return r, nil
}

// add decodes the descriptors of one status page.
func (r *ElementReport) add(page []byte) {
	length := int(uint16At(page, 2))
	if length < 12 { // no room for the fields that every descriptor has; 0 would never end
		return
	}
	layout := elementLayout{Type: ElementType(page[0] & 0x0F), primary: page[1]&0x80 != 0, alternate: page[1]&0x40 != 0}
	body := page[8:]
	for ; len(body) >= length; body = body[length:] {
		r.Elements = append(r.Elements, layout.decode(body[:length]))
	}
	if len(body) >= 12 {
		e := layout.decode(layout.whole(body))
		r.Cut = &e
	}
}

// elementLayout is what a page header says of its descriptors.
type elementLayout struct {
	Type               ElementType
	primary, alternate bool
}

// whole is a descriptor that was cut short up to its last field that is whole. The text of a volume tag,
// 32 bytes, is whole without the number behind it.
func (l elementLayout) whole(d []byte) []byte {
	const text, tag = 32, 36
	end := 12
	for _, there := range []bool{l.primary, l.alternate} {
		switch {
		case !there:
		case len(d) >= end+tag:
			end += tag
		case len(d) >= end+text:
			return d
		default:
			return d[:end]
		}
	}
	if len(d) >= end+4 && len(d) >= end+4+int(d[end+3]) {
		return d
	}
	return d[:end]
}

// decode reads one descriptor of at least 12 bytes.
func (l elementLayout) decode(d []byte) ElementStatus {
	e := ElementStatus{
		Type: l.Type, Address: uint16At(d, 0),
		Full: d[2]&0x01 != 0, Imported: l.Type == ImportElement && d[2]&0x02 != 0,
		Except: d[2]&0x04 != 0, Accessible: d[2]&0x08 != 0,
		ExportOK: d[2]&0x10 != 0, ImportOK: d[2]&0x20 != 0,
		ASC:         ASC(uint16At(d, 4)),
		SourceValid: d[9]&0x80 != 0, Inverted: d[9]&0x40 != 0, Disabled: d[9]&0x08 != 0,
		MediumType: d[9] & 0x07, SourceField: uint16At(d, 10),
	}
	if e.SourceValid {
		e.Source = e.SourceField
	}
	rest := d[12:]
	if l.primary {
		e.Barcode, e.Tag, rest = volumeTag(rest)
	}
	if l.alternate {
		e.AltBarcode, e.AltTag, rest = volumeTag(rest)
	}
	e.setDevice(rest)
	return e
}

// volumeTag takes a 36-byte volume tag: 32 characters, 2 reserved, a sequence number (SMC-3 6.10.7).
func volumeTag(b []byte) (text, sent string, rest []byte) {
	sent = string(b[:min(len(b), 36)])
	return asciiField(b[:min(len(b), 32)]), sent, b[len(sent):]
}

// setDevice reads the device identification: code set, type, reserved, length, identifier. Type 1
// holds vendor 8, product 16 and serial; others, and too short ones, the serial alone.
func (e *ElementStatus) setDevice(b []byte) {
	if len(b) < 4 || b[3] == 0 || b[0]&0x0F < 2 {
		return
	}
	id := b[4:min(len(b), 4+int(b[3]))]
	if b[1]&0x0F == byte(DesignatorT10) && len(id) > 24 {
		e.DeviceVendor, e.DeviceModel = asciiField(id[:8]), asciiField(id[8:24])
		id = id[24:]
	}
	e.DeviceSerial = asciiField(id)
}
