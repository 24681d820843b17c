package cmd

import "calypso/vtl"

// warnOf tells what a virtual drive found wrong with its own memory; it works all the same.
func (inv *invocation) warnOf(d vtl.Device) {
	w, ok := d.(interface{ Warning() error })
	if ok && w.Warning() != nil {
		inv.warn("the drive counts its loads and hours anew, as it cannot use what it had kept: %v", w.Warning())
	}
}
