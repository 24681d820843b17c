package spc

import (
	"maps"

	"calypso/tape/scsi"
)

// Nexus names an I_T nexus: one host as it reaches the device (SAM-6). The name should be what the
// transport calls the host, an iSCSI name for example; it must be the same every time.
type Nexus string

// DefaultNexus is the host of Exec: the only one of a device that is not shared.
const DefaultNexus Nexus = ""

// AttentionQueues are the unit attentions of every I_T nexus that the device knows. The zero value
// knows the default one.
type AttentionQueues struct {
	queues map[Nexus]*Attentions
}

// Of gives the queue of a nexus. To one that was never seen the device was switched on just now.
func (q *AttentionQueues) Of(n Nexus) *Attentions {
	if a, ok := q.queues[n]; ok {
		return a
	}
	if q.queues == nil {
		q.queues = make(map[Nexus]*Attentions)
	}
	a := new(Attentions)
	if n != DefaultNexus {
		a.Add(PowerOn)
	}
	q.queues[n] = a
	return a
}

// Add queues asc for every nexus: an event at the device itself.
func (q *AttentionQueues) Add(asc scsi.ASC) {
	q.Of(DefaultNexus).Add(asc)
	q.AddOthers(DefaultNexus, asc)
}

// AddOthers queues asc for every nexus but the one whose command was the event.
func (q *AttentionQueues) AddOthers(n Nexus, asc scsi.ASC) {
	q.Of(DefaultNexus)
	for other, a := range q.queues {
		if other != n {
			a.Add(asc)
		}
	}
}

// AddWhere queues asc for the nexuses that an event is of interest to.
func (q *AttentionQueues) AddWhere(asc scsi.ASC, concerned func(Nexus) bool) {
	q.Of(DefaultNexus)
	for n, a := range q.queues {
		if concerned(n) {
			a.Add(asc)
		}
	}
}

// others gives what all but the default nexus have pending, to be kept; the queues are cloned.
func (q *AttentionQueues) others() map[Nexus][]scsi.ASC {
	kept := make(map[Nexus][]scsi.ASC)
	for n, a := range q.queues {
		if n != DefaultNexus {
			kept[n] = append([]scsi.ASC{}, *a...)
		}
	}
	return kept
}

// restore takes what others gave.
func (q *AttentionQueues) restore(kept map[Nexus][]scsi.ASC) {
	for n := range maps.Keys(kept) {
		a := q.Of(n)
		*a = append((*a)[:0], kept[n]...)
	}
}
