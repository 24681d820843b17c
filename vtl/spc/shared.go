package spc

import (
	"context"

	"calypso/tape/scsi"
)

// Shared is what all hosts of a device have in common, whatever the type of the device.
type Shared struct {
	Attentions   *AttentionQueues
	Reservations *Reservations
	Clock        *Clock
}

// SharedState is Shared as it is kept between two runs; a power cycle loses it. The unit attentions of
// the default nexus are kept elsewhere.
type SharedState struct {
	Nexuses      map[Nexus][]scsi.ASC `json:"nexuses"` // unit attentions of all but the default nexus
	Reservations Reservations         `json:"reservations"`
	Clock        Clock                `json:"clock"`
}

// State gives what to keep.
func (s Shared) State() SharedState {
	return SharedState{s.Attentions.others(), s.Reservations.clone(), *s.Clock}
}

// Restore takes what State gave. Reservations that cannot have come about are none.
func (s Shared) Restore(kept SharedState) {
	s.Attentions.restore(kept.Nexuses)
	if kept.Reservations.sound() {
		*s.Reservations = kept.Reservations.clone()
	}
	*s.Clock = kept.Clock
}

// PowerOn is a power cycle.
func (s Shared) PowerOn() {
	*s.Reservations = Reservations{}
	s.Clock.PowerOn()
	s.Attentions.Add(PowerOn)
}

// Alert queues asc in a kept state for all but the default nexus.
func (k *SharedState) Alert(asc scsi.ASC) {
	for n, pending := range k.Nexuses {
		a := Attentions(pending)
		a.Add(asc)
		k.Nexuses[n] = a
	}
}

// SharedCommands are the commands that every device type has in the same way; of gives what they work
// on, changes marks those that an observer may not have.
func SharedCommands[S any](of func(S) Shared, changes Flags) []Command[S] {
	run := func(f func(Shared, *Call) error) func(S, context.Context, *Call) error {
		return func(s S, _ context.Context, c *Call) error { return f(of(s), c) }
	}
	list := []Command[S]{
		{Name: "RESERVE(6)", Action: NoAction, Usage: "16 00 00 00 00 00", Flags: changes, Run: run(reserve)},
		{Name: "RELEASE(6)", Action: NoAction, Usage: "17 00 00 00 00 00", Flags: changes, Run: run(release)},
		{Name: "RECEIVE DIAGNOSTIC RESULTS", Action: NoAction, Usage: "1C 01 FF FF FF 00", Run: run(receiveDiagnostic)},
		{Name: "SEND DIAGNOSTIC", Action: NoAction, Usage: "1D F7 00 FF FF 00", Flags: changes, Run: run(sendDiagnostic)},
		{Name: "RESERVE(10)", Action: NoAction, Usage: "56 00 00 00 00 00 00 00 00 00", Flags: changes, Run: run(reserve)},
		{Name: "RELEASE(10)", Action: NoAction, Usage: "57 00 00 00 00 00 00 00 00 00", Flags: changes, Run: run(release)},
		{Name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", Action: 0x0D, Usage: "A3 1F 80 00 00 00 FF FF FF FF 00 00", Run: run(reportTaskManagement)},
		{Name: "REPORT TIMESTAMP", Action: 0x0F, Usage: "A3 1F 00 00 00 00 FF FF FF FF 00 00", Run: run(reportTimestamp)},
		{Name: "SET TIMESTAMP", Action: 0x0F, Usage: "A4 1F 00 00 00 00 FF FF FF FF 00 00", Flags: changes, Run: run(setTimestamp)},
	}
	for _, r := range reserveInCommands {
		list = append(list, Command[S]{Name: "PERSISTENT RESERVE IN, " + r.name, Action: r.action,
			Usage: "5E 1F 00 00 00 00 00 FF FF 00", Run: run(reserveIn(r.data))})
	}
	for _, r := range reserveOutCommands {
		list = append(list, Command[S]{Name: "PERSISTENT RESERVE OUT, " + r.name, Action: r.action,
			Usage: "5F 1F FF 00 00 FF FF FF FF 00", Flags: changes, Run: run(reserveOutBy(r.run))})
	}
	return list
}

// reserveIn answers a PERSISTENT RESERVE IN, which conflicts with RESERVE, whoever asks (SPC-2).
func reserveIn(data func(*Reservations) []byte) func(Shared, *Call) error {
	return func(s Shared, c *Call) error {
		if s.Reservations.Reserved != nil {
			return ErrConflict
		}
		return c.Reply(data(s.Reservations), int(c.U16(7)))
	}
}

func reserveOutBy(run func(*reserveOut) error) func(Shared, *Call) error {
	return func(s Shared, c *Call) error {
		o, err := decodeReserveOut(c, s)
		if err != nil {
			return err
		}
		return run(o)
	}
}
