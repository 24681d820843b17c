package ssc

import (
	"bytes"
	"context"
	"encoding/binary"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// writeAttribute is WRITE ATTRIBUTE (SPC-5): all of the list is checked before any of it is
// written. WTC changes nothing, as the memory is always written through.
func (s *Server) writeAttribute(_ context.Context, c *spc.Call) error {
	length := c.U32(10)
	if length > memoryBytes+4 {
		return spc.BadCDB(10, -1)
	}
	list, err := c.Parameters(int(length))
	if err != nil || length == 0 {
		return err
	}
	attributes, err := decodeAttributes(list)
	if err != nil {
		return err
	}
	if s.memory.WriteProtect {
		return spc.Refuse(scsi.DataProtect, spc.WriteProtected)
	}
	return s.putAttributes(attributes)
}

// putAttributes writes the attributes if there is room for all of them.
func (s *Server) putAttributes(attributes []Attribute) error {
	change := func(m *Meta) {
		for _, a := range attributes {
			putAttribute(m, a)
		}
	}
	after := s.medium.Meta()
	change(&after)
	if memoryLeft(after) == 0 {
		return spc.Refuse(scsi.IllegalRequest, spc.AuxiliaryMemoryFull)
	}
	if err := s.setMemory(change); err != nil {
		return spc.Refuse(scsi.MediumError, spc.AuxiliaryMemory).Because(err)
	}
	return nil
}

const attributeHeader = 5

// decodeAttributes reads the parameter list. Its length field counts what follows it; hosts exist (LTFS)
// that count the field itself too, and drives take that.
func decodeAttributes(list []byte) ([]Attribute, error) {
	if len(list) < 4 {
		return nil, spc.Refuse(scsi.IllegalRequest, spc.ParameterListLength)
	}
	if n := binary.BigEndian.Uint32(list); int(n) != len(list)-4 && int(n) != len(list) {
		return nil, spc.BadParameter(0, -1)
	}
	var all []Attribute
	for at := 4; at < len(list); {
		a, err := decodeAttribute(list, at)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && a.ID <= all[len(all)-1].ID { // ascending, SPC-5
			return nil, spc.BadParameter(at, -1)
		}
		all = append(all, a)
		at += attributeHeader + len(a.Value)
	}
	return all, nil
}

// decodeAttribute reads one attribute that a host may write; a value of no bytes is for deleting it.
func decodeAttribute(list []byte, at int) (Attribute, error) {
	b := list[at:]
	if len(b) < attributeHeader {
		return Attribute{}, spc.Refuse(scsi.IllegalRequest, spc.ParameterListLength)
	}
	id, length := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[3:]))
	rule, known := hostAttributes[id]
	switch {
	case !known:
		return Attribute{}, spc.BadParameter(at, -1)
	case b[2] != rule.format: // and READ ONLY set
		return Attribute{}, spc.BadParameter(at+2, -1)
	case length > rule.length, rule.exact && length != 0 && length != rule.length:
		return Attribute{}, spc.BadParameter(at+3, -1)
	case len(b) < attributeHeader+length:
		return Attribute{}, spc.Refuse(scsi.IllegalRequest, spc.ParameterListLength)
	}
	return Attribute{ID: id, Format: rule.format, Value: bytes.Clone(b[attributeHeader : attributeHeader+length])}, nil
}
