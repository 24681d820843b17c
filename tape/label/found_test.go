package label_test

import (
	"errors"
	"testing"

	"calypso/sys/errcode"
	"calypso/tape/label"
	"calypso/tape/label/labeltest"
)

func recognised(t *testing.T, name string) label.Found {
	t.Helper()
	img, err := labeltest.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return label.Recognise(img.Objects, label.StopEndOfData)
}

func TestErr(t *testing.T) {
	for _, c := range []struct {
		image, barcode string
		code           errcode.Code
		message, hint  string
	}{
		{"bacula-bb02", "Z00001L8", errcode.MediaForeignLabel,
			`vtl01:0: the tape holds a Bacula volume "A00001L8" (pool Tape, format BB02)`,
			"use another cartridge, or add --confirm A00001L8 if its data may be destroyed"},
		{"calypso", "Z00001L8", errcode.MediaLabelled,
			`vtl01:0: the tape holds a Calypso volume "V00001L8" (labelled 2026-01-02)`,
			"use another cartridge, or --confirm V00001L8 if its data may be destroyed"},
		{"tar-gnu", "Z00001L8", errcode.MediaForeignLabel,
			"vtl01:0: the tape holds a tar archive (GNU tar, first member hello.txt)",
			"use another cartridge, or add --confirm Z00001L8 if its data may be destroyed"},
		{"tar-gnu", "", errcode.MediaForeignLabel,
			"vtl01:0: the tape holds a tar archive (GNU tar, first member hello.txt)",
			"use another cartridge, or add --confirm tar if its data may be destroyed"},
		{"unknown-random", "Z00001L8", errcode.MediaUnknownData,
			"vtl01:0: the tape holds data of an unknown kind (first block of 65536 bytes)",
			"use another cartridge, or add --confirm Z00001L8 if its data may be destroyed"},
		{"tar-gnu-volume", "Z00001L8", errcode.MediaForeignLabel,
			`vtl01:0: the tape holds a tar archive "monday full" (GNU tar)`,
			"use another cartridge, or add --confirm 'monday full' if its data may be destroyed"},
		{"blank", "Z00001L8", errcode.MediaUnlabelled,
			"vtl01:0: the tape is blank and has no label",
			"label it with 'calypso lto label'"},
	} {
		err := recognised(t, c.image).Err("vtl01:0", c.barcode)
		if errcode.Of(err) != c.code || err.Error() != c.message || errcode.HintOf(err) != c.hint {
			t.Errorf("%s: %s\n%s\n%s", c.image, errcode.Of(err), err, errcode.HintOf(err))
		}
		if errcode.ExitOf(err) != errcode.ExitRefused {
			t.Errorf("%s: exit %d", c.image, errcode.ExitOf(err))
		}
	}
}

func TestErrKeepsCause(t *testing.T) {
	cause := errors.New("sense 7/74/01")
	f := label.Found{Kind: label.Encrypted, Cause: cause}
	err := f.Err("vtl01:0", "V00001L8")
	if !errors.Is(err, cause) || errcode.Of(err) != errcode.MediaUnknownData {
		t.Errorf("%v: %s", err, errcode.Of(err))
	}
}

// A newer label is refused as a label when it stands in the way of writing.
func TestErrOfUnusableLabel(t *testing.T) {
	f := label.Found{Kind: label.Calypso, Cause: errcode.New(errcode.StateNewer, "label", "version 2")}
	if err := f.Err("vtl01:0", "V00001L8"); errcode.Of(err) != errcode.MediaLabelled {
		t.Errorf("%v: %s", err, errcode.Of(err))
	}
}

func TestConfirmName(t *testing.T) {
	for _, c := range []struct {
		f             label.Found
		barcode, want string
	}{
		{label.Found{Kind: label.Bacula, Volume: "A1"}, "B1", "A1"},
		{label.Found{Kind: label.Unknown}, "B1", "B1"},
		{label.Found{Kind: label.Unknown}, " \x1b ", "unknown"},
		{label.Found{Kind: label.Encrypted}, "", "encrypted"},
		{label.Found{Kind: label.Blank}, "B1", ""},
	} {
		if got := c.f.ConfirmName(c.barcode); got != c.want {
			t.Errorf("%+v, barcode %q: %q, want %q", c.f, c.barcode, got, c.want)
		}
	}
}

func TestHintIsAShellWord(t *testing.T) {
	for volume, want := range map[string]string{
		"-rf":       "--confirm=-rf",
		"-a b":      "--confirm='-a b'",
		"it's":      `--confirm 'it'\''s'`,
		"$(reboot)": "--confirm '$(reboot)'",
		"é":         "--confirm 'é'",
	} {
		err := label.Found{Kind: label.Bacula, Volume: volume}.Err("vtl01:0", "")
		if got := errcode.HintOf(err); got != "use another cartridge, or add "+want+" if its data may be destroyed" {
			t.Errorf("%q: %s", volume, got)
		}
	}
}

// The zero Found, or one of a kind that nobody defined, is no licence to write.
func TestZeroFoundIsForeign(t *testing.T) {
	for _, f := range []label.Found{{}, {Kind: "tomorrow"}} {
		if f.Overwritable() || errcode.Of(f.Err("vtl01:0", "")) != errcode.MediaUnknownData {
			t.Errorf("%+v: overwritable %v, %v", f, f.Overwritable(), f.Err("vtl01:0", ""))
		}
	}
}

func TestEveryKindHasWords(t *testing.T) {
	for _, k := range label.Kinds() {
		if s := (label.Found{Kind: k}).String(); s == "" || k != label.Unknown && s == (label.Found{}).String() {
			t.Errorf("%s: %q", k, s)
		}
	}
}
