package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"calypso/sys/place"
	"calypso/tape"
	"calypso/tape/archive"
	"calypso/vtl"
)

// benchLongTape measures a tape with very many archives: the listing, and reading the first archive
// against the last.
func benchLongTape(s settings) error {
	setup := s.calypso + " -q vtl create long --slots 1 --start 1 && " + s.calypso + " -q library load long --slot 1 && " +
		s.calypso + " -q lto label -f long:0 V00001L8"
	if _, err := shell(setup); err != nil {
		return err
	}
	if err := writeArchives(s); err != nil {
		return err
	}
	if _, err := shell(s.calypso + " -q lto scan -f long:0"); err != nil {
		return err
	}
	list, start, err := pairBy(direct, "", s.calypso+" lto list -f long:0", s.calypso+" version")
	if err != nil {
		return err
	}
	over(fmt.Sprintf("list a tape of %d archives", s.archives), list, start)
	read := func(file int) string {
		return fmt.Sprintf("%s -q lto read -f long:0 --file %d --stdout", s.calypso, file)
	}
	last, first, err := pairBy(direct, "", read(2*s.archives-1), read(1))
	if err != nil {
		return err
	}
	report("read the last of them", 0, last, first, "read the first of them")
	_, err = shell(s.calypso + " -q vtl delete long --confirm long")
	return err
}

// writeArchives appends the archives in this process, since ten thousand starts would measure
// nothing of interest.
func writeArchives(s settings) error {
	ctx := context.Background()
	places, err := place.Resolve(os.Getenv, os.Geteuid(), "", "")
	if err != nil {
		return err
	}
	transport, err := vtl.NewStore(places).OpenDrive(ctx, "long", 0)
	if err != nil {
		return err
	}
	d := tape.NewDrive(transport)
	for i := range s.archives {
		src := archive.Source{Name: fmt.Sprintf("archive-%05d", i), Kind: archive.KindStream, Stream: strings.NewReader(fmt.Sprint("content of ", i))}
		res, err := archive.Write(ctx, d, src, archive.WriteOptions{Host: "bench", Software: "bench", BufferBytes: 4 << 20, Watermarks: archive.Watermarks{Off: true}, Now: time.Now})
		if err != nil {
			return err
		}
		_ = res.Members.Close()
	}
	return transport.Close()
}

// benchManySlots measures a library of 1,000 slots.
func benchManySlots(s settings) error {
	remove := s.calypso + " -q vtl delete wide >/dev/null 2>&1 || true"
	create, start, err := pairBy(direct, remove, s.calypso+" -q vtl create wide --slots 1000 --drives 4", s.calypso+" version")
	if err != nil {
		return err
	}
	over("create a library of 1,000 slots", create, start)
	show, start, err := pairBy(direct, "", s.calypso+" library show wide --json", s.calypso+" version")
	if err != nil {
		return err
	}
	over("library show --json of 1,000 slots", show, start)
	return nil
}
