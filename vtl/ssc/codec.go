package ssc

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// codec is what the drive needs to compress, encrypt and undo both, kept from block to block.
type codec struct {
	encoder *zstd.Encoder // nil until the first block is compressed
	decoder *zstd.Decoder
	sealed  []byte // an envelope, on its way to or from the tape
	opened  []byte // a block that the host asked only a part of, or a compressed one when it is decrypted
	nonce   [nonceLength]byte
}

// The coders work on the goroutine of their caller: a drive writes a block at a time.
func (c *codec) compressor() *zstd.Encoder {
	if c.encoder == nil {
		// Neither fails for constant options.
		c.encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(256<<10))
	}
	return c.encoder
}

func (c *codec) decompressor() *zstd.Decoder {
	if c.decoder == nil {
		c.decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(maxBlock), zstd.WithDecodeAllCapLimit(true))
	}
	return c.decoder
}

// room makes *b n bytes long; what was in it is lost.
func room(b *[]byte, n int) []byte {
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return *b
}

// compress puts the zstd frame of block behind at bytes of c.sealed. ok is false when that is not shorter
// than less bytes.
func (c *codec) compress(block []byte, at, less int) (n int, ok bool) {
	out := c.compressor().EncodeAll(block, room(&c.sealed, at+len(block)+len(block)>>8+envelopeMost)[:at])
	if n = len(out) - at; n >= less {
		return 0, false
	}
	c.sealed = out
	return n, true
}

// put writes a block at the position as the drive is set: as it is, compressed, encrypted. It returns what
// the block takes on the tape.
func (s *Server) put(block []byte) (stored int, err error) {
	compress, encrypt := s.compressing(), s.encryption().EncryptionMode == modeEncrypt
	switch {
	case encrypt:
		return s.putEncrypted(block, compress)
	case compress:
		return s.putCompressed(block)
	}
	return len(block), s.tape.WriteBlock(s.position, block)
}

// putCompressed leaves a block as it is when compression does not make it shorter.
func (s *Server) putCompressed(block []byte) (int, error) {
	n, ok := s.codec.compress(block, plainHeader, len(block)-plainHeader)
	if !ok {
		return len(block), s.tape.WriteBlock(s.position, block)
	}
	e := envelope{flags: isCompressed, length: len(block), object: uint64(s.position)}
	sealed := s.codec.sealed[:plainHeader+n]
	e.put(sealed)
	return len(sealed), s.tape.WriteEnvelope(s.position, sealed)
}

func (s *Server) putEncrypted(block []byte, compress bool) (int, error) {
	p, c := s.encryption(), &s.codec
	if p.aead == nil {
		return 0, errors.New("encrypt a block: the drive has no key") // an observer, which does not write
	}
	e := envelope{flags: isEncrypted, kadFormat: p.KADFormat, length: len(block), object: uint64(s.position),
		nonce: c.nonce[:], check: p.KeyCheck, akad: p.AKAD, ukad: p.UKAD}
	if p.rawEnabled() {
		e.flags |= isRawEnabled
	}
	p.nonces.next(e.nonce)
	header, payload := e.headerLength(), block
	if compress {
		if n, ok := c.compress(block, header, len(block)); ok {
			e.flags |= isCompressed
			payload = c.sealed[header:][:n]
		}
	}
	if !e.has(isCompressed) {
		room(&c.sealed, len(block)+envelopeMost)
	}
	e.put(c.sealed[:header])
	c.sealed = p.aead.Seal(c.sealed[:header], e.nonce, payload, c.sealed[:e.bound()])
	return len(c.sealed), s.tape.WriteEnvelope(s.position, c.sealed)
}

// getEnvelope reads the enveloped block at the position into buf and moves behind it, as readObject does.
// stored is the length of the envelope.
func (s *Server) getEnvelope(buf []byte, stored int) (int, *spc.Check) {
	sealed, e, err := s.fetchEnvelope(stored)
	if err != nil {
		s.position++
		return 0, spc.Refuse(scsi.MediumError, spc.UnrecoveredRead).Because(err)
	}
	// The position stays before a block that encryption keeps from being read (SSC-5): the host can ask for
	// the Next Block Encryption Status page, set the key, and read again.
	if k := s.refusesEnvelope(&e); k != nil {
		return 0, k
	}
	if s.encryption().DecryptionMode == modeRaw && e.has(isEncrypted) {
		s.position++
		s.didRead(stored, stored)
		copy(buf, sealed)
		return stored, nil
	}
	if k := s.open(&e, sealed, buf); k != nil {
		if k.Key == scsi.MediumError {
			s.position++
		}
		return 0, k
	}
	s.position++
	s.didRead(e.length, stored)
	return e.length, nil
}

// fetchEnvelope reads the envelope at the position; it stays valid until the next block.
func (s *Server) fetchEnvelope(stored int) ([]byte, envelope, error) {
	sealed := room(&s.codec.sealed, stored)
	if _, err := s.tape.ReadBlock(s.position, sealed); err != nil {
		return nil, envelope{}, err
	}
	e, err := decodeEnvelope(sealed)
	if err != nil {
		err = fmt.Errorf("block %d: %w", s.position, err)
	}
	return sealed, e, err
}

// open undoes what put did and fills buf with as much of the block as it takes.
func (s *Server) open(e *envelope, sealed, buf []byte) *spc.Check {
	c := &s.codec
	var block []byte
	if len(buf) >= e.length {
		block = buf
	}
	payload := sealed[e.headerLength():]
	if e.has(isEncrypted) {
		var err error
		if payload, err = s.decrypt(e, sealed, payload, block); err != nil {
			return spc.Refuse(scsi.DataProtect, spc.IntegrityFailed).Because(err)
		}
	}
	if e.has(isCompressed) {
		var err error
		if payload, err = c.inflate(e, payload, block); err != nil {
			return spc.Refuse(scsi.MediumError, spc.UnrecoveredRead).Because(err)
		}
	}
	if len(payload) > 0 && len(buf) > 0 && &payload[0] != &buf[0] {
		copy(buf, payload)
	}
	return nil
}

// decrypt opens an encrypted payload: a compressed one in its place, another one into block if there is one.
// The block must be the one that was written here: a block of another place is not the host's data.
func (s *Server) decrypt(e *envelope, sealed, payload, block []byte) ([]byte, error) {
	if e.object != uint64(s.position) {
		return nil, fmt.Errorf("block %d was written as block %d", s.position, e.object)
	}
	to := payload[:0]
	if block != nil && !e.has(isCompressed) {
		to = block[:0:e.length]
	}
	return s.encryption().aead.Open(to, e.nonce, payload, sealed[:e.bound()])
}

// inflate undoes compress. block is e.length bytes, or nil where the host wants fewer.
func (c *codec) inflate(e *envelope, payload, block []byte) ([]byte, error) {
	if block == nil {
		block = room(&c.opened, e.length)
	}
	out, err := c.decompressor().DecodeAll(payload, block[:0:e.length])
	if err == nil && len(out) != e.length {
		err = fmt.Errorf("%d bytes of %d", len(out), e.length)
	}
	if err != nil {
		return nil, fmt.Errorf("decompress a block: %w", err)
	}
	return out, nil
}
