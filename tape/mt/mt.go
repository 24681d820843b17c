// Package mt writes the status of a tape drive as mt of mt-st 1.7 does (Debian's; the mt of GNU cpio writes
// another), byte for byte, for the scripts that read it. What it writes is what the kernel's st driver tells
// (MTIOCGET); Played makes the same of a drive that has no driver.
//
// Limits: of mt's answers the one to "status" alone.
package mt

import (
	"context"
	"fmt"
	"strings"

	"calypso/tape"
	"calypso/tape/scsi/sg"
	"calypso/tape/status"
)

// Values of linux/mtio.h.
const (
	isSCSI1   = 0x71
	isSCSI2   = 0x72
	blockMask = 0xffffff
	softMask  = 0xffff
)

// general are the bits of General, in mt's order.
var general = []struct {
	bit  uint32
	name string
}{
	{endOfFile, "EOF"}, {beginning, "BOT"}, {0x20000000, "EOT"}, {0x10000000, "SM"}, {0x08000000, "EOD"},
	{protected, "WR_PROT"}, {online, "ONLINE"}, {0x00800000, "D_6250"}, {0x00400000, "D_1600"}, {0x00200000, "D_800"},
	{doorOpen, "DR_OPEN"}, {immediate, "IM_REP_EN"}, {cleaning, "CLN"},
}

const (
	endOfFile = 0x80000000
	beginning = 0x40000000
	protected = 0x04000000
	online    = 0x01000000
	doorOpen  = 0x00040000
	immediate = 0x00010000
	cleaning  = 0x00008000
)

// Status is the answer of `mt status`.
func Status(g sg.MTGet) string {
	var b strings.Builder
	version, partition := 2, fmt.Sprintf(", partition=%d", g.Residual&0xff)
	if g.Type == isSCSI1 {
		version, partition = 1, ""
	}
	code := g.Registers >> 24
	name, ok := densities[code]
	if !ok {
		name = "no translation"
	}
	fmt.Fprintf(&b, "SCSI %d tape drive:\n", version)
	fmt.Fprintf(&b, "File number=%d, block number=%d%s.\n", g.File, g.Block, partition)
	fmt.Fprintf(&b, "Tape block size %d bytes. Density code 0x%x (%s).\n", g.Registers&blockMask, code, name)
	fmt.Fprintf(&b, "Soft error count since last status=%d\n", g.Errors&softMask)
	fmt.Fprintf(&b, "General status bits on (%x):\n", g.General)
	for _, bit := range general {
		if g.General&bit.bit != 0 {
			b.WriteString(" " + bit.name)
		}
	}
	return b.String() + "\n"
}

// Played is what st would tell of a drive that this process plays for itself, as an observer: it winds its own
// copy of the drive to find where the tape file begins.
func Played(ctx context.Context, d *tape.Drive, f status.Facts) sg.MTGet {
	g := sg.MTGet{Type: isSCSI2, General: immediate, File: -1, Block: -1}
	if s := f.Device; s != nil && (s.CleaningRequested || s.CleaningRequired) {
		g.General |= cleaning
	}
	switch {
	case f.Ready.State == tape.Empty:
		g.General |= doorOpen
	case f.Ready.State == tape.Ready && f.Medium != nil:
		g.General |= online
		setMedium(&g, *f.Medium)
		if f.Position != nil {
			setPosition(ctx, d, &g, *f.Position)
		}
	}
	return g
}

func setMedium(g *sg.MTGet, m tape.Medium) {
	g.Registers = uint32(m.DensityCode)<<24 | uint32(m.BlockLength)&blockMask
	if m.WriteProtected {
		g.General |= protected
	}
}

// setPosition counts blocks from the last filemark, as st does, where the drive counts from the beginning.
func setPosition(ctx context.Context, d *tape.Drive, g *sg.MTGet, p tape.Position) {
	g.Residual, g.File = uint32(max(p.Partition, 0)), int32(p.File)
	switch {
	case p.File == 0:
		g.Block = int32(p.Block)
	case p.File > 0 && d.SpaceFilemarks(ctx, -1) == nil:
		if mark, err := d.Position(ctx); err == nil {
			g.Block = int32(p.Block - mark.Block - 1)
		}
	}
	switch {
	case g.Block == 0 && g.File == 0:
		g.General |= beginning
	case g.Block == 0:
		g.General |= endOfFile
	}
}
