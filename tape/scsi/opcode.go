package scsi

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
	OpModeSelect10            = 0x55
	OpModeSense10             = 0x5A
	OpReadAttribute           = 0x8C
	OpWriteAttribute          = 0x8D
	OpSpace16                 = 0x91
	OpLocate16                = 0x92
	OpReportLUNs              = 0xA0
	OpMoveMedium              = 0xA5
	OpReadElementStatus       = 0xB8
)
