package ssc

import (
	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// heads are where the drive is on the cartridge, besides the logical object.
type heads struct {
	Partition int       `json:"partition"` // the active one
	Overwrite overwrite `json:"allow_overwrite"`
}

// thread takes a cartridge that is new to the heads, or none, to the beginning of partition 0, and puts
// what it brings along into the mode pages.
func (s *Server) thread() {
	s.heads = heads{}
	s.enter(0)
	config := s.modes.Current(configPage, 0)
	config[13] = config[13]&^(associatedWP|persistentWP|permanentWP) | protectionOf(s.memory)
	s.describePartitions()
}

// enter goes to the beginning of a partition, which becomes the active one.
func (s *Server) enter(partition int) {
	s.position, s.heads.Partition, s.tape = 0, partition, nil
	if s.medium != nil {
		s.tape = s.medium.Partition(partition)
	}
	s.modes.Current(configPage, 0)[1] = byte(partition)
}

// resumeAt goes to where a clean state says the heads are, on the same cartridge as then; false: that
// cannot be.
func (s *Server) resumeAt(h heads, position int64) bool {
	if h.Partition < 0 || h.Partition >= s.medium.Partitions() {
		return false
	}
	config := s.modes.Current(configPage, 0)
	config[13] = config[13]&^(persistentWP|permanentWP) | protectionOf(s.memory)
	if !s.partitionPageSet() {
		s.describePartitions()
	}
	s.enter(h.Partition)
	if position < 0 || position > s.tape.Objects() {
		return false
	}
	s.heads, s.position = h, position
	return true
}

// changePartition is the CP bit of LOCATE with the partition in CDB byte at (SSC-5). Whatever LOCATE
// finds there, the tape is in that partition then.
func (s *Server) changePartition(c *spc.Call, at int) error {
	partition := int(c.CDB[at])
	if !c.Bit(1, 0x02) {
		return nil
	}
	if partition >= s.medium.Partitions() {
		return spc.BadCDB(at, -1)
	}
	if partition != s.heads.Partition {
		s.enter(partition)
	}
	return nil
}

// atBeginningOfMedium: BOP of partition 0.
func (s *Server) atBeginningOfMedium() bool { return s.position == 0 && s.heads.Partition == 0 }

// pastBeginning is the answer to what is taken at the beginning of the medium only.
func pastBeginning() *spc.Check { return spc.Refuse(scsi.IllegalRequest, spc.PastBeginning) }
