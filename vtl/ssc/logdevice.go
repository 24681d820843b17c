package ssc

import (
	"encoding/binary"
	"slices"
	"time"

	"calypso/vtl/spc"
)

// The log pages about the drive itself.

// The air in a virtual drive, in degrees Celsius, and where a drive would stop.
const (
	temperatureNow       = 30
	temperatureReference = 50
)

// temperature is the temperature log page (SPC-5).
func (s *Server) temperature() []spc.LogParameter {
	return []spc.LogParameter{
		data(0x0000, []byte{0, temperatureNow}),
		data(0x0001, []byte{0, temperatureReference}),
	}
}

// pollingDelay is how long a host should wait before it reads the device status again, in milliseconds.
const pollingDelay = 500

// deviceStatus is the DT device status log page (ADC-4, SSC-5): the very high frequency data, how often to
// read it, and nothing to say about data encryption control and key management by a library.
func (s *Server) deviceStatus() []spc.LogParameter {
	return []spc.LogParameter{
		data(0x0000, []byte{s.driveFlags(), s.mediumFlags(), s.activity(), s.newsFlags()}),
		figure(0x0001, pollingDelay, 2),
		data(0x0002, make([]byte, 8)),
		data(0x0003, make([]byte, 12)),
	}
}

// flags sets the bits of a byte from the highest down.
func flags(on ...bool) byte {
	var b byte
	for i, set := range on {
		if set {
			b |= 0x80 >> i
		}
	}
	return b
}

// driveFlags are PAMR, HUI, MACC, CMPR, WRTP, CRQST, CRQRD, DINIT.
func (s *Server) driveFlags() byte {
	unloaded := s.medium != nil && !s.loaded && !s.unfit
	return flags(s.prevent, unloaded, s.loaded, s.compressing(), s.deviceSpecific()&0x80 != 0,
		s.raised(21), s.raised(20), true)
}

// mediumFlags are INXTN, reserved, RAA, MPRSNT, reserved, MSTD, MTHRD, MOUNTED.
func (s *Server) mediumFlags() byte {
	present := s.medium != nil
	return flags(false, false, !s.loaded, present, false, present, s.loaded, s.loaded)
}

// activity is what the drive does. One command is carried out at a time, and this page is read by one, so
// the tape stands still.
func (s *Server) activity() byte { return 0 }

// newsFlags are VS, reserved, TDDEC, EPP, ESR, RRQST, INTFC, TAFC.
func (s *Server) newsFlags() byte {
	return flags(false, false, s.stats.NewDiagnostic, s.holdsParameters(), false, false, false, uint64(s.alerts) != s.stats.Seen)
}

// alertResponse is the TapeAlert response log page (SSC-5): the flags as they are.
func (s *Server) alertResponse() []spc.LogParameter {
	return []spc.LogParameter{data(0x0000, binary.BigEndian.AppendUint64(nil, uint64(s.alerts)))}
}

func (s *Server) seenAlerts() { s.stats.Seen = uint64(s.alerts) }

// alertPage is the TapeAlert log page (SSC-5): reading it to its end clears all flags, also those before
// the parameter pointer (TAPLSD and TARPC of the device configuration extension are zero).
func (s *Server) alertPage() []spc.LogParameter {
	page := make([]spc.LogParameter, 64)
	for i := range page {
		page[i] = frozen(uint16(i+1), int64(s.alerts>>(63-i)&1), 1)
	}
	return page
}

func (s *Server) clearAlerts() { s.alerts, s.stats.Seen = 0, 0 }

// deviceStatistics is the device statistics log page (SSC-5). There was never a temperature or power
// condition, nor a forced reset.
func (s *Server) deviceStatistics() []spc.LogParameter {
	l := &s.life
	powered := l.PowerOnSeconds + s.sinceBooked()
	hours := func(code uint16, seconds int64) spc.LogParameter { return figure(code, seconds/secondsPerHour, 4) }
	return []spc.LogParameter{
		figure(0x0000, l.Loads, 4),
		figure(0x0001, l.Cleanings, 4),
		hours(0x0002, powered),
		hours(0x0003, l.MotionSeconds),
		figure(0x0004, l.TapeMillimetres/1000, 4),
		hours(0x0005, l.IncompatibleLoad),
		figure(0x0006, 0, 4),
		figure(0x0007, 0, 4),
		hours(0x0008, l.sinceCleaning(0)),
		hours(0x0009, l.sinceCleaning(1)),
		hours(0x000A, l.sinceCleaning(2)),
		figure(0x000B, 0, 4),
		figure(0x000C, l.PowerCycles, 4),
		figure(0x000D, l.LoadsSinceReset, 4),
		figure(0x000E, l.HardWriteErrors, 4),
		figure(0x000F, l.HardReadErrors, 4),
		text(0x0040, s.id.Serial, 12),
		text(0x0041, s.id.Serial, 12),
		text(0x0042, l.Made.UTC().Format("20060102"), 8),
		figure(0x0080, asBit(s.prevent), 1),
		figure(0x0081, 0, 1),
		data(0x1000, l.motionRecords()),
	}
}

// motionRecords are hours of motion by density code and medium type, in ascending order.
func (l *Lifetime) motionRecords() []byte {
	media := slices.Clone(l.Media)
	slices.SortFunc(media, func(a, b MediaMotion) int {
		return int(a.Density)<<8 + int(a.MediumType) - int(b.Density)<<8 - int(b.MediumType)
	})
	var b []byte
	for _, m := range media[:min(len(media), 255/8)] {
		b = append(b, 0, 0, m.Density, m.MediumType)
		b = append(b, number(m.MotionSeconds/secondsPerHour, 4)...)
	}
	return b
}

func (s *Server) resetDeviceStatistics() {
	s.life.LoadsSinceReset, s.life.HardWriteErrors, s.life.HardReadErrors = 0, 0, 0
}

// diagnosticData is the tape diagnostic data log page (SSC-5): the latest error first.
func (s *Server) diagnosticData() []spc.LogParameter {
	var page []spc.LogParameter
	for i, d := range s.life.Diagnostics {
		page = append(page, data(uint16(i), d.encode(s.id.Revision)))
	}
	return page
}

func (s *Server) seenDiagnostics() { s.stats.NewDiagnostic = false }

// timestampOutside is the origin of a timestamp that is neither counted from power on nor set by SET
// TIMESTAMP (SPC-5).
const timestampOutside = 3

// encode is the value of the parameter, 68 bytes. There is no vendor specific code.
func (d Diagnostic) encode(revision string) []byte {
	b := []byte{0, 0, d.Density, d.MediumType}
	b = append(b, number(d.MotionSeconds/secondsPerHour, 4)...)
	b = append(b, 0, byte(asBit(d.Repeat))<<7|byte(d.Key)&0x0F, byte(d.ASC>>8), byte(d.ASC))
	b = append(b, 0, 0, 0, 0)
	b = append(b, spc.PadASCII(revision, 4)...)
	b = append(b, number(d.SinceCleanSeconds/secondsPerHour, 4)...)
	b = append(b, d.Opcode, d.Action&0x1F, 0, 0)
	b = append(b, spc.PadASCII(d.MediumSerial, 32)...)
	b = append(b, timestampOutside, 0)
	return append(b, number(d.Time.UnixNano()/int64(time.Millisecond), 6)...)
}
