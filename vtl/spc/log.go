package spc

import (
	"encoding/binary"
	"slices"
)

// Control bytes of log parameters (SPC-5, parameter control byte): the format in the lowest two bits,
// and TSD, which says that the device does not save the parameter when it changes. Tape drives set
// them so.
const (
	LogCounter = 0x40 // a data counter: LOG SELECT can reset it
	LogText    = 0x41 // an ASCII list
	LogData    = 0x43 // a binary list
	LogFrozen  = 0xC0 // a data counter that only the device updates (DU)
)

// LogParameter is one parameter of a log page; the value is big-endian and at most 255 bytes.
type LogParameter struct {
	Code    uint16
	Control byte
	Value   []byte
}

// LogPage is one log page of a device server.
type LogPage struct {
	Code, Subpage byte
	Parameters    func() []LogParameter // the current cumulative values, ascending by code
	Reset         func()                // brings back the default cumulative values; nil: there are none to bring back
	// Sent is called when a host was given all parameters; nil: nobody wants to know. It is not when the
	// answer was cut: hosts ask for the first four bytes to learn the length.
	Sent func()
}

// Logs are the log pages of a device in ascending order of code and subpage. The pages of supported
// pages and subpages are made from them.
type Logs []LogPage

// LogSenseUsage and LogSelectUsage are the CDB usage bitmaps; PPC is obsolete, SP is looked at here.
const (
	LogSenseUsage  = "4D 01 FF FF 00 FF FF FF FF 00"
	LogSelectUsage = "4C 03 FF FF 00 00 00 FF FF 00"
)

// What the PC field of both commands selects (SPC-5).
const (
	currentCumulative = 1
	defaultCumulative = 3
)

// Sense answers LOG SENSE (SPC-5). No device here has thresholds or saves parameters: both are refused.
func (l Logs) Sense(c *Call) error {
	control, code, subpage := c.CDB[2]>>6, c.CDB[2]&0x3F, c.CDB[3]
	if c.Bit(1, 0x01) { // SP
		return BadCDB(1, 0)
	}
	if l.isIndex(code, subpage) {
		return l.senseIndex(c, code, subpage)
	}
	page := l.find(code, subpage)
	switch {
	case page == nil:
		return BadCDB(2, 5)
	case control != currentCumulative && control != defaultCumulative:
		return BadCDB(2, 7)
	}
	all := page.Parameters()
	parameters, err := from(all, c.U16(5))
	if err != nil {
		return err
	}
	if control == defaultCumulative {
		setDefaults(parameters)
	}
	b := encodeLog(code, subpage, appendParameters(nil, parameters))
	if err := c.Reply(b, int(c.U16(7))); err != nil {
		return err
	}
	if page.Sent != nil && c.Cmd.Transferred == len(b) && len(parameters) == len(all) {
		page.Sent()
	}
	return nil
}

// isIndex says whether a page lists others: 00h, and subpage FFh of 00h and of each page (SPC-5,
// Supported Log Pages, Supported Log Pages and Subpages, Supported Subpages).
func (l Logs) isIndex(code, subpage byte) bool {
	if code == 0 {
		return subpage == 0 || subpage == 0xFF
	}
	return subpage == 0xFF && slices.ContainsFunc(l, func(p LogPage) bool { return p.Code == code })
}

// senseIndex answers for a page that has no parameters, whatever PC is.
func (l Logs) senseIndex(c *Call, code, subpage byte) error {
	if c.U16(5) != 0 {
		return BadCDB(5, -1)
	}
	list := []byte{}
	if code == 0 && subpage == 0 {
		list = append(list, 0)
	} else if code == 0 {
		list = append(list, 0, 0, 0, 0xFF)
	}
	for _, p := range l {
		switch {
		case subpage == 0 && p.Subpage == 0:
			list = append(list, p.Code)
		case subpage == 0xFF && (code == 0 || code == p.Code):
			list = append(list, p.Code, p.Subpage)
		}
	}
	return c.Reply(encodeLog(code, subpage, list), int(c.U16(7)))
}

func (l Logs) find(code, subpage byte) *LogPage {
	i := slices.IndexFunc(l, func(p LogPage) bool { return p.Code == code && p.Subpage == subpage })
	if i < 0 {
		return nil
	}
	return &l[i]
}

// from are the parameters from a parameter pointer on, which must not be beyond the last (SPC-5).
func from(all []LogParameter, pointer uint16) ([]LogParameter, error) {
	i := slices.IndexFunc(all, func(p LogParameter) bool { return p.Code >= pointer })
	switch {
	case i >= 0:
		return all[i:], nil
	case pointer == 0: // a page that happens to be empty
		return nil, nil
	}
	return nil, BadCDB(5, -1)
}

// setDefaults gives counters the value that a reset brings: zero. Lists have no other value than the
// current one.
func setDefaults(parameters []LogParameter) {
	for i := range parameters {
		if parameters[i].Control&0x01 == 0 {
			parameters[i].Value = make([]byte, len(parameters[i].Value))
		}
	}
}

func encodeLog(code, subpage byte, body []byte) []byte {
	b := []byte{bit(subpage != 0, 0x40) | code, subpage, byte(len(body) >> 8), byte(len(body))}
	return append(b, body...)
}

func appendParameters(b []byte, parameters []LogParameter) []byte {
	for _, p := range parameters {
		b = binary.BigEndian.AppendUint16(b, p.Code)
		b = append(b, p.Control, byte(len(p.Value)))
		b = append(b, p.Value...)
	}
	return b
}

// Select carries out LOG SELECT (SPC-5): without a parameter list it brings counters back to their
// default, of one page or (page 00h) of all. A list would set counters or thresholds to what the host
// says, which no device here lets it; nor are parameters saved.
func (l Logs) Select(c *Call) error {
	control, code, subpage := c.CDB[2]>>6, c.CDB[2]&0x3F, c.CDB[3]
	reset := c.Bit(1, 0x02) // PCR
	switch {
	case c.Bit(1, 0x01): // SP
		return BadCDB(1, 0)
	case reset && c.U16(7) != 0:
		return BadCDB(1, 1)
	case c.U16(7) != 0:
		return BadCDB(7, -1)
	case !reset && control != currentCumulative && control != defaultCumulative:
		return BadCDB(2, 7)
	case !l.isIndex(code, subpage) && l.find(code, subpage) == nil:
		return BadCDB(2, 5)
	}
	if reset || control == defaultCumulative {
		l.reset(code, subpage)
	}
	return nil
}

func (l Logs) reset(code, subpage byte) {
	for _, p := range l {
		all := code == 0 || code == p.Code && subpage == 0xFF
		if p.Reset != nil && (all || p.Code == code && p.Subpage == subpage) {
			p.Reset()
		}
	}
}
