package tape

import (
	"context"

	"calypso/tape/scsi"
)

// InventoryWithDrives is Inventory for those who must know which drive is in which bay. Libraries that
// answer a question for barcodes and drives with barcodes alone are asked for the drives again, which only
// fills what was not told.
func (c *Changer) InventoryWithDrives(ctx context.Context) (Inventory, error) {
	v, err := c.Inventory(ctx)
	if err != nil || !v.misses() {
		return v, err
	}
	r := elementRange(c.assignment, DriveBay)
	q := scsi.ElementQuery{Type: scsi.DriveElement, Start: r.First, Count: min(r.Count, elementChunk), DeviceIDs: true, CurrentData: !c.mayMove, Alloc: elementRoom}
	ids, err := c.readElements(ctx, q)
	if err != nil {
		return v, ignoreRefused(err)
	}
	for i, e := range v.Elements {
		if e.Kind == DriveBay && e.DriveSerial == "" {
			s := scsi.ElementStatus{Address: e.Address}
			mergeDevice(&s, ids)
			v.Elements[i].DriveVendor, v.Elements[i].DriveProduct, v.Elements[i].DriveSerial = s.DeviceVendor, s.DeviceModel, s.DeviceSerial
		}
	}
	return v, nil
}

// misses says whether a bay tells no drive.
func (v Inventory) misses() bool {
	for _, e := range v.Of(DriveBay) {
		if e.DriveSerial == "" {
			return true
		}
	}
	return false
}
