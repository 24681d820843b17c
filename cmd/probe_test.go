package cmd

import (
	"context"
	"fmt"
	"os"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// testTree is the real tree and a group of verbs that do what no real verb can be made to do at will.
func testTree() *command {
	top := root()
	top.Commands = append(top.Commands, probeGroup())
	return top
}

func probeGroup() *command {
	return &command{
		Name: "probe", Summary: "verbs of the tests", Description: "Only in the tests.", Hidden: true,
		Commands: []*command{
			probeVerb("flags", probeFlags, probeFlagList()...),
			probeVerb("panic", func(context.Context, *invocation) error { panic("on purpose") }),
			probeVerb("wait", probeWait),
			probeVerb("stuck", probeStuck),
			probeVerb("sense", probeSense),
			probeVerb("progress", probeProgress),
			probeVerb("partial", probePartial),
			{Name: "change", Summary: "change", Mutates: true, Args: []arg{{Name: "NAME"}}, Run: probeChange},
			{Name: "moderate", Summary: "moderate", Danger: moderate, Args: []arg{{Name: "NAME"}}, Run: probeModerate},
			{Name: "severe", Summary: "severe", Danger: severe, Mutates: true, Args: []arg{{Name: "NAME"}}, Run: probeSevere},
			{Name: "each", Summary: "each", Danger: severe, Mutates: true, Args: []arg{{Name: "NAME", Repeated: true}}, Run: probeEach},
			{Name: "deep", Summary: "deep", Commands: []*command{probeVerb("verb", probeFlags, probeFlagList()...)}},
		},
	}
}

func probeVerb(name string, run func(context.Context, *invocation) error, flags ...flag) *command {
	return &command{Name: name, Summary: name, Flags: flags, Args: []arg{{Name: "ARG", Optional: true, Repeated: true}}, Run: run}
}

func probeFlagList() []flag {
	return []flag{
		stringFlag("drive", "DEVICE", "device").Short("f").Env("TAPE").Setting("drive"),
		intFlag("slot", "N", "slot").Short("s"), uintFlag("id", "N", "id"), sizeFlag("buffer", "size").Default("256MiB"),
		durationFlag("wait", "wait"), stringsFlag("tag", "TAG", "tag").Short("t"), boolFlag("all", "all").Short("a"),
	}
}

type probeDoc struct {
	Drive  string   `json:"drive"`
	Slot   int64    `json:"slot"`
	ID     uint64   `json:"id"`
	Buffer int64    `json:"buffer_bytes"`
	Wait   float64  `json:"wait_seconds"`
	Tags   []string `json:"tags"`
	All    bool     `json:"all"`
	Args   []string `json:"args"`
	Object string   `json:"object"`
	Source string   `json:"drive_source"`
}

func probeFlags(_ context.Context, inv *invocation) error {
	d := probeDoc{
		Drive: inv.str("drive"), Slot: inv.integer("slot"), ID: inv.uinteger("id"), Buffer: inv.size("buffer"),
		Wait: inv.duration("wait").Seconds(), Tags: inv.strs("tag"), All: inv.flag("all"), Args: inv.argList("ARG"),
		Object: inv.object, Source: inv.value("drive").source,
	}
	return inv.emit(d, func(p *page) { p.line("%+v", d) })
}

func probeWait(ctx context.Context, inv *invocation) error {
	fmt.Fprintln(inv.Err, "waiting")
	if err := os.WriteFile("waiting", nil, 0o600); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func probeStuck(context.Context, *invocation) error {
	grace = 10 * time.Millisecond
	if err := os.WriteFile("waiting", nil, 0o600); err != nil {
		return err
	}
	select {}
}

func probeSense(context.Context, *invocation) error {
	sense := &scsi.SenseError{CDB: []byte{0x10, 0, 0, 0, 1, 0}, Sense: scsi.Sense{Key: scsi.DataProtect, ASC: 0x2700}}
	return errcode.New(errcode.TapeWriteProtected, "vtl01:0", "write-protected: %w", sense).WithOp("write filemarks").WithState("nothing was written")
}

func probeProgress(_ context.Context, inv *invocation) error {
	bar := inv.progress()
	bar.next = bar.start
	bar.update(progressStep{Done: 5e8, Total: 1e9, Phase: "writing", Fill: 0.5})
	inv.note("in between")
	bar.finish()
	return nil
}

func probePartial(_ context.Context, inv *invocation) error {
	if err := inv.emit(probeDoc{}, func(p *page) { p.line("one of two") }); err != nil {
		return err
	}
	return errcode.New(errcode.Partial, "", "one of two was not done")
}

func probeChange(ctx context.Context, inv *invocation) error {
	if inv.arg("NAME") == "fail" {
		return errcode.New(errcode.SlotFull, inv.arg("NAME"), "already holds a cartridge")
	}
	return inv.emit(probeDoc{}, func(p *page) { p.line("changed %s", inv.arg("NAME")) })
}

func probeModerate(ctx context.Context, inv *invocation) error {
	if err := inv.confirm(ctx, "remove "+inv.arg("NAME")); err != nil {
		return err
	}
	return inv.emit(probeDoc{}, func(p *page) { p.line("removed %s", inv.arg("NAME")) })
}

func probeEach(ctx context.Context, inv *invocation) error {
	var list []doomed
	for _, name := range inv.argList("NAME") {
		list = append(list, doomed{name, "destroy " + name})
	}
	if err := inv.confirmEach(ctx, list); err != nil {
		return err
	}
	return inv.emit(probeDoc{}, func(p *page) { p.line("destroyed %d", len(list)) })
}

func probeSevere(ctx context.Context, inv *invocation) error {
	if err := inv.confirmName(ctx, inv.arg("NAME"), "destroy "+inv.arg("NAME")); err != nil {
		return err
	}
	return inv.emit(probeDoc{}, func(p *page) { p.line("destroyed %s", inv.arg("NAME")) })
}
