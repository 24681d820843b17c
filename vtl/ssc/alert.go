package ssc

// alerts are TapeAlert flags: flag n of 1 to 64 is bit 64-n, the order of the log page and of the
// cartridge memory (SSC-5).
type alerts uint64

// raise sets a TapeAlert flag, as an event in the drive does. It stays set until a host reads the
// TapeAlert log page, until it is lowered, and when it is about a cartridge until the next load.
func (s *Server) raise(flag int) {
	s.alerts |= 1 << (64 - flag)
	s.stats.Raised |= 1 << (64 - flag)
}

// lower clears one, as what corrects its cause does.
func (s *Server) lower(flag int) {
	s.alerts &^= 1 << (64 - flag)
	s.stats.Raised &^= 1 << (64 - flag)
}

// raised says whether a flag was raised in this load and not lowered; that a host read it does not matter.
func (s *Server) raised(flag int) bool { return s.stats.Raised&(1<<(64-flag)) != 0 }

// drivesOwn are the flags that tell of the drive and not of the cartridge in it: another cartridge does
// not take them back (SSC-5: cleaning 20 and 21, interface, fan, power, maintenance, hardware 25 to 32,
// firmware and environment 34 to 39, key management 47 and 48, automation 57, firmware 58).
const drivesOwn alerts = 0x000018FF7E0300C0
