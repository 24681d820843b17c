package tape

import (
	"context"
	"time"

	"calypso/tape/scsi"
)

// A command that is given up before the device is done ends in a reset of the device, which for a tape drive
// means a rewind in mid-archive: better far too long than too short. usual is how long a command may take
// when the device does not say, the largest that drive vendors publish for LTO up to generation 10; least is
// the smallest that any of them publishes, and no device that claims less is believed.
type patience struct{ usual, least time.Duration }

// shortCommand is for what should take moments: 180 s covers an LTO-9 drive that answers READ ATTRIBUTE while
// it looks for the end of data.
var shortCommand = patience{180 * time.Second, 180 * time.Second}

// longest bounds what a device claims: it is what the longest command of all may take, a long ERASE. With "for ever"
// (FFFFFFFFh) an answer that was lost would be waited for for weeks.
const longest = 170000 * time.Second

func patienceFor(opcode byte) patience {
	switch opcode {
	case scsi.OpRead6, scsi.OpWrite6:
		return patience{2340 * time.Second, 1500 * time.Second}
	case scsi.OpWriteFilemarks6:
		return patience{1620 * time.Second, 1500 * time.Second}
	case scsi.OpSpace6, scsi.OpSpace16, scsi.OpLocate10, scsi.OpLocate16:
		return patience{3940 * time.Second, 2040 * time.Second}
	case scsi.OpRewind:
		return patience{900 * time.Second, 600 * time.Second}
	case scsi.OpLoadUnload:
		return patience{1020 * time.Second, 780 * time.Second}
	case scsi.OpErase6: // a long one writes the whole tape
		return patience{longest, 16380 * time.Second}
	case scsi.OpReadElementStatus, scsi.OpMoveMedium:
		return patience{300 * time.Second, 300 * time.Second}
	case scsi.OpExchangeMedium: // two moves
		return patience{600 * time.Second, 600 * time.Second}
	case scsi.OpInitializeElementStatus:
		return patience{1800 * time.Second, 600 * time.Second}
	}
	return shortCommand
}

// timeoutOf is how long the device may take for a command: what it recommends itself, when it was asked, and
// within reason.
func (u *Unit) timeoutOf(cdb []byte) time.Duration {
	p := patienceFor(cdb[0])
	if told := u.told[cdb[0]]; told > 0 {
		return min(max(told, p.least), longest)
	}
	return p.usual
}

// supportedBytes has room for 400 commands with their timeouts; drives have 60.
const supportedBytes = 8 << 10

// askTimeouts asks the device once how long its commands take, before the first one that takes long: whoever
// only looks sends nothing more. A device before SPC-3 is not asked, since such devices hang on the question,
// and one that does not answer keeps the table. Its only error is a unit attention, which the command itself
// would have met; then the device is asked the next time.
func (u *Unit) askTimeouts(ctx context.Context, cdb []byte) error {
	if u.asked || patienceFor(cdb[0]) == shortCommand || cdb[0] == scsi.OpReadElementStatus {
		return nil
	}
	list, err := u.supported(ctx)
	if s, ok := scsi.SenseOf(err); ok && s.Key == scsi.UnitAttention {
		return err
	}
	u.asked, u.told = true, map[byte]time.Duration{}
	for _, c := range list { // the longest of those that share an operation code
		u.told[c.Opcode] = max(u.told[c.Opcode], c.Recommended)
	}
	return nil
}

// supported is what the device says of its commands, nothing when it is too old to be asked.
func (u *Unit) supported(ctx context.Context) ([]scsi.SupportedCommand, error) {
	const spc3 = 0x05
	inquiry := scsi.Inquiry(36)
	data := make([]byte, supportedBytes)
	n, err := u.send(ctx, inquiry[:], nil, data[:36])
	if !completed(err) {
		return nil, err
	}
	if id, err := scsi.ParseInquiry(data[:n]); err != nil || id.Version < spc3 {
		return nil, err
	}
	ask := scsi.ReportSupportedOpcodes(true, supportedBytes)
	if n, err = u.send(ctx, ask[:], nil, data); !completed(err) {
		return nil, err
	}
	return scsi.ParseSupportedOpcodes(data[:n])
}
