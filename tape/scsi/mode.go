package scsi

// ModeData is decoded MODE SENSE data: the header, the first block descriptor, the pages
// (SPC-5 7.5, SSC-5 8.3).
type ModeData struct {
	MediumType     byte
	DeviceSpecific byte // tape: WP 80h, buffered mode 70h, speed 0Fh
	HasDescriptor  bool
	Density        byte
	Blocks         uint32
	BlockLength    uint32 // 0: variable
	Pages          []ModePage
}

// ModePage is one mode page as received, header included; it may be cut short.
type ModePage struct {
	Code    byte
	Subpage byte // 0 for pages without subpages
	Raw     []byte
}

// WriteProtected is the WP bit of the device-specific byte (SSC-5 8.3).
func (m ModeData) WriteProtected() bool { return m.DeviceSpecific&0x80 != 0 }

// Page finds the page, or nil.
func (m ModeData) Page(code, subpage byte) *ModePage {
	for i := range m.Pages {
		if p := &m.Pages[i]; p.Code == code && p.Subpage == subpage {
			return p
		}
	}
	return nil
}

// ParseModeSense6 decodes the data of MODE SENSE(6).
func ParseModeSense6(data []byte) (ModeData, error) {
	if len(data) < 4 {
		return ModeData{}, shortData("mode data", len(data), 4)
	}
	m := ModeData{MediumType: data[1], DeviceSpecific: data[2]}
	m.parseBody(extent(data, 1, uint64(data[0])), 4, int(data[3]), false)
	return m, nil
}

// ParseModeSense10 decodes the data of MODE SENSE(10).
func ParseModeSense10(data []byte) (ModeData, error) {
	if len(data) < 8 {
		return ModeData{}, shortData("mode data", len(data), 8)
	}
	m := ModeData{MediumType: data[2], DeviceSpecific: data[3]}
	long := data[4]&0x01 != 0 // LONGLBA: 16-byte descriptors, which tapes do not use
	m.parseBody(extent(data, 2, uint64(uint16At(data, 0))), 8, int(uint16At(data, 6)), long)
	return m, nil
}

func (m *ModeData) parseBody(data []byte, header, descriptors int, long bool) {
	if len(data) < header+descriptors {
		descriptors = max(0, len(data)-header)
	}
	if descriptors >= 8 && !long {
		d := data[header:]
		m.HasDescriptor = true
		m.Density, m.Blocks, m.BlockLength = d[0], uint24(d[1:]), uint24(d[5:])
	}
	if len(data) > header+descriptors {
		m.Pages = parseModePages(data[header+descriptors:])
	}
}

func parseModePages(b []byte) []ModePage {
	var pages []ModePage
	for len(b) >= 2 {
		p := ModePage{Code: b[0] & 0x3F}
		length := 2 + int(b[1])
		if b[0]&0x40 != 0 { // SPF: subpage format
			if len(b) < 4 {
				break
			}
			p.Subpage, length = b[1], 4+int(uint16At(b, 2))
		}
		p.Raw = b[:min(len(b), length)]
		pages = append(pages, p)
		b = b[len(p.Raw):]
	}
	return pages
}

// SelectList6 is the parameter list of a MODE SELECT(6) that keeps the block descriptor and sends
// page back, which may be nil. The fields that MODE SELECT reserves are cleared: mode data length,
// medium type, WP (SSC-5 8.3), and the page's PS bit (SPC-5 7.5.7).
func (m ModeData) SelectList6(page []byte) []byte {
	list := []byte{0, 0, m.DeviceSpecific & 0x7F, 0}
	if m.HasDescriptor {
		list[3] = 8
		list = append(list, m.Density, 0, 0, 0, 0, 0, 0, 0)
		putUint24(list[5:], m.Blocks)
		putUint24(list[9:], m.BlockLength)
	}
	start := len(list)
	list = append(list, page...)
	if len(page) > 0 {
		list[start] &= 0x7F
	}
	return list
}

// Compression is the data compression page 0Fh (SSC-5 8.5.2).
type Compression struct {
	Enabled   bool // DCE: data written is compressed
	Capable   bool // DCC
	Expanding bool // DDE: data read is decompressed
	Algorithm uint32
}

// ParseCompression decodes page 0Fh.
func ParseCompression(page []byte) (Compression, error) {
	if err := checkPage(page, PageCompression, 8); err != nil {
		return Compression{}, err
	}
	return Compression{
		Enabled: page[2]&0x80 != 0, Capable: page[2]&0x40 != 0,
		Expanding: page[3]&0x80 != 0, Algorithm: uint32At(page, 4),
	}, nil
}

// DeviceConfiguration is the part of page 10h that calypso reads (SSC-5 8.5.3).
type DeviceConfiguration struct {
	ActivePartition byte
	WriteDelay      uint16 // in 100 ms: how long buffered data may wait
	BlockIDs        bool   // BIS: positions can be reported
	EarlyWarningEOD bool   // SEW: end of medium is reported on the way to it
	SelectAlgorithm byte   // 0 off, 1 on: compression
	WriteProtect    byte   // ASOCWP 04h, PERSWP 02h, PRMWP 01h
}

// ParseDeviceConfiguration decodes page 10h.
func ParseDeviceConfiguration(page []byte) (DeviceConfiguration, error) {
	if err := checkPage(page, PageDeviceConfiguration, 16); err != nil {
		return DeviceConfiguration{}, err
	}
	return DeviceConfiguration{
		ActivePartition: page[3], WriteDelay: uint16At(page, 6),
		BlockIDs: page[8]&0x40 != 0, EarlyWarningEOD: page[10]&0x08 != 0,
		SelectAlgorithm: page[14], WriteProtect: page[15] & 0x07,
	}, nil
}

// ParseMediumConfiguration decodes a drive's page 1Dh: whether the medium is WORM (SSC-5 8.5.6).
func ParseMediumConfiguration(page []byte) (worm bool, err error) {
	if err := checkPage(page, PageMediumConfiguration, 3); err != nil {
		return false, err
	}
	return page[2]&0x01 != 0, nil
}

// ElementRange is a run of element addresses.
type ElementRange struct{ First, Count uint16 }

// Contains says whether the address is one of the range.
func (r ElementRange) Contains(address uint16) bool {
	return address >= r.First && int(address) < int(r.First)+int(r.Count)
}

// ElementAssignment is a changer's page 1Dh (SMC-3 7.3.3).
type ElementAssignment struct{ Transports, Slots, ImportExport, Drives ElementRange }

// ParseElementAssignment decodes a changer's page 1Dh.
func ParseElementAssignment(page []byte) (ElementAssignment, error) {
	if err := checkPage(page, PageElementAddress, 18); err != nil {
		return ElementAssignment{}, err
	}
	at := func(i int) ElementRange { return ElementRange{uint16At(page, i), uint16At(page, i+2)} }
	return ElementAssignment{Transports: at(2), Slots: at(6), ImportExport: at(10), Drives: at(14)}, nil
}

func checkPage(page []byte, code byte, length int) error {
	if len(page) < length {
		return shortData("mode page", len(page), length)
	}
	if got := page[0] & 0x3F; got != code {
		return &PageError{Want: code, Got: got}
	}
	return nil
}
