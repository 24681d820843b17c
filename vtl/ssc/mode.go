package ssc

import (
	"context"

	"calypso/vtl/spc"
)

const (
	compressionPage = 0x0F
	configPage      = 0x10
)

// newModes are the mode pages of the drive. The bytes are those of an LTO-9 drive where they mean the
// same here; next to each group of bytes stands what it is (SSC-5).
func newModes(drive generation) *spc.Modes {
	return spc.NewModes(
		recoveryPage, spc.DisconnectPage(), spc.ControlPage(true), spc.ControlExtensionPage(),
		spc.ModePage{
			Code: compressionPage,
			Default: []byte{
				0xC0,                   // DCE, DCC
				0x80,                   // DDE
				0x00, 0x00, 0x00, 0xFF, // compression algorithm: unregistered
				0x00, 0x00, 0x00, 0xFF, // decompression algorithm
				0x00, 0x00, 0x00, 0x00,
			},
			Changeable: []byte{0x80, 13: 0},
		},
		spc.ModePage{
			Code:    configPage,
			Savable: true,
			Default: []byte{
				0x00,       // CAF
				0x00,       // active partition
				0x00, 0x00, // write and read object buffer ratios
				0x01, 0x2C, // write delay time, 100 ms
				0x40,             // LOIS: logical objects have identifiers
				0x00,             // gap size
				0x10,             // EEG: end of data by the drive's own format
				0x00, 0x00, 0x00, // object buffer size at early warning
				0x01, // select data compression algorithm: on
				0x08, // rewind on reset: to the beginning of partition 0
			},
			Changeable: []byte{4: 0xFF, 5: 0xFF, 8: 0x0C, 12: 0x01, 13: 0xC0 | associatedWP | persistentWP | permanentWP},
			Status:     []byte{1: 0xFF, 13: associatedWP | persistentWP | permanentWP},
		},
		configExtension(),
		partitionPage(drive),
		spc.PowerPage(), exceptionsPage, mediumPage,
	)
}

// compressing says whether the drive is to compress what it writes.
func (s *Server) compressing() bool { return s.modes.Current(compressionPage, 0)[0]&0x80 != 0 }

// modeSense is MODE SENSE(6) and (10) (SPC-5, SSC-5).
func (s *Server) modeSense(_ context.Context, c *spc.Call) error {
	s.showMedium()
	h := spc.ModeHeader{MediumType: s.mediumType(), DeviceSpecific: s.deviceSpecific()}
	switch spc.SenseControl(c) {
	case spc.ChangeableValues:
		h.Descriptor = []byte{5: 0xFF, 6: 0xFF, 7: 0xFF}
	case spc.CurrentValues:
		h.Descriptor = s.descriptor(s.blockLength)
	default:
		h.Descriptor = s.descriptor(0)
	}
	return s.modes.Sense(c, h)
}

// descriptor is the short block descriptor: the density of the loaded cartridge and the block length;
// the number of blocks means nothing on tape.
func (s *Server) descriptor(length int) []byte {
	return []byte{s.density(), 0, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length)}
}

func (s *Server) density() byte {
	if !s.loaded {
		return 0
	}
	return s.format.density
}

func (s *Server) mediumType() byte {
	switch {
	case !s.loaded:
		return 0
	case s.memory.WORM:
		return s.format.wormType
	}
	return s.format.mediumType
}

// deviceSpecific is WP, buffered mode and speed of the mode parameter header. A cartridge that this
// drive can only read shows as write protected.
func (s *Server) deviceSpecific() byte {
	var b byte
	if s.loaded && (s.memory.WriteProtect || !s.drive.canWrite(s.format) || s.softwareProtection() != 0) {
		b |= 0x80
	}
	if s.buffered {
		b |= 0x10
	}
	return b
}

// modeSelect is MODE SELECT(6) and (10) (SPC-5): all of the list is checked before any of it takes
// effect.
func (s *Server) modeSelect(_ context.Context, c *spc.Call) error {
	sel, err := s.modes.Select(c)
	if err != nil || sel == nil {
		return err
	}
	if err := s.checkHeader(sel); err != nil {
		return err
	}
	length, buffered := s.blockLength, s.buffered
	if err := s.selectMedium(sel); err != nil {
		return err
	}
	if d := sel.Descriptor; len(d) != 0 {
		s.blockLength = descriptorBlockLength(d)
	}
	s.buffered = sel.DeviceSpecific&0x70 != 0
	was := s.compressing()
	changed := s.modes.Apply(sel)
	s.linkCompression(was)
	if changed || length != s.blockLength || buffered != s.buffered {
		s.attentions.AddOthers(c.Nexus, spc.ModeParametersChanged)
	}
	s.testAlerts()
	return nil
}

func descriptorBlockLength(d []byte) int { return int(d[5])<<16 | int(d[6])<<8 | int(d[7]) }

// checkHeader refuses what the drive cannot be told: another medium type or density than there is, a
// speed, a block length beyond the limits. WP is not looked at (SSC-5).
func (s *Server) checkHeader(sel *spc.Selection) error {
	at := sel.HeaderAt
	if sel.MediumType != 0 && sel.MediumType != s.mediumType() {
		return spc.BadParameter(at.MediumType, -1)
	}
	if sel.DeviceSpecific&0x6F != 0 { // buffered modes 2 and up, speed
		return spc.BadParameter(at.DeviceSpecific, -1)
	}
	d := sel.Descriptor
	if len(d) == 0 {
		return nil
	}
	if !s.acceptsDensity(d[0]) {
		return spc.BadParameter(at.Descriptor, -1)
	}
	for i, b := range d[1:5] {
		if b != 0 {
			return spc.BadParameter(at.Descriptor+1+i, -1)
		}
	}
	if descriptorBlockLength(d) > maxBlock {
		return spc.BadParameter(at.Descriptor+5, -1)
	}
	return nil
}

// acceptsDensity: the default, no change, or what the cartridge has anyway (SSC-5).
func (s *Server) acceptsDensity(code byte) bool {
	return code == 0x00 || code == 0x7F || code == s.density()
}

// linkCompression keeps the two places that switch compression the same, whichever was changed
// (SSC-5): was is the state before.
func (s *Server) linkCompression(was bool) {
	page, config := s.modes.Current(compressionPage, 0), s.modes.Current(configPage, 0)
	on := config[12] != 0
	if s.compressing() != was {
		on = s.compressing()
	}
	page[0], config[12] = page[0]&^0x80, 0
	if on {
		page[0], config[12] = page[0]|0x80, 1
	}
}
