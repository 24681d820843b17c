package scsi

import "math"

// The log pages that calypso reads (SPC-5 7.3, SSC-5 8.4, ADC-4 6.1). 30h to 32h are not in the
// standards: LTO drives of all vendors have them in this form.
const (
	LogSupportedPages     = 0x00
	LogWriteErrors        = 0x02
	LogReadErrors         = 0x03
	LogNonMediumErrors    = 0x06
	LogSequentialAccess   = 0x0C
	LogTemperature        = 0x0D
	LogDeviceStatus       = 0x11
	LogTapeAlertResponse  = 0x12 // reading it clears nothing
	LogDeviceStatistics   = 0x14
	LogTapeDiagnostic     = 0x16
	LogVolumeStatistics   = 0x17
	LogDataCompression    = 0x1B
	LogTapeAlert          = 0x2E // reading it clears the flags
	LogTapeUsage          = 0x30
	LogTapeCapacity       = 0x31
	LogDataCompressionLTO = 0x32
)

// LogPage is one log page as a device returned it.
type LogPage struct {
	Code, Subpage byte
	Parameters    []LogParameter
}

// LogParameter is one parameter of a log page. Value may be cut short by what was received.
type LogParameter struct {
	Code    uint16
	Control byte
	Value   []byte
}

// ParseLogPage decodes LOG SENSE data of any page but the supported ones. It walks by the lengths of
// the parameters and stops at the received bytes, whatever the page length says; and at a parameter
// of zeros behind the first, since drives fill up what they claim beyond their data.
func ParseLogPage(data []byte) (LogPage, error) {
	p, body, err := logHeader(data)
	if err != nil {
		return p, err
	}
	for len(body) >= 4 {
		length := min(int(body[3]), len(body)-4)
		next := LogParameter{Code: uint16At(body, 0), Control: body[2], Value: body[4 : 4+length]}
		if len(p.Parameters) > 0 && next.Code == 0 && next.Control == 0 && body[3] == 0 {
			break
		}
		if length == int(body[3]) { // a number that is cut short is another number
			p.Parameters = append(p.Parameters, next)
		}
		body = body[4+length:]
	}
	return p, nil
}

// logHeader decodes the 4 bytes that every log page begins with (SPC-5 table 309).
func logHeader(data []byte) (p LogPage, body []byte, err error) {
	if len(data) < 4 {
		return p, nil, shortData("log page", len(data), 4)
	}
	p.Code = data[0] & 0x3F
	if data[0]&0x40 != 0 { // SPF: the page has subpages
		p.Subpage = data[1]
	}
	return p, extent(data, 4, uint64(uint16At(data, 2)))[4:], nil
}

// LogPageCode names a log page.
type LogPageCode struct{ Page, Subpage byte }

// ParseSupportedLogPages decodes page 00h, or 00h,FFh that lists subpages too (SPC-5 7.3.18,
// 7.3.19). Codes that do not ascend are beyond the device's list.
func ParseSupportedLogPages(data []byte) ([]LogPageCode, error) {
	p, body, err := logHeader(data)
	if err != nil {
		return nil, err
	}
	if p.Code != LogSupportedPages {
		return nil, &PageError{Want: LogSupportedPages, Got: p.Code}
	}
	size := 1
	if p.Subpage == 0xFF {
		size = 2
	}
	var list []LogPageCode
	for ; len(body) >= size; body = body[size:] {
		code := LogPageCode{Page: body[0] & 0x3F}
		if size == 2 {
			code.Subpage = body[1]
		}
		if n := len(list); n > 0 && !list[n-1].before(code) {
			break
		}
		list = append(list, code)
	}
	return list, nil
}

func (c LogPageCode) before(d LogPageCode) bool {
	return c.Page < d.Page || c.Page == d.Page && c.Subpage < d.Subpage
}

// parameter finds the first parameter of the code, or nil.
func (p LogPage) parameter(code uint16) *LogParameter {
	for i := range p.Parameters {
		if p.Parameters[i].Code == code {
			return &p.Parameters[i]
		}
	}
	return nil
}

// Uint is the number of a parameter; nil when the page does not have it, or when all its bits are
// set, which says that the device does not know it.
func (p LogPage) Uint(code uint16) *uint64 {
	if found := p.parameter(code); found != nil {
		return logNumber(found.Value)
	}
	return nil
}

func logNumber(b []byte) *uint64 {
	if len(b) == 0 || len(b) > 8 || notAvailable(b) {
		return nil
	}
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return &v
}

// notAvailable says whether all bits are set.
func notAvailable(b []byte) bool {
	for _, c := range b {
		if c != 0xFF {
			return false
		}
	}
	return true
}

// Bool is whether a parameter is not 0.
func (p LogPage) Bool(code uint16) *bool {
	v := p.Uint(code)
	if v == nil {
		return nil
	}
	on := *v != 0
	return &on
}

// Text is an ASCII parameter without its padding; nil when it is missing or empty.
func (p LogPage) Text(code uint16) *string {
	found := p.parameter(code)
	if found == nil {
		return nil
	}
	if s := asciiField(found.Value); s != "" {
		return &s
	}
	return nil
}

// megabyte is the unit of capacities in pages 0Ch and 17h; that of page 31h is the mebibyte.
const (
	megabyte = 1_000_000
	mebibyte = 1 << 20
)

// bytesOf is the number of a parameter times unit.
func (p LogPage) bytesOf(code uint16, unit uint64) *uint64 {
	found := p.parameter(code)
	if found == nil {
		return nil
	}
	return scaled(found.Value, unit)
}

// scaled is a number times unit. All bits but the last one set is what a device gives for "unknown" or
// "more than can be said" (SSC-5 8.4.9): as good as not known.
func scaled(b []byte, unit uint64) *uint64 {
	v := logNumber(b)
	if v == nil || *v > math.MaxInt64/unit || len(b) >= 4 && b[len(b)-1] == 0xFE && notAvailable(b[:len(b)-1]) {
		return nil
	}
	*v *= unit
	return v
}
