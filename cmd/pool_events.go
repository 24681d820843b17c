package cmd

import (
	"context"
	"fmt"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs"
	"calypso/zfs/pool"
)

func poolEventsVerb() *command {
	return &command{
		Name: "events", Summary: "list what the kernel told of the pools",
		Description: "Lists the events that the kernel remembers, oldest first: errors (ereport), changes of state (resource), and what was done (sysevent). It keeps some hundreds, of all pools together, until the module is unloaded. The lines of the history are left out without --history. A pool that is suspended answers too.\n\n--follow waits for more until it is interrupted or --timeout is over; with --json it prints one JSON object a line, each an event. Needs root.",
		Args:        []arg{{Name: "POOL", Usage: "only of this pool", Optional: true}},
		Flags: []flag{
			boolFlag("follow", "wait for more"),
			boolFlag("history", "with the lines of the pools' history"),
		},
		Examples: []example{
			{"calypso pool events tank", "what happened to a pool"},
			{"calypso pool events --follow --json", "as they come, for a script"},
		},
		Exits: []errcode.Exit{errcode.ExitNotFound, errcode.ExitUnsupported},
		Run:   runPoolEvents,
	}
}

// poolEventsDoc is `calypso pool events --json`.
type poolEventsDoc struct {
	Events []poolEventDoc `json:"events"`
}

type poolEventDoc struct {
	ID       *string           `json:"id"`
	Time     time.Time         `json:"time"`
	Class    string            `json:"class"`
	Pool     *string           `json:"pool"`
	PoolGUID *string           `json:"pool_guid"`
	Vdev     *string           `json:"vdev"`
	VdevGUID *string           `json:"vdev_guid"`
	Detail   map[string]string `json:"detail"` // all of it, in the kernel's words
}

func newPoolEventDoc(e pool.Event) poolEventDoc {
	doc := poolEventDoc{orNull(e.ID), e.Time, e.Class, orNull(e.Pool), orNull(e.PoolGUID), orNull(e.Vdev), orNull(e.VdevGUID), map[string]string{}}
	for _, f := range e.Detail {
		doc.Detail[f.Name] = f.Value
	}
	return doc
}

func runPoolEvents(ctx context.Context, inv *invocation) error {
	name, tools := inv.arg("POOL"), zfsTools()
	if name != "" {
		if err := zfs.CheckPool(name); err != nil {
			return err
		}
	}
	if _, err := tools.States(); err != nil {
		return err
	}
	if inv.flag("follow") {
		return pool.Events(ctx, tools, name, true, inv.wantedEvent(inv.tellEvent))
	}
	doc := poolEventsDoc{}
	err := pool.Events(ctx, tools, name, false, inv.wantedEvent(func(e pool.Event) error {
		doc.Events = append(doc.Events, newPoolEventDoc(e))
		return nil
	}))
	if err != nil {
		return err
	}
	t := newTable("time", "pool", "class", "device")
	for _, e := range doc.Events {
		t.row(e.Time, e.Pool, e.Class, e.Vdev)
	}
	return inv.emit(doc, func(p *page) { p.table(t, "no events") })
}

// wantedEvent passes on what is no line of the history, or all.
func (inv *invocation) wantedEvent(tell func(pool.Event) error) func(pool.Event) error {
	return func(e pool.Event) error {
		if e.Class == "sysevent.fs.zfs.history_event" && !inv.flag("history") {
			return nil
		}
		return tell(e)
	}
}

// tellEvent writes an event at once.
func (inv *invocation) tellEvent(e pool.Event) error {
	doc := newPoolEventDoc(e)
	line := []byte(printable(fmt.Sprintf("%s  %s  %s  %s", cell(doc.Time), cell(doc.Pool), doc.Class, cell(doc.Vdev))) + "\n")
	if inv.json {
		var err error
		if line, err = encodeJSON(inv.head(), doc, false); err != nil {
			return err
		}
	}
	_, err := inv.Out.Write(line)
	return err
}
