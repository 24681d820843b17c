package ssc

import "calypso/vtl/spc"

// The log pages about the data of this load: error counters, sequential access, compression. A load
// starts them at zero, and LOG SELECT sets them back there.

// errorCounters are the parameters of the pages 02h and 03h (SPC-5). A virtual tape has no error that
// can be corrected.
func errorCounters(bytes, unrecovered int64) []spc.LogParameter {
	return []spc.LogParameter{
		counter(0x0000, 0, 4), // corrected without substantial delay
		counter(0x0001, 0, 4), // with possible delays
		counter(0x0002, 0, 4), // rewrites or rereads
		counter(0x0003, 0, 4), // errors corrected
		counter(0x0004, 0, 4), // times the correction algorithm was used
		counter(0x0005, bytes, 8),
		counter(0x0006, unrecovered, 4),
	}
}

func (s *Server) writeErrors() []spc.LogParameter {
	zero := s.stats.WriteZero
	return errorCounters(s.traffic.MediumWrittenBytes-zero.Bytes, s.stats.UnrecoveredWrites-zero.Unrecovered)
}

func (s *Server) resetWriteErrors() {
	s.stats.WriteZero = Zero{s.traffic.MediumWrittenBytes, s.stats.UnrecoveredWrites}
}

func (s *Server) readErrors() []spc.LogParameter {
	zero := s.stats.ReadZero
	return errorCounters(s.traffic.MediumReadBytes-zero.Bytes, s.stats.UnrecoveredReads-zero.Unrecovered)
}

func (s *Server) resetReadErrors() {
	s.stats.ReadZero = Zero{s.traffic.MediumReadBytes, s.stats.UnrecoveredReads}
}

// since is the traffic after a host reset the counters.
func (t Traffic) since(zero Traffic) Traffic {
	return Traffic{
		HostWrittenBytes:   t.HostWrittenBytes - zero.HostWrittenBytes,
		MediumWrittenBytes: t.MediumWrittenBytes - zero.MediumWrittenBytes,
		HostReadBytes:      t.HostReadBytes - zero.HostReadBytes,
		MediumReadBytes:    t.MediumReadBytes - zero.MediumReadBytes,
	}
}

// sequentialAccess is the sequential-access device log page (SSC-5); capacities are in MB.
func (s *Server) sequentialAccess() []spc.LogParameter {
	t := s.traffic.since(s.stats.AccessZero)
	page := []spc.LogParameter{
		counter(0x0000, t.HostWrittenBytes, 8),
		counter(0x0001, t.MediumWrittenBytes, 8),
		counter(0x0002, t.MediumReadBytes, 8),
		counter(0x0003, t.HostReadBytes, 8),
	}
	for i, value := range s.places() {
		page = append(page, spc.LogParameter{Code: uint16(4 + i), Control: spc.LogCounter, Value: value})
	}
	return append(page,
		counter(0x0008, 0, 4), // nothing is ever left in the object buffer
		counter(0x0100, asBit(s.raised(20)), 8))
}

// places are the native capacities from the beginning of the partition to end of data, to early warning,
// from there to the end, and from the beginning to the position.
func (s *Server) places() [4][]byte {
	if !s.loaded {
		return [4][]byte{unknown(4), unknown(4), unknown(4), unknown(4)}
	}
	warning := s.tape.EarlyWarningBytes()
	return [4][]byte{
		number(s.tape.UsedBytes()/megabyte, 4),
		number(warning/megabyte, 4),
		number((s.tape.CapacityBytes()-warning)/megabyte, 4),
		number(s.tapePosition()/megabyte, 4),
	}
}

func (s *Server) resetSequentialAccess() { s.stats.AccessZero = s.traffic }

// compression is the data compression log page (SSC-5).
func (s *Server) compression() []spc.LogParameter {
	return append(s.compressionFigures(spc.LogData), figure(0x0100, asBit(s.compressing()), 1))
}

// vendorCompression is the page that LTO-5 drives had before there was one in the standard.
func (s *Server) vendorCompression() []spc.LogParameter { return s.compressionFigures(spc.LogCounter) }

func (s *Server) compressionFigures(control byte) []spc.LogParameter {
	t := s.traffic.since(s.stats.CompressionZero)
	page := []spc.LogParameter{
		{Code: 0x0000, Control: control, Value: number(ratio(t.HostReadBytes, t.MediumReadBytes), 2)},
		{Code: 0x0001, Control: control, Value: number(ratio(t.HostWrittenBytes, t.MediumWrittenBytes), 2)},
	}
	for i, bytes := range []int64{t.HostReadBytes, t.MediumReadBytes, t.HostWrittenBytes, t.MediumWrittenBytes} {
		page = append(page,
			spc.LogParameter{Code: uint16(2 + 2*i), Control: control, Value: number(bytes/megabyte, 4)},
			spc.LogParameter{Code: uint16(3 + 2*i), Control: control, Value: number(bytes%megabyte, 4)})
	}
	return page
}

// ratio is host to medium in hundredths; 0: there was nothing.
func ratio(host, medium int64) int64 {
	if medium <= 0 {
		return 0
	}
	return int64(float64(host) / float64(medium) * 100)
}

func (s *Server) resetCompression() { s.stats.CompressionZero = s.traffic }
