package cmd

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/mt"
	"calypso/tape/mtx"
	"calypso/tape/scsi/sg"
	"calypso/tape/status"
)

// tapeStatus is what the kernel's driver tells of a drive; tests put other answers there.
var tapeStatus = sg.TapeStatus

// formatFlag makes a verb answer as a program does that scripts have read for decades.
func formatFlag(program, command string) flag {
	return stringFlag("format", "FORMAT", "answer as '"+command+"' does, byte for byte").Choices(program)
}

// foreign says whether --format was given, which leaves no room for --json.
func (inv *invocation) foreign() (bool, error) {
	if !inv.isSet("format") {
		return false, nil
	}
	if inv.json {
		return true, usageErrorf("--format and --json exclude each other")
	}
	return true, nil
}

// showMtx is `library show --format mtx`. The library has the name that the user gave it, as mtx has it.
func (inv *invocation) showMtx(ctx context.Context, c *changer) error {
	v, err := c.Inventory(ctx)
	if err != nil {
		return err
	}
	return inv.emit(nil, func(p *page) { p.raw(mtx.Status(inv.arg("LIBRARY"), v)) })
}

// statusMt is `lto status --format mt`. Of a drive behind the kernel it says what the st driver says.
func (inv *invocation) statusMt(ctx context.Context) error {
	dev, err := inv.findDrive()
	if err != nil {
		return err
	}
	inv.setObject(dev.name)
	g, err := inv.mtGet(ctx, dev)
	if err != nil {
		return err
	}
	return inv.emit(nil, func(p *page) { p.raw(mt.Status(g)) })
}

func (inv *invocation) mtGet(ctx context.Context, dev device) (g sg.MTGet, err error) {
	switch {
	case dev.playedHere():
		return inv.mtPlayed(ctx)
	case dev.node.NoRewind == "":
		return g, errcode.New(errcode.DeviceUnsupported, dev.name, "the drive has no /dev/nst node, by which the driver could be asked").
			WithHint("'modprobe st' loads the driver")
	}
	return tapeStatus(*dev.node)
}

// mtPlayed winds its own copy of the drive, so it must be one that this process plays.
func (inv *invocation) mtPlayed(ctx context.Context) (g sg.MTGet, err error) {
	d, holder, err := inv.observeDrive(ctx)
	if err != nil {
		return g, err
	}
	defer closeInto(&err, d)
	if holder != nil {
		return g, errcode.New(errcode.DeviceBusy, d.name, "held by %s, which alone knows where its tape is", holder)
	}
	facts, err := status.Gather(ctx, d.Drive)
	if err != nil {
		return g, err
	}
	return mt.Played(ctx, d.Drive, facts), nil
}
