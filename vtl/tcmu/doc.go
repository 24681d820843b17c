// Package tcmu puts device servers behind the stock Linux kernel: it makes backstores of the LIO target's
// user-space module (target_core_user), answers the commands that the kernel puts into their rings, and
// exports them through the loopback fabric (as /dev/st*, /dev/sg*, /dev/sch* of this host) and through
// LIO's iSCSI target.
//
// The ring is the one of Documentation/target/tcmu-design.rst and <linux/target_core_user.h>, mailbox
// version 2. Data is taken from and put into the shared memory directly: a block that a host writes is
// copied once, from the shared memory to the page cache.
//
// Everything about the kernel goes through configfs and sysfs, whose roots are parameters.
//
// Limits: commands of one device are answered one after the other, in order; bidirectional commands and
// protection information are refused; task management is acknowledged, since a command that a device
// server has begun cannot be taken back.
package tcmu
