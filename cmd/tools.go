package cmd

import (
	"calypso/sys/run"
	"calypso/zfs"
)

// hostTools is how every verb runs the tools of the host, and hostProc where it reads what the kernel tells.
// Tests put recorded answers in their place.
var (
	hostTools run.Runner = run.Host{}
	hostProc             = "/proc"
)

func zfsTools() zfs.Tools { return zfs.Tools{Runner: hostTools, Proc: hostProc} }
