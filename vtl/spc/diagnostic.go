package spc

import "calypso/tape/scsi"

// receiveDiagnostic is RECEIVE DIAGNOSTIC RESULTS: the one page is the list of the pages (SPC-5).
func receiveDiagnostic(_ Shared, c *Call) error {
	if c.CDB[2] != 0 {
		return BadCDB(2, -1)
	}
	return c.Reply([]byte{0x00, 0, 0, 1, 0x00}, int(c.U16(3)))
}

// The self-test codes of SEND DIAGNOSTIC that run while the host waits.
const (
	foregroundShort    = 5
	foregroundExtended = 6
)

// sendDiagnostic is SEND DIAGNOSTIC: the default self-test and those in the foreground, which a virtual
// device passes at once, or the page that asks for the list of the pages.
func sendDiagnostic(_ Shared, c *Call) error {
	code, length := c.CDB[1]>>5, int(c.U16(3))
	switch {
	case code != 0 && (c.Bit(1, 0x04) || code != foregroundShort && code != foregroundExtended):
		return BadCDB(1, 7)
	case length != 0 && (code != 0 || c.Bit(1, 0x04)):
		return BadCDB(3, -1)
	case length == 0:
		return nil
	case length < 4:
		return Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	list, err := c.Parameters(length)
	if err != nil {
		return err
	}
	for i, b := range list {
		if b != 0 { // no page but 00h, which has no body
			return BadParameter(i, -1)
		}
	}
	if length != 4 {
		return Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	return nil
}
