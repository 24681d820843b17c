package scsi

// A field of the decoded pages is nil when the device does not give it. The JSON keys are those that
// users see, with units.

// ErrorCounters are pages 02h and 03h: what happened while writing and while reading (SPC-5 7.3.8).
// They count from the last reset, which for most drives is the load of the cartridge.
type ErrorCounters struct {
	CorrectedWithoutDelay *uint64 `json:"corrected_without_delay"`
	CorrectedWithDelay    *uint64 `json:"corrected_with_delay"`
	Repeats               *uint64 `json:"rewrites_or_rereads"`
	Corrected             *uint64 `json:"corrected_total"`
	CorrectionRuns        *uint64 `json:"correction_algorithm_runs"`
	ProcessedBytes        *uint64 `json:"processed_bytes"`
	Uncorrected           *uint64 `json:"uncorrected_total"`
}

// ErrorCounters decodes page 02h or 03h.
func (p LogPage) ErrorCounters() ErrorCounters {
	return ErrorCounters{
		CorrectedWithoutDelay: p.Uint(0), CorrectedWithDelay: p.Uint(1), Repeats: p.Uint(2), Corrected: p.Uint(3),
		CorrectionRuns: p.Uint(4), ProcessedBytes: p.Uint(5), Uncorrected: p.Uint(6),
	}
}

// NonMediumErrors decodes page 06h: errors that are not the medium's.
func (p LogPage) NonMediumErrors() *uint64 { return p.Uint(0) }

// SequentialAccess is page 0Ch (SSC-5 8.4.3).
type SequentialAccess struct {
	ReceivedBytes   *uint64 `json:"received_from_host_bytes"`
	WrittenBytes    *uint64 `json:"written_to_medium_bytes"`
	ReadBytes       *uint64 `json:"read_from_medium_bytes"`
	ReturnedBytes   *uint64 `json:"returned_to_host_bytes"`
	ToEndOfData     *uint64 `json:"beginning_to_end_of_data_bytes"` // native, of the partition, as the next ones
	ToEarlyWarning  *uint64 `json:"beginning_to_early_warning_bytes"`
	BehindWarning   *uint64 `json:"early_warning_to_end_bytes"`
	ToPosition      *uint64 `json:"beginning_to_position_bytes"`
	BufferBytes     *uint64 `json:"largest_buffered_bytes"`
	CleaningIsAsked *bool   `json:"cleaning_required"`
}

// SequentialAccess decodes page 0Ch.
func (p LogPage) SequentialAccess() SequentialAccess {
	mb := func(code uint16) *uint64 { return p.bytesOf(code, megabyte) }
	return SequentialAccess{
		ReceivedBytes: p.Uint(0), WrittenBytes: p.Uint(1), ReadBytes: p.Uint(2), ReturnedBytes: p.Uint(3),
		ToEndOfData: mb(4), ToEarlyWarning: mb(5), BehindWarning: mb(6), ToPosition: mb(7), BufferBytes: mb(8),
		CleaningIsAsked: p.Bool(0x0100),
	}
}

// Temperature is page 0Dh (SPC-5 7.3.21). 0 °C may be less.
type Temperature struct {
	CurrentCelsius   *uint64 `json:"current_celsius"`
	ReferenceCelsius *uint64 `json:"reference_celsius"` // the most that the drive bears
}

// Temperature decodes page 0Dh: the value is the second of two bytes, the first is reserved.
func (p LogPage) Temperature() Temperature {
	at := func(code uint16) *uint64 {
		if found := p.parameter(code); found != nil && len(found.Value) == 2 {
			return logNumber(found.Value[1:])
		}
		return nil
	}
	return Temperature{CurrentCelsius: at(0), ReferenceCelsius: at(1)}
}

// DataCompression is page 1Bh (SSC-5 8.4.10), and page 32h, which LTO drives had before it.
type DataCompression struct {
	ReadRatioPercent   *uint64 `json:"read_ratio_percent"` // 250: 2.5 bytes for each one on the medium
	WriteRatioPercent  *uint64 `json:"write_ratio_percent"`
	ReturnedBytes      *uint64 `json:"returned_to_host_bytes"`
	ReadBytes          *uint64 `json:"read_from_medium_bytes"`
	ReceivedBytes      *uint64 `json:"received_from_host_bytes"`
	WrittenBytes       *uint64 `json:"written_to_medium_bytes"`
	CompressionEnabled *bool   `json:"compression_enabled"`
}

// DataCompression decodes page 1Bh or 32h. Each amount is in two parameters: whole megabytes, and the
// bytes that are left.
func (p LogPage) DataCompression() DataCompression {
	amount := func(code uint16) *uint64 {
		whole, rest := p.bytesOf(code, megabyte), p.Uint(code+1)
		if whole != nil && rest != nil && *rest < megabyte {
			*whole += *rest
		}
		return whole
	}
	return DataCompression{
		ReadRatioPercent: p.Uint(0), WriteRatioPercent: p.Uint(1),
		ReturnedBytes: amount(2), ReadBytes: amount(4), ReceivedBytes: amount(6), WrittenBytes: amount(8),
		CompressionEnabled: p.Bool(0x0100),
	}
}
