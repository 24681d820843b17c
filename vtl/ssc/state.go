package ssc

import (
	"slices"

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
	Heads       heads           `json:"heads"`
	Alerts      uint64          `json:"tape_alerts,string"`
	Shared      spc.SharedState `json:"shared"`

	Encryption Encryption `json:"encryption"` // without the key: see Server.Keys
	Statistics Statistics `json:"statistics"` // of this load

	// Nexuses is what Encryption is, of all nexuses but the default one.
	Nexuses map[spc.Nexus]Encryption `json:"encryption_of_nexuses"`

	CleaningFailed bool `json:"cleaning_failed"` // the cartridge in the drive is to clean and could not
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
		Attentions:  append([]scsi.ASC{}, *s.attentions.Of(spc.DefaultNexus)...),
		Prevent:     s.prevent,
		BlockLength: s.blockLength,
		Buffered:    s.buffered,
		ModePages:   s.modes.Values(),
		Traffic:     s.traffic,
		Heads:       s.heads,
		Alerts:      uint64(s.alerts),
		Shared:      s.shared().State(),

		Encryption: s.protect.clone(),
		Nexuses:    s.cloneNexuses(),
		Statistics: s.stats,

		CleaningFailed: s.cleaningFailed,
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
	s.powerOffKeys()
	s.prevent, s.held = false, false
	s.blockLength, s.buffered = 0, true
	s.traffic, s.cleaningFailed = Traffic{}, false
	s.loaded = s.medium != nil && !s.unfit
	s.thread()
	s.countPowerOn()
	s.shared().PowerOn()
}

// resume goes on from a kept state. The cartridge may have been changed by hand since: then it is a new
// one to the drive, and the host is told.
func (s *Server) resume(st *State) {
	if st != nil {
		s.modes.Restore(st.ModePages)
		s.shared().Restore(st.Shared)
		s.stats.Raised, s.cleaningFailed = st.Statistics.Raised, st.CleaningFailed
	}
	if st == nil || st.Dirty {
		s.powerOn()
		s.lostStatistics(st)
		return
	}
	*s.attentions.Of(spc.DefaultNexus) = slices.Clone(st.Attentions)
	s.prevent, s.buffered = st.Prevent, st.Buffered
	s.blockLength = min(max(st.BlockLength, 0), maxBlock)
	s.traffic, s.alerts = st.Traffic, alerts(st.Alerts)
	s.stats = st.Statistics.sound()
	s.loaded = st.Loaded && s.medium != nil && !s.unfit
	s.held = st.Held && s.medium != nil && !s.loaded
	if s.medium == nil {
		s.thread()
		return
	}
	if st.Barcode != s.barcode || !s.resumeAt(st.Heads, st.Position) {
		s.loaded = !s.unfit
		s.thread()
		s.attentions.Add(spc.MediumChanged)
	}
}
