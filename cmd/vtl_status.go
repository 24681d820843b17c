package cmd

import (
	"context"
	"os"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/tape/scsi/sg"
	"calypso/vtl"
)

func vtlStatusCommand() *command {
	return &command{
		Name: "status", Summary: "show who serves a virtual library, and its devices",
		Description: "Shows whether 'calypso vtl serve' serves the library, the devices of this host that are its changer and drives, how many commands and bytes went through each since the server started, how many bytes a second at present, how many commands wait for an answer, and which iSCSI initiators are logged in. An initiator that is not allowed shows up in the kernel's log alone. The figures are at most some seconds old. Takes no lock.",
		Args:        []arg{libraryArg()},
		Examples:    []example{{"calypso vtl status vtl01", "who serves it, and as which devices"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound},
		Run:         runVTLStatus,
	}
}

// vtlStatusDoc is `calypso vtl status --json`.
type vtlStatusDoc struct {
	Library  string          `json:"library"`
	Served   bool            `json:"served"`
	By       *holderDoc      `json:"by"`
	Written  *time.Time      `json:"as_of"` // null: the server has told nothing yet
	ISCSI    *iscsiDoc       `json:"iscsi"`
	Sessions []sessionDoc    `json:"sessions"`
	Units    []servedUnitDoc `json:"units"`
}

type sessionDoc struct {
	Initiator string  `json:"initiator"`
	State     string  `json:"state"`
	Address   *string `json:"address"`
}

// servedUnitDoc is the changer or a drive of a served library. The nodes are null while this host has none.
type servedUnitDoc struct {
	Name    string  `json:"name"`
	LUN     int     `json:"lun"`
	Serial  string  `json:"serial"`
	Generic *string `json:"generic"` // /dev/sgN
	Tape    *string `json:"tape"`    // /dev/nstN
	Changer *string `json:"changer"` // /dev/schN

	Commands     *int64     `json:"commands"`
	ReadBytes    *int64     `json:"read_bytes"`
	WrittenBytes *int64     `json:"written_bytes"`
	BusySince    *time.Time `json:"busy_since"`
	Queued       *int       `json:"queued_commands"` // commands without an answer, the one being carried out among them
	ReadRate     *int64     `json:"read_bytes_per_second"`
	WrittenRate  *int64     `json:"written_bytes_per_second"`
}

func runVTLStatus(_ context.Context, inv *invocation) error {
	store := vtl.NewStore(inv.places)
	lib, err := store.Get(inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	holder, err := store.Serving(lib.Name)
	if err != nil {
		return err
	}
	doc := vtlStatusDoc{Library: lib.Name, Served: holder != nil, By: newHolderDoc(holder), Units: newServeDoc(lib, vtl.ServeOptions{}).Units}
	if holder != nil {
		if err := doc.fill(store, holder); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) { doc.draw(p) })
}

// fill adds what the server tells and what this host shows.
func (d *vtlStatusDoc) fill(store *vtl.Store, holder *lock.Holder) error {
	st, err := store.ServeStatus(d.Library, holder.PID)
	if err != nil {
		return err
	}
	if st == nil {
		return nil
	}
	d.Written = &st.Written
	if st.Loop {
		findNodes(d.Units)
	}
	if st.IQN != "" {
		d.ISCSI = &iscsiDoc{st.IQN, st.Portal, st.Initiators}
	}
	for _, s := range st.Sessions {
		d.Sessions = append(d.Sessions, sessionDoc{s.Initiator, s.State, orNull(s.Address)})
	}
	for i := range d.Units {
		for _, u := range st.Units {
			if u.Serial == d.Units[i].Serial {
				d.Units[i].count(u)
			}
		}
	}
	return nil
}

func (d *servedUnitDoc) count(u vtl.UnitStatus) {
	d.Commands, d.ReadBytes, d.WrittenBytes, d.BusySince = &u.Commands, &u.ReadBytes, &u.WrittenBytes, u.BusySince
	d.Queued, d.ReadRate, d.WrittenRate = &u.Queued, u.ReadRate, u.WrittenRate
}

func (d vtlStatusDoc) draw(p *page) {
	if !d.Served {
		p.line("%s is not served", d.Library)
		return
	}
	p.line("%s is served by pid %d since %s", d.Library, d.By.PID, d.By.Since.UTC().Format(time.RFC3339))
	if d.ISCSI != nil {
		p.line("iSCSI target %s at %s", d.ISCSI.IQN, d.ISCSI.Portal)
	}
	for _, s := range d.Sessions {
		p.line("session of %s: %s", s.Initiator, s.State)
	}
	t := newTable("unit", ">lun", "sg", "st", "ch", ">commands", ">queue", ">read", ">written", ">read/s", ">written/s", "busy since")
	for _, u := range d.Units {
		t.row(u.Name, u.LUN, u.Generic, u.Tape, u.Changer, u.Commands, u.Queued, sizeCell(u.ReadBytes), sizeCell(u.WrittenBytes), sizeCell(u.ReadRate), sizeCell(u.WrittenRate), u.BusySince)
	}
	p.table(t, "no units")
}

func sizeCell(n *int64) any {
	if n == nil {
		return nil
	}
	return bytesText(*n)
}

// unitTable is where the units are.
func (p *page) unitTable(units []servedUnitDoc) {
	t := newTable("unit", ">lun", "serial", "sg", "st", "ch")
	for _, u := range units {
		t.row(u.Name, u.LUN, u.Serial, u.Generic, u.Tape, u.Changer)
	}
	p.table(t, "no units")
}

// findNodes looks for the device nodes of units by their serial numbers and says whether it found all that
// there will be: a unit has an sg node, a drive an nst node too.
func findNodes(units []servedUnitDoc) (complete bool) {
	nodes, err := sg.Nodes("/sys")
	if err != nil {
		return false
	}
	complete = true
	for i := range units {
		u := &units[i]
		for _, n := range nodes {
			if n.Serial == u.Serial && ofLoopback(n) {
				u.Generic, u.Tape, u.Changer = orNull(n.Generic), orNull(n.NoRewind), orNull(n.Changer)
			}
		}
		complete = complete && settled(u.Generic) && (u.LUN == 0 || settled(u.Tape))
	}
	return complete
}

// settled says whether udev made the node by now, with its links: what is started after this server may go by them.
func settled(path *string) bool { return path != nil && sg.Settled(*path, "/run/udev") }

// awaitNodes waits for the kernel and udev.
func (inv *invocation) awaitNodes(ctx context.Context, units []servedUnitDoc) {
	for end := time.Now().Add(nodesWait); !findNodes(units); {
		if time.Now().After(end) {
			inv.warn("some devices did not appear within %s; are the modules sg, st and ch there?", nodesWait)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ofLoopback says whether a node is of the kernel's loopback: this host may also be logged in to the library
// by iSCSI, and see each device twice.
func ofLoopback(n sg.Node) bool {
	host, _, _ := strings.Cut(n.Address, ":")
	name, err := os.ReadFile("/sys/class/scsi_host/host" + host + "/proc_name")
	return err == nil && strings.HasPrefix(string(name), "tcm_loop")
}
