// Package sg reaches tape drives and medium changers through the Linux SCSI generic driver, interface
// version 3 (/dev/sgN).
//
// A command is handed over with write(2) and its answer fetched with poll(2) and read(2), not with the
// SG_IO ioctl: the driver waits for the answer of SG_IO interruptibly, and when a signal, a freezer or a
// debugger interrupts it the kernel restarts the whole call, which sends the command a second time while
// the first is still running in the drive. A write(2) to the driver does not wait, and to repeat a
// read(2) sends nothing.
//
// The device is opened for reading and writing: the driver filters commands of descriptors that cannot
// write, and would refuse most of what a tape drive is asked.
//
// Limits: one command at a time for each Device, CDBs of up to 16 bytes, no bidirectional commands.
package sg
