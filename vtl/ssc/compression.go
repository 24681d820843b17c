package ssc

// presetCompression makes the drive compress by default, or not: DCE of the Data Compression page and the
// algorithm of the Device Configuration page say the same (SSC-5).
func (s *Server) presetCompression(on bool) {
	s.modes.Preset(compressionPage, 0, func(b []byte) { b[0] = b[0]&^0x80 | onBit(on, 0x80) })
	s.modes.Preset(configPage, 0, func(b []byte) { b[12] = onBit(on, 0x01) })
}

func onBit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}
