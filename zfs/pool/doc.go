// Package pool reads what ZFS tells of its pools and judges it: status, space, events, the cache (ARC). Nothing
// is changed from here.
//
// A pool that is suspended is never asked anything: that could wait for ever (see package zfs).
//
// Limits: below OpenZFS 2.3 the status comes from text, which has no GUIDs, no paths of devices and no time of
// the start of a scrub that has ended. What is not known is nil or "". The time of the last scrub is known only
// while no resilver came after it.
package pool
