package scsi

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Persistent reservations (SPC-4 6.15 and 6.16): a host that registered a key reserves a logical unit, and
// others are told RESERVATION CONFLICT.

// ReserveInAction is a service action of PERSISTENT RESERVE IN.
type ReserveInAction byte

// The service actions of PERSISTENT RESERVE IN.
const (
	ReadKeys           ReserveInAction = 0
	ReadReservation    ReserveInAction = 1
	ReportCapabilities ReserveInAction = 2
	ReadFullStatus     ReserveInAction = 3
)

// ReserveOutAction is a service action of PERSISTENT RESERVE OUT.
type ReserveOutAction byte

// The service actions of PERSISTENT RESERVE OUT.
const (
	RegisterKey       ReserveOutAction = 0
	Reserve           ReserveOutAction = 1
	Release           ReserveOutAction = 2
	ClearReservations ReserveOutAction = 3
	Preempt           ReserveOutAction = 4
	PreemptAndAbort   ReserveOutAction = 5
	RegisterAndIgnore ReserveOutAction = 6 // whatever key the nexus had
)

// ReservationType says whom a reservation shuts out.
type ReservationType byte

// The types.
const (
	WriteExclusive             ReservationType = 1
	ExclusiveAccess            ReservationType = 3
	WriteExclusiveRegistrants  ReservationType = 5
	ExclusiveAccessRegistrants ReservationType = 6
	WriteExclusiveAll          ReservationType = 7
	ExclusiveAccessAll         ReservationType = 8
)

var reservationTypeNames = map[ReservationType]string{
	WriteExclusive: "write exclusive", ExclusiveAccess: "exclusive access",
	WriteExclusiveRegistrants: "write exclusive, registrants only", ExclusiveAccessRegistrants: "exclusive access, registrants only",
	WriteExclusiveAll: "write exclusive, all registrants", ExclusiveAccessAll: "exclusive access, all registrants",
}

func (t ReservationType) String() string {
	if name, ok := reservationTypeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type %Xh", byte(t))
}

// PersistentReserveIn is PERSISTENT RESERVE IN.
func PersistentReserveIn(action ReserveInAction, alloc uint16) CDB10 {
	c := CDB10{OpPersistentReserveIn, byte(action) & 0x1F}
	binary.BigEndian.PutUint16(c[7:], alloc)
	return c
}

// ReserveOutLength is the length of the parameter list of PERSISTENT RESERVE OUT.
const ReserveOutLength = 24

// PersistentReserveOut is PERSISTENT RESERVE OUT for the logical unit (scope 0). The type counts for RESERVE,
// RELEASE and the two that preempt.
func PersistentReserveOut(action ReserveOutAction, t ReservationType) CDB10 {
	c := CDB10{OpPersistentReserveOut, byte(action) & 0x1F, byte(t) & 0x0F}
	binary.BigEndian.PutUint32(c[5:], ReserveOutLength)
	return c
}

// ReserveOutList is the parameter list: the key that this host has, and the one that the action is about.
// It asks neither for persistence through a power loss (APTPL) nor for registration at all ports.
func ReserveOutList(key, actionKey uint64) [ReserveOutLength]byte {
	var b [ReserveOutLength]byte
	binary.BigEndian.PutUint64(b[:], key)
	binary.BigEndian.PutUint64(b[8:], actionKey)
	return b
}

// Reservation is the reservation of a logical unit. One of all registrants has no key of its own: 0.
type Reservation struct {
	Key  uint64
	Type ReservationType
}

// Registration is a host that registered a key.
type Registration struct {
	Key       uint64
	Holder    bool // of the reservation of Type
	Type      ReservationType
	AllPorts  bool
	Port      uint16 // relative target port; 0: not told
	Initiator string // "iqn.…", "sas 5000…", "fc 2100…"; "" when it is not told
}

// reservationList is what follows the generation: as many bytes as there are of the length that is claimed.
func reservationList(what string, data []byte) (generation uint32, list []byte, err error) {
	if len(data) < 8 {
		return 0, nil, shortData(what, len(data), 8)
	}
	return uint32At(data, 0), extent(data, 8, uint64(uint32At(data, 4)))[8:], nil
}

// ReservationLength is how many bytes the whole answer to READ KEYS, READ RESERVATION or READ FULL STATUS
// has, for a second question with room for all of it.
func ReservationLength(data []byte) int {
	if len(data) < 8 {
		return 0
	}
	return int(min(8+uint64(uint32At(data, 4)), 1<<16-1))
}

// ParseReservationKeys decodes READ KEYS.
func ParseReservationKeys(data []byte) (generation uint32, keys []uint64, err error) {
	generation, list, err := reservationList("reservation keys", data)
	for ; len(list) >= 8; list = list[8:] {
		keys = append(keys, binary.BigEndian.Uint64(list))
	}
	return generation, keys, err
}

// ParseReservation decodes READ RESERVATION; nil: nobody holds one.
func ParseReservation(data []byte) (*Reservation, error) {
	_, list, err := reservationList("reservation", data)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if len(list) < 14 {
		return nil, shortData("reservation descriptor", len(list), 14)
	}
	return &Reservation{Key: binary.BigEndian.Uint64(list), Type: ReservationType(list[13] & 0x0F)}, nil
}

// ParseFullStatus decodes READ FULL STATUS.
func ParseFullStatus(data []byte) (generation uint32, all []Registration, err error) {
	generation, list, err := reservationList("full status", data)
	const header = 24
	for len(list) >= header {
		d := list[:header]
		id := extent(list, header, uint64(uint32At(d, 20)))[header:]
		r := Registration{Key: binary.BigEndian.Uint64(d), AllPorts: d[12]&0x02 != 0, Holder: d[12]&0x01 != 0,
			Port: uint16At(d, 18), Initiator: transportID(id)}
		if r.Holder {
			r.Type = ReservationType(d[13] & 0x0F)
		}
		all = append(all, r)
		list = list[header+len(id):]
	}
	return generation, all, err
}

// transportID names an initiator port (SPC-4 7.6.4).
func transportID(id []byte) string {
	if len(id) < 4 {
		return ""
	}
	field := func(name string, from, to int) string {
		if len(id) < to {
			return ""
		}
		return name + " " + hex.EncodeToString(id[from:to])
	}
	switch id[0] & 0x0F {
	case 0x0:
		return field("fc", 8, 16)
	case 0x3:
		return field("sbp", 8, 16)
	case 0x4:
		return field("srp", 8, 24)
	case 0x5:
		return asciiField(extent(id, 4, uint64(uint16At(id, 2)))[4:])
	case 0x6:
		return field("sas", 4, 12)
	}
	return fmt.Sprintf("protocol %Xh", id[0]&0x0F)
}

// ReserveCapabilities are what a device can do with persistent reservations. Types is nil when it does not say.
type ReserveCapabilities struct {
	PowerLossCapable bool // PTPL_C: a reservation can outlive a power cycle
	PowerLossActive  bool // PTPL_A: the present ones do
	Types            []ReservationType
}

// reserveTypeBits are the bits of the type mask, in the order of the types.
var reserveTypeBits = []struct {
	mask uint16
	kind ReservationType
}{
	{0x0200, WriteExclusive}, {0x0800, ExclusiveAccess}, {0x2000, WriteExclusiveRegistrants},
	{0x4000, ExclusiveAccessRegistrants}, {0x8000, WriteExclusiveAll}, {0x0001, ExclusiveAccessAll},
}

// ParseReserveCapabilities decodes REPORT CAPABILITIES.
func ParseReserveCapabilities(data []byte) (ReserveCapabilities, error) {
	if len(data) < 8 {
		return ReserveCapabilities{}, shortData("reservation capabilities", len(data), 8)
	}
	c := ReserveCapabilities{PowerLossCapable: data[2]&0x01 != 0, PowerLossActive: data[3]&0x01 != 0}
	if data[3]&0x80 == 0 { // TMV: the mask is valid
		return c, nil
	}
	for _, b := range reserveTypeBits {
		if uint16At(data, 4)&b.mask != 0 {
			c.Types = append(c.Types, b.kind)
		}
	}
	return c, nil
}
