package ssc

import (
	"errors"
	"time"

	"calypso/tape/scsi"
	"calypso/vtl/image"
	"calypso/vtl/spc"
)

const (
	megabyte = 1_000_000
	mebibyte = 1 << 20
)

// Statistics is what a drive counts in one load besides the Traffic, and what it has told about its
// alerts. It is volatile: what a cartridge or the drive keeps of it is booked at unload.
type Statistics struct {
	PowerBooked       time.Time `json:"power_booked"` // the power-on time up to then is in the Lifetime
	Loaded            time.Time `json:"loaded"`       // when the cartridge was threaded
	UnrecoveredWrites int64     `json:"unrecovered_writes"`
	UnrecoveredReads  int64     `json:"unrecovered_reads"`
	Wrote             bool      `json:"wrote"` // the content of the cartridge is not what it was at the load
	BeginningPasses   int64     `json:"beginning_of_medium_passes"`
	MiddlePasses      int64     `json:"middle_of_medium_passes"`
	MotionMicros      int64     `json:"motion_microseconds"` // less than a second, not yet in the Lifetime
	Position          int64     `json:"position_millimetres"`
	WriteZero         Zero      `json:"write_zero"` // what the counters of page 02h were when a host reset them; likewise below
	ReadZero          Zero      `json:"read_zero"`
	AccessZero        Traffic   `json:"access_zero"`
	CompressionZero   Traffic   `json:"compression_zero"`
	Raised            uint64    `json:"raised,string"` // alerts of this load, and conditions that last, also after they were read
	Seen              uint64    `json:"seen,string"`   // alerts as they were when a host last read them
	NewDiagnostic     bool      `json:"new_diagnostic"`
}

// Zero is the value at which counters of errors were reset.
type Zero struct {
	Bytes       int64 `json:"bytes"`
	Unrecovered int64 `json:"unrecovered"`
}

// sound brings statistics that come from a file within their bounds.
func (st Statistics) sound() Statistics {
	for _, n := range []*int64{&st.UnrecoveredWrites, &st.UnrecoveredReads, &st.BeginningPasses, &st.MiddlePasses} {
		*n = max(*n, 0)
	}
	st.MotionMicros = min(max(st.MotionMicros, 0), 999_999)
	st.Position = min(max(st.Position, 0), 1<<21) // no tape is that long, in millimetres
	return st
}

// begin gives the drive its clock and its past.
func (s *Server) begin(c Config) {
	s.now = c.Now
	if s.now == nil {
		s.now = time.Now
	}
	s.life.Made = s.now().UTC()
	if c.Lifetime != nil {
		s.life = c.Lifetime.sound()
		s.before = s.life.clone()
	}
}

// countPowerOn books a power cycle. A cartridge in the drive is threaded again.
func (s *Server) countPowerOn() {
	s.life.PowerCycles++
	dirty := alerts(s.stats.Raised) & asksCleaning // no power cycle cleans
	s.alerts = dirty
	s.stats = Statistics{PowerBooked: s.now(), Loaded: s.now(), BeginningPasses: asBit(s.loaded), Raised: uint64(dirty)}
}

// lostStatistics raises what SSC-5 has for a drive that lost power with a cartridge in it: the figures of
// that load are gone (50). What was written in it is on the tape all the same.
func (s *Server) lostStatistics(st *State) {
	if st != nil && s.loaded && !s.observe {
		s.raise(50)
		s.stats.Wrote = !s.memory.WriteProtect && s.drive.canWrite(s.format)
	}
}

// beginLoad starts the statistics of a load.
func (s *Server) beginLoad() {
	lasting := s.stats.Raised & uint64(drivesOwn)
	s.stats = Statistics{PowerBooked: s.stats.PowerBooked, Loaded: s.now(), Raised: lasting, BeginningPasses: 1,
		Seen: s.stats.Seen, NewDiagnostic: s.stats.NewDiagnostic, MotionMicros: s.stats.MotionMicros}
	s.alerts &= drivesOwn
	s.life.Loads++
	s.life.LoadsSinceReset++
	s.alertAtLoad()
}

// account books what a command did; err is its outcome. It is on the path of every block: it takes no
// memory and asks for no time.
func (s *Server) account(c *spc.Call, err error) {
	if err != nil {
		s.accountError(c, err)
	}
	if !s.loaded || len(c.CDB) == 0 {
		return
	}
	if !s.stats.Wrote {
		s.stats.Wrote = s.changedTape(c, err)
	}
	s.travelTo(s.tapePosition())
}

// changedTape says whether a command left the tape other than it was.
func (s *Server) changedTape(c *spc.Call, err error) bool {
	switch c.CDB[0] {
	case scsi.OpWrite6:
		return s.traffic.HostWrittenBytes > 0
	case scsi.OpWriteFilemarks6:
		return len(c.CDB) > 4 && c.U24(2) > 0 && wasTried(err)
	case scsi.OpErase6, opFormatMedium:
		return wasTried(err)
	}
	return false
}

// wasTried says whether a command with this outcome got as far as the tape.
func wasTried(err error) bool {
	var k *spc.Check
	if !errors.As(err, &k) {
		return err == nil
	}
	return k.Key == scsi.NoSense || k.Key == scsi.MediumError || k.Key == scsi.VolumeOverflow
}

const opFormatMedium = 0x04

// usage is what the cartridge went through, this load included.
func (s *Server) usage(m Meta) image.Usage {
	u, t, f := m.Usage, s.traffic, formatOf(s.format.density)
	u.DataSetsWritten += roundUp(t.MediumWrittenBytes, f.dataSet)
	u.DataSetsRead += roundUp(t.MediumReadBytes, f.dataSet)
	u.UnrecoveredWrites += s.stats.UnrecoveredWrites
	u.UnrecoveredReads += s.stats.UnrecoveredReads
	u.HostWrittenBytes += t.HostWrittenBytes
	u.HostReadBytes += t.HostReadBytes
	u.BeginningPasses += s.stats.BeginningPasses
	u.MiddlePasses += s.stats.MiddlePasses
	u.MountSeconds += s.mountSeconds()
	if s.stats.Wrote {
		u.WriteMounts++
	}
	return u
}

// mountSeconds is how long the cartridge has been threaded.
func (s *Server) mountSeconds() int64 {
	if s.stats.Loaded.IsZero() {
		return 0
	}
	return max(int64(s.now().Sub(s.stats.Loaded)/time.Second), 0)
}

// bookLoad writes the statistics of the load that ends into the cartridge memory. A memory that cannot
// be written costs the statistics, not the data: the cartridge comes out all the same, with flag 51.
func (s *Server) bookLoad() {
	s.travelTo(0)
	s.stats.BeginningPasses++
	stats, traffic := s.stats, s.traffic
	err := s.setMemory(func(m *Meta) {
		m.Usage = s.usage(*m)
		m.Usage.TapeAlerts = stats.Raised
		m.Usage.LastUnrecoveredWrites, m.Usage.LastUnrecoveredReads = stats.UnrecoveredWrites, stats.UnrecoveredReads
		m.Usage.LastHostWrittenBytes, m.Usage.LastMediumWrittenBytes = traffic.HostWrittenBytes, traffic.MediumWrittenBytes
		m.Usage.LastHostReadBytes, m.Usage.LastMediumReadBytes = traffic.HostReadBytes, traffic.MediumReadBytes
	})
	if err != nil {
		s.raise(51)
	}
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit }
