package sg

import (
	"bytes"
	"fmt"

	"calypso/tape/scsi"
)

// answer turns what came back into what Exec returns. A residual that makes no sense is one of a bridge
// that does not count: then all is taken for transferred, and decoders go by what the data says.
func (d *Device) answer(cmd *scsi.Command) error {
	h := d.head
	asked := int(h.dataLength)
	cmd.Transferred = asked
	if r := int(h.residual); r > 0 && r <= asked {
		cmd.Transferred = asked - r
	}
	sense := bytes.Clone(d.sense[:min(int(h.senseLength), senseBytes)])
	return outcome(bytes.Clone(cmd.CDB), h.status, h.hostStatus, h.driverStatus, sense)
}

// outcome reads the three statuses. An answer of the device counts first; without one, what the host
// adapter or the driver say means that nobody knows what the device did.
func outcome(cdb []byte, status uint8, host, driver uint16, raw []byte) error {
	switch status & 0x7E {
	case checkCondition:
		s, err := scsi.ParseSense(raw)
		if err != nil {
			return &scsi.TransportError{CDB: cdb, Err: fmt.Errorf("check condition without readable sense: %w", err)}
		}
		return &scsi.SenseError{CDB: cdb, Sense: s}
	case good:
	default:
		return &scsi.StatusError{CDB: cdb, Status: status & 0x7E}
	}
	if host != 0 {
		return &scsi.TransportError{CDB: cdb, Err: fmt.Errorf("host adapter: %s", hostName(host))}
	}
	if driver&^driverSense != 0 {
		return &scsi.TransportError{CDB: cdb, Err: fmt.Errorf("driver status %02Xh", driver)}
	}
	return senseWithGood(cdb, raw)
}

const (
	good           = 0x00
	checkCondition = 0x02
)

// senseWithGood is for sense data that came with status GOOD: bridges lose the status, and the driver
// itself reports recovered errors so. Sense that only informs is no error of an otherwise good command
// but for the marks of a tape, which have sense key 0.
func senseWithGood(cdb, raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	s, err := scsi.ParseSense(raw)
	if err != nil || s.Key == scsi.NoSense && s.ASC == 0 && !s.Filemark && !s.EOM && !s.ILI {
		return nil
	}
	return &scsi.SenseError{CDB: cdb, Sense: s}
}

// hostNames are the host adapter's statuses (DID_… of the Linux SCSI middle layer).
var hostNames = map[uint16]string{
	0x01: "no connection to the device",
	0x02: "bus busy",
	0x03: "no answer within the time allowed",
	0x04: "bad target",
	0x05: "aborted",
	0x06: "parity error",
	0x07: "internal error",
	0x08: "reset",
	0x09: "unexpected interrupt",
	0x0A: "passed through",
	0x0B: "soft error",
	0x0C: "retry at once",
	0x0D: "requeued",
	0x0E: "path disrupted",
	0x0F: "path failed fast",
	0x10: "target failure",
	0x11: "reservation conflict on the path",
	0x12: "no space",
	0x13: "medium error",
	0x14: "path marginal",
}

func hostName(status uint16) string {
	if name, ok := hostNames[status]; ok {
		return name
	}
	return fmt.Sprintf("status %02Xh", status)
}
