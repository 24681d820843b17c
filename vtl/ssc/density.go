package ssc

import (
	"context"
	"encoding/binary"

	"calypso/vtl/spc"
)

// organization owns the LTO formats.
const organization = "LTO-CVE"

func densityCommands() []command {
	return []command{
		{Name: "REPORT DENSITY SUPPORT", Action: spc.NoAction, Usage: "44 03 00 00 00 00 00 FF FF 00", Run: (*Server).reportDensity},
	}
}

// reportDensity is REPORT DENSITY SUPPORT (SSC-5): of the drive, or with MEDIA of the cartridge in it.
func (s *Server) reportDensity(_ context.Context, c *spc.Call) error {
	media, types := c.Bit(1, 0x01), c.Bit(1, 0x02)
	if media {
		if k := s.notReady(); k != nil {
			return k
		}
	}
	b := make([]byte, 4)
	if types {
		b = s.appendMediumTypes(b, media)
	} else {
		for _, g := range s.densities(media) {
			b = s.appendDensity(b, g, media)
		}
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	return c.Reply(b, int(c.U16(7)))
}

// densities are the formats to report, in ascending order of their codes.
func (s *Server) densities(media bool) []generation {
	if media {
		return []generation{s.format}
	}
	var all []generation
	for _, g := range generations {
		if s.drive.canRead(g) {
			all = append(all, g)
		}
	}
	return all
}

// appendDensity encodes a density support data block descriptor: 52 bytes. The capacity is that of the
// cartridge in the drive when that is asked for, which may have been made smaller than its format.
func (s *Server) appendDensity(b []byte, g generation, media bool) []byte {
	f := formatOf(g.density)
	flags := byte(0)
	if s.drive.canWrite(g) {
		flags |= 0x80 // WRTOK
	}
	if g.density == s.drive.density {
		flags |= 0x20 // DEFLT
	}
	if media {
		f.capacityMB = s.capacityBytes() / megabyte
	}
	b = append(b, g.density, g.density, flags, 0, 0)
	b = append(b, byte(f.bitsPerMM>>16), byte(f.bitsPerMM>>8), byte(f.bitsPerMM))
	b = binary.BigEndian.AppendUint16(b, tapeWidth)
	b = binary.BigEndian.AppendUint16(b, uint16(f.tracks))
	b = binary.BigEndian.AppendUint32(b, uint32(f.capacityMB))
	b = append(b, spc.PadASCII(organization, 8)...)
	b = append(b, spc.PadASCII(f.name, 8)...)
	return append(b, spc.PadASCII(f.description, 20)...)
}

// appendMediumTypes encodes medium type descriptors in ascending order of the medium type, which is not
// that of data and WORM cartridges of one generation alone: 3C follows 38.
func (s *Server) appendMediumTypes(b []byte, media bool) []byte {
	for _, g := range s.densities(media) {
		f := formatOf(g.density)
		if !media || !s.memory.WORM {
			b = appendMediumType(b, g.mediumType, f, "Data")
		}
		if !media && g.onlyIn == 0 || media && s.memory.WORM {
			b = appendMediumType(b, g.wormType, f, "WORM")
		}
	}
	return b
}

// appendMediumType encodes a medium type descriptor: 56 bytes.
func appendMediumType(b []byte, code byte, f format, kind string) []byte {
	b = append(b, code, 0, 0, 52, 1, f.density, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, tapeWidth)
	b = binary.BigEndian.AppendUint16(b, uint16(f.lengthM))
	b = append(b, 0, 0)
	b = append(b, spc.PadASCII(organization, 8)...)
	b = append(b, spc.PadASCII(f.medium+kind, 8)...)
	return append(b, spc.PadASCII(f.title+" "+kind+" Tape", 20)...)
}
