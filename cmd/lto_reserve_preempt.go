package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/scsi"
)

// Taking a key away is a moderate change: it destroys nothing on the tape, and --key names whose it is. What it
// breaks off is said.
func ltoReservePreemptCommand() *command {
	return reserveVerb(&command{
		Name: "preempt", Summary: "take the reservation of another host away",
		Description: "Takes the registrations with a key away, and what was reserved with it. The device is free then; nothing is reserved for this host. For a host that is gone and cannot release it itself.\n\nA host that still lives is not stopped from what it has begun, but its next command is told: calypso there ends with an error and an archive that is not complete. --abort ends the commands that it is waiting for, too. Make sure that it is gone before you use the drive.\n\n--all takes the keys of all hosts away.",
		Flags: []flag{
			stringFlag("key", "KEY", "the key, in hexadecimal as 'list' shows it"),
			boolFlag("all", "every key, in place of --key"),
			boolFlag("abort", "end the commands of that host that the device has begun"),
		},
		Examples: []example{{"calypso lto reserve preempt -f vtl01:0 --key 0xca193f60b20004d2", "take the drive from a host that is gone"}},
		Mutates:  true, Danger: moderate,
		Run: runReservePreempt,
	})
}

// reservePreemptDoc is `calypso lto reserve preempt --json`.
type reservePreemptDoc struct {
	Device    string            `json:"device"`
	Preempted []registrationDoc `json:"preempted"`
}

func runReservePreempt(ctx context.Context, inv *invocation) (err error) {
	victim, err := inv.victim()
	if err != nil {
		return err
	}
	r, all, err := inv.askReservable(ctx, true)
	if err != nil {
		return err
	}
	defer closeInto(&err, r)
	if victim != 0 {
		all.Registrations = slices.DeleteFunc(all.Registrations, func(g scsi.Registration) bool { return g.Key != victim })
		if len(all.Registrations) == 0 {
			return errcode.New(errcode.ReserveNotFound, r.name, "no host has registered key %s", tape.KeyText(victim))
		}
	}
	doc := reservePreemptDoc{r.name, newReserveListDoc(r, all).Registrations}
	if len(doc.Preempted) > 0 {
		if err := inv.preempt(ctx, r, doc, victim); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) { p.preempted(doc, inv.dryRun) })
}

func (inv *invocation) preempt(ctx context.Context, r *reservable, doc reservePreemptDoc, victim uint64) error {
	var whose []string
	for _, g := range doc.Preempted {
		whose = append(whose, g.Key+" ("+g.Owner.Text+")")
	}
	if err := inv.confirm(ctx, fmt.Sprintf("take %s away from %s; what that host does with it breaks off", strings.Join(whose, ", "), doc.Device)); err != nil {
		return err
	}
	switch {
	case inv.dryRun:
		return nil
	case victim == 0:
		return r.OustAll(ctx, tape.OwnKey())
	}
	return r.Oust(ctx, tape.OwnKey(), victim, inv.flag("abort"))
}

// victim is the key of --key; 0 for --all.
func (inv *invocation) victim() (uint64, error) {
	text, all := inv.str("key"), inv.flag("all")
	switch {
	case (text == "") != all:
		return 0, usageErrorf("say which key with either --key KEY or --all").WithHint("'calypso lto reserve list' shows them")
	case all && inv.flag("abort"):
		return 0, usageErrorf("--abort goes with --key: to clear all keys ends no commands")
	case all:
		return 0, nil
	}
	key, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(text), "0x"), 16, 64)
	if err != nil || key == 0 {
		return 0, usageErrorf("--key: %q is no reservation key: want up to 16 hexadecimal digits, not all 0", text)
	}
	return key, nil
}

func (p *page) preempted(doc reservePreemptDoc, dryRun bool) {
	verb := "took"
	if dryRun {
		verb = "would take"
	}
	for _, g := range doc.Preempted {
		p.line("%s %s away from %s: %s", verb, g.Key, doc.Device, g.Owner.Text)
	}
	if len(doc.Preempted) == 0 {
		p.line("nobody has registered with %s", doc.Device)
	}
}
