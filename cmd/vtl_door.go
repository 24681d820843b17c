package cmd

import (
	"context"

	"calypso/sys/errcode"
	"calypso/vtl"
)

func vtlDoorGroup() *command {
	return &command{
		Name: "door", Summary: "open and close the door of the I/O slots",
		Description: "The I/O slots of a virtual library are behind one door. While it is open the robot cannot reach them, as in a real library; 'calypso vtl tape add --io-slot' puts tapes in and 'calypso vtl tape remove' takes them out, whether or not it was opened first.",
		Commands: []*command{
			vtlDoorCommand("open", "open the door of the I/O slots", "Opens the door of the I/O slots. A host that prevents the removal of media keeps it locked."),
			vtlDoorCommand("close", "close the door of the I/O slots", "Closes the door of the I/O slots. The host of the library learns that they were accessed."),
		},
	}
}

func vtlDoorCommand(action, summary, description string) *command {
	return &command{
		Name: action, Summary: summary, Description: description,
		Args:     []arg{libraryArg()},
		Examples: []example{{"calypso vtl door " + action + " vtl01", summary}},
		Exits:    []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy},
		Mutates:  true,
		Run: func(ctx context.Context, inv *invocation) error {
			return runVTLDoor(ctx, inv, action == "open")
		},
	}
}

// vtlDoorDoc is `calypso vtl door open|close --json`.
type vtlDoorDoc struct {
	Library string `json:"library"`
	Open    bool   `json:"open"`
	Was     bool   `json:"was_open"`
}

func runVTLDoor(ctx context.Context, inv *invocation, open bool) (err error) {
	library := inv.arg("LIBRARY")
	release, err := inv.lockChanger(ctx, library)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	store := vtl.NewStore(inv.places)
	doc := vtlDoorDoc{Library: library, Open: open, Was: store.DoorOpen(library)}
	if !inv.dryRun {
		if err := store.Door(ctx, library, open); err != nil {
			return err
		}
	}
	return inv.emit(doc, func(p *page) { p.line("%s", doc.text(inv.dryRun)) })
}

func (d vtlDoorDoc) text(dryRun bool) string {
	state := map[bool]string{true: "open", false: "closed"}[d.Open]
	door := "the door of the I/O slots of " + d.Library
	switch {
	case d.Open == d.Was:
		return door + " is " + state + " already"
	case dryRun:
		return "would have " + door + " " + state
	}
	return door + " is " + state
}
