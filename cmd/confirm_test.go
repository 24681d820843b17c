package cmd

import (
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
)

// A change at a terminal asks; only the asked word lets it go on, and each thing that would go is asked for.
func TestConfirmAtATerminal(t *testing.T) {
	t.Setenv("CALYPSO_STATE_DIR", t.TempDir())
	for _, c := range []struct {
		args  string
		types []string // then the terminal is hung up
		want  errcode.Code
	}{
		{"moderate x", []string{"y"}, ""},
		{"moderate x", []string{" YES "}, ""},
		{"moderate x", []string{""}, errcode.ConfirmRequired},
		{"moderate x", []string{"n"}, errcode.ConfirmRequired},
		{"moderate x", nil, errcode.ConfirmRequired},
		{"severe x", []string{"x"}, ""},
		{"severe x", []string{""}, errcode.ConfirmRequired},
		{"severe x", []string{"y"}, errcode.ConfirmMismatch},
		{"severe x", nil, errcode.ConfirmRequired},
		{"each a b", []string{"a", "b"}, ""},
		{"each a b", []string{"a"}, errcode.ConfirmRequired},
		{"each a b", []string{"a", ""}, errcode.ConfirmRequired},
		{"each a b", []string{"a", "a"}, errcode.ConfirmMismatch},
		{"each a b", []string{"y", "b"}, errcode.ConfirmMismatch},
		{"each a b --confirm a", []string{"a", "b"}, errcode.ConfirmRequired}, // who gives some names gives all
		{"each a b --confirm a --confirm b", nil, ""},
	} {
		p := &person{}
		for _, word := range c.types {
			p.does = append(p.does, func() { p.types = word })
		}
		exit := errcode.ExitOf(errcode.New(c.want, "", ""))
		if c.want == "" {
			exit = 0
		}
		out, errs := p.atTerminal(t, exit, append([]string{"probe"}, strings.Fields(c.args)...)...)
		if done := out != ""; done != (c.want == "") {
			t.Errorf("%s, typed %q: %q, %q", c.args, c.types, out, errs)
		}
		if c.want != "" && !strings.Contains(errs, "nothing was touched") {
			t.Errorf("%s, typed %q: %q does not say what was done", c.args, c.types, errs)
		}
		if asked := p.asked.String(); slices.Contains(c.types, "b") && strings.Count(asked, "destroy") > 2 {
			t.Errorf("%s: asked %q", c.args, asked)
		}
	}
}

// What was not declared dangerous has no words for it in its help: that is a mistake of ours.
func TestConfirmMustBeDeclared(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a safe verb may ask for a name")
		}
	}()
	inv := &invocation{cmd: &command{Name: "x", Danger: moderate}}
	_ = inv.confirmName(t.Context(), "x", "destroy x")
}
