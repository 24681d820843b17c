package scsi

// VolumeStatistics is page 17h: the life of the cartridge, and its last mount (SSC-5 8.4.9).
type VolumeStatistics struct {
	Mounts                *uint64 `json:"mounts"`
	DataSetsWritten       *uint64 `json:"data_sets_written"`
	WriteRetries          *uint64 `json:"write_retries"`
	UnrecoveredWrites     *uint64 `json:"unrecovered_write_errors"`
	SuspendedWrites       *uint64 `json:"suspended_writes"`
	FatalWrites           *uint64 `json:"fatal_suspended_writes"`
	DataSetsRead          *uint64 `json:"data_sets_read"`
	ReadRetries           *uint64 `json:"read_retries"`
	UnrecoveredReads      *uint64 `json:"unrecovered_read_errors"`
	SuspendedReads        *uint64 `json:"suspended_reads"`
	FatalReads            *uint64 `json:"fatal_suspended_reads"`
	LastUnrecoveredWrites *uint64 `json:"last_mount_unrecovered_write_errors"`
	LastUnrecoveredReads  *uint64 `json:"last_mount_unrecovered_read_errors"`
	LastWrittenBytes      *uint64 `json:"last_mount_written_bytes"`
	LastReadBytes         *uint64 `json:"last_mount_read_bytes"`
	WrittenBytes          *uint64 `json:"lifetime_written_bytes"`
	ReadBytes             *uint64 `json:"lifetime_read_bytes"`
	WriteRatioPercent     *uint64 `json:"last_load_write_ratio_percent"`
	ReadRatioPercent      *uint64 `json:"last_load_read_ratio_percent"`
	MountMilliseconds     *uint64 `json:"mount_milliseconds"`
	ReadyMilliseconds     *uint64 `json:"ready_milliseconds"`
	CapacityBytes         *uint64 `json:"native_capacity_bytes"`
	UsedBytes             *uint64 `json:"used_native_capacity_bytes"`
	DesignCapacityBytes   *uint64 `json:"application_design_capacity_bytes"`
	RemainingLifePercent  *uint64 `json:"useful_life_remaining_percent"`
	StopWritesForward     *uint64 `json:"stop_writes_forward"`
	StopWritesBackward    *uint64 `json:"stop_writes_backward"`
	Serial                *string `json:"serial"`
	Lot                   *string `json:"lot"`
	Barcode               *string `json:"barcode"`
	Manufacturer          *string `json:"manufacturer"`
	LicenseCode           *string `json:"license_code"`
	Personality           *string `json:"personality"`
	WriteProtected        *bool   `json:"write_protected"`
	WORM                  *bool   `json:"worm"`
	TemperatureExceeded   *bool   `json:"max_temperature_exceeded"`
	WriteMounts           *uint64 `json:"write_mounts"`
	BOMPasses             *uint64 `json:"beginning_of_medium_passes"`
	MOMPasses             *uint64 `json:"middle_of_medium_passes"`

	FirstEncrypted     []PartitionValue `json:"first_encrypted_objects"`
	FirstUnencrypted   []PartitionValue `json:"first_unencrypted_objects"`
	PartitionCapacity  []PartitionValue `json:"partition_capacity_bytes"`
	PartitionUsed      []PartitionValue `json:"partition_used_bytes"`
	PartitionRemaining []PartitionValue `json:"partition_remaining_bytes"`
}

// PartitionValue is a number of one partition; Value is nil when the drive does not know it, as the
// used capacity of a partition whose end of data is not found, or when nothing is encrypted.
type PartitionValue struct {
	Partition int     `json:"partition"`
	Value     *uint64 `json:"value"`
}

// VolumeStatistics decodes page 17h; nil when the page says of itself that it is not valid, as it does
// without a cartridge.
func (p LogPage) VolumeStatistics() *VolumeStatistics {
	if valid := p.Bool(0x0000); valid != nil && !*valid {
		return nil
	}
	v := &VolumeStatistics{
		Mounts: p.Uint(0x01), DataSetsWritten: p.Uint(0x02), WriteRetries: p.Uint(0x03), UnrecoveredWrites: p.Uint(0x04),
		SuspendedWrites: p.Uint(0x05), FatalWrites: p.Uint(0x06), DataSetsRead: p.Uint(0x07), ReadRetries: p.Uint(0x08),
		UnrecoveredReads: p.Uint(0x09), SuspendedReads: p.Uint(0x0A), FatalReads: p.Uint(0x0B),
		LastUnrecoveredWrites: p.Uint(0x0C), LastUnrecoveredReads: p.Uint(0x0D),
		WriteRatioPercent: p.Uint(0x12), ReadRatioPercent: p.Uint(0x13),
		MountMilliseconds: p.Uint(0x14), ReadyMilliseconds: p.Uint(0x15),
		RemainingLifePercent: p.Uint(0x19), StopWritesForward: p.Uint(0x1A), StopWritesBackward: p.Uint(0x1B),
		Serial: p.Text(0x40), Lot: p.Text(0x41), Barcode: p.Text(0x42), Manufacturer: p.Text(0x43),
		LicenseCode: p.Text(0x44), Personality: p.Text(0x45),
		WriteProtected: p.Bool(0x80), WORM: p.Bool(0x81), TemperatureExceeded: p.Bool(0x82),
		WriteMounts: p.Uint(0x0100), BOMPasses: p.Uint(0x0101), MOMPasses: p.Uint(0x0102),
	}
	v.setCapacities(p)
	return v
}

// setCapacities fills in what the page counts in megabytes.
func (v *VolumeStatistics) setCapacities(p LogPage) {
	mb := func(code uint16) *uint64 { return p.bytesOf(code, megabyte) }
	v.LastWrittenBytes, v.LastReadBytes, v.WrittenBytes, v.ReadBytes = mb(0x0E), mb(0x0F), mb(0x10), mb(0x11)
	v.CapacityBytes, v.UsedBytes, v.DesignCapacityBytes = mb(0x16), mb(0x17), mb(0x18)
	v.FirstEncrypted, v.FirstUnencrypted = p.partitions(0x0200, 1), p.partitions(0x0201, 1)
	v.PartitionCapacity, v.PartitionUsed = p.partitions(0x0202, megabyte), p.partitions(0x0203, megabyte)
	v.PartitionRemaining = p.partitions(0x0204, megabyte)
}

// partitions reads the records of a parameter that has one for each partition: the length of what
// follows, a reserved byte, the partition, a number of 4 or 6 bytes.
func (p LogPage) partitions(code uint16, unit uint64) []PartitionValue {
	found := p.parameter(code)
	if found == nil {
		return nil
	}
	var list []PartitionValue
	for b := found.Value; len(b) >= 4; {
		size := 1 + int(b[0])
		if size < 4 || size > len(b) {
			break
		}
		list = append(list, PartitionValue{Partition: int(uint16At(b, 2)), Value: scaled(b[4:size], unit)})
		b = b[size:]
	}
	return list
}

// TapeUsage is page 30h of LTO drives: what page 17h has, before there was one.
type TapeUsage struct {
	Mounts            *uint64 `json:"mounts"`
	DataSetsWritten   *uint64 `json:"data_sets_written"`
	WriteRetries      *uint64 `json:"write_retries"`
	UnrecoveredWrites *uint64 `json:"unrecovered_write_errors"`
	SuspendedWrites   *uint64 `json:"suspended_writes"`
	FatalWrites       *uint64 `json:"fatal_suspended_writes"`
	DataSetsRead      *uint64 `json:"data_sets_read"`
	ReadRetries       *uint64 `json:"read_retries"`
	UnrecoveredReads  *uint64 `json:"unrecovered_read_errors"`
	SuspendedReads    *uint64 `json:"suspended_reads"`
	FatalReads        *uint64 `json:"fatal_suspended_reads"`
}

// TapeUsage decodes page 30h.
func (p LogPage) TapeUsage() TapeUsage {
	return TapeUsage{
		Mounts: p.Uint(1), DataSetsWritten: p.Uint(2), WriteRetries: p.Uint(3), UnrecoveredWrites: p.Uint(4),
		SuspendedWrites: p.Uint(5), FatalWrites: p.Uint(6), DataSetsRead: p.Uint(7), ReadRetries: p.Uint(8),
		UnrecoveredReads: p.Uint(9), SuspendedReads: p.Uint(0x0A), FatalReads: p.Uint(0x0B),
	}
}

// TapeCapacity is page 31h of LTO drives; the page counts in MiB.
type TapeCapacity struct {
	RemainingBytes          *uint64 `json:"main_partition_remaining_bytes"`
	AlternateRemainingBytes *uint64 `json:"alternate_partition_remaining_bytes"`
	MaximumBytes            *uint64 `json:"main_partition_maximum_bytes"`
	AlternateMaximumBytes   *uint64 `json:"alternate_partition_maximum_bytes"`
}

// TapeCapacity decodes page 31h.
func (p LogPage) TapeCapacity() TapeCapacity {
	mib := func(code uint16) *uint64 { return p.bytesOf(code, mebibyte) }
	return TapeCapacity{RemainingBytes: mib(1), AlternateRemainingBytes: mib(2), MaximumBytes: mib(3), AlternateMaximumBytes: mib(4)}
}
