package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"calypso/tape/scsi"
)

// attentionsTaken takes the power-on attentions of a changer and a drive away.
func attentionsTaken(changer, drive *bench) {
	drive.ask(6, "sg_turs", "/dev/judged")
	changer.ask(6, "sg_turs", "/dev/judged")
}

// TestJudgesOfIdentity: sg3_utils know every page of vital product data and every mode page.
func TestJudgesOfIdentity(t *testing.T) {
	need(t, "sg_vpd", "sg_modes", "sg_turs")
	_, c, d := judgedLibrary(t)
	attentionsTaken(c, d)
	d.says(0, "sg_vpd -a /dev/judged", `Relative target port: 0x1`, `SIMPSUP=1`, `Maximum supported sense data length=32`,
		`the policy applies to all modes? pages and subpages`, `MLUS=0,  Policy: shared`, `Relative port=1`, `^  WORM=1$`,
		`Manufacturer-assigned serial number: D[0-9A-F]+ *$`, `Flag39h: 1 .*40h: 1$`, `Automation device serial number: L[0-9A-F]+ *$`,
		`Data transfer device element address: 0x01f5$`, `method: 0, info_len: 0, LBP_W_C=0, LBP_R_C=0, RBDP_C=0$`)
	c.says(0, "sg_vpd -a /dev/judged", `Supported VPD pages`, `Extended inquiry data`, `Mode page policy`, `SCSI ports`)
	d.says(0, "sg_modes -aa /dev/judged", `Read-Write error recovery`, `Disconnect-Reconnect`, `>> Control, `, `Control extension`,
		`Data Compression`, `Device configuration`, `Power condition`, `Informational exceptions control \(tape version\)`,
		`1c 0a 08 04 00 00 00 00 `, `Medium configuration`)
	c.says(0, "sg_modes -aa /dev/judged", `Disconnect-Reconnect`, `>> Control, `, `Control extension`, `Power condition`,
		`Informational exceptions control`, `Element address assignment`)
}

// TestJudgesOfOperationCodes: what the devices say they can do is what sg_opcodes knows by name.
func TestJudgesOfOperationCodes(t *testing.T) {
	need(t, "sg_opcodes", "sg_timestamp", "sg_senddiag", "sg_turs")
	_, c, d := judgedLibrary(t)
	attentionsTaken(c, d)
	for _, b := range []*bench{c, d} {
		out := b.ask(0, "sg_opcodes", "--rctd", "--mask", "/dev/judged")
		for _, line := range strings.Split(out, "\n") {
			if strings.Contains(line, "Opcode=") || strings.Contains(line, "unknown") || strings.Contains(line, "Vendor specific") && !strings.Contains(line, "[0xe7]") /* what changers had before 37h was defined */ {
				t.Errorf("sg_opcodes does not know what %q is", line)
			}
		}
	}
	d.says(0, "sg_opcodes --rctd --mask /dev/judged", `^ 08 +6 +20 +1500 +Read\(6\)$`, `cdb usage: 08 03 ff ff ff 00`,
		`^ 19 +6 +20000 +48000 +Erase\(6\)$`, `^ 5f +6 +10 +1 +60 +Persistent reserve out, register and ignore existing key$`)
	c.says(0, "sg_opcodes --rctd /dev/judged", `^ a5 +12 +30 +900 +Move medium$`, `^ b8 +12 +1 +300 +Read element status$`)
	supportedAgainstJudge(t, c)
	supportedAgainstJudge(t, d)
	d.says(0, "sg_opcodes -o 0xa3,0xc -R /dev/judged", `Command is supported \[conforming to SCSI standard\]`,
		`Usage data: a3 0c 87 ff ff ff ff ff ff ff 00 00`, `nominal timeout: 1 secs, recommended timeout: 60 secs`)
	d.says(0, "sg_opcodes -o 0x9e,0x10 /dev/judged", `Command is NOT supported`)
	d.says(0, "sg_opcodes --tmf --repd /dev/judged", `Abort task$`, `Abort task set$`, `Logical unit reset$`, `TMFTMOV=0`)
	d.says(0, "sg_timestamp -oo /dev/judged", `^0$`)
	d.says(0, "sg_timestamp --milliseconds=86400000 /dev/judged")
	d.says(0, "sg_timestamp -oo /dev/judged", `^2$`)
	d.says(0, "sg_timestamp --elapsed /dev/judged", `^1 day`)
	d.says(0, "sg_senddiag --test /dev/judged", `Default self-test returned GOOD status`)
	d.says(0, "sg_senddiag --selftest=5 /dev/judged")
	d.says(0, "sg_senddiag --list /dev/judged", `0x00  Supported diagnostic pages`)
}

// secondHost serves a judged device to one more host.
type secondHost struct{ scsi.Transport }

func (secondHost) Close() error { return nil }

func (b *bench) secondHost(name string) *bench {
	b.t.Helper()
	via := b.device.(interface {
		Nexus(name string) scsi.Transport
	}).Nexus(name)
	other := serveDevice(b.appliance, strings.TrimPrefix(b.env[0], "LD_PRELOAD="), "other", secondHost{via})
	other.ask(6, "sg_turs", "/dev/judged")
	return other
}

// TestJudgesOfReservations: two hosts with sg_persist reserve, share, preempt and release a drive.
func TestJudgesOfReservations(t *testing.T) {
	need(t, "sg_persist", "sg_turs", "sg_modes", "sg_raw")
	_, c, a := judgedLibrary(t)
	attentionsTaken(c, a)
	const conflict = 24
	b := a.secondHost("iqn.2026-01.org.example:b")
	a.says(0, "sg_persist -k /dev/judged", `PR generation=0x0, there are NO registered reservation keys`)
	a.says(0, "sg_persist -c /dev/judged", `\(CRH\): 1`, `\(PTPL_C\): 0`, `\(TMV\): 1`, `Write Exclusive, all registrants: 1`,
		`Exclusive Access, registrants only: 1`, `Write Exclusive, registrants only: 1`, `Exclusive Access: 1`, `Write Exclusive: 1`,
		`Exclusive Access, all registrants: 1`)
	a.says(0, "sg_persist --out --register --param-sark=abc /dev/judged")
	b.says(0, "sg_persist --out --register-ignore --param-sark=def /dev/judged")
	a.says(0, "sg_persist --out --reserve --param-rk=abc --prout-type=3 /dev/judged")
	b.says(0, "sg_persist -r /dev/judged", `Key=0xabc`, `scope: LU_SCOPE,  type: Exclusive Access$`)
	b.says(0, "sg_persist -s /dev/judged", `Key=0xdef`, `iSCSI name: iqn.2026-01.org.example:b`, `Key=0xabc`, `SAS address: 0x3`, `Reservation holder`)
	b.says(conflict, "sg_modes -6 /dev/judged")
	b.says(conflict, "sg_persist --out --reserve --param-rk=def --prout-type=3 /dev/judged")
	b.says(0, "sg_persist --out --preempt --param-rk=def --param-sark=abc --prout-type=5 /dev/judged")
	a.says(6, "sg_turs -v /dev/judged", `Registrations preempted`)
	a.says(0, "sg_modes -6 /dev/judged")
	a.says(0, "sg_persist --out --register --param-sark=111 /dev/judged")
	b.says(0, "sg_persist --out --release --param-rk=def --prout-type=5 /dev/judged")
	a.says(6, "sg_turs -v /dev/judged", `Reservations released`)
	b.says(0, "sg_persist --out --clear --param-rk=def /dev/judged")
	a.says(6, "sg_turs -v /dev/judged", `Reservations preempted`)
	a.says(0, "sg_persist -k /dev/judged", `PR generation=0x5, there are NO registered reservation keys`)
	c.says(0, "sg_persist --out --register --param-sark=1 /dev/judged")
	c.says(0, "sg_persist -k /dev/judged", `1 registered reservation key follows`, `0x1$`)
	if got := a.ask(0, "sg_raw", "/dev/judged", "16", "00", "00", "00", "00", "00"); !strings.Contains(got, "Good") {
		t.Errorf("RESERVE(6): %s", got)
	}
	b.says(conflict, "sg_turs /dev/judged")
	b.says(conflict, "sg_persist -k /dev/judged")
}

// supportedAgainstJudge: our decoder reads the device's list of commands as sg_opcodes does, with the timeouts.
func supportedAgainstJudge(t *testing.T, b *bench) {
	t.Helper()
	list, err := scsi.ParseSupportedOpcodes([]byte(b.ask(0, "sg_opcodes", "--no-inquiry", "--rctd", "--raw", "/dev/judged")))
	if err != nil || len(list) < 20 {
		t.Fatalf("%d commands, %v", len(list), err)
	}
	out := regexp.MustCompile(` +`).ReplaceAllString(b.ask(0, "sg_opcodes", "--no-inquiry", "--rctd", "/dev/judged"), " ")
	for _, c := range list {
		action := ""
		if c.Action != scsi.NoAction {
			action = fmt.Sprintf("%x ", c.Action)
		}
		want := fmt.Sprintf("\n %02x %s%d %.0f %.0f ", c.Opcode, action, c.Length, c.Nominal.Seconds(), c.Recommended.Seconds())
		if !strings.Contains(out, want) {
			t.Errorf("sg_opcodes does not say %q", want)
		}
	}
}
