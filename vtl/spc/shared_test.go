package spc

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"calypso/tape/scsi"
)

// unit is a logical unit with the commands of every device type and one more.
type unit struct {
	attentions   AttentionQueues
	reservations Reservations
	clock        Clock
}

func (u *unit) shared() Shared { return Shared{&u.attentions, &u.reservations, &u.clock} }

var unitCommands = NewTable(append(
	SharedCommands((*unit).shared, 0),
	Command[*unit]{Name: "READ(6)", Action: NoAction, Usage: "08 03 FF FF FF 00", Run: func(*unit, context.Context, *Call) error { return nil }},
)...).Describe(Profile{
	Access: map[byte]Access{0x08: Reads},
	Time:   map[byte]Timeout{0x08: {20, 1500}},
	Other:  Timeout{1, 60},
})

// exec gives the answer in hexadecimal, or "key/asc/ascq" and the field pointer, or "conflict".
func (u *unit) exec(t *testing.T, n Nexus, cdb, list string) string {
	t.Helper()
	c := &Call{CDB: unhex(t, cdb), Nexus: n, Cmd: &scsi.Command{DataOut: unhex(t, list), DataIn: make([]byte, 2048)}}
	command, err := unitCommands.Find(c.CDB)
	if err == nil {
		err = command.CheckCDB(c.CDB)
	}
	if err == nil {
		err = command.Run(u, t.Context(), c)
	}
	k, refused := err.(*Check)
	switch {
	case err == ErrConflict:
		return "conflict"
	case refused:
		return hex.EncodeToString(k.Raw()[2:3]) + hex.EncodeToString(k.Raw()[12:14]) + " " + hex.EncodeToString(k.Raw()[15:])
	}
	if len(c.Cmd.DataOut) > 0 {
		return ""
	}
	return hex.EncodeToString(c.Cmd.DataIn[:c.Cmd.Transferred])
}

func plain(s string) string { return strings.Join(strings.Fields(s), "") }

func TestReportSupportedOperationCodes(t *testing.T) {
	for _, tt := range []struct{ name, cdb, want string }{
		{"one", "A3 0C 01 08 0000 000000FF 00 00", "00 03 0006 08 03 ff ff ff 00"},
		{"one with timeouts", "A3 0C 81 08 0000 000000FF 00 00", "00 83 0006 08 03 ff ff ff 00 000a 00 00 00000014 000005dc"},
		{"one with a service action", "A3 0C 02 A3 000C 000000FF 00 00", "00 03 000c a3 0c 87 ff ffff ffffffff 00 00"},
		{"either, without", "A3 0C 03 08 0000 000000FF 00 00", "00 03 0006 08 03 ff ff ff 00"},
		{"either, with", "A3 0C 83 5E 0002 000000FF 00 00", "00 83 000a 5e 02 00 00 00 00 00 ff ff 00 000a 00 00 00000001 0000003c"},
		{"unknown", "A3 0C 01 C0 0000 000000FF 00 00", "00 01 0000"},
		{"unknown with a service action", "A3 0C 02 5F 0007 000000FF 00 00", "00 01 0000"},
		{"unknown service action beyond 5 bits", "A3 0C 02 5E 0102 000000FF 00 00", "00 01 0000"},
		{"service actions not asked for", "A3 0C 01 A3 0000 000000FF 00 00", "052400 ca0002"},
		{"service action that there is not", "A3 0C 02 08 0000 000000FF 00 00", "052400 ca0002"},
		{"reserved option", "A3 0C 04 08 0000 000000FF 00 00", "052400 ca0002"},
		{"cut", "A3 0C 01 08 0000 00000004 00 00", "00 03 0006"},
		{"all, cut", "A3 0C 00 00 0000 00000024 00 00", "000000b0 08 00 0000 00 00 0006 16 00 0000 00 00 0006 17 00 0000 00 00 0006 1c 00 0000 00 00 0006"},
		{"all with timeouts, cut", "A3 0C 80 00 0000 00000018 00 00", "000001b8 08 00 0000 00 02 0006 000a 00 00 00000014 000005dc"},
	} {
		if got := new(unit).exec(t, "", tt.cdb, ""); plain(got) != plain(tt.want) {
			t.Errorf("%s: %s = %s, want %s", tt.name, tt.cdb, got, plain(tt.want))
		}
	}
	all := new(unit).exec(t, "", "A3 0C 00 00 0000 00000FFF 00 00", "")
	if want := plain("a3 00 000c 00 01 000c  a3 00 000d 00 01 000c  a3 00 000f 00 01 000c  a4 00 000f 00 01 000c"); !strings.HasSuffix(all, want) {
		t.Errorf("all = %s, want it to end with %s", all, want)
	}
}

func TestReportTaskManagement(t *testing.T) {
	for cdb, want := range map[string]string{
		"A3 0D 00 00 0000 000000FF 00 00": "c8 00 00 00",
		"A3 0D 80 00 0000 000000FF 00 00": "c8 00 00 0c 000000000000000000000000",
		"A3 0D 01 00 0000 000000FF 00 00": "052400 c80002",
	} {
		if got := new(unit).exec(t, "", cdb, ""); plain(got) != plain(want) {
			t.Errorf("%s = %s, want %s", cdb, got, want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	u := new(unit)
	u.shared().PowerOn()
	u.attentions.Of("").Take()
	u.attentions.Of("b").Take()
	const report, set = "A3 0F 00 00 0000 000000FF 00 00", "A4 0F 00 00 0000 0000000C 00 00"
	if got := u.exec(t, "", report, ""); got[:8] != "000a0000" || len(got) != 24 || got[8:12] != "0000" {
		t.Errorf("REPORT TIMESTAMP after power on = %s", got)
	}
	for list, want := range map[string]string{
		"00000000 0123456789ab 0001": "052600 88000b",
		"00000001 0123456789ab 0000": "052600 880003",
		"00000000 0123456789":        "0b4b00 000000",
	} {
		if got := u.exec(t, "", set, list); got != want {
			t.Errorf("SET TIMESTAMP of %s = %s, want %s", list, got, want)
		}
	}
	if got := u.exec(t, "", "A4 0F 00 00 0000 0000000B 00 00", "00"); got != "051a00 000000" {
		t.Errorf("SET TIMESTAMP of 11 bytes = %s", got)
	}
	u.clock.Zero = 0
	if got := u.exec(t, "", set, "00000000 0123456789ab 0000"); got != "" {
		t.Fatalf("SET TIMESTAMP = %s", got)
	}
	got := u.exec(t, "", report, "")
	if got[:8] != "000a0200" || got[8:16] != "01234567" {
		t.Errorf("REPORT TIMESTAMP = %s, want 0123456789ab or little later, set by a host", got)
	}
	if len(*u.attentions.Of("")) != 0 || u.attentions.Of("b").Take().ASC != TimestampChanged {
		t.Error("the other host was not told, or the one that set it was")
	}
}

func TestDiagnostics(t *testing.T) {
	for _, tt := range []struct{ cdb, list, want string }{
		{"1C 01 00 00 FF 00", "", "00 00 0001 00"},
		{"1C 00 00 00 FF 00", "", "00 00 0001 00"},
		{"1C 01 40 00 FF 00", "", "052400 c00002"},
		{"1D 04 00 00 00 00", "", ""},
		{"1D 17 00 00 00 00", "", ""},
		{"1D A0 00 00 00 00", "", ""},
		{"1D C0 00 00 00 00", "", ""},
		{"1D 20 00 00 00 00", "", "052400 cf0001"}, // in the background
		{"1D 80 00 00 00 00", "", "052400 cf0001"}, // nothing to abort
		{"1D A4 00 00 00 00", "", "052400 cf0001"},
		{"1D 14 00 00 04 00", "00000000", "052400 c00003"},
		{"1D 10 00 00 04 00", "00000000", ""},
		{"1D 10 00 00 04 00", "40000000", "052600 800000"},
		{"1D 10 00 00 03 00", "000000", "051a00 000000"},
		{"1D 10 00 00 05 00", "0000000000", "051a00 000000"},
		{"1D 10 00 00 05 00", "00000000", "0b4b00 000000"},
	} {
		if got := new(unit).exec(t, "", tt.cdb, tt.list); plain(got) != plain(tt.want) {
			t.Errorf("%s with %q = %s, want %s", tt.cdb, tt.list, got, tt.want)
		}
	}
}

func TestTransportID(t *testing.T) {
	for name, want := range map[Nexus]string{
		"iqn.a":                    "05 00 0014 69716e2e61 000000000000000000000000000000",
		"iqn.2026-01.org:nineteen": "05 00 001c 69716e2e323032362d30312e6f72673a6e696e657465656e 00000000",
		"eui.0123456789abcdef123":  "05 00 0018 6575692e30313233343536373839616263646566313233 00",
	} {
		if got := hex.EncodeToString(name.transportID()); got != plain(want) {
			t.Errorf("TransportID of %s = %s, want %s", name, got, plain(want))
		}
	}
	a, b := Nexus("a").transportID(), Nexus("").transportID()
	if len(a) != 24 || a[0] != 6 || a[4]>>4 != 3 || string(a) == string(b) {
		t.Errorf("TransportIDs % x and % x, want two SAS addresses", a, b)
	}
	if got := Nexus("iqn." + strings.Repeat("x", 400)).transportID(); len(got) != 4+224 || got[227] != 0 {
		t.Errorf("TransportID of a long name: %d bytes", len(got))
	}
}

// What a kept state says that cannot have come about is not believed.
func TestUnsoundReservations(t *testing.T) {
	nobody, n := Registration{"a", 0}, Nexus("a")
	good := Registration{"a", 1}
	for name, r := range map[string]Reservations{
		"no key":                {Registrations: []Registration{nobody}},
		"twice":                 {Registrations: []Registration{good, good}},
		"holder not registered": {Registrations: []Registration{good}, Type: 3, Holder: "b"},
		"unknown type":          {Registrations: []Registration{good}, Type: 2, Holder: "a"},
		"unknown type of all":   {Registrations: []Registration{good}, Type: 9},
		"all of nobody":         {Type: 7},
		"all with a holder":     {Registrations: []Registration{good}, Type: 7, Holder: "a"},
		"holder of nothing":     {Registrations: []Registration{good}, Holder: "a"},
		"both kinds":            {Registrations: []Registration{good}, Reserved: &n},
	} {
		u := new(unit)
		u.shared().Restore(SharedState{Reservations: r})
		if len(u.reservations.Registrations) != 0 || u.reservations.Type != 0 || u.reservations.Reserved != nil {
			t.Errorf("%s: %+v was restored", name, u.reservations)
		}
	}
}

func TestDescriptorFormat(t *testing.T) {
	for _, tt := range []struct {
		check *Check
		want  string
	}{
		{new(Check), "72 00 0000 000000 00"},
		{Refuse(scsi.DataProtect, WORMOverwrite), "72 07 300c 000000 00"},
		{(&Check{Key: scsi.VolumeOverflow, ASC: EndOfPartition, EOM: true}).Residual(1 << 40), "72 0d 0002 000000 10 000a8000 0000010000000000 04020040"},
		{BadParameter(300, 7), "72 05 2600 000000 08 02060000 8f012c 00"},
	} {
		if got := hex.EncodeToString(tt.check.Descriptors()); got != plain(tt.want) {
			t.Errorf("%v = %s, want %s", tt.check, got, plain(tt.want))
		}
	}
	check, _ := scsi.SenseOf(FinishAs(true, []byte{0x0A}, (&Check{EOM: true}).Residual(1<<40)))
	if check.Raw[0] != 0x72 || !check.InfoValid || check.Info != 1<<40 {
		t.Errorf("sense = %+v", check)
	}
}
