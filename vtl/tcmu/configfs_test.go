package tcmu

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// fakeHost is a tree in which the directories that the kernel makes by itself are there already.
func fakeHost(t *testing.T, files ...string) Host {
	t.Helper()
	root := t.TempDir()
	h := Host{Config: filepath.Join(root, "config/target"), Sysfs: filepath.Join(root, "sys")}
	for _, f := range append(files, "config/target/core/alua", "sys/module/target_core_user/x") {
		path := filepath.Join(root, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

const group = "config/target/iscsi/iqn.2001-04.com.example:t/tpgt_1/"

func iscsiHost(t *testing.T) (Host, *ISCSI) {
	h := fakeHost(t, group+"attrib/authentication", group+"attrib/generate_node_acls", group+"attrib/demo_mode_write_protect",
		group+"enable", group+"np/x", group+"lun/lun_0/x", group+"acls/x", group+"auth/userid", group+"auth/password",
		group+"acls/iqn.2001-04.com.example:h/auth/userid", group+"acls/iqn.2001-04.com.example:h/auth/password")
	return h, &ISCSI{IQN: "iqn.2001-04.com.example:t", Portal: "127.0.0.1:3260", Initiators: []string{"iqn.2001-04.com.example:h"}, User: "u", Password: "p w"}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestISCSICreate(t *testing.T) {
	h, i := iscsiHost(t)
	if err := i.create(h, []string{"vtl01-changer"}); err != nil {
		t.Fatal(err)
	}
	acl := filepath.Join(i.group(h), "acls", i.Initiators[0])
	for path, want := range map[string]string{
		"attrib/authentication": "1", "attrib/generate_node_acls": "0", "enable": "1", "auth/password": "p w",
	} {
		if got := content(t, filepath.Join(i.group(h), path)); got != want {
			t.Errorf("%s is %q; want %q", path, got, want)
		}
	}
	if got := content(t, filepath.Join(acl, "auth/userid")); got != "u" {
		t.Errorf("the initiator's user is %q", got)
	}
	if to, err := os.Readlink(filepath.Join(acl, "lun_0/calypso")); err != nil || to != filepath.Join(i.group(h), "lun/lun_0") {
		t.Errorf("the initiator's unit leads to %q, %v", to, err)
	}
	if to, err := os.Readlink(filepath.Join(i.group(h), "lun/lun_0/calypso")); err != nil || to != h.backstore("vtl01-changer") {
		t.Errorf("the unit leads to %q, %v", to, err)
	}
	if _, err := os.Stat(filepath.Join(i.group(h), "np/127.0.0.1:3260")); err != nil {
		t.Error(err)
	}
}

func TestISCSIAnyInitiator(t *testing.T) {
	h, i := iscsiHost(t)
	i.Initiators, i.Any, i.User, i.Password = nil, true, "", ""
	if err := i.create(h, []string{"c"}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, filepath.Join(i.group(h), "attrib/generate_node_acls")); got != "1" {
		t.Errorf("generate_node_acls is %q; want 1", got)
	}
}

func TestISCSICheck(t *testing.T) {
	good := ISCSI{Portal: "[::1]:3260", Initiators: []string{"iqn.2001-04.com.example:h"}, User: "u", Password: "p"}
	if err := good.Check(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for name, change := range map[string]func(*ISCSI){
		"nobody":         func(i *ISCSI) { i.Initiators = nil },
		"path":           func(i *ISCSI) { i.Initiators = []string{"iqn.2001/../x"} },
		"no iqn":         func(i *ISCSI) { i.Initiators = []string{"host"} },
		"long name":      func(i *ISCSI) { i.Initiators = []string{"iqn." + strings.Repeat("a", 220)} },
		"portal name":    func(i *ISCSI) { i.Portal = "localhost:3260" },
		"portal no port": func(i *ISCSI) { i.Portal = "127.0.0.1" },
		"portal port 0":  func(i *ISCSI) { i.Portal = "127.0.0.1:0" },
		"no password":    func(i *ISCSI) { i.Password = "" },
		"NULL":           func(i *ISCSI) { i.Password = "NULLify" },
		"twice":          func(i *ISCSI) { i.Initiators = append(i.Initiators, "iqn.2001-04.com.example:H") },
		"CR":             func(i *ISCSI) { i.Password = "secret\r" },
		"long password":  func(i *ISCSI) { i.Password = strings.Repeat("a", 256) },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); errcode.Of(err) != errcode.Usage {
			t.Errorf("%s: %v; want a usage error", name, err)
		}
		if err := bad.Check(); err != nil && strings.Contains(err.Error(), "NULLify") {
			t.Errorf("%s: the message shows the password: %v", name, err)
		}
	}
}

// A secret that the kernel does not take is in no message.
func TestISCSISecretNotShown(t *testing.T) {
	h, i := iscsiHost(t)
	i.Password = "correct horse"
	path := filepath.Join(i.group(h), "auth/password")
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := i.create(h, []string{"c"}); err == nil || strings.Contains(err.Error(), "horse") {
		t.Errorf("create: %v; want an error without the password", err)
	}
}

func TestLoad(t *testing.T) {
	if os.Geteuid() != 0 {
		h := fakeHost(t)
		if err := h.Load(context.Background(), &run.Plan{}, true, true); errcode.Of(err) != errcode.PermissionDenied {
			t.Errorf("Load = %v; want %s", err, errcode.PermissionDenied)
		}
		return
	}
	h := fakeHost(t)
	plan := &run.Plan{}
	if err := h.Load(context.Background(), plan, true, false); err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, c := range plan.Commands() {
		asked = append(asked, c.String())
	}
	if got, want := strings.Join(asked, ", "), "modprobe sg, modprobe st, modprobe ch, modprobe tcm_loop"; got != want {
		t.Errorf("ran %s; want %s", got, want)
	}
	missing := &run.Replay{Exchanges: []run.Exchange{{Argv: []string{"modprobe", "iscsi_target_mod"}, Stderr: "FATAL: Module not found", ExitCode: 1}}}
	err := h.Load(context.Background(), missing, false, true)
	if errcode.Of(err) != errcode.ToolMissing || !strings.Contains(errcode.HintOf(err), "modprobe iscsi_target_mod") {
		t.Errorf("Load = %v, hint %q; want what to modprobe", err, errcode.HintOf(err))
	}
}

func TestMissing(t *testing.T) {
	root := t.TempDir()
	h := Host{Config: filepath.Join(root, "kernel/config/target"), Sysfs: root}
	if err := h.Missing(); errcode.Of(err) != errcode.ToolMissing || !strings.Contains(errcode.HintOf(err), "target_core_mod") {
		t.Errorf("Missing() = %v, hint %q", err, errcode.HintOf(err))
	}
	if err := os.MkdirAll(filepath.Join(root, "module/configfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := h.Missing(); errcode.Of(err) != errcode.ToolMissing || !strings.Contains(errcode.HintOf(err), "mount -t configfs") {
		t.Errorf("Missing() = %v, hint %q; want how to mount", err, errcode.HintOf(err))
	}
}

func TestFindUIO(t *testing.T) {
	h := fakeHost(t, "sys/class/uio/uio0/maps/map0/size", "sys/class/uio/uio0/name", "sys/class/uio/uio1/name", "sys/class/uio/uio2/maps/map0/size", "sys/class/uio/uio2/name")
	for path, text := range map[string]string{
		"uio0/name": "tcm-user/77/vtl01-drive-0/calypso/vtl02\n", "uio2/name": "tcm-user/77/vtl01-drive-0/calypso/vtl01\n",
		"uio2/maps/map0/size": "0x4400000\n", "uio1/name": "hpet\n",
	} {
		if err := os.WriteFile(filepath.Join(h.Sysfs, "class/uio", path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	node, size, err := find(h.Sysfs, "vtl01-drive-0", config("vtl01"))
	if node != "/dev/uio2" || size != 0x4400000 || err != nil {
		t.Errorf("find = %s, %d, %v; want uio2 with 0x4400000", node, size, err)
	}
	if _, _, err := find(h.Sysfs, "vtl01-drive-1", config("vtl01")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("find of none: %v; want fs.ErrNotExist", err)
	}
}

// A library that starts clears what it left, and so takes the directory of all backstores away under another one.
func TestMakeBackstoreBesideOthers(t *testing.T) {
	h := fakeHost(t)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = h.destroy("vtl02-changer")
			}
		}
	}()
	for range 500 {
		if err := errors.Join(makeBackstore(h.backstore("vtl01-changer")), remove(h.backstore("vtl01-changer"))); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	if err := makeBackstore(filepath.Join(h.Config, "none/user_77/x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the kernel's directory: %v; want fs.ErrNotExist", err)
	}
}

func TestClearNothing(t *testing.T) {
	h := fakeHost(t)
	if err := Clear(h, "vtl01", []string{"vtl01-changer"}, Loopback{NAA: "5001405000000001"}, &ISCSI{IQN: "iqn.x"}); err != nil {
		t.Errorf("Clear of nothing: %v", err)
	}
}

// The kernel does not say why it does not listen.
func TestPortalError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := ISCSI{Portal: l.Addr().String()}
	if err := i.portalError(syscall.EINVAL); errcode.Of(err) != errcode.PortalBusy {
		t.Errorf("in use: %v; want %s", err, errcode.PortalBusy)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := i.portalError(syscall.EINVAL); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("free: %v; want what the kernel said", err)
	}
	i.Portal = "192.0.2.1:3260" // of documentation (RFC 5737)
	if err := i.portalError(syscall.EINVAL); errcode.Of(err) != errcode.Usage {
		t.Errorf("an address of another host: %v; want %s", err, errcode.Usage)
	}
}

// The targets that a library of the same name left, whatever they are called; none that others made.
func TestTargetsOf(t *testing.T) {
	h := fakeHost(t)
	for link, to := range map[string]string{
		"loopback/naa.1/tpgt_1/lun/lun_0/calypso": "../../../../../../target/core/user_77/vtl01-changer", // as configfs shows it
		"loopback/naa.1/tpgt_1/lun/lun_1/calypso": h.backstore("vtl01-drive-0"),
		"iscsi/iqn.x/tpgt_1/lun/lun_0/calypso":    h.backstore("vtl01-drive-0"),
		"iscsi/iqn.other/tpgt_1/lun/lun_0/a1b2c3": h.backstore("vtl01-drive-0"), // an administrator's
		"loopback/naa.2/tpgt_1/lun/lun_0/calypso": h.backstore("vtl02-changer"),
		"loopback/naa.3/tpgt_1/lun/lun_0/calypso": filepath.Join(h.Config, "core/user_1/vtl01-changer"),
	} {
		path := filepath.Join(h.Config, link)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	got := h.targetsOf([]string{"vtl01-changer", "vtl01-drive-0"})
	want := []string{filepath.Join(h.Config, "iscsi/iqn.x"), filepath.Join(h.Config, "loopback/naa.1")}
	if !slices.Equal(got, want) {
		t.Errorf("targetsOf = %v; want %v", got, want)
	}
}

func TestParseSession(t *testing.T) {
	// As lio_target_nacl_info_show writes it.
	info := "InitiatorName: iqn.2001-04.com.example:h\nInitiatorAlias: lab\nLIO Session ID: 1   ISID: 0x00 02 3d 00 00 00  TSIH: 1  SessionType: Normal\n" +
		"Session State: TARG_SESS_STATE_LOGGED_IN\n---------------------[iSCSI Session Values]-----------------------\n" +
		"----------------------[iSCSI Connections]-------------------------\nCID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN\n   Address 127.0.0.1 TCP  StatSN: 0x1\n"
	got, ok := parseSession("iqn.2001-04.com.example:h", info)
	if want := (Session{"iqn.2001-04.com.example:h", "LOGGED_IN", "127.0.0.1"}); !ok || got != want {
		t.Errorf("parseSession = %+v, %v; want %+v", got, ok, want)
	}
	if _, ok := parseSession("x", "No active iSCSI Session for Initiator Endpoint: x\n"); ok {
		t.Error("a session where there is none")
	}
}
