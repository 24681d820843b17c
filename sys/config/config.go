// Package config reads the optional configuration file and says which value of a setting is in
// force and why: a flag before the environment before the file before the default.
//
// The file is YAML, read as strictly as state files are (sys/state). It needs no schema_version;
// one that is there must be 1.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/state"
)

const schema = 1

// File is the configuration file. A key that is missing is "".
type File struct {
	Drive     string   `yaml:"drive"`      // default of -f/--drive
	BlockSize string   `yaml:"block_size"` // default of --block-size, a Size
	Buffer    string   `yaml:"buffer"`     // default of --buffer, a Size
	Backing   string   `yaml:"backing"`    // where new virtual libraries keep their tapes
	Changers  []string `yaml:"changers"`   // serial numbers of changers whose robots may be moved though nobody had them remembered
}

// The names of the settings: keys of the file and of `config show`.
const (
	Drive     = "drive"
	BlockSize = "block_size"
	Buffer    = "buffer"
	Backing   = "backing"
	Changers  = "changers"
)

// Setting is one setting with what decided it.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`   // as it was given; "" is none
	Source  string `json:"source"`  // "flag", "environment", "file" or "default"
	Because string `json:"because"` // which: "--drive", "TAPE", "/etc/calypso/config.yaml"
}

// definition is what is known of a setting before anything is read.
type definition struct {
	key, variable, otherwise string
	field                    func(*File) *string
	isSize                   bool
}

var definitions = []definition{
	{key: Drive, variable: "TAPE", field: func(f *File) *string { return &f.Drive }},
	{key: BlockSize, otherwise: "256KiB", field: func(f *File) *string { return &f.BlockSize }, isSize: true},
	{key: Buffer, otherwise: "256MiB", field: func(f *File) *string { return &f.Buffer }, isSize: true},
	{key: Backing, field: func(f *File) *string { return &f.Backing }},
	{key: Changers, field: func(f *File) *string { return joined(f.Changers) }},
}

func joined(list []string) *string {
	text := strings.Join(list, ", ")
	return &text
}

// Config is what is in force. It does not change.
type Config struct {
	settings []Setting
	changers []string
}

// MayMove says whether the file allows to move the robot of the changer with a serial number.
func (c Config) MayMove(serial string) bool {
	return serial != "" && slices.Contains(c.changers, serial)
}

// Load reads the file at path, which may be missing unless required (it was named with --config),
// and decides every setting. flags are the values given on the command line by key; a missing key was
// not given. The error is errcode.ConfigInvalid naming FILE:LINE, errcode.PermissionDenied, or
// errcode.FileNotFound for a required file.
func Load(path string, required bool, getenv func(string) string, flags map[string]string) (Config, error) {
	var file File
	if err := read(path, required, &file); err != nil {
		return Config{}, err
	}
	c := Config{changers: file.Changers}
	for _, d := range definitions {
		c.settings = append(c.settings, d.decide(path, &file, getenv, flags))
	}
	return c, nil
}

func read(path string, required bool, file *File) error {
	// The version is for files to come: this one is 1 if it says anything.
	var with struct {
		SchemaVersion *int `yaml:"schema_version"`
		File          `yaml:",inline"`
	}
	err := state.ReadYAML(path, 0, &with)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !required:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errcode.New(errcode.FileNotFound, path, "no such configuration file")
	case errors.Is(err, state.ErrEmpty) && hasText(path):
		return nil
	case err != nil:
		return asConfig(err)
	}
	if v := with.SchemaVersion; v != nil && *v != schema {
		return errcode.New(errcode.ConfigInvalid, path, "has schema version %d, this calypso knows %d", *v, schema)
	}
	*file = with.File
	return check(path, file)
}

// hasText tells a file of comments, which sets nothing, from one that a crash has emptied.
func hasText(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// asConfig makes an error of a state file one of a configuration file.
func asConfig(err error) error {
	var e *errcode.Error
	if errors.As(err, &e) && e.Code == errcode.StateInvalid {
		return errcode.New(errcode.ConfigInvalid, e.Object, "%s", e.Msg)
	}
	return err
}

func check(path string, file *File) error {
	for _, d := range definitions {
		value := *d.field(file)
		if !d.isSize || value == "" {
			continue
		}
		if _, err := Size(value); err != nil {
			return errcode.New(errcode.ConfigInvalid, path, "key %q: %w", d.key, err)
		}
	}
	if slices.Contains(file.Changers, "") {
		return errcode.New(errcode.ConfigInvalid, path, "key %q: a serial number is empty", Changers)
	}
	if file.Backing != "" && !filepath.IsAbs(file.Backing) {
		return errcode.New(errcode.ConfigInvalid, path, "key %q: %q is not an absolute path", Backing, file.Backing)
	}
	return nil
}

func (d definition) decide(path string, file *File, getenv func(string) string, flags map[string]string) Setting {
	s := Setting{Key: d.key}
	if value, given := flags[d.key]; given {
		s.Value, s.Source, s.Because = value, "flag", "--"+strings.ReplaceAll(d.key, "_", "-")
	} else if value := fromEnv(d.variable, getenv); value != "" {
		s.Value, s.Source, s.Because = value, "environment", d.variable
	} else if value := *d.field(file); value != "" {
		s.Value, s.Source, s.Because = value, "file", path
	} else {
		s.Value, s.Source, s.Because = d.otherwise, "default", "built in"
	}
	return s
}

func fromEnv(variable string, getenv func(string) string) string {
	if variable == "" {
		return ""
	}
	return getenv(variable)
}

// Get gives a setting by its key; an unknown key gives the zero Setting.
func (c Config) Get(key string) Setting {
	for _, s := range c.settings {
		if s.Key == key {
			return s
		}
	}
	return Setting{}
}

// Settings gives all, in the order of the documentation.
func (c Config) Settings() []Setting { return append([]Setting{}, c.settings...) }

// units: a bare K or M is refused, for mbuffer means 1024 by it and others 1000.
var units = map[string]int64{
	"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// Size reads a number of bytes: a whole decimal number without sign or leading zero and, at once or
// after one blank, one of B kB KB MB GB TB (powers of 1000) or KiB MiB GiB TiB (of 1024). It is
// more than 0.
func Size(text string) (int64, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	factor, ok := units[strings.TrimPrefix(text[digits:], " ")]
	if digits == 0 || text[0] == '0' || !ok || strings.HasSuffix(text, " ") {
		return 0, fmt.Errorf("%q is not a size like 262144, 256KiB or 1MB", text)
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return n * factor, nil
}
