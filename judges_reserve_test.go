package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"calypso/tape"
	"calypso/tape/scsi"
)

// TestJudgesOfOurReservations: what this program reserves sg_persist sees as such, and what sg_persist reserves
// this program reads.
func TestJudgesOfOurReservations(t *testing.T) {
	need(t, "sg_persist", "sg_turs", "sg_modes")
	_, c, d := judgedLibrary(t)
	attentionsTaken(c, d)
	nexus := d.device.(interface {
		Nexus(name string) scsi.Transport
	}).Nexus("iqn.2026-01.org.example:ours")
	ours := tape.NewDrive(nexus)
	own, ctx := tape.OwnKey(), t.Context()
	check(t, ours.Claim(ctx, own))
	d.says(0, "sg_persist -r /dev/judged", fmt.Sprintf(`Key=0x%x$`, own), `scope: LU_SCOPE,  type: Exclusive Access$`)
	d.says(0, "sg_persist -s /dev/judged", fmt.Sprintf(`Key=0x%x$`, own), `Reservation holder`, `iSCSI name: iqn.2026-01.org.example:ours`)
	d.says(24, "sg_modes -6 /dev/judged")
	for _, key := range []string{"abc", "ffffffffffffffff"} {
		d.says(0, "sg_persist --out --register-ignore --param-sark="+key+" /dev/judged")
		all, err := ours.Reservations(ctx)
		check(t, err)
		var keys []string
		for _, g := range all.Registrations {
			keys = append(keys, fmt.Sprintf("0x%x", g.Key))
		}
		slices.Sort(keys)
		var theirs []string
		_, list, _ := strings.Cut(d.ask(0, "sg_persist", "-k", "/dev/judged"), "follow")
		for _, w := range strings.Fields(list) {
			if strings.HasPrefix(w, "0x") {
				theirs = append(theirs, w)
			}
		}
		slices.Sort(theirs)
		if len(keys) != 2 || !slices.Equal(keys, theirs) {
			t.Errorf("keys %v, sg_persist has %v", keys, theirs)
		}
	}
	check(t, ours.Disclaim(ctx, own))
	d.says(0, "sg_persist -r /dev/judged", `there is NO reservation held`)
	d.says(0, "sg_persist --out --reserve --param-rk=ffffffffffffffff --prout-type=8 /dev/judged")
	if r, err := ours.Reservation(ctx); err != nil || r == nil || r.Key != 0 || r.Type != scsi.ExclusiveAccessAll {
		t.Errorf("%+v, %v; want one of all registrants", r, err)
	}
	check(t, ours.Oust(ctx, own, 1<<64-1, false))
	d.says(6, "sg_turs -v /dev/judged", `Registrations preempted`)
	d.says(0, "sg_persist -k /dev/judged", `there are NO registered reservation keys`)
}
