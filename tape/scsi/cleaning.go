package scsi

// opLogSense is LOG SENSE (SPC-5 6.9).
const opLogSense = 0x4D

// The log pages that tell about cleaning.
const (
	cleaningStatusPage = 0x11 // DT device status (ADC-3, SSC-5)
	cleaningAlertPage  = 0x12 // TapeAlert response: the flags of page 2Eh, which are not cleared by this
)

// CleaningStatus is LOG SENSE of the page for ParseCleaningAsked; CleaningAlerts that for
// ParseCleaningExpired. The answers have less than 1024 bytes of interest.
func CleaningStatus() CDB10 { return cleaningPage(cleaningStatusPage) }

// CleaningAlerts is LOG SENSE of the TapeAlert response page.
func CleaningAlerts() CDB10 { return cleaningPage(cleaningAlertPage) }

func cleaningPage(page byte) CDB10 { return CDB10{opLogSense, 0, 0x40 | page, 0, 0, 0, 0, 0x04, 0x00} }

// ParseCleaningAsked reads from the very high frequency data of the DT device status page whether the
// drive asks to be cleaned (CRQST) or must be (CRQRD); ok is false when the page does not say.
func ParseCleaningAsked(data []byte) (asked, ok bool) {
	b := firstParameter(data, cleaningStatusPage)
	if len(b) < 1 {
		return false, false
	}
	return b[0]&0x06 != 0, true
}

// ParseCleaningExpired reads flag 22, expired cleaning media, from the TapeAlert response page, in
// which flag 1 is the highest bit of the first byte; ok is false when the page does not say.
func ParseCleaningExpired(data []byte) (expired, ok bool) {
	b := firstParameter(data, cleaningAlertPage)
	if len(b) < 8 {
		return false, false
	}
	return b[2]&0x04 != 0, true
}

// firstParameter is the value of parameter 0 of a log page, as far as it was received.
func firstParameter(data []byte, page byte) []byte {
	if len(data) < 8 || data[0]&0x3F != page || uint16At(data, 4) != 0 {
		return nil
	}
	data = extent(data, 4, uint64(uint16At(data, 2)))
	if len(data) < 8 {
		return nil
	}
	return data[8:min(len(data), 8+int(data[7]))]
}
