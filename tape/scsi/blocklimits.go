package scsi

// BlockLimits is what READ BLOCK LIMITS returns (SSC-5 7.6.2), in bytes.
type BlockLimits struct {
	Granularity uint // block lengths must be multiples of 1<<Granularity
	Min, Max    int  // Max 0: the device gives no maximum
}

// ParseBlockLimits decodes the 6 bytes of READ BLOCK LIMITS.
func ParseBlockLimits(data []byte) (BlockLimits, error) {
	if len(data) < 6 {
		return BlockLimits{}, shortData("block limits", len(data), 6)
	}
	return BlockLimits{
		Granularity: uint(data[0] & 0x1F),
		Max:         int(uint24(data[1:])),
		Min:         int(uint16At(data, 4)),
	}, nil
}
