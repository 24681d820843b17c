package cmd

import (
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
)

// kind is the type of a flag's value.
type kind int

const (
	kindBool kind = iota
	kindString
	kindInt
	kindUint
	kindSize
	kindDuration
	kindStrings
)

// flag declares one flag. Make it with a constructor below, then refine it: each refinement returns
// a copy, so that a shared flag can be refined where it is used.
type flag struct {
	name        string
	short       string // one letter or ""
	placeholder string // of the value in help; "" for a bool
	usage       string
	def         string // default as text; "" is none
	env         string // environment variable that gives it when the command line does not
	setting     string // key of the configuration file that gives it after env
	choices     []string
	required    bool
	files       bool
	kind        kind
}

// boolFlag is off unless given.
func boolFlag(name, usage string) flag { return flag{name: name, usage: usage, kind: kindBool} }

// stringFlag takes any text, the empty one included unless it is a path (Files).
func stringFlag(name, placeholder, usage string) flag {
	return flag{name: name, placeholder: placeholder, usage: usage, kind: kindString}
}

// intFlag takes a decimal integer; 010 and 0x10 are errors, never 8 or 16.
func intFlag(name, placeholder, usage string) flag {
	return flag{name: name, placeholder: placeholder, usage: usage, kind: kindInt}
}

// uintFlag takes a decimal integer of 0 to 2^64-1.
func uintFlag(name, placeholder, usage string) flag {
	return flag{name: name, placeholder: placeholder, usage: usage, kind: kindUint}
}

// sizeFlag takes bytes: 512, 256KiB, 1.5TiB (powers of 1024), 2T, 12TB (powers of 1000).
func sizeFlag(name, usage string) flag {
	return flag{name: name, placeholder: "SIZE", usage: usage, kind: kindSize}
}

// durationFlag takes 90s, 5m, 1h30m, 2d, or 0.
func durationFlag(name, usage string) flag {
	return flag{name: name, placeholder: "DURATION", usage: usage, kind: kindDuration}
}

// stringsFlag may be given many times; a comma does not part values.
func stringsFlag(name, placeholder, usage string) flag {
	return flag{name: name, placeholder: placeholder, usage: usage, kind: kindStrings}
}

// Short gives the flag a one-letter name.
func (f flag) Short(letter string) flag { f.short = letter; return f }

// Default is the value when nothing else gives one, as the user would write it.
func (f flag) Default(text string) flag { f.def = text; return f }

// Env names an environment variable that gives the value; empty counts as unset.
func (f flag) Env(name string) flag { f.env = name; return f }

// Setting names the key of the configuration file that gives the value after the environment. A test
// holds Env and Default to what sys/config says of the key.
func (f flag) Setting(key string) flag { f.setting = key; return f }

// Choices are the only values accepted.
func (f flag) Choices(values ...string) flag { f.choices = values; return f }

// Required makes it an error when nothing gives a value.
func (f flag) Required() flag { f.required = true; return f }

// Files makes completion offer file names, and refuses an empty one.
func (f flag) Files() flag { f.files = true; return f }

// takesValue says whether the flag needs a value.
func (f flag) takesValue() bool { return f.kind != kindBool }

// shown is the flag as messages name it.
func (f flag) shown() string { return "--" + f.name }

// check says what is wrong with a value, as a usage error naming where it came from.
func (f flag) check(text, from string) error {
	if len(f.choices) > 0 && !slices.Contains(f.choices, text) {
		return usageErrorf("%s: %q is not one of %s", from, text, strings.Join(f.choices, ", "))
	}
	if f.files && text == "" { // --state-dir "$DIR" without DIR is a mistake, not the default
		return usageErrorf("%s: a path is missing", from)
	}
	var err error
	switch f.kind {
	case kindBool:
		_, err = parseBool(text)
	case kindInt:
		_, err = parseInt(text)
	case kindUint:
		_, err = parseUint(text)
	case kindSize:
		_, err = parseSize(text)
	case kindDuration:
		_, err = parseDuration(text)
	}
	if err != nil {
		return usageErrorf("%s: %w", from, err)
	}
	return nil
}

// value holds what a flag was given and where that came from. It is the flag's urfave Generic.
type value struct {
	flag   flag
	texts  []string
	source string // "command line", "environment TAPE", "file /etc/calypso/config.yaml", "default", or ""
}

const fromCommandLine = "command line"

// Set is called once for each time the flag is on the command line. A repeated flag has all values,
// for others the last one counts (String).
func (v *value) Set(text string) error {
	if v.source != fromCommandLine {
		v.texts = nil
	}
	v.texts = append(v.texts, text)
	v.source = fromCommandLine
	return v.flag.check(text, v.flag.shown())
}

// String is the last value, "" when there is none.
func (v *value) String() string {
	if v == nil || len(v.texts) == 0 {
		return ""
	}
	return v.texts[len(v.texts)-1]
}

// IsBoolFlag tells package flag that the value may be left out.
func (v *value) IsBoolFlag() bool { return v.flag.kind == kindBool }

func (v *value) duration() time.Duration {
	d, _ := parseDuration(v.String()) // checked by Set
	return d
}

// usageErrorf is a mistake on the command line: exit status 2, nothing touched.
func usageErrorf(format string, args ...any) *errcode.Error {
	return errcode.New(errcode.Usage, "", format, args...)
}
