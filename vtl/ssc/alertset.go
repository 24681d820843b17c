package ssc

// Raise sets a TapeAlert flag of 1 to 64 from outside, as a condition in the drive does; Lower takes it
// back.
func (s *Server) Raise(flag int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raise(flag)
}

// Lower clears a TapeAlert flag.
func (s *Server) Lower(flag int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lower(flag)
}
