package pax

import (
	"os/user"
	"strconv"
)

// owners looks up names and numbers of users and groups, each once.
type owners struct {
	userNames, groupNames map[uint32]string
	userIDs, groupIDs     map[string]int64 // -1: no such name
}

func newOwners() *owners {
	return &owners{map[uint32]string{}, map[uint32]string{}, map[string]int64{}, map[string]int64{}}
}

// names gives the names of an owner, "" for what does not resolve.
func (o *owners) names(uid, gid uint32) (uname, gname string) {
	uname, ok := o.userNames[uid]
	if !ok {
		if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			uname = u.Username
		}
		o.userNames[uid] = uname
	}
	gname, ok = o.groupNames[gid]
	if !ok {
		if g, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10)); err == nil {
			gname = g.Name
		}
		o.groupNames[gid] = gname
	}
	return uname, gname
}

// id gives the number of a user or group of that name on this host.
func (o *owners) id(group bool, name string) (uint32, bool) {
	if name == "" {
		return 0, false
	}
	known, find := o.userIDs, lookupUser
	if group {
		known, find = o.groupIDs, lookupGroup
	}
	id, ok := known[name]
	if !ok {
		id = find(name)
		known[name] = id
	}
	return uint32(id), id >= 0
}

func lookupUser(name string) int64 {
	u, err := user.Lookup(name)
	if err != nil {
		return -1
	}
	return parseID(u.Uid)
}

func lookupGroup(name string) int64 {
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1
	}
	return parseID(g.Gid)
}

func parseID(s string) int64 {
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return -1
	}
	return int64(id)
}
