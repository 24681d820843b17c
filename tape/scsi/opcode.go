package scsi

import "fmt"

// Operation codes (SPC-5, SSC-5, SMC-3).
const (
	OpTestUnitReady           = 0x00
	OpRewind                  = 0x01
	OpRequestSense            = 0x03
	OpReadBlockLimits         = 0x05
	OpInitializeElementStatus = 0x07
	OpRead6                   = 0x08
	OpWrite6                  = 0x0A
	OpWriteFilemarks6         = 0x10
	OpSpace6                  = 0x11
	OpInquiry                 = 0x12
	OpModeSelect6             = 0x15
	OpErase6                  = 0x19
	OpModeSense6              = 0x1A
	OpLoadUnload              = 0x1B
	OpPreventAllow            = 0x1E
	OpLocate10                = 0x2B
	OpReadPosition            = 0x34
	OpReportDensitySupport    = 0x44
	OpLogSelect               = 0x4C
	OpLogSense                = 0x4D
	OpModeSelect10            = 0x55
	OpModeSense10             = 0x5A
	OpPersistentReserveIn     = 0x5E
	OpPersistentReserveOut    = 0x5F
	OpReadAttribute           = 0x8C
	OpWriteAttribute          = 0x8D
	OpSpace16                 = 0x91
	OpLocate16                = 0x92
	OpReportLUNs              = 0xA0
	OpMaintenanceIn           = 0xA3
	OpMoveMedium              = 0xA5
	OpExchangeMedium          = 0xA6
	OpReadElementStatus       = 0xB8
)

// opcodeNames are the standards' names. It lists more than calypso sends: a transcript or an error of
// another program's command must be readable too.
var opcodeNames = map[byte]string{
	OpTestUnitReady:           "TEST UNIT READY",
	OpRewind:                  "REWIND",
	OpRequestSense:            "REQUEST SENSE",
	0x04:                      "FORMAT MEDIUM",
	OpReadBlockLimits:         "READ BLOCK LIMITS",
	OpInitializeElementStatus: "INITIALIZE ELEMENT STATUS",
	OpRead6:                   "READ(6)",
	OpWrite6:                  "WRITE(6)",
	0x0B:                      "SET CAPACITY",
	0x0F:                      "READ REVERSE(6)",
	OpWriteFilemarks6:         "WRITE FILEMARKS(6)",
	OpSpace6:                  "SPACE(6)",
	OpInquiry:                 "INQUIRY",
	0x13:                      "VERIFY(6)",
	0x14:                      "RECOVER BUFFERED DATA",
	OpModeSelect6:             "MODE SELECT(6)",
	0x16:                      "RESERVE(6)",
	0x17:                      "RELEASE(6)",
	OpErase6:                  "ERASE(6)",
	OpModeSense6:              "MODE SENSE(6)",
	OpLoadUnload:              "LOAD UNLOAD",
	0x1C:                      "RECEIVE DIAGNOSTIC RESULTS",
	0x1D:                      "SEND DIAGNOSTIC",
	OpPreventAllow:            "PREVENT ALLOW MEDIUM REMOVAL",
	OpLocate10:                "LOCATE(10)", // POSITION TO ELEMENT for a changer
	OpReadPosition:            "READ POSITION",
	0x37:                      "INITIALIZE ELEMENT STATUS WITH RANGE",
	0x3B:                      "WRITE BUFFER",
	0x3C:                      "READ BUFFER",
	0x44:                      "REPORT DENSITY SUPPORT",
	0x4C:                      "LOG SELECT",
	0x4D:                      "LOG SENSE",
	OpModeSelect10:            "MODE SELECT(10)",
	OpModeSense10:             "MODE SENSE(10)",
	OpPersistentReserveIn:     "PERSISTENT RESERVE IN",
	OpPersistentReserveOut:    "PERSISTENT RESERVE OUT",
	0x80:                      "WRITE FILEMARKS(16)",
	0x82:                      "ALLOW OVERWRITE",
	0x88:                      "READ(16)",
	0x8A:                      "WRITE(16)",
	OpReadAttribute:           "READ ATTRIBUTE",
	OpWriteAttribute:          "WRITE ATTRIBUTE",
	OpSpace16:                 "SPACE(16)",
	OpLocate16:                "LOCATE(16)",
	0x93:                      "ERASE(16)",
	OpReportLUNs:              "REPORT LUNS",
	OpSecurityProtocolIn:      "SECURITY PROTOCOL IN",
	OpMaintenanceIn:           "MAINTENANCE IN",
	0xA4:                      "MAINTENANCE OUT",
	OpMoveMedium:              "MOVE MEDIUM",
	OpExchangeMedium:          "EXCHANGE MEDIUM",
	opSecurityProtocolOut:     "SECURITY PROTOCOL OUT",
	0xB6:                      "REQUEST VOLUME ELEMENT ADDRESS",
	OpReadElementStatus:       "READ ELEMENT STATUS",
}

// opSecurityProtocolOut carries encryption keys, so no transcript may show its data.
const opSecurityProtocolOut = 0xB5

// OpcodeName is the standard's name of the command, e.g. "WRITE FILEMARKS(6)".
func OpcodeName(cdb []byte) string {
	if len(cdb) == 0 {
		return "empty CDB"
	}
	if name, ok := opcodeNames[cdb[0]]; ok {
		return name
	}
	return fmt.Sprintf("opcode %02Xh", cdb[0])
}
