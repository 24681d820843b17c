package cmd

import (
	"context"
	"errors"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/catalog"
)

func mediaGroup() *command {
	return &command{
		Name: "media", Summary: "what is on which cartridge, from the catalog",
		Description: "The catalog is what calypso remembers of the cartridges it has written or scanned. It needs no drive and no tape. 'calypso lto scan' rebuilds it from the tapes.",
		Commands:    []*command{mediaListCommand(), mediaShowCommand(), mediaFindCommand(), mediaForgetCommand()},
	}
}

// mediaListDoc is `calypso media list --json`.
type mediaListDoc struct {
	Media []cartridgeDoc `json:"media"`
}

type cartridgeDoc struct {
	Volume         string         `json:"volume"`
	UUID           string         `json:"uuid"`
	Generation     *string        `json:"generation"`
	CapacityBytes  *int64         `json:"capacity_bytes"`
	BlockSizeBytes int            `json:"block_size_bytes"`
	Labelled       time.Time      `json:"labelled"`
	LastSeen       time.Time      `json:"last_seen"`
	Location       *string        `json:"location"`
	Writing        *unfinishedDoc `json:"writing"`
}

func newCartridgeDoc(c catalog.Cartridge, w *catalog.InFlight) cartridgeDoc {
	d := cartridgeDoc{Volume: c.Volume, UUID: c.UUID, Generation: orNull(c.Generation), CapacityBytes: orNullSize(c.CapacityBytes),
		BlockSizeBytes: c.BlockSizeBytes, Labelled: c.Labelled, LastSeen: c.LastSeen, Location: orNull(c.Location)}
	if w != nil {
		u := newUnfinishedDoc(w.File, w.Name, w.Started, "being written, or its writer died")
		d.Writing = &u
	}
	return d
}

func mediaListCommand() *command {
	return &command{
		Name: "list", Summary: "list the cartridges in the catalog",
		Description: "Lists the cartridges that were labelled or scanned here, and the drive each was last seen in.",
		Examples:    []example{{"calypso media list", "list them"}},
		Exits:       []errcode.Exit{errcode.ExitPartial},
		Run:         runMediaList,
	}
}

func runMediaList(_ context.Context, inv *invocation) error {
	store := inv.catalog()
	list, err := store.List()
	if list == nil && err != nil {
		return err
	}
	var doc mediaListDoc
	t := newTable("volume", "generation", ">capacity", "labelled", "last seen", "in")
	for _, c := range list {
		w, e := store.Unfinished(c.Volume)
		if errcode.Of(e) == errcode.MediaNotFound {
			continue // forgotten meanwhile
		}
		err = errors.Join(err, e)
		doc.Media = append(doc.Media, newCartridgeDoc(c, w))
		t.row(c.Volume, c.Generation, sizeText(c.CapacityBytes), c.Labelled, c.LastSeen, c.Location)
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.table(t, "no cartridges in the catalog") }))
}

// orNullSize is nil for the 0 that stands for a capacity nobody knows.
func orNullSize(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func sizeText(n int64) string {
	if n == 0 {
		return ""
	}
	return bytesText(n)
}

func volumeArg() arg { return arg{Name: "VOLUME", Usage: "name of the volume: its barcode"} }

// mediaShowDoc is `calypso media show --json`.
type mediaShowDoc struct {
	cartridgeDoc
	Archives     []archiveDoc `json:"archives"`
	WrittenBytes int64        `json:"written_bytes"`
}

func mediaShowCommand() *command {
	return &command{
		Name: "show", Summary: "show a cartridge and its archives",
		Description: "Shows what the catalog knows of a cartridge, wherever it is.",
		Args:        []arg{volumeArg()},
		Examples:    []example{{"calypso media show V00001L8", "what is on it"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound},
		Run:         runMediaShow,
	}
}

func runMediaShow(_ context.Context, inv *invocation) error {
	store := inv.catalog()
	c, err := store.Get(inv.arg("VOLUME"))
	if err != nil {
		return err
	}
	list, err := store.Archives(c.Volume)
	if err != nil {
		return err
	}
	shown := listDoc{Volume: c.Volume}
	shown.add(list)
	doc := mediaShowDoc{cartridgeDoc: newCartridgeDoc(*c, announced(c, list)), Archives: shown.Archives}
	for _, a := range list {
		doc.WrittenBytes += a.SizeBytes
	}
	if doc.Writing != nil {
		shown.Incomplete = append(shown.Incomplete, *doc.Writing)
	}
	return inv.emit(doc, func(p *page) {
		p.pairs("volume", doc.Volume, "UUID", doc.UUID, "generation", doc.Generation, "labelled", doc.Labelled,
			"last seen", doc.LastSeen, "in", doc.Location, "written", bytesText(doc.WrittenBytes))
		p.blank()
		p.archives(shown)
	})
}

// mediaFindDoc is `calypso media find --json`.
type mediaFindDoc struct {
	Pattern string   `json:"pattern"`
	Hits    []hitDoc `json:"hits"`
}

type hitDoc struct {
	Volume  string `json:"volume"`
	File    int64  `json:"file"`
	Archive string `json:"archive"`
	memberDoc
}

func mediaFindCommand() *command {
	return &command{
		Name: "find", Summary: "find the cartridges that hold a file",
		Description: "Searches the members of all archives in the catalog. A pattern with '*', '?' or '[' must match the whole path, and '*' crosses '/'; without them it matches any part of the path. Status 10 when nothing matches.",
		Args:        []arg{{Name: "PATTERN", Usage: "part of a path, or a pattern for all of it"}},
		Examples: []example{
			{"calypso media find Makefile", "every path with Makefile in it"},
			{"calypso media find '*.conf' --json | jq -r '.hits[].volume' | sort -u", "the cartridges with .conf files"},
		},
		Exits: []errcode.Exit{errcode.ExitNotFound, errcode.ExitPartial},
		Run:   runMediaFind,
	}
}

func runMediaFind(ctx context.Context, inv *invocation) error {
	doc := mediaFindDoc{Pattern: inv.arg("PATTERN")}
	t := newTable("volume", ">file", "archive", ">size", "modified", "path")
	err := inv.catalog().Find(ctx, doc.Pattern, func(h catalog.Hit) error {
		m := newMemberDoc(*h.Member)
		doc.Hits = append(doc.Hits, hitDoc{h.Archive.Volume, h.Archive.File, h.Archive.Name, m})
		t.row(h.Archive.Volume, h.Archive.File, h.Archive.Name, m.SizeBytes, m.MTime[:19]+"Z", m.Path)
		return nil
	})
	if err == nil && len(doc.Hits) == 0 {
		err = errcode.New(errcode.MemberNotFound, doc.Pattern, "no archive in the catalog has it").
			WithHint("tapes that were never scanned here are not in the catalog: 'calypso lto scan' adds one")
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.table(t, "") }))
}

func mediaForgetCommand() *command {
	return &command{
		Name: "forget", Summary: "remove a cartridge from the catalog",
		Description: "Removes what the catalog knows of a cartridge that was destroyed or given away. The tape is not touched: 'calypso lto scan' brings the entry back.",
		Args:        []arg{volumeArg()},
		Examples:    []example{{"calypso media forget V00001L8 --yes", "forget a cartridge"}},
		Exits:       []errcode.Exit{errcode.ExitNotFound, errcode.ExitRefused},
		Mutates:     true, Danger: moderate,
		Run: runMediaForget,
	}
}

// mediaForgetDoc is `calypso media forget --json`.
type mediaForgetDoc struct {
	Volume string `json:"volume"`
}

func runMediaForget(ctx context.Context, inv *invocation) error {
	store := inv.catalog()
	c, err := store.Get(inv.arg("VOLUME"))
	if err != nil {
		return err
	}
	if err := inv.confirm(ctx, "remove "+c.Volume+" from the catalog"); err != nil {
		return err
	}
	if !inv.dryRun {
		if err := store.Forget(ctx, c.Volume); err != nil {
			return err
		}
	}
	return inv.emit(mediaForgetDoc{c.Volume}, func(p *page) {
		if inv.dryRun {
			p.line("would remove %s from the catalog", c.Volume)
			return
		}
		p.line("removed %s from the catalog", c.Volume)
	})
}
