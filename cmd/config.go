package cmd

import (
	"context"

	"calypso/sys/config"
	"calypso/sys/errcode"
	"calypso/sys/place"
)

func configGroup() *command {
	return &command{
		Name: "config", Summary: "show the configuration",
		Description: `calypso needs no configuration. What a flag does not give comes from the environment, then from the configuration
file (/etc/calypso/config.yaml for root, ~/.config/calypso/config.yaml for others), then from the default.

The file is YAML with these keys, all optional:

  drive: vtl01:0        # default of -f
  block_size: 256KiB    # of new labels
  buffer: 256MiB        # between the source and the drive
  backing: /srv/tapes   # where new virtual libraries keep their tapes
  changers: [DEC418146K_LL02]   # their robots may be moved, by serial number,
                                # without 'library discover --write'`,
		Commands: []*command{{
			Name: "show", Summary: "show what is in force, and why",
			Description: "Shows where files live and every setting, each with what decided it.",
			Examples: []example{
				{"calypso config show", "show the places and the settings"},
				{"calypso config show --config ./test.yaml", "check a configuration file"},
			},
			Exits: []errcode.Exit{errcode.ExitNotFound},
			Run:   runConfigShow,
		}},
	}
}

// configDoc is `calypso config show --json`.
type configDoc struct {
	Places   []settingDoc `json:"places"`
	Settings []settingDoc `json:"settings"`
}

// settingDoc is one place or setting with what decided it.
type settingDoc struct {
	Key     string  `json:"key"`
	Value   *string `json:"value"`
	Source  string  `json:"source"`
	Because string  `json:"because"`
}

func runConfigShow(_ context.Context, inv *invocation) error {
	c, err := inv.configuration()
	if err != nil {
		return err
	}
	doc := configDoc{Places: placeDocs(inv.places)}
	for _, s := range c.Settings() {
		doc.Settings = append(doc.Settings, settingDocOf(s))
	}
	return inv.emit(doc, doc.page)
}

func settingDocOf(s config.Setting) settingDoc {
	return settingDoc{Key: s.Key, Value: orNull(s.Value), Source: s.Source, Because: s.Because}
}

func placeDocs(p place.Places) []settingDoc {
	var docs []settingDoc
	for _, e := range []struct{ key, path string }{
		{place.KeyConfigFile, p.ConfigFile}, {place.KeyStateDir, p.StateDir},
		{place.KeyRunDir, p.RunDir}, {place.KeyAuditFile, p.AuditFile},
	} {
		docs = append(docs, settingDoc{Key: e.key, Value: orNull(e.path), Source: "place", Because: p.Why[e.key]})
	}
	return docs
}

func (d configDoc) page(p *page) {
	t := newTable("key", "value", "because")
	for _, s := range append(d.Places, d.Settings...) {
		t.row(s.Key, s.Value, s.Because)
	}
	p.table(t, "")
}
