package cmd

import (
	"slices"
	"strings"

	"calypso/sys/lock"
	"calypso/tape/scsi/sg"
)

// foreignHolder is the program that has a node of the drive open; nil: none that this user may see. The driver
// lets one in at a time. A calypso is known by its lock, unless it has another state directory.
func foreignHolder(d device) *lock.Holder {
	if d.node == nil || d.node.NoRewind == "" {
		return nil
	}
	for _, o := range openersOf(d.node.TapeNodes()...) {
		return &lock.Holder{PID: o.PID, Command: o.Command}
	}
	return nil
}

// whoHolds adds who uses each drive, with one look at the processes for all.
func (inv *invocation) whoHolds(list []hostDriveDoc) error {
	var nodes []string
	for i := range list {
		d := &list[i]
		nodes = append(nodes, d.tapeNodes()...)
		if d.Serial == nil {
			continue
		}
		holder, err := lock.Peek(inv.places.RunDir, device{serial: *d.Serial}.lockName())
		if err != nil {
			return err
		}
		d.HeldBy = newHolderDoc(holder)
	}
	if len(nodes) == 0 {
		return nil
	}
	for _, o := range openersOf(nodes...) {
		for i := range list {
			if d := &list[i]; d.HeldBy == nil && slices.Contains(d.tapeNodes(), o.Node) {
				d.HeldBy = newHolderDoc(&lock.Holder{PID: o.PID, Command: o.Command})
			}
		}
	}
	return nil
}

func (d *hostDriveDoc) tapeNodes() []string {
	if d.Tape == nil {
		return nil
	}
	return sg.Node{NoRewind: *d.Tape, Tape: strings.Replace(*d.Tape, "/nst", "/st", 1)}.TapeNodes()
}

// holderText is nil for a drive that nobody uses.
func (d *hostDriveDoc) holderText() *string {
	if d.HeldBy == nil {
		return nil
	}
	return addressOf(d.HeldBy.String())
}
