package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/tape"
	"calypso/tape/catalog"
	"calypso/tape/whereabouts"
)

// whereabouts is where the cartridges of each library are known to be.
func (inv *invocation) whereabouts() *whereabouts.Store {
	return whereabouts.NewStore(filepath.Join(inv.places.StateDir, "whereabouts"))
}

// moved records where cartridges were moved to. What is done stays done when that cannot be written.
func (inv *invocation) moved(ctx context.Context, c *changer, list ...tape.Moved) error {
	var moves []whereabouts.Move
	for _, m := range list {
		moves = append(moves, whereabouts.Move{Barcode: m.Barcode, From: m.From, To: m.To})
	}
	return inv.recordMoves(ctx, c, moves)
}

// notMoved makes the error of a move that failed say where the cartridge is, and records that.
func (inv *invocation) notMoved(ctx context.Context, c *changer, err error, from, to tape.Element) error {
	if !tape.MayHaveMoved(err) {
		return err
	}
	m := whereabouts.Move{Barcode: from.Barcode, From: from, To: from}
	at, err := c.TellPlace(ctx, err, from, to)
	switch {
	case at == nil:
		m.Trouble = "it was lost on its way from " + from.String() + " to " + to.String()
	case at.Address != to.Address:
		m.To, m.Trouble = *at, "it was to go from "+from.String()+" to "+to.String()
	default:
		m.To = *at
	}
	if failed := inv.recordMoves(ctx, c, []whereabouts.Move{m}); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

func (inv *invocation) recordMoves(ctx context.Context, c *changer, moves []whereabouts.Move) error {
	ctx = context.WithoutCancel(ctx) // what was moved is where it is
	l, now := c.library, time.Now()
	var err error
	if l.Serial != "" {
		err = inv.whereabouts().Moved(ctx, l.Name, l.Serial, now, moves...)
	}
	for _, m := range moves {
		err = errors.Join(err, inv.relocate(ctx, l.Name, m, now))
	}
	if err == nil {
		return nil
	}
	return &errcode.Error{Code: errcode.Of(err), Object: l.Name, Msg: "where the cartridge is now could not be recorded: " + err.Error(), Err: err,
		State: "the robot has done its work"}
}

// relocate tells the catalog where a cartridge is that it knows.
func (inv *invocation) relocate(ctx context.Context, library string, m whereabouts.Move, at time.Time) error {
	place := library + ":" + m.To.String()
	if m.To.Kind == tape.DriveBay {
		place = driveName(library, m.To.Number)
	}
	if m.Trouble != "" && m.To.Address == m.From.Address {
		place = ""
	}
	if catalog.CheckVolume(m.Barcode) != nil {
		return nil
	}
	err := inv.catalog().Update(ctx, m.Barcode, func(c *catalog.Cartridge) error {
		if c.Location == place {
			return state.ErrUnchanged
		}
		c.Location, c.LastSeen = place, at.UTC().Truncate(time.Second)
		return nil
	})
	if errcode.Of(err) == errcode.MediaNotFound {
		return nil
	}
	return err
}
