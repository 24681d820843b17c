package ssc

import (
	"context"
	"encoding/binary"
	"math/bits"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// The Set Data Encryption page (SSC-5 8.5.3.2).
const (
	setPage      = 0x0010
	setLength    = 20 // before the key
	maxKADFormat = 2  // unspecified, binary key name, ASCII key name
)

// securityProtocolOut is SECURITY PROTOCOL OUT (SPC-5). The parameter list holds a key: it goes nowhere but
// into a protection.
func (s *Server) securityProtocolOut(_ context.Context, c *spc.Call) error {
	switch {
	case c.CDB[1] != tapeEncryption:
		return spc.BadCDB(1, -1)
	case c.U16(2) != setPage:
		return spc.BadCDB(2, -1)
	case c.U32(6) == 0:
		return nil
	case c.U32(6) > 1<<16+3: // no page is longer
		return spc.BadCDB(6, -1)
	}
	list, err := c.Parameters(int(c.U32(6)))
	if err != nil {
		return err
	}
	next, key, err := decodeSet(list)
	if err != nil {
		return err
	}
	if err := s.permitsSet(&next); err != nil {
		return err
	}
	return s.setEncryption(next, key)
}

// permitsSet checks what the state of the drive has to do with a set of parameters (SSC-5): CKOD needs a
// mounted volume, CKORP and CKORL a reservation.
func (s *Server) permitsSet(e *Encryption) error {
	switch {
	case e.clearsOnDemount() && !s.loaded:
		return spc.BadParameter(5, 2)
	case e.clearsOnPreempt() && !s.reservations.HeldBy(s.call.Nexus):
		return spc.BadParameter(5, 1)
	case e.clearsOnReservation() && !s.reservations.HeldBy(s.call.Nexus):
		return spc.BadParameter(5, 0)
	}
	return nil
}

// decodeSet checks a Set Data Encryption page and gives the parameters in it. key is a part of p.
func decodeSet(p []byte) (e Encryption, key []byte, err error) {
	if len(p) < setLength {
		return e, nil, spc.Refuse(scsi.IllegalRequest, spc.ParameterListLength)
	}
	switch be := binary.BigEndian; {
	case be.Uint16(p) != setPage:
		return e, nil, spc.BadParameter(0, -1)
	case int(be.Uint16(p[2:])) != len(p)-4:
		return e, nil, spc.BadParameter(2, -1)
	case p[4]>>5 > scopeAll:
		return e, nil, spc.BadParameter(4, 7)
	case p[4]&0x1E != 0:
		return e, nil, spc.BadParameter(4, bits.Len8(p[4]&0x1E)-1)
	}
	e.Scope, e.Locked = p[4]>>5, p[4]&0x01 != 0
	if e.Scope == scopePublic { // nothing else is looked at
		return e, nil, nil
	}
	if at, bit, ok := checkSet(p); !ok {
		return e, nil, spc.BadParameter(at, bit)
	}
	e.Control, e.EncryptionMode, e.DecryptionMode, e.KADFormat = p[5], p[6], p[7], p[10]
	return e.decodeKey(p)
}

// checkSet looks at the fields that have a few values; when one is wrong it says which.
func checkSet(p []byte) (at, bit int, ok bool) {
	switch {
	case p[5]>>4&3 == 1: // RDMC, reserved
		return 5, 5, false
	case p[5]&0x08 != 0: // SDK: supplemental decryption keys, see SDK_C
		return 5, 3, false
	case p[6] != modeDisable && p[6] != modeEncrypt:
		return 6, -1, false
	case p[7] > modeMixed:
		return 7, -1, false
	case p[8] != algorithmIndex:
		return 8, -1, false
	case p[9] != keyFormatPlain:
		return 9, -1, false
	case p[10] > maxKADFormat:
		return 10, -1, false
	}
	for i, b := range p[11:18] {
		if b != 0 {
			return 11 + i, -1, false
		}
	}
	return 0, 0, true
}

// decodeKey reads the key and the descriptors behind it. Modes that need no key ignore both.
func (e Encryption) decodeKey(p []byte) (Encryption, []byte, error) {
	length := int(binary.BigEndian.Uint16(p[18:]))
	if length > len(p)-setLength || e.needsKey() && length != KeyLength {
		return e, nil, spc.BadParameter(18, -1)
	}
	if !e.needsKey() {
		e.KADFormat = 0
		return e, nil, nil
	}
	err := e.decodeKADs(p, setLength+length)
	return e, p[setLength:][:length], err
}

// decodeKADs reads the key-associated data descriptors from offset at on: each type once, in ascending order
// (SSC-5). A nonce is the drive's own (NONCE_C 01b), metadata is for EXTERNAL mode.
func (e *Encryption) decodeKADs(p []byte, at int) error {
	last := -1
	for at < len(p) {
		if len(p)-at < 4 || p[at] > kadAuthenticated || int(p[at]) <= last {
			return spc.BadParameter(at, -1)
		}
		if p[at+1] != 0 {
			return spc.BadParameter(at+1, bits.Len8(p[at+1])-1)
		}
		n, most := int(binary.BigEndian.Uint16(p[at+2:])), maxUKAD
		if p[at] == kadAuthenticated {
			most = maxAKAD
		}
		if n > most || n > len(p)-at-4 {
			return spc.BadParameter(at+2, -1)
		}
		value := append([]byte(nil), p[at+4:][:n]...)
		if last = int(p[at]); last == kadAuthenticated {
			e.AKAD = value
		} else {
			e.UKAD = value
		}
		at += 4 + n
	}
	return nil
}
