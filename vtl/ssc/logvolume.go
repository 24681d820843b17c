package ssc

import (
	"encoding/binary"

	"calypso/vtl/spc"
)

// The log pages about the cartridge.

// volumeStatistics is the volume statistics log page (SSC-5); the figures that are not per partition have
// the lengths of recorded drives, megabytes are decimal. Without a cartridge there is only "not valid".
func (s *Server) volumeStatistics() []spc.LogParameter {
	if !s.loaded {
		return []spc.LogParameter{figure(0x0000, 0, 1)}
	}
	m := s.medium.Meta()
	page := append([]spc.LogParameter{figure(0x0000, 1, 1)}, s.volumeUsage(m)...)
	page = append(page, s.lastMount()...)
	page = append(page, s.volumeLife(m)...)
	page = append(page, s.volumeIdentity(m)...)
	return append(page, s.partitionRecords()...)
}

// volumeUsage are the parameters that the tape usage log page has too. Nothing is ever suspended.
func (s *Server) volumeUsage(m Meta) []spc.LogParameter {
	u := s.usage(m)
	return []spc.LogParameter{
		figure(0x0001, m.LoadCount, 4), // threads
		figure(0x0002, u.DataSetsWritten, 8),
		figure(0x0003, u.WriteRetries, 4),
		figure(0x0004, u.UnrecoveredWrites, 2),
		figure(0x0005, 0, 2),
		figure(0x0006, 0, 2),
		figure(0x0007, u.DataSetsRead, 8),
		figure(0x0008, u.ReadRetries, 4),
		figure(0x0009, u.UnrecoveredReads, 2),
		figure(0x000A, 0, 2),
		figure(0x000B, 0, 2),
	}
}

// lastMount is about the mount that lasts, as a mounted cartridge's last one.
func (s *Server) lastMount() []spc.LogParameter {
	return []spc.LogParameter{
		figure(0x000C, s.stats.UnrecoveredWrites, 2),
		figure(0x000D, s.stats.UnrecoveredReads, 2),
		figure(0x000E, s.traffic.MediumWrittenBytes/megabyte, 4),
		figure(0x000F, s.traffic.MediumReadBytes/megabyte, 4),
	}
}

// volumeLife are the figures of the cartridge's life and of its capacity. For how much an application
// should plan is in the proportion that a recorded cartridge has.
func (s *Server) volumeLife(m Meta) []spc.LogParameter {
	mounted := s.usage(m).MountSeconds * 1000
	return []spc.LogParameter{
		figure(0x0010, m.LifetimeWrittenBytes/megabyte, 8),
		figure(0x0011, m.LifetimeReadBytes/megabyte, 8),
		figure(0x0012, ratio(s.traffic.HostWrittenBytes, s.traffic.MediumWrittenBytes), 2),
		figure(0x0013, ratio(s.traffic.HostReadBytes, s.traffic.MediumReadBytes), 2),
		figure(0x0014, mounted, 6),
		figure(0x0015, mounted, 6), // ready: a virtual tape is as soon as it is mounted
		figure(0x0016, s.capacityBytes()/megabyte, 4),
		figure(0x0017, s.usedBytes()/megabyte, 4),
		figure(0x0018, s.capacityBytes()/30*29/megabyte, 4),
		figure(0x0019, s.usefulLife(m), 1),
		figure(0x001A, 0, 4),
		figure(0x001B, 0, 4),
	}
}

func (s *Server) volumeIdentity(m Meta) []spc.LogParameter {
	u := s.usage(m)
	return []spc.LogParameter{
		text(0x0040, m.MediumSerial, 32),
		text(0x0041, m.ManufactureDate, 8), // of the lot nothing else is known
		text(0x0042, m.Barcode, 32),
		text(0x0043, m.Manufacturer, 8),
		text(0x0044, "", 4),
		text(0x0045, s.personality(), 9),
		figure(0x0080, asBit(m.WriteProtect), 1),
		figure(0x0081, asBit(m.WORM), 1),
		figure(0x0082, 0, 1),
		figure(0x0100, u.WriteMounts, 4),
		figure(0x0101, u.BeginningPasses, 4),
		figure(0x0102, u.MiddlePasses, 4),
	}
}

// personality is how this drive handles this cartridge, e.g. LTOL8G9: an LTO-8 cartridge in an LTO-9 drive.
func (s *Server) personality() string {
	return "LTO" + formatOf(s.format.density).personality + "G" + s.drive.name[len("LTO-"):]
}

// partitionRecords are the parameters with a record for each partition. Where the first encrypted object
// is, and the first that is not behind it, nothing is known of: there is none.
func (s *Server) partitionRecords() []spc.LogParameter {
	var encrypted, native, used, left []byte
	for n := range s.medium.Partitions() {
		p := s.medium.Partition(n)
		encrypted = appendRecord(encrypted, n, unknown(6))
		native = appendRecord(native, n, number(p.CapacityBytes()/megabyte, 4))
		used = appendRecord(used, n, number(p.UsedBytes()/megabyte, 4))
		left = appendRecord(left, n, number(remaining(p)/megabyte, 4))
	}
	return []spc.LogParameter{
		data(0x0200, encrypted), data(0x0201, encrypted),
		data(0x0202, native), data(0x0203, used), data(0x0204, left),
	}
}

// appendRecord encodes a volume statistics partition record; its length byte does not count itself.
func appendRecord(b []byte, partition int, value []byte) []byte {
	b = append(b, byte(3+len(value)), 0)
	b = binary.BigEndian.AppendUint16(b, uint16(partition))
	return append(b, value...)
}

func remaining(p Partition) int64 { return max(p.CapacityBytes()-p.UsedBytes(), 0) }

// capacityBytes and usedBytes are those of all partitions of the cartridge.
func (s *Server) capacityBytes() (bytes int64) {
	for n := range s.medium.Partitions() {
		bytes += s.medium.Partition(n).CapacityBytes()
	}
	return bytes
}

func (s *Server) usedBytes() (bytes int64) {
	for n := range s.medium.Partitions() {
		bytes += s.medium.Partition(n).UsedBytes()
	}
	return bytes
}

// tapeUsage is the tape usage log page of LTO drives.
func (s *Server) tapeUsage() []spc.LogParameter {
	var m Meta
	if s.loaded {
		m = s.medium.Meta()
	}
	page := s.volumeUsage(m)
	for i := range page {
		page[i].Control = spc.LogFrozen
	}
	return page
}

// tapeCapacity is the tape capacity log page of LTO drives, in MiB: remaining of the main and of the
// alternate partition, then their maximum. Zero: there is no such partition.
func (s *Server) tapeCapacity() []spc.LogParameter {
	var left, most [2]int64
	for n := 0; s.loaded && n < min(s.medium.Partitions(), 2); n++ {
		p := s.medium.Partition(n)
		left[n], most[n] = remaining(p)/mebibyte, p.CapacityBytes()/mebibyte
	}
	return []spc.LogParameter{
		frozen(0x0001, left[0], 4), frozen(0x0002, left[1], 4),
		frozen(0x0003, most[0], 4), frozen(0x0004, most[1], 4),
	}
}
