package cmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/tape"
)

// mailslotPause is how long --wait waits between two looks at the I/O slots.
var mailslotPause = 2 * time.Second

// mailslotPatience is how long the lock of the changer is waited for when somebody is asked to open its door.
const mailslotPatience = 10 * time.Second

func waitFlag(what string) flag {
	return durationFlag("wait", "wait so long for somebody to "+what+"; at a terminal without it, ask and wait for the answer")
}

// mailslot is how a verb needs the I/O slots, which is for a person to bring about.
type mailslot struct {
	library string
	task    string // what the person is to do
	ready   func(v tape.Inventory) bool
	late    error // nobody did it
}

// mailslotFull wants a cartridge in an I/O slot; number 0 is any.
func mailslotFull(library string, number int) mailslot {
	where := "the I/O slots"
	if number > 0 {
		where = fmt.Sprintf("I/O slot %d", number)
	}
	return mailslot{library, fmt.Sprintf("put cartridges into %s of %s and close the door", where, library),
		func(v tape.Inventory) bool {
			return reachable(v, func(e tape.Element) bool { return e.Full && (number == 0 || e.Number == number) })
		},
		errcode.New(errcode.SlotEmpty, library, "no cartridge came into %s", where)}
}

// mailslotFree wants room in the I/O slots.
func mailslotFree(library string) mailslot {
	return mailslot{library, fmt.Sprintf("take the cartridges out of the I/O slots of %s and close the door", library),
		func(v tape.Inventory) bool {
			return reachable(v, func(e tape.Element) bool { return !e.Full && !e.Disabled && !e.Exception })
		},
		errcode.New(errcode.NoFreeSlot, library, "nobody made room in the I/O slots")}
}

// reachable says whether an I/O slot is as wanted and the robot can reach it. A library that says of no place
// that it can does not tell.
func reachable(v tape.Inventory, wanted func(tape.Element) bool) bool {
	tells := slices.ContainsFunc(v.Elements, func(e tape.Element) bool { return e.Accessible && e.Kind != tape.Transport })
	return slices.ContainsFunc(v.Of(tape.IO), func(e tape.Element) bool { return wanted(e) && (e.Accessible || !tells) })
}

// awaitMailslot waits until a person has done the task. Without --wait and without a person it does not wait:
// then the verb itself says what is missing. The caller holds no lock: whoever is to open the door needs it.
func (inv *invocation) awaitMailslot(ctx context.Context, m mailslot) error {
	if inv.dryRun || !inv.waitsForMailslot() {
		return nil
	}
	ready, err := inv.mailslotIs(ctx, m)
	switch {
	case err != nil || ready:
		return err
	case inv.isSet("wait"):
		return inv.pollMailslot(ctx, m)
	}
	return inv.askForMailslot(ctx, m)
}

// waitsForMailslot says whether there is somebody to wait for.
func (inv *invocation) waitsForMailslot() bool { return inv.isSet("wait") || inv.InTTY && !inv.json }

// expectPeople lets the verb wait for the lock of the changer too: whoever sees to the door may have it, a moment
// longer than the library needs to show what he did.
func (inv *invocation) expectPeople() {
	if inv.waitsForMailslot() {
		inv.patience = max(inv.duration("wait"), mailslotPatience)
	}
}

func (inv *invocation) mailslotIs(ctx context.Context, m mailslot) (ready bool, err error) {
	c, err := inv.observeChanger(ctx, m.library)
	if err != nil {
		return false, err
	}
	defer closeInto(&err, c)
	v, err := c.Inventory(ctx)
	if err == nil && len(v.Of(tape.IO)) == 0 {
		return false, errcode.New(errcode.SlotNotFound, m.library, "the library has no I/O slots")
	}
	return err == nil && m.ready(v), err
}

func (inv *invocation) pollMailslot(ctx context.Context, m mailslot) error {
	inv.note("waiting up to %s for somebody to %s", inv.duration("wait"), m.task)
	for end := time.Now().Add(inv.duration("wait")); ; {
		pause := min(mailslotPause, time.Until(end))
		if pause <= 0 {
			return m.late
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		if ready, err := inv.mailslotIs(ctx, m); err != nil || ready {
			return err
		}
	}
}

// askForMailslot asks the person at the terminal until it is done.
func (inv *invocation) askForMailslot(ctx context.Context, m mailslot) error {
	for {
		asked, err := inv.prompt(ctx, m.task+", then press Enter (Ctrl-C ends): ")
		switch {
		case err != nil:
			return err
		case !asked:
			return m.late
		}
		if ready, err := inv.mailslotIs(ctx, m); err != nil || ready {
			return err
		}
		inv.note("the library does not see it yet")
	}
}
