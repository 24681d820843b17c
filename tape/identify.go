package tape

import (
	"context"
	"slices"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Identity is what a device says it is. Fields that it does not give are empty.
type Identity struct {
	Type               scsi.DeviceType
	Vendor             string
	Product            string
	Revision           string
	Serial             string // VPD page 80h: what a library may have assigned
	ManufacturerSerial string // VPD page B1h: the drive's own
	T10ID              string
	NAA                string // hex
}

// Identify reads INQUIRY data and vital product data. It does not touch a pending unit attention,
// so it works at any time. A device that is no tape drive gives errcode.DeviceUnsupported.
func (d *Drive) Identify(ctx context.Context) (Identity, error) {
	return d.identify(ctx, scsi.TapeDevice, "tape drive")
}

func (u *Unit) identify(ctx context.Context, want scsi.DeviceType, what string) (Identity, error) {
	data, err := u.inquire(ctx, 0, false)
	if err != nil {
		return Identity{}, err
	}
	std, err := scsi.ParseInquiry(data)
	if err != nil {
		return Identity{}, u.garbled("inquiry", err)
	}
	if std.Type != want || std.Qualifier != 0 {
		return Identity{}, errcode.New(errcode.DeviceUnsupported, u.Name,
			"not a %s: device type %d (%s %s)", what, std.Type, std.Vendor, std.Product)
	}
	id := Identity{Type: std.Type, Vendor: std.Vendor, Product: std.Product, Revision: std.Revision}
	return id, u.readPages(ctx, &id)
}

// readPages fills id from the pages that the device has.
func (u *Unit) readPages(ctx context.Context, id *Identity) error {
	data, err := u.inquire(ctx, scsi.VPDSupportedPages, true)
	if err != nil {
		return ignoreRefused(err)
	}
	pages, err := scsi.ParseVPDPages(data)
	if err != nil {
		return u.garbled("inquiry", err)
	}
	for _, page := range []byte{scsi.VPDUnitSerial, scsi.VPDManufacturerSerial, scsi.VPDIdentification} {
		if !slices.Contains(pages, page) {
			continue
		}
		if err := u.readPage(ctx, id, page); err != nil {
			return err
		}
	}
	return nil
}

func (u *Unit) readPage(ctx context.Context, id *Identity, page byte) error {
	data, err := u.inquire(ctx, page, true)
	if err != nil {
		return ignoreRefused(err)
	}
	switch page {
	case scsi.VPDUnitSerial:
		id.Serial, err = scsi.ParseVPDSerial(data, page)
	case scsi.VPDManufacturerSerial:
		id.ManufacturerSerial, err = scsi.ParseVPDSerial(data, page)
	case scsi.VPDIdentification:
		err = id.setDesignators(data)
	}
	if err != nil {
		return u.garbled("inquiry", err)
	}
	return nil
}

// setDesignators takes the names of the logical unit, not those of ports.
func (id *Identity) setDesignators(data []byte) error {
	list, err := scsi.ParseVPDIdentification(data)
	for _, d := range list {
		switch {
		case d.Association != 0:
		case d.Type == scsi.DesignatorT10 && id.T10ID == "":
			id.T10ID = d.String()
		case d.Type == scsi.DesignatorNAA && id.NAA == "":
			id.NAA = d.String()
		}
	}
	return err
}

func ignoreRefused(err error) error {
	if refused(err) {
		return nil
	}
	return err
}

// inquire sends INQUIRY, which a device must answer in any state without clearing unit attentions
// (SPC-5 6.7.1): so it is sent without settling.
func (u *Unit) inquire(ctx context.Context, page byte, vpd bool) ([]byte, error) {
	cdb := scsi.Inquiry(252)
	if vpd {
		cdb = scsi.InquiryVPD(page, 1024)
	}
	data := make([]byte, int(cdb[3])<<8|int(cdb[4]))
	n, err := u.send(ctx, cdb[:], nil, data)
	if !completed(err) {
		return nil, u.fail("inquiry", err)
	}
	return data[:n], nil
}
