package tcmu

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"calypso/sys/errcode"
)

// ISCSI exports units to hosts that log in to an iSCSI target of this one.
type ISCSI struct {
	IQN        string
	Portal     string   // address:port to listen on
	Initiators []string // IQNs that may log in; none: Any must be set
	Any        bool     // every initiator may
	User       string   // CHAP; empty: none is asked for
	Password   string
}

// DefaultPortal is where nobody but this host itself gets to.
const DefaultPortal = "127.0.0.1:3260"

// Check refuses what cannot be served: errcode.Usage.
func (i *ISCSI) Check() error {
	if err := i.checkPortal(); err != nil {
		return err
	}
	if len(i.Initiators) == 0 && !i.Any {
		return errcode.New(errcode.Usage, i.IQN, "no initiator may log in").
			WithHint("name those that may with --initiator, or let all in with --any-initiator")
	}
	for n, name := range i.Initiators {
		if !isInitiatorName(name) {
			return errcode.New(errcode.Usage, name, "is no name of an initiator: iqn.YYYY-MM.…, eui.… or naa.…")
		}
		if slices.ContainsFunc(i.Initiators[:n], func(other string) bool { return strings.EqualFold(other, name) }) {
			return errcode.New(errcode.Usage, name, "the initiator is named twice")
		}
	}
	return i.checkSecret()
}

func (i *ISCSI) checkPortal() error {
	host, port, err := net.SplitHostPort(i.Portal)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n == 0 || net.ParseIP(host) == nil {
		return errcode.New(errcode.Usage, i.Portal, "is no portal: an address and a port, e.g. 192.0.2.1:3260 or [2001:db8::1]:3260")
	}
	return nil
}

// isInitiatorName holds a name to RFC 7143 4.2.7, as far as it must be to be the name of a directory.
func isInitiatorName(name string) bool {
	if len(name) > 223 || !strings.HasPrefix(name, "iqn.") && !strings.HasPrefix(name, "eui.") && !strings.HasPrefix(name, "naa.") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '.' && r != '-' && r != ':' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// checkSecret refuses what the kernel would cut or take for no password at all.
func (i *ISCSI) checkSecret() error {
	for what, s := range map[string]string{"user": i.User, "password": i.Password} {
		if len(s) > 255 || strings.ContainsFunc(s, unicode.IsControl) || strings.HasPrefix(s, "NULL") {
			return errcode.New(errcode.Usage, i.IQN, "the CHAP %s is longer than 255 bytes, has a control character (CR at the end of the line?), or begins with NULL", what)
		}
	}
	if (i.User == "") != (i.Password == "") {
		return errcode.New(errcode.Usage, i.IQN, "CHAP wants a user and a password")
	}
	return nil
}

func (i *ISCSI) target(h Host) string { return filepath.Join(h.Config, "iscsi", i.IQN) }
func (i *ISCSI) group(h Host) string  { return filepath.Join(i.target(h), "tpgt_1") }

func (i *ISCSI) create(h Host, backstores []string) error {
	group := i.group(h)
	err := errors.Join(makeDir(filepath.Join(h.Config, "iscsi")), makeDir(i.target(h)), makeDir(group))
	for n, b := range backstores {
		if err == nil {
			err = h.lun(group, n, b)
		}
	}
	if err == nil {
		err = i.admit(group, len(backstores))
	}
	if err == nil {
		err = i.listen(group)
	}
	if err != nil {
		return fmt.Errorf("iSCSI target: %w", err)
	}
	return nil
}

// listen opens the portal last: who logs in finds everything.
func (i *ISCSI) listen(group string) error {
	if err := makeDir(filepath.Join(group, "np", i.Portal)); err != nil {
		return i.portalError(err)
	}
	return set(filepath.Join(group, "enable"), "1")
}

// portalError says why the kernel does not listen: it has one error for every reason (Linux 6.12: EINVAL), so that
// the reason is found by an attempt of our own.
func (i *ISCSI) portalError(err error) error {
	l, why := net.Listen("tcp", i.Portal)
	switch {
	case errors.Is(why, syscall.EADDRINUSE):
		return errcode.New(errcode.PortalBusy, i.Portal, "%w", why)
	case errors.Is(why, syscall.EADDRNOTAVAIL):
		return errcode.New(errcode.Usage, i.Portal, "this host does not have the address: %w", why)
	case why == nil:
		return errors.Join(err, l.Close())
	}
	return err
}

// admit says who may log in, and by which secret.
func (i *ISCSI) admit(group string, luns int) error {
	dynamic := i.Any && len(i.Initiators) == 0
	err := errors.Join(
		set(filepath.Join(group, "attrib/authentication"), digit(i.User != "")),
		set(filepath.Join(group, "attrib/generate_node_acls"), digit(dynamic)),
		set(filepath.Join(group, "attrib/demo_mode_write_protect"), "0"),
	)
	if err == nil && i.User != "" {
		err = i.secret(filepath.Join(group, "auth"))
	}
	for _, name := range i.Initiators {
		if err == nil {
			err = i.acl(group, name, luns)
		}
	}
	return err
}

// acl lets one initiator in and shows it all units.
func (i *ISCSI) acl(group, name string, luns int) error {
	acl := filepath.Join(group, "acls", strings.ToLower(name))
	if err := makeDir(acl); err != nil {
		return err
	}
	if i.User != "" {
		if err := i.secret(filepath.Join(acl, "auth")); err != nil {
			return err
		}
	}
	for n := range luns {
		unit := "lun_" + strconv.Itoa(n)
		if err := makeDir(filepath.Join(acl, unit)); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Join(group, "lun", unit), filepath.Join(acl, unit, lunLink)); err != nil {
			return err
		}
	}
	return nil
}

func (i *ISCSI) secret(dir string) error {
	for name, value := range map[string]string{"userid": i.User, "password": i.Password} {
		if err := setSecret(filepath.Join(dir, name), value); err != nil {
			return err
		}
	}
	return nil
}

func digit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// destroy takes the export away; hosts that are logged in are logged out.
func (i *ISCSI) destroy(h Host) error { return tearDown(i.target(h)) }
