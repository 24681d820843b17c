package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/notify"
	"calypso/sys/run"
	"calypso/tape/key"
	"calypso/vtl"
	"calypso/vtl/tcmu"
)

func vtlServeCommand() *command {
	return &command{
		Name: "serve", Summary: "put a virtual library behind the kernel, for any program",
		Description: "Shows the drives and the changer of a virtual library as devices of this host (/dev/nst*, /dev/sg*, /dev/sch*), with --iscsi as a target for other hosts, and answers for them until it is stopped. Any program can use them: mt, mtx, tar, Bacula. Nothing but the stock Linux kernel is needed: target_core_user, tcm_loop, iscsi_target_mod. Needs root.\n\nIt runs in the foreground; 'systemctl enable --now calypso-vtl@LIBRARY' keeps it running, with the options that OPTIONS= in /etc/default/calypso-vtl-LIBRARY gives. SIGTERM or SIGINT stops it: devices that are in use go away like drives that lose power. When it is killed, programs that use a device wait for an answer until it is started again, which ends their commands with an error and shows the drives as after a power cycle.\n\nWhile it serves, other commands of calypso do not play the devices themselves: they say who serves the library.\n\n--iscsi listens on 127.0.0.1:3260 unless --portal says otherwise. All initiators are one host to the virtual drives; the kernel keeps their persistent reservations apart.",
		Args:        []arg{libraryArg()},
		Flags: []flag{
			boolFlag("loop", "as devices of this host; the default without --iscsi"),
			boolFlag("iscsi", "as an iSCSI target"),
			stringFlag("portal", "ADDRESS:PORT", "where the iSCSI target listens; default "+tcmu.DefaultPortal),
			stringsFlag("initiator", "IQN", "an initiator that may log in"),
			boolFlag("any-initiator", "let every initiator log in"),
			stringFlag("chap-file", "FILE", "user and password of CHAP on two lines, mode 0600").Files(),
		},
		Examples: []example{
			{"calypso vtl serve vtl01", "as devices of this host"},
			{"calypso vtl serve vtl01 --iscsi --initiator iqn.2001-04.org:sd --chap-file f", "for one other host"},
		},
		Exits:   []errcode.Exit{errcode.ExitNotFound, errcode.ExitBusy, errcode.ExitUnsupported},
		Mutates: true,
		Run:     runVTLServe,
	}
}

// vtlServeDoc is `calypso vtl serve --json`: one document when the devices are there.
type vtlServeDoc struct {
	Library string          `json:"library"`
	Loop    bool            `json:"loop"`
	ISCSI   *iscsiDoc       `json:"iscsi"`
	Units   []servedUnitDoc `json:"units"`
}

// iscsiDoc is how a library is reached from other hosts.
type iscsiDoc struct {
	IQN        string   `json:"iqn"`
	Portal     string   `json:"portal"`
	Initiators []string `json:"initiators"` // empty: every one
}

func runVTLServe(ctx context.Context, inv *invocation) error {
	library := inv.arg("LIBRARY")
	o, err := inv.serveOptions()
	if err != nil {
		return err
	}
	store := vtl.NewStore(inv.places)
	lib, err := store.Get(library)
	if err != nil {
		return err
	}
	if inv.dryRun {
		if err := store.NotServed(library); err != nil {
			return err
		}
		return inv.emit(newServeDoc(lib, o), func(p *page) {
			p.line("would serve library %s: %s and %s", library, "the changer", counted(len(lib.Drives), "drive"))
		})
	}
	if err := o.Host.Load(ctx, run.Host{}, o.Loop, o.ISCSI != nil); err != nil {
		return err
	}
	service, err := store.Serve(ctx, library, o)
	if err != nil {
		return err
	}
	err = inv.serve(ctx, service, o)
	_ = notify.New(inv.getenv).Tell(notify.Stopping)
	return errors.Join(err, service.Close())
}

// serveOptions reads the flags.
func (inv *invocation) serveOptions() (vtl.ServeOptions, error) {
	o := vtl.ServeOptions{Host: tcmu.System, Loop: inv.flag("loop") || !inv.flag("iscsi"), Report: inv.serveReporter()}
	if !inv.flag("iscsi") {
		for _, name := range []string{"portal", "initiator", "any-initiator", "chap-file"} {
			if inv.isSet(name) {
				return o, usageErrorf("--%s goes with --iscsi", name)
			}
		}
		return o, nil
	}
	target := &tcmu.ISCSI{Portal: tcmu.DefaultPortal, Initiators: inv.strs("initiator"), Any: inv.flag("any-initiator")}
	if inv.isSet("portal") {
		target.Portal = inv.str("portal")
	}
	if target.Any && len(target.Initiators) > 0 {
		return o, usageErrorf("want either --initiator or --any-initiator")
	}
	if file := inv.str("chap-file"); file != "" {
		if err := readCHAP(file, target); err != nil {
			return o, err
		}
	}
	o.ISCSI = target
	return o, target.Check()
}

// readCHAP reads a user and a password from the two lines of a file that is its owner's alone.
func readCHAP(file string, target *tcmu.ISCSI) error {
	text, err := key.ReadSecretFile(file, 1024)
	if err != nil {
		return err
	}
	defer clear(text)
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if len(lines) != 2 || len(lines[0]) == 0 || len(lines[1]) == 0 {
		return errcode.New(errcode.Usage, file, "want two lines: the user and the password of CHAP")
	}
	target.User, target.Password = string(lines[0]), string(lines[1])
	return nil
}

// serveReporter tells of failed commands, one that is repeated once in ten seconds.
func (inv *invocation) serveReporter() func(string, error) {
	var mu sync.Mutex
	told := map[string]time.Time{}
	return func(unit string, err error) {
		line := fmt.Sprintf("%s: %v", unit, err)
		mu.Lock()
		defer mu.Unlock()
		if time.Since(told[line]) < 10*time.Second {
			return
		}
		if len(told) > 1000 {
			clear(told)
		}
		told[line] = time.Now()
		inv.say("calypso: " + line)
	}
}

// How long the devices may take to appear, and how often the status is written.
const (
	nodesWait     = 30 * time.Second
	publishPeriod = 2 * time.Second
)

// serve says where the devices are, then keeps the status until it is to stop. To be stopped by a signal is
// how a server ends well.
func (inv *invocation) serve(ctx context.Context, service *vtl.Service, o vtl.ServeOptions) error {
	doc := newServeDoc(service.Library, o)
	if o.Loop {
		inv.awaitNodes(ctx, doc.Units)
	}
	err := inv.emit(doc, func(p *page) {
		p.raw(doc.text())
	})
	if err != nil {
		return err
	}
	inv.flush()
	manager := notify.New(inv.getenv)
	if err := manager.Tell(notify.Ready, notify.Status(doc.statusLine())); err != nil {
		inv.warn("%v", err)
	}
	serving, stop := context.WithCancel(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		inv.beat(serving, service, manager)
	}()
	err = service.Wait(ctx)
	stop()
	<-beating
	return err
}

// flush writes the answer of a verb that goes on.
func (inv *invocation) flush() {
	inv.Out.Write(inv.answer) // Out remembers a failure
	inv.answer = nil
}

// stallLimit is for how many periods of the watchdog a command may take: with the unit's 60 s that is 10 minutes,
// before the 15 after which the host's st driver gives a command up.
const stallLimit = 10

// beat tells the service manager that the devices are answered for, and everybody how the service does.
func (inv *invocation) beat(ctx context.Context, service *vtl.Service, manager notify.Manager) {
	period := publishPeriod
	if w := manager.Interval(); w > 0 {
		period = min(period, w/2)
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	limit := stallLimit * manager.Interval()
	unwritten, silent := false, false
	for {
		if err := service.Publish(); err != nil && !unwritten {
			inv.warn("the status cannot be written: %v", err)
			unwritten = true
		}
		switch stalled := service.Stalled(limit); {
		case limit == 0 || len(stalled) == 0:
			_ = manager.Tell(notify.Watchdog)
		case !silent:
			inv.warn("%s: no progress for %s; the service manager is not told any more that all is well", strings.Join(stalled, ", "), limit)
			silent = true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func newServeDoc(lib *vtl.Library, o vtl.ServeOptions) vtlServeDoc {
	doc := vtlServeDoc{Library: lib.Name, Loop: o.Loop}
	if o.ISCSI != nil {
		doc.ISCSI = &iscsiDoc{lib.IQN(), o.ISCSI.Portal, slices.Clone(o.ISCSI.Initiators)}
	}
	for i, serial := range lib.UnitSerials() {
		doc.Units = append(doc.Units, servedUnitDoc{Name: unitName(lib.Name, i), LUN: i, Serial: serial})
	}
	return doc
}

// unitName is the changer's or a drive's, as the other verbs name it.
func unitName(library string, i int) string {
	if i == 0 {
		return library
	}
	return fmt.Sprintf("%s:%d", library, i-1)
}

func (d vtlServeDoc) statusLine() string {
	return fmt.Sprintf("serving %s with %s", d.Library, counted(len(d.Units)-1, "drive"))
}

func (d vtlServeDoc) text() string {
	p := &page{}
	p.line("%s", d.statusLine())
	if d.ISCSI != nil {
		who := strings.Join(d.ISCSI.Initiators, ", ")
		if who == "" {
			who = "every initiator"
		}
		p.line("iSCSI target %s at %s for %s", d.ISCSI.IQN, d.ISCSI.Portal, who)
	}
	p.unitTable(d.Units)
	return p.b.String()
}
