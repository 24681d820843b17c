package ssc

import (
	"iter"
	"maps"

	"calypso/vtl/spc"
)

// Data encryption of many nexuses (SSC-5, data encryption parameters): a nexus has scope PUBLIC until it sets
// something. With scope LOCAL its parameters are its own. Those of the nexus with scope ALL I_T NEXUS are
// shared by the public ones; when it gives that scope up nobody shares any more. The key instance counter
// is the drive's, so that no two sets of parameters have the same.

// nexusProtection is what the drive keeps for a nexus; one that it does not know has the defaults.
func (s *Server) nexusProtection(n spc.Nexus) *protection {
	if n == spc.DefaultNexus {
		return &s.protect
	}
	if p, ok := s.guests[n]; ok {
		return p
	}
	if s.guests == nil {
		s.guests = make(map[spc.Nexus]*protection)
	}
	p := new(protection)
	s.guests[n] = p
	return p
}

// encryption is the set of parameters that holds for the nexus of the command.
func (s *Server) encryption() *protection { return s.effective(s.nexusProtection(s.call.Nexus)) }

func (s *Server) effective(p *protection) *protection {
	if p.Scope == scopePublic && s.sharer != nil {
		return s.sharer
	}
	return p
}

// protections are those of all nexuses.
func (s *Server) protections() iter.Seq2[spc.Nexus, *protection] {
	return func(yield func(spc.Nexus, *protection) bool) {
		if !yield(spc.DefaultNexus, &s.protect) {
			return
		}
		for n, p := range s.guests {
			if !yield(n, p) {
				return
			}
		}
	}
}

// nextInstance is a key instance counter that no parameters have had since power on.
func (s *Server) nextInstance() uint32 {
	s.instances++
	return s.instances
}

// setEncryption sets the parameters of the nexus of the command. Who else is affected is told.
func (s *Server) setEncryption(e Encryption, key []byte) error {
	n := s.call.Nexus
	p := s.nexusProtection(n)
	shared := e.Scope == scopeAll || p == s.sharer
	if err := p.set(e, key, s.nextInstance()); err != nil {
		return err
	}
	if e.Scope == scopeAll && s.sharer != nil && s.sharer != p {
		s.sharer.forget() // its nexus is a public one now (SSC-5)
	}
	switch {
	case e.Scope == scopeAll:
		s.sharer = p
	case p == s.sharer:
		s.sharer = nil
	}
	if e.Locked {
		p.LockedTo = s.effective(p).KeyInstance
	}
	s.tellAffected(n, n, shared)
	return nil
}

// tellAffected tells the nexuses whose parameters are others now, but the one that did it: the nexus whose they
// were, and if they were shared, all public ones.
func (s *Server) tellAffected(whose, by spc.Nexus, shared bool) {
	s.attentions.AddWhere(spc.EncryptionChangedByOther, func(n spc.Nexus) bool {
		return n != by && (n == whose || shared && s.nexusProtection(n).Scope == scopePublic)
	})
}

// release clears parameters as an event in the drive: the key instance counter tells of it.
func (s *Server) release(p *protection) {
	p.forget()
	p.KeyInstance = s.nextInstance()
	if p == s.sharer {
		s.sharer = nil
	}
}

// demountKeys is the cartridge leaving the heads (SSC-5: CKOD).
func (s *Server) demountKeys() {
	for _, p := range s.protections() {
		if p.clearsOnDemount() {
			s.release(p)
		}
	}
}

// lockBroken says whether a host that locked its nexus to a key is no longer with that key (SSC-5: LOCK).
func (s *Server) lockBroken() bool {
	p := s.nexusProtection(s.call.Nexus)
	return p.Locked && p.LockedTo != s.effective(p).KeyInstance
}

// powerOffKeys is what a power cycle leaves: nothing.
func (s *Server) powerOffKeys() {
	for _, p := range s.protections() {
		p.powerOff()
	}
	s.guests, s.sharer, s.instances = nil, nil, 0
}

// holdsParameters says whether the drive has a key.
func (s *Server) holdsParameters() bool {
	for _, p := range s.protections() {
		if p.needsKey() {
			return true
		}
	}
	return false
}

// cloneNexuses gives what to keep of the nexuses that ever set something.
func (s *Server) cloneNexuses() map[spc.Nexus]Encryption {
	kept := make(map[spc.Nexus]Encryption)
	for n, p := range s.guests {
		if p.KeyInstance != 0 {
			kept[n] = p.clone()
		}
	}
	return kept
}

// takeNexuses takes what was kept, if it can have come about: all of it valid, and one nexus that shares.
func (s *Server) takeNexuses(st *State) bool {
	all := maps.Clone(st.Nexuses)
	if all == nil {
		all = make(map[spc.Nexus]Encryption)
	}
	all[spc.DefaultNexus] = st.Encryption
	sharers := 0
	for _, e := range all {
		if !e.valid() {
			return false
		}
		if e.Scope == scopeAll {
			sharers++
		}
	}
	if sharers > 1 {
		return false
	}
	for n, e := range all {
		p := s.nexusProtection(n)
		p.Encryption = e.clone()
		s.instances = max(s.instances, e.KeyInstance)
		if e.Scope == scopeAll {
			s.sharer = p
		}
	}
	return true
}
