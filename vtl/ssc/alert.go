package ssc

// alerts are TapeAlert flags: flag n of 1 to 64 is bit 64-n, the order of the log page and of the
// cartridge memory (SSC-5).
type alerts uint64

// raise sets a TapeAlert flag, as an event in the drive does.
func (s *Server) raise(flag int) {
	s.alerts |= 1 << (64 - flag)
	s.cleaning.note(flag, true)
}

// lower clears one.
func (s *Server) lower(flag int) {
	s.alerts &^= 1 << (64 - flag)
	s.cleaning.note(flag, false)
}
