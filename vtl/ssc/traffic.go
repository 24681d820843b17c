package ssc

// Traffic is what went through the drive, in bytes of block data: as the host sees it, and as it is on
// the tape, which is less when the drive compresses.
type Traffic struct {
	HostWrittenBytes   int64 `json:"host_written_bytes"`
	MediumWrittenBytes int64 `json:"medium_written_bytes"`
	HostReadBytes      int64 `json:"host_read_bytes"`
	MediumReadBytes    int64 `json:"medium_read_bytes"`
}

// didWrite books a block of so many bytes for the host and on the tape; didRead likewise.
func (s *Server) didWrite(host, medium int) {
	s.traffic.HostWrittenBytes += int64(host)
	s.traffic.MediumWrittenBytes += int64(medium)
}

func (s *Server) didRead(host, medium int) {
	s.reading = true
	s.traffic.HostReadBytes += int64(host)
	s.traffic.MediumReadBytes += int64(medium)
}
