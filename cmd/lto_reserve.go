package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"calypso/tape"
	"calypso/tape/scsi"
)

func ltoReserveGroup() *command {
	return &command{
		Name: "reserve", Summary: "see who has reserved a drive or a changer, and end a reservation that stayed",
		Description: "The verbs that use a drive or a robot take --reserve: a SCSI persistent reservation (exclusive access) that keeps other hosts off for as long as the command runs. It is released however the command ends, but for a crash of the host, SIGKILL or a second signal. These verbs show it and end it.\n\n-f names a drive as for every verb, or for its changer the library.\n\nA reservation key of calypso tells who registered it: ca19h, 6 digits of the host, 6 digits of its process. The digits of the host are the beginning of a hash of its machine-id and are shown by 'list' as 'this host'.",
		Commands:    []*command{ltoReserveListCommand(), ltoReserveReleaseCommand(), ltoReservePreemptCommand()},
	}
}

// reserveVerb is ltoVerb with a -f that takes changers too.
func reserveVerb(c *command) *command {
	c = ltoVerb(c)
	c.Flags[0].usage = "the drive, as everywhere, or a library for its changer; default $TAPE, then the configured drive"
	return c
}

// reservable is an open drive or changer.
type reservable struct {
	*tape.Unit
	closers
	name, kind, serial string
}

// openReservable opens what --drive names: with its lock and, for a drive, against the other programs of this
// host if it is to be changed.
func (inv *invocation) openReservable(ctx context.Context, change bool) (*reservable, error) {
	name := inv.str("drive")
	if _, err := inv.findLibrary(name); name != "" && err == nil {
		return inv.reservableChanger(ctx, name, change)
	}
	var d *drive
	var err error
	if change {
		d, err = inv.openDrive(ctx)
	} else {
		d, _, err = inv.observeDrive(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &reservable{&d.Drive.Unit, d.closers, d.name, "drive", d.serial}, nil
}

// askReservable opens it and asks who has registered and who holds it.
func (inv *invocation) askReservable(ctx context.Context, change bool) (*reservable, tape.Reservations, error) {
	r, err := inv.openReservable(ctx, change)
	if err != nil {
		return nil, tape.Reservations{}, err
	}
	all, err := r.Reservations(ctx)
	if err != nil {
		return nil, all, errors.Join(err, r.Close())
	}
	return r, all, nil
}

func (inv *invocation) reservableChanger(ctx context.Context, name string, change bool) (*reservable, error) {
	inv.setObject(name)
	var c *changer
	var err error
	if change {
		c, err = inv.openChanger(ctx, name)
	} else {
		c, err = inv.observeChanger(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	return &reservable{&c.Changer.Unit, c.closers, c.library.Name, "changer", c.library.Serial}, nil
}

// reserveListDoc is `calypso lto reserve list --json`.
type reserveListDoc struct {
	Device        string            `json:"device"`
	Kind          string            `json:"kind"` // drive, changer
	Serial        *string           `json:"serial"`
	HostID        string            `json:"this_host_id"`
	Reservation   *reservationDoc   `json:"reservation"` // null: nobody holds one
	Generation    uint32            `json:"generation"`  // counts the changes of registrations
	Registrations []registrationDoc `json:"registrations"`
	PowerLoss     *bool             `json:"survives_power_loss"`
	Types         []string          `json:"types"`
}

// reservationDoc is who holds a device.
type reservationDoc struct {
	Type  string      `json:"type"`
	Key   *string     `json:"key"` // null: all registrants hold it
	Owner keyOwnerDoc `json:"owner"`
}

func newReservationDoc(r *scsi.Reservation) *reservationDoc {
	if r == nil {
		return nil
	}
	doc := &reservationDoc{Type: reservationWord(r.Type), Owner: newKeyOwnerDoc(tape.OwnerOf(r.Key))}
	if r.Key != 0 {
		doc.Key = addressOf(tape.KeyText(r.Key))
	}
	return doc
}

// reservationWord is the type as JSON has it: "exclusive_access".
func reservationWord(t scsi.ReservationType) string {
	return strings.ReplaceAll(strings.ReplaceAll(t.String(), ",", ""), " ", "_")
}

// String is "exclusive access, key 0x…: whose it is".
func (d *reservationDoc) String() string {
	text := strings.ReplaceAll(d.Type, "_", " ")
	if d.Key == nil {
		return text + ": held by all that are registered"
	}
	return fmt.Sprintf("%s, key %s: %s", text, *d.Key, d.Owner.Text)
}

// keyOwnerDoc is what a key tells of who registered it. What it does not tell is null.
type keyOwnerDoc struct {
	Software *string `json:"software"` // calypso
	HostID   *string `json:"host_id"`
	ThisHost *bool   `json:"this_host"`
	PID      *int    `json:"pid"`
	Running  *bool   `json:"running"` // of this host alone
	Command  *string `json:"command"`
	Text     string  `json:"text"`
}

func newKeyOwnerDoc(o tape.KeyOwner) keyOwnerDoc {
	doc := keyOwnerDoc{Text: o.String()}
	if !o.Calypso {
		return doc
	}
	doc.Software, doc.HostID, doc.ThisHost, doc.PID, doc.Command = addressOf("calypso"), &o.HostID, &o.ThisHost, &o.PID, orNull(o.Command)
	if o.ThisHost {
		doc.Running = &o.Running
	}
	return doc
}

type registrationDoc struct {
	Key       string      `json:"key"`
	Holder    bool        `json:"holder"`
	Initiator *string     `json:"initiator"` // null: the device does not tell
	Port      *int        `json:"relative_target_port"`
	AllPorts  *bool       `json:"all_target_ports"`
	Owner     keyOwnerDoc `json:"owner"`
}

func ltoReserveListCommand() *command {
	return reserveVerb(&command{
		Name: "list", Summary: "show the reservation, its holder and all registered keys",
		Description: "Asks the device who has registered a reservation key and who holds a reservation, and says of keys of calypso whose they are: a process of this host, one that is gone, or another host. It takes no lock and disturbs nobody, also on a device that another host has reserved.\n\nA device that does not know persistent reservations gives status 15; one that a host has reserved in the old way (RESERVE) tells no key, and gives 11.",
		Examples: []example{
			{"calypso lto reserve list -f vtl01:0", "who has the drive"},
			{"calypso lto reserve list -f vtl01", "who has the changer of its library"},
			{"calypso lto reserve list -f vtl01:0 --json | jq -r .reservation.key", "the key of the holder"},
		},
		Run: runReserveList,
	})
}

func runReserveList(ctx context.Context, inv *invocation) (err error) {
	r, all, err := inv.askReservable(ctx, false)
	if err != nil {
		return err
	}
	defer closeInto(&err, r)
	doc := newReserveListDoc(r, all)
	return inv.emit(doc, func(p *page) { p.reservations(doc) })
}

func newReserveListDoc(r *reservable, all tape.Reservations) reserveListDoc {
	doc := reserveListDoc{Device: r.name, Kind: r.kind, Serial: orNull(r.serial), HostID: tape.HostID(),
		Reservation: newReservationDoc(all.Holder), Generation: all.Generation}
	for _, g := range all.Registrations {
		reg := registrationDoc{Key: tape.KeyText(g.Key), Holder: g.Holder, Initiator: orNull(g.Initiator), Owner: newKeyOwnerDoc(tape.OwnerOf(g.Key))}
		if all.Told {
			reg.AllPorts = &g.AllPorts
		}
		if g.Port != 0 {
			reg.Port = addressOf(int(g.Port))
		}
		doc.Registrations = append(doc.Registrations, reg)
	}
	if c := all.Capabilities; c != nil {
		doc.PowerLoss = &c.PowerLossActive
		for _, t := range c.Types {
			doc.Types = append(doc.Types, reservationWord(t))
		}
	}
	return doc
}

func (p *page) reservations(doc reserveListDoc) {
	state := "by nobody"
	if doc.Reservation != nil {
		state = doc.Reservation.String()
	}
	p.fitPairs("device", fmt.Sprintf("%s, serial %s", doc.Device, cell(doc.Serial)), "reserved", state, "this host", doc.HostID)
	if len(doc.Registrations) == 0 {
		return
	}
	p.blank()
	t := newTable("key", "holds", "initiator", "whose it is")
	for _, g := range doc.Registrations {
		t.row(g.Key, g.Holder, g.Initiator, g.Owner.Text)
	}
	p.table(t, "")
}

func ltoReserveReleaseCommand() *command {
	return reserveVerb(&command{
		Name: "release", Summary: "end what a dead process of this host left reserved",
		Description: "Ends the registrations, and with them the reservation, that processes of this host made which are gone. Those of processes that run, of other programs and of other hosts stay. A key that was registered over another path than the one that is used now stays too, since the device takes the two for different hosts: it is named, and 'calypso lto reserve preempt' takes it away.\n\nNot needed before the next command of this host with --reserve: that does it by itself.",
		Examples:    []example{{"calypso lto reserve release -f vtl01:0", "after a crash of this host"}},
		Mutates:     true,
		Run:         runReserveRelease,
	})
}

// reserveReleaseDoc is `calypso lto reserve release --json`.
type reserveReleaseDoc struct {
	Device   string   `json:"device"`
	Released []string `json:"released"`
	Left     []string `json:"left"` // of this host, over another path
}

func runReserveRelease(ctx context.Context, inv *invocation) (err error) {
	r, all, err := inv.askReservable(ctx, true)
	if err != nil {
		return err
	}
	defer closeInto(&err, r)
	doc := reserveReleaseDoc{Device: r.name}
	dropped := leftKeys(all)
	if !inv.dryRun {
		if dropped, err = r.DropLeft(ctx); err != nil {
			return err
		}
		if all, err = r.Reservations(ctx); err != nil {
			return err
		}
		doc.Left = keyTexts(leftKeys(all))
	}
	doc.Released = keyTexts(dropped)
	for _, k := range doc.Left {
		inv.warn("%s stays: it was registered over another path; 'calypso lto reserve preempt --key %s' takes it away", k, k)
	}
	return inv.emit(doc, func(p *page) {
		verb := "released"
		if inv.dryRun {
			verb = "would release"
		}
		for _, k := range doc.Released {
			p.line("%s %s of %s", verb, k, doc.Device)
		}
		if len(doc.Released) == 0 {
			p.line("this host left nothing reserved on %s", doc.Device)
		}
	})
}

// leftKeys are the keys of processes of this host that are gone.
func leftKeys(all tape.Reservations) []uint64 {
	var list []uint64
	for _, g := range all.Registrations {
		if tape.OwnerOf(g.Key).Left() {
			list = append(list, g.Key)
		}
	}
	return list
}

func keyTexts(keys []uint64) []string {
	var list []string
	for _, k := range keys {
		list = append(list, tape.KeyText(k))
	}
	return list
}
