package ssc

import (
	"context"
	"crypto/rand"
	"encoding/binary"

	"calypso/vtl/spc"
)

// Security protocols (SPC-5) and what the pages of tape data encryption have in common (SSC-5 8.5).
const (
	protocolInformation = 0x00
	tapeEncryption      = 0x20

	algorithmIndex   = 0x01
	algorithmCode    = 0x00010014 // AES-GCM with a tag of 128 bits (SPC-5, security algorithm codes)
	keyFormatPlain   = 0x00
	kadUnauthentic   = 0x00
	kadAuthenticated = 0x01

	// The AUTHENTICATED field of a descriptor.
	notCovered   = 1
	notAttempted = 2
)

func securityCommands() []command {
	return []command{
		{Name: "SECURITY PROTOCOL IN", Action: spc.NoAction, Usage: "A2 FF FF FF 00 00 FF FF FF FF 00 00", Run: (*Server).securityProtocolIn},
		{Name: "SECURITY PROTOCOL OUT", Action: spc.NoAction, Usage: "B5 FF FF FF 00 00 FF FF FF FF 00 00", Flags: changes, Run: (*Server).securityProtocolOut},
	}
}

// securityProtocolIn is SECURITY PROTOCOL IN (SPC-5).
func (s *Server) securityProtocolIn(_ context.Context, c *spc.Call) error {
	page, err := s.securityPage(c.CDB[1], c.U16(2))
	if err != nil {
		return err
	}
	return c.Reply(page, int(min(c.U32(6), 1<<24)))
}

// securityPage is the page of a SECURITY PROTOCOL SPECIFIC field.
func (s *Server) securityPage(protocol byte, page uint16) ([]byte, error) {
	switch protocol {
	case protocolInformation:
		switch page {
		case 0x0000: // the supported protocols
			return []byte{7: 2, 8: protocolInformation, 9: tapeEncryption}, nil
		case 0x0001: // certificate data: none
			return make([]byte, 4), nil
		}
		return nil, spc.BadCDB(2, -1)
	case tapeEncryption:
		for _, p := range encryptionPages() {
			if p.code == page {
				body, err := p.body(s)
				return framed(page, body), err
			}
		}
		return nil, spc.BadCDB(2, -1)
	}
	return nil, spc.BadCDB(1, -1)
}

// encryptionPage is a page of the tape data encryption protocol; body is what follows code and length.
type encryptionPage struct {
	code uint16
	body func(*Server) ([]byte, error)
}

// encryptionPages are the pages in ascending order.
func encryptionPages() []encryptionPage {
	return []encryptionPage{
		{0x0000, (*Server).encryptionInSupport},
		{0x0001, func(*Server) ([]byte, error) { return []byte{0, setPage}, nil }},
		{0x0010, (*Server).encryptionCapabilities},
		{0x0011, func(*Server) ([]byte, error) { return []byte{keyFormatPlain}, nil }},
		{0x0012, (*Server).encryptionManagement},
		{0x0020, (*Server).encryptionStatus},
		{0x0021, (*Server).nextBlockStatus},
		{0x0030, (*Server).randomNumber},
	}
}

func framed(code uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 4+len(body)), code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
}

// encryptionInSupport is the Tape Data Encryption In Support page.
func (s *Server) encryptionInSupport() ([]byte, error) {
	var b []byte
	for _, p := range encryptionPages() {
		b = binary.BigEndian.AppendUint16(b, p.code)
	}
	return b, nil
}

// encryptionCapabilities is the Data Encryption Capabilities page with the one algorithm.
func (s *Server) encryptionCapabilities() ([]byte, error) {
	b := make([]byte, 40)
	b[0] = 1<<2 | 1 // EXTDECC 01b: no external control; CFG_P 01b: hosts may set parameters
	d := b[16:]
	d[0], d[3] = algorithmIndex, 20
	// MAC_C; DED_C: encrypted blocks are told from others; decryption and encryption in hardware.
	d[4] = 0x20 | 0x10 | 2<<2 | 2
	d[5] = 1<<4 | 0x08 // NONCE_C 01b: the drive makes it; KADF_C
	if s.loaded {
		d[4] |= 0x80   // AVFMV: every LTO cartridge that the drive takes
		d[5] |= 1 << 6 // AVFCLP 01b: not valid for writing here,
		if s.refusesWrite() == nil {
			d[5] ^= 3 << 6 // 10b: valid
		}
	}
	be := binary.BigEndian
	be.PutUint16(d[6:], maxUKAD)
	be.PutUint16(d[8:], maxAKAD)
	be.PutUint16(d[10:], KeyLength)
	d[12] = 3<<6 | 4<<1 | 1 // DKAD_C 11b: KADs allowed; RDMC_C 100b: raw reads off, hosts may allow them; EAREM
	be.PutUint32(d[20:], algorithmCode)
	return b, nil
}

// encryptionManagement is the Data Encryption Management Capabilities page: LOCK, clear on demount and on
// reservation preempt and loss, all three scopes.
func (s *Server) encryptionManagement() ([]byte, error) {
	return []byte{0: 0x01, 1: 0x07, 3: 0x07, 11: 0}, nil
}

// encryptionStatus is the Data Encryption Status page of the I_T nexus. It needs no key.
func (s *Server) encryptionStatus() ([]byte, error) {
	p := &s.encryption().Encryption
	b := make([]byte, 20)
	b[0] = s.nexusProtection(s.call.Nexus).Scope<<5 | p.Scope
	b[1], b[2] = p.EncryptionMode, p.DecryptionMode
	b[3] = algorithmIndex
	binary.BigEndian.PutUint32(b[4:], p.KeyInstance)
	b[8] = 1<<4 | p.ceem()<<1 // parameters control 001b: not controlled from outside; CEEMS
	if p.EncryptionMode == modeEncrypt && !p.rawEnabled() {
		b[8] |= 0x01 // RDMD
	}
	b[9] = p.KADFormat
	return appendKADs(b, p.AKAD, p.UKAD), nil
}

func appendKADs(b, akad, ukad []byte) []byte {
	if len(ukad) > 0 {
		b = append(b, kadUnauthentic, notCovered, 0, byte(len(ukad)))
		b = append(b, ukad...)
	}
	if len(akad) > 0 {
		b = append(b, kadAuthenticated, notAttempted, 0, byte(len(akad)))
		b = append(b, akad...)
	}
	return b
}

// What the compression and encryption status of the next block can be.
const (
	blockUnreadable = 1 // end of data, or an error
	blockIsNone     = 2 // a filemark
	blockIsPlain    = 3
	blockCompressed = 4 // of the compression status
	blockHasKey     = 5 // encrypted, and the drive can decrypt it
	blockHasNoKey   = 6
)

// nextBlockStatus is the Next Block Encryption Status page: it looks at the block at the position, which stays.
func (s *Server) nextBlockStatus() ([]byte, error) {
	if k := s.notReady(); k != nil {
		return nil, k
	}
	b := make([]byte, 12)
	binary.BigEndian.PutUint64(b, uint64(s.position))
	e, compression, encryption := s.nextBlock()
	b[8] = compression<<4 | encryption
	if encryption < blockHasKey {
		return b, nil
	}
	b[9] = algorithmIndex
	if !e.has(isRawEnabled) {
		b[10] = 0x01 // RDMDS
	}
	b[11] = e.kadFormat
	return appendKADs(b, e.akad, e.ukad), nil
}

func (s *Server) nextBlock() (e envelope, compression, encryption byte) {
	if s.position >= s.tape.Objects() {
		return e, blockUnreadable, blockUnreadable
	}
	object, err := s.tape.At(s.position)
	switch {
	case err != nil:
		return e, blockUnreadable, blockUnreadable
	case object.Filemark:
		return e, blockIsNone, blockIsNone
	case !object.Envelope:
		return e, blockIsPlain, blockIsPlain
	}
	if _, e, err = s.fetchEnvelope(object.Length); err != nil {
		return e, blockUnreadable, blockUnreadable
	}
	compression = blockIsPlain
	if e.has(isCompressed) {
		compression = blockCompressed
	}
	return e, compression, s.encryptionOf(&e)
}

// encryptionOf goes by the check value of the key, which an observer has as well.
func (s *Server) encryptionOf(e *envelope) byte {
	switch p := s.encryption(); {
	case !e.has(isEncrypted):
		return blockIsPlain
	case p.DecryptionMode >= modeDecrypt && e.sameKey(p.KeyCheck):
		return blockHasKey
	}
	return blockHasNoKey
}

// randomNumber is the Random Number page.
func (s *Server) randomNumber() ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}
