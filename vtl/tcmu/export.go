package tcmu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lunLink is the name of the link from a logical unit to what is behind it: the mark of this program.
const lunLink = "calypso"

// lun binds a backstore to a logical unit number of a target portal group.
func (h Host) lun(group string, number int, backstore string) error {
	dir := filepath.Join(group, "lun", "lun_"+strconv.Itoa(number))
	if err := makeDir(dir); err != nil {
		return err
	}
	return os.Symlink(h.backstore(backstore), filepath.Join(dir, lunLink))
}

// tearDown takes a target away with everything in it. What is not there is no error.
func tearDown(target string) error {
	var errs []error
	for _, g := range children(target) {
		if !strings.HasPrefix(g, "tpgt_") {
			continue // the kernel's own
		}
		group := filepath.Join(target, g)
		if _, err := os.Stat(filepath.Join(group, "enable")); err == nil {
			_ = set(filepath.Join(group, "enable"), "0") // it may never have been enabled
		}
		errs = append(errs, tearDownGroup(group), remove(group))
	}
	return errors.Join(append(errs, remove(target))...)
}

func tearDownGroup(group string) error {
	var errs []error
	for _, a := range children(filepath.Join(group, "acls")) {
		acl := filepath.Join(group, "acls", a)
		for _, l := range children(acl) {
			if strings.HasPrefix(l, "lun_") {
				errs = append(errs, unlinkAll(filepath.Join(acl, l)), remove(filepath.Join(acl, l)))
			}
		}
		errs = append(errs, remove(acl))
	}
	for _, l := range children(filepath.Join(group, "lun")) {
		lun := filepath.Join(group, "lun", l)
		errs = append(errs, unlinkAll(lun), remove(lun))
	}
	for _, n := range children(filepath.Join(group, "np")) {
		errs = append(errs, remove(filepath.Join(group, "np", n)))
	}
	return errors.Join(errs...)
}

// Loopback exports units to this host itself: they appear as /dev/st*, /dev/sg* and /dev/sch*.
type Loopback struct {
	NAA string // 16 hexadecimal digits, the target's name; the initiator's is made from it
}

func (l Loopback) target(h Host) string { return filepath.Join(h.Config, "loopback", "naa."+l.NAA) }

func (l Loopback) create(h Host, backstores []string) error {
	target := l.target(h)
	group := filepath.Join(target, "tpgt_1")
	err := errors.Join(makeDir(filepath.Join(h.Config, "loopback")), makeDir(target), makeDir(group),
		set(filepath.Join(group, "nexus"), "naa."+initiator(l.NAA)))
	for i, b := range backstores {
		if err == nil {
			err = h.lun(group, i, b)
		}
	}
	if err != nil {
		return fmt.Errorf("loopback target: %w", err)
	}
	return nil
}

// initiator is another name with the same digits: the last one differs.
func initiator(naa string) string {
	last := naa[len(naa)-1]
	other := byte('0')
	if last == other {
		other = '1'
	}
	return naa[:len(naa)-1] + string(other)
}

// destroy takes the export away.
func (l Loopback) destroy(h Host) error { return tearDown(l.target(h)) }
