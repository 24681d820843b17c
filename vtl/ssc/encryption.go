package ssc

import (
	"bytes"
	"crypto/cipher"

	"calypso/sys/proc"
	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// Modes of the Set Data Encryption page (SSC-5).
const (
	modeDisable = 0
	modeEncrypt = 2 // encryption mode; 1 is EXTERNAL, which this drive does not do
	modeRaw     = 1 // decryption modes
	modeDecrypt = 2
	modeMixed   = 3
)

// Scopes of data encryption parameters.
const (
	scopePublic = 0
	scopeLocal  = 1
	scopeAll    = 2
)

// How long key-associated data may be, as in LTO drives of all vendors.
const (
	maxUKAD = 32
	maxAKAD = 12
)

// Encryption is the drive's saved data encryption parameters (SSC-5 4.2.26) without the key itself: what may be
// shown, and kept in a file that others can read. The zero value is a drive after power on.
type Encryption struct {
	Scope          byte   `json:"scope"` // 0 public, 1 local, 2 all I_T nexuses
	KeyInstance    uint32 `json:"key_instance_counter"`
	Locked         bool   `json:"locked"` // the nexus, to the counter in LockedTo
	LockedTo       uint32 `json:"locked_to"`
	EncryptionMode byte   `json:"encryption_mode"`
	DecryptionMode byte   `json:"decryption_mode"`
	Control        byte   `json:"control"` // byte 5 of the Set Data Encryption page: CEEM, RDMC, CKOD, CKORP, CKORL
	KADFormat      byte   `json:"kad_format"`
	AKAD           []byte `json:"authenticated_kad"`
	UKAD           []byte `json:"unauthenticated_kad"`
	KeyCheck       []byte `json:"key_check"` // which key, for comparing; empty: none is needed
}

// needsKey says whether the modes are about a key.
func (e *Encryption) needsKey() bool {
	return e.EncryptionMode == modeEncrypt || e.DecryptionMode >= modeDecrypt
}

func (e *Encryption) ceem() byte                { return e.Control >> 6 }
func (e *Encryption) rdmc() byte                { return e.Control >> 4 & 3 }
func (e *Encryption) clearsOnDemount() bool     { return e.Control&0x04 != 0 }
func (e *Encryption) clearsOnPreempt() bool     { return e.Control&0x02 != 0 }
func (e *Encryption) clearsOnReservation() bool { return e.Control&0x01 != 0 }

// rawEnabled says whether blocks are marked as readable in raw mode; by default they are not (RDMC_C 100b).
func (e *Encryption) rawEnabled() bool { return e.rdmc() == 2 }

// valid holds for parameters from a file what Set Data Encryption makes sure of.
func (e *Encryption) valid() bool {
	return e.Scope <= scopeAll && e.EncryptionMode <= modeEncrypt && e.EncryptionMode != 1 &&
		e.DecryptionMode <= modeMixed && e.KADFormat <= maxKADFormat &&
		len(e.AKAD) <= maxAKAD && len(e.UKAD) <= maxUKAD && e.needsKey() == (len(e.KeyCheck) == checkLength)
}

func (e *Encryption) clone() Encryption {
	c := *e
	c.AKAD, c.UKAD, c.KeyCheck = bytes.Clone(e.AKAD), bytes.Clone(e.UKAD), bytes.Clone(e.KeyCheck)
	return c
}

// protection is the data encryption of one I_T nexus; see nexusencryption.go for whose parameters are in use.
type protection struct {
	Encryption
	key    Secret
	aead   cipher.AEAD // nil: no key, or that of another process that this one only observes
	nonces nonces
}

// set makes parameters the current ones, with a key if they need one. counter is the next of the drive.
func (p *protection) set(e Encryption, key []byte, counter uint32) error {
	p.forget()
	if e.needsKey() {
		if err := proc.GuardMemory(); err != nil {
			return err
		}
		copy(p.key[:], key)
		aead, err := p.key.cipher()
		if err != nil {
			return err
		}
		p.aead, e.KeyCheck = aead, p.key.check()
	}
	if e.KeyInstance = counter; e.Locked {
		e.LockedTo = counter
	}
	p.Encryption = e
	return nil
}

// forget clears the key and goes back to the defaults; a lock and the count of keys stay.
func (p *protection) forget() {
	p.key.Clear()
	p.Encryption = Encryption{KeyInstance: p.KeyInstance, Locked: p.Locked, LockedTo: p.LockedTo}
	p.aead, p.nonces = nil, nonces{}
}

// powerOff is what is left after a power cycle: nothing.
func (p *protection) powerOff() {
	p.key.Clear()
	*p = protection{}
}

// resumeEncryption goes on with kept parameters and the key for them. A drive whose key was lost tells the host
// that; an observer does without.
func (s *Server) resumeEncryption(c Config) {
	if c.State == nil || c.State.Dirty || !s.takeNexuses(c.State) {
		return
	}
	lost := false
	for _, p := range s.protections() {
		if p.needsKey() && !p.take(c.Keys) && !c.Observe {
			s.release(p)
			lost = true
		}
	}
	if lost {
		s.attentions.Add(spc.EncryptionChangedByEvent)
	}
	if changed := c.State.Barcode != s.barcode; changed { // by hand, while nobody played the drive
		s.demountKeys()
	}
}

// take looks for the key of the current parameters.
func (p *protection) take(keys []Secret) bool {
	for i := range keys {
		if !bytes.Equal(keys[i].check(), p.KeyCheck) {
			continue
		}
		aead, err := keys[i].cipher()
		p.key, p.aead = keys[i], aead
		return err == nil
	}
	return false
}

// Keys are the keys that the drive has to keep until it is next used, for Config.Keys then. They are copies: the
// caller clears them.
func (s *Server) Keys() []Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []Secret
	for _, p := range s.protections() {
		if p.aead != nil {
			keys = append(keys, p.key)
		}
	}
	return keys
}

// ClearKeys overwrites the keys in the drive's memory, for the end of the process that plays it.
func (s *Server) ClearKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.protections() {
		p.key.Clear()
		p.aead = nil
	}
}

// refusesPlain says why encryption keeps a block that is not encrypted from being read; nil: nothing.
func (s *Server) refusesPlain() *spc.Check {
	if s.encryption().DecryptionMode == modeDecrypt {
		return spc.Refuse(scsi.DataProtect, spc.UnencryptedData)
	}
	return nil
}

// refusesEnvelope is refusesPlain for a block in an envelope.
func (s *Server) refusesEnvelope(e *envelope) *spc.Check {
	p := s.encryption()
	switch {
	case !e.has(isEncrypted):
		return s.refusesPlain()
	case p.DecryptionMode == modeRaw && e.has(isRawEnabled):
		return nil
	case p.DecryptionMode == modeRaw:
		return spc.Refuse(scsi.DataProtect, spc.NotRawReadEnabled)
	case p.DecryptionMode == modeDisable || p.aead == nil:
		return spc.Refuse(scsi.DataProtect, spc.UnableToDecrypt)
	case !e.sameKey(p.KeyCheck):
		return spc.Refuse(scsi.DataProtect, spc.IncorrectKey)
	case p.ceem() == 3: // the host wants no blocks that a drive has encrypted
		return spc.Refuse(scsi.DataProtect, spc.EncryptionModeMismatch)
	}
	return nil
}
