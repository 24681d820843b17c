package spc

import (
	"encoding/binary"
	"hash/fnv"
	"strings"
)

// reserveInCommands is PERSISTENT RESERVE IN by service action (SPC-5).
var reserveInCommands = []struct {
	name   string
	action int
	data   func(*Reservations) []byte
}{
	{"READ KEYS", 0x00, (*Reservations).readKeys},
	{"READ RESERVATION", 0x01, (*Reservations).readReservation},
	{"REPORT CAPABILITIES", 0x02, (*Reservations).reportCapabilities},
	{"READ FULL STATUS", 0x03, (*Reservations).readFullStatus},
}

// withHeader puts the generation and the length before a list.
func (r *Reservations) withHeader(list []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, r.Generation)
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	return append(b, list...)
}

func (r *Reservations) readKeys() []byte {
	var list []byte
	for _, g := range r.Registrations {
		list = binary.BigEndian.AppendUint64(list, g.Key)
	}
	return r.withHeader(list)
}

// readReservation: a reservation of all registrants has no key.
func (r *Reservations) readReservation() []byte {
	if r.Type == 0 {
		return r.withHeader(nil)
	}
	list := make([]byte, 16)
	if !r.Type.all() {
		binary.BigEndian.PutUint64(list, r.key(r.Holder))
	}
	list[13] = byte(r.Type)
	return r.withHeader(list)
}

// reportCapabilities: compatible reservation handling (CRH), no persistence through power loss, all six
// types of the type mask.
func (r *Reservations) reportCapabilities() []byte {
	return []byte{0, 8, 0x10, 0x80, 0xEA, 0x01, 0, 0}
}

const relativeTargetPort = 1

func (r *Reservations) readFullStatus() []byte {
	var list []byte
	for _, g := range r.Registrations {
		d := make([]byte, 24)
		binary.BigEndian.PutUint64(d, g.Key)
		if r.holds(g.Nexus) {
			d[12], d[13] = 0x01, byte(r.Type) // R_HOLDER
		}
		d[19] = relativeTargetPort
		id := g.Nexus.transportID()
		binary.BigEndian.PutUint32(d[20:], uint32(len(id)))
		list = append(append(list, d...), id...)
	}
	return r.withHeader(list)
}

// The protocol identifiers of TransportIDs (SPC-5).
const (
	protocolISCSI = 0x05
	protocolSAS   = 0x06
)

// transportID names the initiator port (SPC-5): an iSCSI name as such, any other as a SAS address that is
// made from it, for the standards have no port without a transport.
func (n Nexus) transportID() []byte {
	for _, form := range []string{"iqn.", "eui.", "naa."} {
		if strings.HasPrefix(string(n), form) {
			return n.iscsiID()
		}
	}
	id := make([]byte, 24)
	id[0] = protocolSAS
	copy(id[4:], localName([]byte(n)))
	return id
}

// iscsiID is a name with a zero behind it, padded to a multiple of 4 of at least 20 bytes.
func (n Nexus) iscsiID() []byte {
	name := n[:min(len(n), 223)] // the longest iSCSI name
	length := max(20, (len(name)+4)&^3)
	id := make([]byte, 4+length)
	id[0] = protocolISCSI
	binary.BigEndian.PutUint16(id[2:], uint16(length))
	copy(id[4:], name)
	return id
}

// localName is an NAA name, locally assigned (SPC-5), made from what it names.
func localName(of []byte) []byte {
	h := fnv.New64a()
	h.Write(of)
	b := h.Sum(nil)
	b[0] = 0x30 | b[0]&0x0F
	return b
}
