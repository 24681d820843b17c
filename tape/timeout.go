package tape

import (
	"time"

	"calypso/tape/scsi"
)

// timeoutOf is how long a device may take before the transport gives up, which for a tape drive
// means a bus reset in mid-air: better far too long than too short. The numbers are the largest
// that drive vendors publish for LTO up to generation 10; 180 s for what should take moments covers
// an LTO-9 drive that answers READ ATTRIBUTE while it looks for the end of data.
func timeoutOf(cdb []byte) time.Duration {
	switch cdb[0] {
	case scsi.OpRead6, scsi.OpWrite6:
		return 2340 * time.Second
	case scsi.OpWriteFilemarks6:
		return 1620 * time.Second
	case scsi.OpSpace6, scsi.OpSpace16, scsi.OpLocate10, scsi.OpLocate16:
		return 3940 * time.Second
	case scsi.OpRewind:
		return 900 * time.Second
	case scsi.OpLoadUnload:
		return 1020 * time.Second
	case scsi.OpErase6:
		return 170000 * time.Second // a long erase writes the whole tape
	case scsi.OpReadElementStatus, scsi.OpMoveMedium:
		return 300 * time.Second
	case scsi.OpExchangeMedium: // two moves
		return 600 * time.Second
	case scsi.OpInitializeElementStatus:
		return 1800 * time.Second
	}
	return 180 * time.Second
}
