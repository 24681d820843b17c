package ssc

import (
	"reflect"
	"slices"
	"time"

	"calypso/tape/scsi"
)

// Lifetime is what a drive remembers of its own life, over power cycles and reboots: the figures of the
// device statistics log page (SSC-5) and the entries of the tape diagnostic data log page. Who keeps it
// gives it to New in Config and gets it back from Server.Lifetime.
type Lifetime struct {
	Made              time.Time     `json:"made"`
	Loads             int64         `json:"loads"`
	Cleanings         int64         `json:"cleanings"`
	PowerCycles       int64         `json:"power_cycles"`
	PowerOnSeconds    int64         `json:"power_on_seconds"`
	MotionSeconds     int64         `json:"motion_seconds"`     // the tape moved, or would have in a drive of this generation
	TapeMillimetres   int64         `json:"tape_millimetres"`   // that passed the heads
	HardWriteErrors   int64         `json:"hard_write_errors"`  // since the last reset of these parameters
	HardReadErrors    int64         `json:"hard_read_errors"`   // likewise
	LoadsSinceReset   int64         `json:"loads_since_reset"`  // likewise
	IncompatibleLoad  int64         `json:"incompatible_load"`  // MotionSeconds at the last load of a cartridge that does not fit
	MotionAtCleanings []int64       `json:"motion_at_cleaning"` // MotionSeconds at the last three cleanings, latest first
	Media             []MediaMotion `json:"media"`              // by density code and medium type
	Diagnostics       []Diagnostic  `json:"diagnostics"`        // latest first
}

// MediaMotion is the motion with one kind of cartridge.
type MediaMotion struct {
	Density       byte  `json:"density"`
	MediumType    byte  `json:"medium_type"`
	MotionSeconds int64 `json:"motion_seconds"`
}

// Diagnostic is an error that a drive remembers (SSC-5, tape diagnostic data log page).
type Diagnostic struct {
	Density           byte          `json:"density"`
	MediumType        byte          `json:"medium_type"`
	MotionSeconds     int64         `json:"motion_seconds"` // of the drive's life
	Repeat            bool          `json:"repeat"`         // the same as the one before
	Key               scsi.SenseKey `json:"sense_key"`
	ASC               scsi.ASC      `json:"asc"`
	SinceCleanSeconds int64         `json:"since_clean_seconds"` // of motion
	Opcode            byte          `json:"opcode"`
	Action            byte          `json:"service_action"`
	MediumSerial      string        `json:"medium_serial"`
	Time              time.Time     `json:"time"`
}

// How much a drive remembers.
const (
	diagnosticsKept = 16
	cleaningsKept   = 3
	kindsKept       = 64
)

func (l Lifetime) clone() Lifetime {
	l.MotionAtCleanings = slices.Clone(l.MotionAtCleanings)
	l.Media = slices.Clone(l.Media)
	l.Diagnostics = slices.Clone(l.Diagnostics)
	return l
}

// sound brings a lifetime that comes from a file within its bounds: counters are not negative, lists not
// longer than they can grow.
func (l Lifetime) sound() Lifetime {
	l = l.clone()
	for _, n := range []*int64{&l.Loads, &l.Cleanings, &l.PowerCycles, &l.PowerOnSeconds, &l.MotionSeconds,
		&l.TapeMillimetres, &l.HardWriteErrors, &l.HardReadErrors, &l.LoadsSinceReset, &l.IncompatibleLoad} {
		*n = max(*n, 0)
	}
	l.MotionAtCleanings = l.MotionAtCleanings[:min(len(l.MotionAtCleanings), cleaningsKept)]
	l.Media = l.Media[:min(len(l.Media), kindsKept)]
	l.Diagnostics = l.Diagnostics[:min(len(l.Diagnostics), diagnosticsKept)]
	return l
}

// moved books motion, in all and with this kind of cartridge.
func (l *Lifetime) moved(millimetres, seconds int64, density, mediumType byte) {
	l.TapeMillimetres += millimetres
	if seconds == 0 {
		return
	}
	l.MotionSeconds += seconds
	for i := range l.Media {
		if l.Media[i].Density == density && l.Media[i].MediumType == mediumType {
			l.Media[i].MotionSeconds += seconds
			return
		}
	}
	if len(l.Media) < kindsKept {
		l.Media = append(l.Media, MediaMotion{density, mediumType, seconds})
	}
}

// sinceCleaning is the motion since the n-th last cleaning, or of the whole life before there was one.
func (l *Lifetime) sinceCleaning(n int) int64 {
	if n >= len(l.MotionAtCleanings) {
		return l.MotionSeconds
	}
	return max(l.MotionSeconds-l.MotionAtCleanings[n], 0)
}

func (l *Lifetime) cleaned() {
	l.Cleanings++
	l.MotionAtCleanings = slices.Insert(l.MotionAtCleanings, 0, l.MotionSeconds)
	l.MotionAtCleanings = l.MotionAtCleanings[:min(len(l.MotionAtCleanings), cleaningsKept)]
}

// remember adds an error as the latest.
func (l *Lifetime) remember(d Diagnostic) {
	if len(l.Diagnostics) > 0 {
		last := l.Diagnostics[0]
		d.Repeat = last.Key == d.Key && last.ASC == d.ASC && last.Opcode == d.Opcode && last.MediumSerial == d.MediumSerial
	}
	l.Diagnostics = slices.Insert(l.Diagnostics, 0, d)
	l.Diagnostics = l.Diagnostics[:min(len(l.Diagnostics), diagnosticsKept)]
}

// Lifetime gives what the drive wants kept of its life, up to now, and whether it is worth keeping: when
// nothing has happened since New but that time went by, the next run can count that too. Who keeps both
// takes it before State, which holds up to when the power-on time is counted in it.
func (s *Server) Lifetime() (life Lifetime, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reflect.DeepEqual(s.life, s.before) && s.now().Sub(s.stats.PowerBooked) < time.Hour {
		return s.life.clone(), false
	}
	s.bookPowerOn()
	return s.life.clone(), true
}

// sinceBooked is the power-on time that is not yet in the Lifetime, in seconds. A clock that was set back
// gives none.
func (s *Server) sinceBooked() int64 {
	return max(int64(s.now().Sub(s.stats.PowerBooked)/time.Second), 0)
}

// bookPowerOn adds it.
func (s *Server) bookPowerOn() {
	past := s.sinceBooked()
	s.life.PowerOnSeconds += past
	s.stats.PowerBooked = s.stats.PowerBooked.Add(time.Duration(past) * time.Second)
	if s.now().Before(s.stats.PowerBooked) {
		s.stats.PowerBooked = s.now()
	}
}

// didClean books a cleaning that ended well, and takes back that one was asked for (SSC-5, flags 20
// and 21).
func (s *Server) didClean() {
	s.life.cleaned()
	s.lower(alertCleanNow)
	s.lower(alertCleanPeriodic)
}
