package scsi

import "fmt"

// The additional sense codes that callers act upon.
const (
	ASCFilemark           ASC = 0x0001
	ASCEndOfMedium        ASC = 0x0002
	ASCBeginningOfMedium  ASC = 0x0004
	ASCEndOfData          ASC = 0x0005
	ASCEarlyWarning       ASC = 0x0007 // programmable early warning
	ASCNotReady           ASC = 0x0400
	ASCBecomingReady      ASC = 0x0401
	ASCNeedsLoad          ASC = 0x0402
	ASCManual             ASC = 0x0403
	ASCEODNotFound        ASC = 0x1403
	ASCInvalidOpcode      ASC = 0x2000
	ASCInvalidElement     ASC = 0x2101
	ASCInvalidField       ASC = 0x2400
	ASCInvalidParameter   ASC = 0x2600
	ASCWriteProtected     ASC = 0x2700
	ASCMediumChanged      ASC = 0x2800
	ASCImportExport       ASC = 0x2801
	ASCPowerOnReset       ASC = 0x2900
	ASCCannotRead         ASC = 0x3000
	ASCUnknownFormat      ASC = 0x3001
	ASCIncompatibleFormat ASC = 0x3002
	ASCCleaningCartridge  ASC = 0x3003
	ASCCleaningFailure    ASC = 0x3007
	ASCWORMOverwrite      ASC = 0x300C
	ASCNoMedium           ASC = 0x3A00
	ASCDestinationFull    ASC = 0x3B0D
	ASCSourceEmpty        ASC = 0x3B0E
	ASCNoAccess           ASC = 0x3B11 // medium magazine not accessible
	ASCRemovalPrevented   ASC = 0x5302
)

// String is the standard's text in lower case (SPC-5 annex F), or the numbers for a code that the
// table does not have.
func (a ASC) String() string {
	if text, ok := ascTexts[a]; ok {
		return text
	}
	switch code, qualifier := uint8(a>>8), uint8(a); {
	case code == 0x40:
		return fmt.Sprintf("diagnostic failure on component %02Xh", qualifier)
	case code >= 0x80 || qualifier >= 0x80:
		return fmt.Sprintf("vendor specific code %02X/%02X", code, qualifier)
	default:
		return fmt.Sprintf("code %02X/%02X", code, qualifier)
	}
}

// ascTexts are the codes that tape drives and changers report.
var ascTexts = map[ASC]string{
	0x0000: "no additional sense information",
	0x0001: "filemark detected",
	0x0002: "end-of-partition/medium detected",
	0x0004: "beginning-of-partition/medium detected",
	0x0005: "end-of-data detected",
	0x0006: "I/O process terminated",
	0x0007: "programmable early warning detected",
	0x0016: "operation in progress",
	0x0017: "cleaning requested",
	0x0018: "erase operation in progress",
	0x0019: "locate operation in progress",
	0x001A: "rewind operation in progress",
	0x0300: "peripheral device write fault",
	0x0301: "no write current",
	0x0302: "excessive write errors",
	0x0400: "logical unit not ready, cause not reportable",
	0x0401: "logical unit is in process of becoming ready",
	0x0402: "logical unit not ready, initializing command required",
	0x0403: "logical unit not ready, manual intervention required",
	0x0404: "logical unit not ready, format in progress",
	0x0407: "logical unit not ready, operation in progress",
	0x0409: "logical unit not ready, self-test in progress",
	0x0410: "logical unit not ready, auxiliary memory not accessible",
	0x0412: "logical unit not ready, offline",
	0x0413: "logical unit not ready, SA creation in progress",
	0x0500: "logical unit does not respond to selection",
	0x0700: "multiple peripheral devices selected",
	0x0800: "logical unit communication failure",
	0x0801: "logical unit communication time-out",
	0x0802: "logical unit communication parity error",
	0x0900: "track following error",
	0x0A00: "error log overflow",
	0x0B00: "warning",
	0x0B01: "warning - specified temperature exceeded",
	0x0C00: "write error",
	0x0C0B: "auxiliary memory write error",
	0x0E03: "invalid field in command information unit",
	0x1000: "ID CRC or ECC error",
	0x1001: "logical block guard check failed",
	0x1100: "unrecovered read error",
	0x1101: "read retries exhausted",
	0x1102: "error too long to correct",
	0x1108: "incomplete block read",
	0x1109: "no gap found",
	0x110A: "miscorrected error",
	0x1112: "auxiliary memory read error",
	0x1400: "recorded entity not found",
	0x1401: "record not found",
	0x1402: "filemark or setmark not found",
	0x1403: "end-of-data not found",
	0x1404: "block sequence error",
	0x1500: "random positioning error",
	0x1501: "mechanical positioning error",
	0x1502: "positioning error detected by read of medium",
	0x1700: "recovered data with no error correction applied",
	0x1701: "recovered data with retries",
	0x1800: "recovered data with error correction applied",
	0x1A00: "parameter list length error",
	0x1B00: "synchronous data transfer error",
	0x2000: "invalid command operation code",
	0x200C: "illegal command when not in append-only mode",
	0x2100: "logical block address out of range",
	0x2101: "invalid element address",
	0x2400: "invalid field in CDB",
	0x2500: "logical unit not supported",
	0x2600: "invalid field in parameter list",
	0x2601: "parameter not supported",
	0x2602: "parameter value invalid",
	0x2603: "threshold parameters not supported",
	0x2700: "write protected",
	0x2701: "hardware write protected",
	0x2702: "logical unit software write protected",
	0x2703: "associated write protect",
	0x2704: "persistent write protect",
	0x2705: "permanent write protect",
	0x2706: "conditional write protect",
	0x2800: "not ready to ready change, medium may have changed",
	0x2801: "import or export element accessed",
	0x2900: "power on, reset, or bus device reset occurred",
	0x2901: "power on occurred",
	0x2902: "SCSI bus reset occurred",
	0x2903: "bus device reset function occurred",
	0x2904: "device internal reset",
	0x2905: "transceiver mode changed to single-ended",
	0x2906: "transceiver mode changed to LVD",
	0x2907: "I_T nexus loss occurred",
	0x2A00: "parameters changed",
	0x2A01: "mode parameters changed",
	0x2A02: "log parameters changed",
	0x2A03: "reservations preempted",
	0x2A04: "reservations released",
	0x2A05: "registrations preempted",
	0x2A10: "timestamp changed",
	0x2A11: "data encryption parameters changed by another I_T nexus",
	0x2A12: "data encryption parameters changed by vendor specific event",
	0x2A13: "data encryption key instance counter has changed",
	0x2C00: "command sequence error",
	0x2D00: "overwrite error on update in place",
	0x2F00: "commands cleared by another initiator",
	0x3000: "incompatible medium installed",
	0x3001: "cannot read medium - unknown format",
	0x3002: "cannot read medium - incompatible format",
	0x3003: "cleaning cartridge installed",
	0x3004: "cannot write medium - unknown format",
	0x3005: "cannot write medium - incompatible format",
	0x3006: "cannot format medium - incompatible medium",
	0x3007: "cleaning failure",
	0x300C: "WORM medium - overwrite attempted",
	0x300D: "WORM medium - integrity check",
	0x3100: "medium format corrupted",
	0x3300: "tape length error",
	0x3700: "rounded parameter",
	0x3900: "saving parameters not supported",
	0x3A00: "medium not present",
	0x3A01: "medium not present - tray closed",
	0x3A02: "medium not present - tray open",
	0x3A03: "medium not present - loadable",
	0x3A04: "medium not present - medium auxiliary memory accessible",
	0x3B00: "sequential positioning error",
	0x3B01: "tape position error at beginning-of-medium",
	0x3B02: "tape position error at end-of-medium",
	0x3B08: "reposition error",
	0x3B0C: "position past beginning of medium",
	0x3B0D: "medium destination element full",
	0x3B0E: "medium source element empty",
	0x3B11: "medium magazine not accessible",
	0x3B12: "medium magazine removed",
	0x3B13: "medium magazine inserted",
	0x3B14: "medium magazine locked",
	0x3B15: "medium magazine unlocked",
	0x3B18: "element disabled",
	0x3B19: "element enabled",
	0x3B1A: "data transfer device removed",
	0x3B1B: "data transfer device inserted",
	0x3D00: "invalid bits in identify message",
	0x3E00: "logical unit has not self-configured yet",
	0x3E01: "logical unit failure",
	0x3E02: "timeout on logical unit",
	0x3F00: "target operating conditions have changed",
	0x3F01: "microcode has been changed",
	0x3F03: "inquiry data has changed",
	0x3F0E: "reported LUNs data has changed",
	0x4300: "message error",
	0x4400: "internal target failure",
	0x4500: "select or reselect failure",
	0x4700: "SCSI parity error",
	0x4800: "initiator detected error message received",
	0x4900: "invalid message error",
	0x4A00: "command phase error",
	0x4B00: "data phase error",
	0x4C00: "logical unit failed self-configuration",
	0x4E00: "overlapped commands attempted",
	0x5000: "write append error",
	0x5001: "write append position error",
	0x5100: "erase failure",
	0x5200: "cartridge fault",
	0x5300: "media load or eject failed",
	0x5301: "unload tape failure",
	0x5302: "medium removal prevented",
	0x5303: "medium removal prevented by data transfer element",
	0x5304: "medium thread or unthread failure",
	0x5305: "volume identifier invalid",
	0x5500: "system resource failure",
	0x5A01: "operator medium removal request",
	0x5D00: "failure prediction threshold exceeded",
	0x7400: "security error",
	0x7401: "unable to decrypt data",
	0x7402: "unencrypted data encountered while decrypting",
	0x7403: "incorrect data encryption key",
	0x7404: "cryptographic integrity validation failed",
}
