package cmd

import (
	"context"
	"errors"
	"os"

	"calypso/sys/errcode"
	"calypso/tape"
)

func ltoModeSetCommand() *command {
	return driveVerb(&command{
		Name: "set", Summary: "change a mode field, or all that a profile names",
		Description: "Reads the page, changes the field, sends it and reads it back. A field that the drive does not let change is refused before anything is sent; a drive that silently sets something else gives status 17 and says what it set.\n\nA profile is a YAML file of pages with their fields:\n\n  compression:\n    enabled: true\n  device_configuration:\n    write_delay: 300\n\nIts pages are checked together, then set and verified one by one. When some cannot be set the others are, with status 3.",
		Args: []arg{
			{Name: "FIELD", Usage: "PAGE.FIELD, e.g. compression.enabled", Optional: true},
			{Name: "VALUE", Usage: "on or off, a number, or a word; 'lto mode get' shows which", Optional: true},
		},
		Flags: []flag{
			stringFlag("profile", "FILE", "set what this file says").Files(),
			boolFlag("save", "keep it when the drive is switched off, if the drive can"),
		},
		Examples: []example{
			{"calypso lto mode set -f vtl01:0 compression.enabled off", "stop compressing"},
			{"calypso lto mode set -f vtl01:0 --profile drive.yaml --dry-run", "what would a profile change"},
		},
		Exits:   []errcode.Exit{errcode.ExitPartial, errcode.ExitMismatch},
		Mutates: true,
		Run:     runLTOModeSet,
	})
}

// modeSetDoc is `calypso lto mode set --json`.
type modeSetDoc struct {
	Drive   string          `json:"drive"`
	Save    bool            `json:"save"`
	Changes []modeChangeDoc `json:"changes"`
}

type modeChangeDoc struct {
	Page    string  `json:"page"`
	Field   string  `json:"field"`
	Was     any     `json:"was"`
	Value   any     `json:"value"`
	Changed bool    `json:"changed"` // in a dry run: would be
	Error   *string `json:"error"`
}

func runLTOModeSet(ctx context.Context, inv *invocation) (err error) {
	list, err := inv.modeSettings()
	if err != nil {
		return err
	}
	d, err := inv.openDrive(ctx)
	if err != nil {
		return err
	}
	defer closeInto(&err, d)
	doc, err := inv.planModes(ctx, d, list)
	if err != nil {
		return err
	}
	if !inv.dryRun {
		err = doc.apply(ctx, d, list)
	}
	return errors.Join(err, inv.emit(doc, func(p *page) { p.modeChanges(inv, doc) }))
}

// modeSettings are what the command line or the profile asks for.
func (inv *invocation) modeSettings() ([]tape.ModeSettings, error) {
	field, value, profile := inv.arg("FIELD"), inv.argList("VALUE"), inv.str("profile")
	switch {
	case profile != "" && field != "":
		return nil, usageErrorf("want either FIELD and VALUE or --profile")
	case profile != "":
		data, err := os.ReadFile(profile)
		if err != nil {
			return nil, errcode.New(errcode.Of(err), profile, "%w", bareCause(err))
		}
		return tape.ParseModeProfile(profile, data)
	case len(value) == 0:
		return nil, usageErrorf("want FIELD and VALUE, or --profile FILE")
	}
	info, f, err := tape.FindModeField(field)
	if err != nil {
		return nil, err
	}
	v, err := f.Parse(value[0])
	if err != nil {
		return nil, usageErrorf("%s: %w", field, err)
	}
	return []tape.ModeSettings{{Page: info, Changes: []tape.ModeChange{{Field: f, Value: v}}}}, nil
}

// planModes checks all pages before the first is set, and says what each field is now.
func (inv *invocation) planModes(ctx context.Context, d *drive, list []tape.ModeSettings) (*modeSetDoc, error) {
	doc := &modeSetDoc{Drive: d.name, Save: inv.flag("save")}
	var failed []error
	for _, s := range list {
		page, err := d.PlanModeFields(ctx, s.Page, s.Changes, doc.Save)
		failed = append(failed, err)
		for _, c := range s.Changes {
			was, known := c.Field.Get(page.Current)
			doc.Changes = append(doc.Changes, modeChangeDoc{Page: s.Page.Name, Field: c.Field.Name,
				Was: modeValue(c.Field, page.Current), Value: modeWord(c.Field, c.Value), Changed: known && was != c.Value})
		}
	}
	return doc, errors.Join(failed...)
}

// apply sets page after page. One that fails does not keep the others from being set.
func (doc *modeSetDoc) apply(ctx context.Context, d *drive, list []tape.ModeSettings) error {
	var failed []error
	for _, s := range list {
		if err := d.SetModeFields(ctx, s.Page, s.Changes, doc.Save); err != nil {
			failed = append(failed, err)
			doc.fail(s.Page.Name, err)
		}
	}
	if done := len(list) - len(failed); len(failed) > 0 && done > 0 {
		return errcode.New(errcode.Partial, d.name, "%s set, %s not: %w", counted(done, "page"), counted(len(failed), "page"), errors.Join(failed...))
	}
	return errors.Join(failed...)
}

// fail marks the fields of a page that could not be set.
func (doc *modeSetDoc) fail(page string, err error) {
	for i := range doc.Changes {
		if c := &doc.Changes[i]; c.Page == page {
			text := err.Error()
			c.Changed, c.Error = false, &text
		}
	}
}

func (p *page) modeChanges(inv *invocation, doc *modeSetDoc) {
	for _, c := range doc.Changes {
		name := c.Page + "." + c.Field
		switch {
		case c.Error != nil:
			p.line("%s was not set", name)
		case !c.Changed:
			p.line("%s is %s", name, modeCell(c.Was))
		case inv.dryRun:
			p.line("would set %s from %s to %s", name, modeCell(c.Was), modeCell(c.Value))
		default:
			p.line("set %s from %s to %s", name, modeCell(c.Was), modeCell(c.Value))
		}
	}
}
