package tcmu

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// The modules behind each thing. Those of devices are wanted, not needed: a device without its driver has
// no node of that kind.
const (
	moduleUser  = "target_core_user"
	moduleLoop  = "tcm_loop"
	moduleISCSI = "iscsi_target_mod"
)

var moduleDrivers = []string{"sg", "st", "ch"}

// Load loads the modules that are needed and says what is missing nevertheless: errcode.ToolMissing with what
// to do, PermissionDenied for who is not root.
func (h Host) Load(ctx context.Context, r run.Runner, loop, iscsi bool) error {
	if os.Geteuid() != 0 {
		return errcode.New(errcode.PermissionDenied, h.Config, "the kernel's SCSI target is set up by root alone").
			WithHint("run it as root, e.g. as the systemd unit calypso-vtl@LIBRARY")
	}
	needed := []string{moduleUser}
	if loop {
		needed = append(needed, moduleLoop)
		for _, m := range moduleDrivers {
			_ = h.load(ctx, r, m)
		}
	}
	if iscsi {
		needed = append(needed, moduleISCSI)
	}
	for _, m := range needed {
		if err := h.load(ctx, r, m); err != nil {
			return errcode.New(errcode.ToolMissing, m, "the kernel's module is not there: %w", err).
				WithHint("modprobe %s; cloud kernels leave it out, linux-image-amd64 has it", m)
		}
	}
	if err := h.Missing(); err != nil {
		return err
	}
	h.keepReservations()
	return nil
}

// keepReservations makes the directory in which the kernel writes down persistent reservations; without it
// each registration ends in NOT READY. Where it cannot be made, reservations alone do not work.
func (h Host) keepReservations() {
	root, err := os.ReadFile(filepath.Join(h.Config, "dbroot"))
	if dir := strings.TrimSpace(string(root)); err == nil && filepath.IsAbs(dir) {
		_ = os.MkdirAll(filepath.Join(dir, "pr"), 0o700)
	}
}

func (h Host) load(ctx context.Context, r run.Runner, module string) error {
	if _, err := os.Stat(filepath.Join(h.Sysfs, "module", module)); err == nil {
		return nil
	}
	_, err := r.Run(ctx, run.Cmd{Name: "modprobe", Args: []string{module}, Package: "kmod"})
	return err
}

// Missing says what the kernel lacks, nil for nothing: errcode.ToolMissing with what to do.
func (h Host) Missing() error {
	if _, err := os.Stat(filepath.Join(h.Config, "core")); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return errcode.New(errcode.PermissionDenied, h.Config, "the kernel's SCSI target cannot be seen: %w", err)
	}
	configfs := filepath.Dir(h.Config)
	if _, err := os.Stat(filepath.Join(h.Sysfs, "module/configfs")); err == nil && len(children(configfs)) == 0 {
		return errcode.New(errcode.ToolMissing, configfs, "configfs is not mounted").
			WithHint("mount -t configfs configfs %s", configfs)
	}
	return errcode.New(errcode.ToolMissing, h.Config, "the kernel's SCSI target is not there").
		WithHint("modprobe target_core_mod, and mount configfs at %s", configfs)
}
