package sg

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// mayOpen says who may open a node: the group that owns it.
func mayOpen(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "run as root"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o060 != 0o060 || st.Gid == 0 {
		return "run as root"
	}
	group := strconv.Itoa(int(st.Gid))
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf("run as root or as a member of group %s: 'usermod -aG %s USER', then log in again", group, group)
}
