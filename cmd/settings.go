package cmd

import (
	"calypso/sys/config"
)

// fromDefault is the source of a value that nobody gave.
const fromDefault = "default"

// fillValues gives each flag that is not on the command line its value from the environment, the
// configuration file or its default, in this order. An empty variable counts as unset.
func (inv *invocation) fillValues() error {
	for _, f := range flagsOf(inv.cmd) {
		if err := inv.fillValue(f, inv.values[f.name]); err != nil {
			return err
		}
	}
	return nil
}

func (inv *invocation) fillValue(f flag, v *value) error {
	if v.source != "" {
		return nil
	}
	text, source, err := inv.fallback(f)
	switch {
	case err != nil:
		return err
	case source == "" && f.required:
		return usageErrorf("flag %s %s is missing", f.shown(), f.placeholder)
	case source == "":
		return nil
	}
	v.texts, v.source = []string{text}, source
	return f.check(text, source)
}

// fallback is the value of a flag that is not on the command line, and where it comes from; "" and
// "" when there is none.
func (inv *invocation) fallback(f flag) (text, source string, err error) {
	if f.env != "" {
		if text := inv.getenv(f.env); text != "" {
			return text, "environment " + f.env, nil
		}
	}
	if f.setting != "" {
		c, err := inv.configuration()
		if err != nil {
			return "", "", err
		}
		if s := c.Get(f.setting); s.Source == "file" {
			return s.Value, "file " + s.Because, nil
		}
	}
	if f.def != "" {
		return f.def, fromDefault, nil
	}
	return "", "", nil
}

// configuration reads the configuration file; it must exist only if --config named it.
func (inv *invocation) configuration() (config.Config, error) {
	return config.Load(inv.places.ConfigFile, inv.isSet("config"), inv.getenv, nil)
}
