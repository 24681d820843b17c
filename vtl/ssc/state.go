package ssc

import (
	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// State is the volatile state of a drive: what it keeps between two runs of the program, but loses in
// a power cycle (but for saved mode pages).
//
// Who keeps it writes it with Dirty true before the drive is used, and once more, as State gives
// it, after the last command. A state that is still dirty the next time is that of a process that was
// killed, and New treats it as a power cycle.
type State struct {
	Dirty       bool            `json:"dirty"`
	Barcode     string          `json:"barcode"` // of the cartridge in the drive, empty: none or unlabelled
	Loaded      bool            `json:"loaded"`
	Held        bool            `json:"held"` // unloaded with HOLD
	Position    int64           `json:"position"`
	Attentions  []scsi.ASC      `json:"attentions"` // pending unit attentions, oldest first
	Prevent     bool            `json:"prevent"`
	BlockLength int             `json:"block_length_bytes"`
	Buffered    bool            `json:"buffered"`
	ModePages   []spc.ModeValue `json:"mode_pages"`
	Traffic     Traffic         `json:"traffic"` // in this load
	Alerts      uint64          `json:"tape_alerts,string"`
	Cleaning    Cleaning        `json:"cleaning"`
}

// State gives the state to keep, clean.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{
		Barcode:     s.barcode,
		Loaded:      s.loaded,
		Held:        s.held,
		Position:    s.position,
		Attentions:  append([]scsi.ASC{}, s.attentions...),
		Prevent:     s.prevent,
		BlockLength: s.blockLength,
		Buffered:    s.buffered,
		ModePages:   s.modes.Values(),
		Traffic:     s.traffic,
		Alerts:      uint64(s.alerts),
		Cleaning:    s.cleaning,
	}
}

// PowerOn is a power cycle: a cartridge in the drive is loaded again and rewound, the host learns of it
// by a unit attention, everything volatile is at its default.
func (s *Server) PowerOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.powerOn()
}

func (s *Server) powerOn() {
	s.modes.Reset()
	s.prevent, s.held = false, false
	s.blockLength, s.buffered = 0, true
	s.position, s.traffic, s.alerts = 0, Traffic{}, s.cleaning.Asks
	s.cleaning.Failed, s.cleaning.Count = false, 0
	s.loaded = s.medium != nil && !s.unfit
	s.attentions.Add(spc.PowerOn)
}

// resume goes on from a kept state. The cartridge may have been changed by hand since: then it is a new
// one to the drive, and the host is told.
func (s *Server) resume(st *State) {
	if st != nil {
		s.modes.Restore(st.ModePages)
		s.cleaning = st.Cleaning
	}
	if st == nil || st.Dirty {
		s.powerOn()
		return
	}
	s.attentions = append(s.attentions, st.Attentions...)
	s.prevent, s.buffered = st.Prevent, st.Buffered
	s.blockLength = min(max(st.BlockLength, 0), maxBlock)
	s.traffic, s.alerts = st.Traffic, alerts(st.Alerts)
	s.loaded = st.Loaded && s.medium != nil && !s.unfit
	s.held = st.Held && s.medium != nil && !s.loaded
	if s.medium == nil {
		return
	}
	if st.Barcode != s.barcode || st.Position < 0 || st.Position > s.tape.Objects() {
		s.loaded = !s.unfit
		s.attentions.Add(spc.MediumChanged)
		return
	}
	s.position = st.Position
}
