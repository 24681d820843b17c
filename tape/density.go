package tape

import (
	"context"

	"calypso/tape/scsi"
)

// Density is a format that a drive or a cartridge supports.
type Density = scsi.Density

// densityRoom holds far more formats than a drive has: a descriptor takes 52 bytes.
const densityRoom = 8 << 10

// DensitySupport lists the formats that the drive supports, or with mediumOnly those of the loaded
// cartridge in this drive. nil when the drive does not know the command.
func (d *Drive) DensitySupport(ctx context.Context, mediumOnly bool) ([]Density, error) {
	const op = "report density support"
	data := make([]byte, densityRoom)
	cdb := scsi.ReportDensitySupport(mediumOnly, densityRoom)
	n, err := d.repeat(ctx, op, cdb[:], nil, data)
	if err != nil {
		return nil, ignoreRefused(err)
	}
	list, err := scsi.ParseDensities(data[:n])
	if err != nil {
		return nil, d.garbled(op, err)
	}
	return list, nil
}

// GenerationOf names the LTO generation of a density code; "" when it is none.
func GenerationOf(density byte) string { return generations[density] }
