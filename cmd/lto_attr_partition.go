package cmd

import (
	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// withoutPartition makes the refusal of attributes of a partition that the cartridge does not have clear:
// the drive says only that a field of READ ATTRIBUTE is wrong (SPC-5), and no other is of our choice.
func withoutPartition(d *drive, partition uint8, err error) error {
	s, ok := scsi.SenseOf(err)
	if partition == 0 || !ok || s.Key != scsi.IllegalRequest || s.ASC != scsi.ASCInvalidField {
		return withoutMAM(d, err)
	}
	return errcode.New(errcode.AttributeNotFound, d.name, "the cartridge has no partition %d: %w", partition, err).
		WithHint("partitions count from 0, and most cartridges have that one only; 'calypso lto mode get medium_partition' tells")
}
