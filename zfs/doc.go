// Package zfs runs the tools of OpenZFS, zpool(8) and zfs(8), and understands what they say: their errors as
// codes of ours, the state of pools, the names that they take. Package zfs/pool judges pools.
//
// Versions: OpenZFS 2.1 to 2.4. From 2.3 on answers are taken as JSON (-j --json-int), below as the
// tab-separated values of -Hp; human text is read only where nothing else is offered ('zpool status' below 2.3).
//
// A pool that is suspended (it lost its devices under failmode=wait) makes many commands wait for ever, in a
// state that no signal ends. States asks the kernel in a way that never waits, and NotSuspended is to be used
// before every command that touches a pool.
//
// Limits: whoever has not loaded the module has no pools; the module is never loaded from here. A pool can
// become suspended between the look and the command: every command has a deadline.
package zfs
