package ssc

// Where the tape is and how far it went is a model: a virtual tape has no length. The blocks of a
// partition lie one after another on wraps that run from end to end of the tape of its format, there
// and back, as on an LTO tape; what a drive would wind is what the model counts.

// tapePosition is where on the wraps the heads are, in bytes of native capacity from the beginning of
// the partition. Inside of the data it is a guess: as if all objects took the same.
func (s *Server) tapePosition() int64 {
	if s.position == 0 {
		return 0
	}
	objects, used := s.tape.Objects(), s.tape.UsedBytes()
	if s.position >= objects {
		return used
	}
	return int64(float64(used) * (float64(s.position) / float64(objects)))
}

// travelTo winds the tape to a place on the wraps. Data on the way passes the heads when it is near;
// for what is further away the drive changes the wrap and winds along the tape.
func (s *Server) travelTo(bytes int64) {
	f := formatOf(s.format.density)
	length, perWrap := f.lengthM*1000, f.bytesPerWrap()
	wrap, offset := bytes/perWrap, bytes%perWrap
	at := int64(float64(offset) / float64(perWrap) * float64(length))
	if wrap%2 == 1 {
		at = length - at
	}
	if at == s.stats.Position {
		return
	}
	s.pass(s.stats.Position, at, length)
	way := max(at, s.stats.Position) - min(at, s.stats.Position)
	s.stats.Position = at
	micros := s.stats.MotionMicros + way*perWrap/length*1000/(f.bytesPerSec/1000)
	s.stats.MotionMicros = micros % 1_000_000
	s.life.moved(way, micros/1_000_000, s.format.density, s.mediumType())
}

// pass counts the passes over the beginning and over the middle of the tape (SSC-5, volume statistics).
// The beginning is the first hundredth: a tape that is threaded is there.
func (s *Server) pass(from, to, length int64) {
	if crosses(from, to, length/100) {
		s.stats.BeginningPasses++
	}
	if crosses(from, to, length/2) {
		s.stats.MiddlePasses++
	}
}

func crosses(from, to, point int64) bool { return (from < point) != (to < point) }
