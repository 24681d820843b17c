package tape

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// modeSense reads a mode page with the header and the block descriptor. MODE SENSE(6) is what every
// drive has, and 252 bytes hold any page that is asked for here.
func (u *Unit) modeSense(ctx context.Context, noDescriptor bool, page byte) (scsi.ModeData, error) {
	const op = "mode sense"
	data := make([]byte, 252)
	cdb := scsi.ModeSense6(noDescriptor, scsi.CurrentValues, page, 0, byte(len(data)))
	n, err := u.repeat(ctx, op, cdb[:], nil, data)
	if refused(err) {
		return u.modeSense10(ctx, noDescriptor, page)
	}
	if err != nil {
		return scsi.ModeData{}, err
	}
	m, err := scsi.ParseModeSense6(data[:n])
	if err != nil {
		return m, u.garbled(op, err)
	}
	return m, nil
}

// modeSense10 is for devices behind bridges that know the 10-byte form only.
func (u *Unit) modeSense10(ctx context.Context, noDescriptor bool, page byte) (scsi.ModeData, error) {
	const op = "mode sense"
	data := make([]byte, 252)
	cdb := scsi.ModeSense10(noDescriptor, scsi.CurrentValues, page, 0, uint16(len(data)))
	n, err := u.repeat(ctx, op, cdb[:], nil, data)
	if err != nil {
		return scsi.ModeData{}, err
	}
	m, err := scsi.ParseModeSense10(data[:n])
	if err != nil {
		return m, u.garbled(op, err)
	}
	return m, nil
}

// modeSelect sends a parameter list. It may run twice: it sets values, it does not change them by
// an amount.
func (u *Unit) modeSelect(ctx context.Context, list []byte) error {
	cdb := scsi.ModeSelect6(byte(len(list)))
	_, err := u.repeat(ctx, "mode select", cdb[:], list, nil)
	return err
}

// header reads the mode header and block descriptor, with whatever page the drive gives for it.
func (d *Drive) header(ctx context.Context) (scsi.ModeData, error) {
	m, err := d.modeSense(ctx, false, scsi.PageDeviceConfiguration)
	if refused(err) {
		return d.modeSense(ctx, false, scsi.PageCompression)
	}
	return m, err
}

// SetVariableBlock makes the drive take each block with its own length, and checks that it does.
func (d *Drive) SetVariableBlock(ctx context.Context) error {
	m, err := d.header(ctx)
	if err != nil || !m.HasDescriptor || m.BlockLength == 0 {
		return err
	}
	m.BlockLength, m.Blocks = 0, 0
	if err := d.modeSelect(ctx, m.SelectList6(nil)); err != nil {
		return err
	}
	m, err = d.header(ctx)
	if err == nil && m.BlockLength != 0 {
		return errcode.New(errcode.DeviceError, d.Name,
			"the drive keeps its fixed block length of %d bytes", m.BlockLength).WithOp("mode select")
	}
	return err
}

// Compression is how the drive compresses.
type Compression struct {
	Capable bool // it can
	Enabled bool // it does: what is written takes less of the tape
}

// Compression reads mode page 0Fh.
func (d *Drive) Compression(ctx context.Context) (Compression, error) {
	_, _, c, err := d.compressionPage(ctx)
	return Compression{Capable: c.Capable, Enabled: c.Enabled}, err
}

func (d *Drive) compressionPage(ctx context.Context) (scsi.ModeData, []byte, scsi.Compression, error) {
	m, err := d.modeSense(ctx, false, scsi.PageCompression)
	if refused(err) {
		return m, nil, scsi.Compression{}, nil // no page: a drive that does not compress
	}
	if err != nil {
		return m, nil, scsi.Compression{}, err
	}
	page := m.Page(scsi.PageCompression, 0)
	if page == nil {
		return m, nil, scsi.Compression{}, nil
	}
	c, err := scsi.ParseCompression(page.Raw)
	if err != nil {
		return m, nil, c, d.garbled("mode sense", err)
	}
	return m, page.Raw, c, nil
}

// SetCompression switches compression and checks that the drive did it. A drive that cannot
// compress gives errcode.DeviceUnsupported, unless off is what is wanted.
func (d *Drive) SetCompression(ctx context.Context, on bool) error {
	m, page, c, err := d.compressionPage(ctx)
	if err != nil || c.Enabled == on {
		return err
	}
	if page == nil || !c.Capable {
		return errcode.New(errcode.DeviceUnsupported, d.Name, "the drive cannot compress").WithOp("set compression")
	}
	page[2] &^= 0x80
	if on {
		page[2] |= 0x80
	}
	if err := d.modeSelect(ctx, m.SelectList6(page)); err != nil {
		return err
	}
	_, _, c, err = d.compressionPage(ctx)
	if err == nil && c.Enabled != on {
		return errcode.New(errcode.DeviceError, d.Name, "the drive took the setting and did not follow it").WithOp("set compression")
	}
	return err
}
