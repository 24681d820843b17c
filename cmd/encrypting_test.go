package cmd

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"testing"

	"calypso/tape/scsi"
	"calypso/vtl"
)

// encrypting is a drive that encrypts, in front of one that does not: it answers SECURITY PROTOCOL IN and
// OUT itself, and what it lets through are the blocks as they lie on the tape. It was written from SSC-5 and
// shares no encoder or decoder with the client. The state outlives a command, as that of a drive does.
type encrypting struct {
	key        []byte
	kad        []byte // as descriptors
	encryption byte
	decryption byte
	scope      byte
	instance   uint32
	refuse     bool   // every key is refused
	lie        bool   // the status says that nothing was set
	sets       int    // keys that were set
	onWrite    func() // called after each block that was written
}

// install puts the drive between the commands of this test and the virtual one.
func (e *encrypting) install(t *testing.T) *encrypting {
	t.Helper()
	before := transportOf
	t.Cleanup(func() { transportOf = before })
	transportOf = func(d vtl.Device) scsi.Transport { return &encryptingUse{encrypting: e, below: d} }
	return e
}

// encryptingUse is the drive in the hands of one command.
type encryptingUse struct {
	*encrypting
	below scsi.Transport
}

func (e *encryptingUse) Exec(ctx context.Context, cmd *scsi.Command) error {
	switch cmd.CDB[0] {
	case 0xA2:
		return e.in(ctx, cmd)
	case 0xB5:
		return e.out(cmd)
	case 0x0A:
		return e.write(ctx, cmd)
	case 0x08:
		return e.read(ctx, cmd)
	case 0x1B:
		if cmd.CDB[4]&1 == 0 {
			e.forget()
		}
	}
	return e.below.Exec(ctx, cmd)
}

func (e *encrypting) forget() {
	e.key, e.kad, e.encryption, e.decryption, e.scope = nil, nil, 0, 0, 0
}

func check(cmd *scsi.Command, key scsi.SenseKey, asc scsi.ASC) error {
	return &scsi.SenseError{CDB: bytes.Clone(cmd.CDB), Sense: scsi.Sense{Key: key, ASC: asc}}
}

func reply(cmd *scsi.Command, data []byte) error {
	cmd.Transferred = copy(cmd.DataIn, data)
	return nil
}

// in answers the pages of protocol 20h.
func (e *encryptingUse) in(ctx context.Context, cmd *scsi.Command) error {
	page := binary.BigEndian.Uint16(cmd.CDB[2:])
	switch {
	case cmd.CDB[1] == 0 && page == 0:
		return reply(cmd, []byte{0, 0, 0, 0, 0, 0, 0, 2, 0, 0x20})
	case cmd.CDB[1] != 0x20:
		return check(cmd, scsi.IllegalRequest, 0x2400)
	case page == 0x10:
		head := append([]byte{0, 0x10, 0, 40, 0x01}, make([]byte, 15)...)
		return reply(cmd, append(head, 1, 0, 0, 20, 0xBA, 0x08, 0, 32, 0, 12, 0, 32, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x14))
	case page == 0x20:
		return reply(cmd, e.status())
	case page == 0x21:
		return e.next(ctx, cmd)
	}
	return check(cmd, scsi.IllegalRequest, 0x2400)
}

func (e *encrypting) status() []byte {
	b := make([]byte, 24)
	b[1] = 0x20
	if !e.lie {
		b[4], b[5], b[6] = e.scope<<5|e.scope, e.encryption, e.decryption
		b = append(b, e.kad...)
	}
	b[7] = 1
	binary.BigEndian.PutUint32(b[8:], e.instance)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	return b
}

// out is SET DATA ENCRYPTION.
func (e *encrypting) out(cmd *scsi.Command) error {
	b := cmd.DataOut
	n := int(b[18])<<8 | int(b[19])
	wrong := len(b) != 4+(int(b[2])<<8|int(b[3])) || b[1] != 0x10 || b[8] != 1 || b[5]&0x08 != 0 || b[6] == 1
	if wrong || e.refuse && b[6]+b[7] != 0 || (b[6]+b[7] != 0) != (n == 32) {
		return check(cmd, scsi.IllegalRequest, 0x2600)
	}
	e.forget()
	e.instance++
	if n == 32 {
		e.sets++
		e.key, e.kad = bytes.Clone(b[20:52]), bytes.Clone(b[52:])
		e.scope, e.encryption, e.decryption = b[4]>>5, b[6], b[7]
	}
	cmd.Transferred = len(b)
	return nil
}

// An encrypted block on the tape is the mark, the length of the descriptors, these, the nonce and what GCM
// makes of the block.
var mark = []byte("\x00ENC\xFF")

const overhead = 5 + 2 + 64 + 12 + 16

func (e *encrypting) seal(block []byte) []byte {
	b := append(bytes.Clone(mark), byte(len(e.kad)>>8), byte(len(e.kad)))
	b = append(b, e.kad...)
	nonce := make([]byte, 12)
	rand.Read(nonce)
	return gcm(e.key).Seal(append(b, nonce...), nonce, block, e.kad)
}

func gcm(key []byte) cipher.AEAD {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	g, err := cipher.NewGCM(c)
	if err != nil {
		panic(err)
	}
	return g
}

// parted gives the descriptors, the nonce and the text of a block; ok: it is encrypted.
func parted(block []byte) (kad, nonce, text []byte, ok bool) {
	rest, ok := bytes.CutPrefix(block, mark)
	if !ok {
		return nil, nil, nil, false
	}
	n := 2 + (int(rest[0])<<8 | int(rest[1]))
	return rest[2:n], rest[n : n+12], rest[n+12:], true
}

func (e *encryptingUse) write(ctx context.Context, cmd *scsi.Command) error {
	block := cmd.DataOut
	if e.encryption == 2 {
		block = e.seal(block)
	}
	below := &scsi.Command{CDB: sixByte(0x0A, len(block)), DataOut: block, Timeout: cmd.Timeout}
	err := e.below.Exec(ctx, below)
	if below.Transferred == len(block) {
		cmd.Transferred = len(cmd.DataOut)
	}
	if e.onWrite != nil {
		e.onWrite()
	}
	return err
}

func sixByte(op byte, n int) []byte { return []byte{op, 0, byte(n >> 16), byte(n >> 8), byte(n), 0} }

// stored reads the next block as it lies on the tape.
func (e *encryptingUse) stored(ctx context.Context, room int) ([]byte, error) {
	buf := make([]byte, room)
	below := &scsi.Command{CDB: sixByte(0x08, room), DataIn: buf}
	err := e.below.Exec(ctx, below)
	s, answered := scsi.SenseOf(err)
	if answered && s.ILI && s.Info >= 0 {
		return buf[:room-int(s.Info)], nil
	}
	return buf[:below.Transferred], err
}

// back goes before the object that was just read.
func (e *encryptingUse) back(ctx context.Context, code byte) {
	if err := e.below.Exec(ctx, &scsi.Command{CDB: []byte{0x11, code, 0xFF, 0xFF, 0xFF, 0}}); err != nil {
		panic(err)
	}
}

func (e *encryptingUse) read(ctx context.Context, cmd *scsi.Command) error {
	want := len(cmd.DataIn)
	block, err := e.stored(ctx, 1<<20+overhead)
	if err != nil {
		return err
	}
	kad, nonce, text, encrypted := parted(block)
	switch {
	case encrypted && e.decryption < 2:
		e.back(ctx, 0)
		return check(cmd, scsi.DataProtect, 0x7401)
	case encrypted:
		if block, err = gcm(e.key).Open(nil, nonce, text, kad); err != nil {
			e.back(ctx, 0)
			return check(cmd, scsi.DataProtect, 0x7403)
		}
	case e.decryption == 2:
		e.back(ctx, 0)
		return check(cmd, scsi.DataProtect, 0x7402)
	}
	cmd.Transferred = copy(cmd.DataIn, block)
	if len(block) != want {
		return &scsi.SenseError{CDB: bytes.Clone(cmd.CDB), Sense: scsi.Sense{ILI: true, InfoValid: true, Info: int64(want - len(block))}}
	}
	return nil
}

// next is page 0021h: it looks at the block and goes back.
func (e *encryptingUse) next(ctx context.Context, cmd *scsi.Command) error {
	b := append([]byte{0, 0x21, 0, 12}, make([]byte, 12)...)
	block, err := e.stored(ctx, 1<<20+overhead)
	s, answered := scsi.SenseOf(err)
	kad, nonce, text, encrypted := parted(block)
	switch {
	case answered && s.Filemark:
		e.back(ctx, 1)
		b[12] = 2
		return reply(cmd, b)
	case err != nil:
		b[12] = 2
		return reply(cmd, b)
	case !encrypted:
		b[12] = 3
	default:
		b[12], b[13] = 6, 1
		if e.key != nil {
			if _, err := gcm(e.key).Open(nil, nonce, text, kad); err == nil {
				b[12] = 5
			}
		}
		b = append(b, kad...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	}
	e.back(ctx, 0)
	return reply(cmd, b)
}
