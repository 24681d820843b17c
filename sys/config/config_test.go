package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func env(pairs map[string]string) func(string) string {
	return func(key string) string { return pairs[key] }
}

func TestPrecedence(t *testing.T) {
	path := file(t, "drive: file:0\nbuffer: 1GiB\n")
	none := filepath.Join(t.TempDir(), "none.yaml")
	tape := map[string]string{"TAPE": "env:0"}
	flag := map[string]string{"drive": "flag:0"}
	tests := []struct {
		path       string
		env, flags map[string]string
		want       Setting
	}{
		{path, tape, flag, Setting{"drive", "flag:0", "flag", "--drive"}},
		{path, tape, nil, Setting{"drive", "env:0", "environment", "TAPE"}},
		{path, nil, nil, Setting{"drive", "file:0", "file", path}},
		{path, map[string]string{"TAPE": ""}, nil, Setting{"drive", "file:0", "file", path}},
		{none, nil, nil, Setting{"drive", "", "default", "built in"}},
		{path, nil, nil, Setting{"buffer", "1GiB", "file", path}},
		{none, nil, nil, Setting{"buffer", "256MiB", "default", "built in"}},
		{none, nil, map[string]string{"block_size": "1MiB"}, Setting{"block_size", "1MiB", "flag", "--block-size"}},
	}
	for _, tt := range tests {
		c, err := Load(tt.path, false, env(tt.env), tt.flags)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, c.Get(tt.want.Key)); diff != "" {
			t.Errorf("Get(%q) (-want +got):\n%s", tt.want.Key, diff)
		}
		if len(c.Settings()) != len(definitions) || c.Get("none") != (Setting{}) {
			t.Errorf("Settings() = %v", c.Settings())
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{"drives: a\n", `:1: key "drives" is unknown`},
		{"drive: a\ndrive: b\n", ":2: key \"drive\" is here a second time"},
		{"drive:\n", ":1: key \"drive\": has no value"},
		{"buffer: 1M\n", `"1M" is not a size`},
		{"block_size: 010\n", `"010" is not a size`},
		{"schema_version: 2\n", "schema version 2"},
		{"backing: tapes\n", "not an absolute path"},
		{"changers: A1\n", "changers"},
		{"changers: [A1, \"\"]\n", "a serial number is empty"},
		{"", "empty"},
	}
	for _, tt := range tests {
		_, err := Load(file(t, tt.text), false, env(nil), nil)
		if errcode.Of(err) != errcode.ConfigInvalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Load(%q) = %v; want %q", tt.text, err, tt.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none"), true, env(nil), nil); errcode.Of(err) != errcode.FileNotFound {
		t.Errorf("Load of a missing file that was named = %v", err)
	}
	for _, text := range []string{"# drive: vtl01:0\n", "\n"} {
		if c, err := Load(file(t, text), true, env(nil), nil); err != nil || c.Get(Drive).Source != "default" {
			t.Errorf("Load(%q), which sets nothing: %v, %v", text, c.Get(Drive), err)
		}
	}
	if _, err := Load(file(t, "schema_version: 1\n"), true, env(nil), nil); err != nil {
		t.Errorf("Load of version 1 = %v", err)
	}
}

func TestMayMove(t *testing.T) {
	c, err := Load(file(t, "changers: [A1, \"0815\"]\n"), true, env(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for serial, want := range map[string]bool{"A1": true, "0815": true, "a1": false, "A": false, "": false} {
		if got := c.MayMove(serial); got != want {
			t.Errorf("MayMove(%q) = %v; want %v", serial, got, want)
		}
	}
	if got := c.Get(Changers).Value; got != "A1, 0815" {
		t.Errorf("changers = %q", got)
	}
	if (Config{}).MayMove("") {
		t.Error("a changer without a serial number may be moved")
	}
}

func TestSize(t *testing.T) {
	good := map[string]int64{"1": 1, "262144": 262144, "256KiB": 262144, "256 KiB": 262144, "1kB": 1000, "1MB": 1e6, "7B": 7, "8TiB": 8 << 40, "9223372036854775807": 1<<63 - 1}
	for text, want := range good {
		if got, err := Size(text); got != want || err != nil {
			t.Errorf("Size(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "010", "-1", "+1", "1.5GB", "1M", "1K", "KiB", "1 ", "1  KiB", "1KiB ", "1kib", "0x10", "1_000", "9223372036854775808", "9000000TiB", "١"} {
		if got, err := Size(text); err == nil {
			t.Errorf("Size(%q) = %d; want an error", text, got)
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add("256KiB")
	f.Add("9223372036854775807B")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Size(text); err == nil && n <= 0 {
			t.Errorf("Size(%q) = %d", text, n)
		}
	})
}
