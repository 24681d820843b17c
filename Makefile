# calypso: one static binary. `make demo` and `make test` need Go and nothing else.

GO         ?= go
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     = -s -w -X calypso/cmd.version=$(VERSION)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
PREFIX     ?= /usr/local
FUZZTIME   ?= 30s

export CGO_ENABLED = 0

.PHONY: build demo test check race vet lint fuzz bench e2e e2e-short e2e-bench docs install clean

build:
	$(GO) build -trimpath -tags urfave_cli_no_docs -ldflags '$(LDFLAGS)' -o calypso .

demo: build
	@sh testdata/demo.sh ./calypso

test: build
	$(GO) test ./...

# What CI holds against every commit, beside `make test`.
check: vet lint race

vet:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags lab ./lab
	$(GO) mod tidy -diff
	$(GO) mod verify

lint:
	$(GO) run $(STATICCHECK) ./...

race:
	CGO_ENABLED=1 $(GO) test -race ./...

# Every fuzz target for FUZZTIME.
fuzz:
	@sh testdata/fuzz.sh $(FUZZTIME)

# Each figure stands beside its peer's, measured in the same run.
bench: build
	$(GO) run ./bench ./calypso

# The kernel level, as root in virtual machines of its own (QEMU): tapes, then storage. e2e-bench measures against peers.
STORAGE = ^Test(Pool|Vdev|Dataset|Snapshot|Storage|Send|Repo)

e2e:
	lab/e2e.sh -test.skip '^TestBench|$(STORAGE)'
	lab/e2e.sh -test.run '$(STORAGE)'

# The part of it that CI runs for every commit: each kind of peer once, in one machine.
SHORT = ^Test(ChangerOfTheHost|BaculaJobs|ForeignClients|FullDisk|FormatMT|ServedLibrary|Serve|ServeKilled|ServeISCSI|SignalsSendNothingTwice|PoolHealth|PoolSuspended)$$

e2e-short:
	lab/e2e.sh -test.run '$(SHORT)'

e2e-bench:
	lab/e2e.sh -test.run ^TestBench

# Everything generated: manual pages and the table of exit statuses.
docs:
	$(GO) test ./cmd -run 'TestMan|TestExitCodes' -update

install: build
	install -D -m 0755 calypso $(DESTDIR)$(PREFIX)/bin/calypso
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in packaging/systemd/*; do sed 's|/usr/local/bin|$(PREFIX)/bin|' $$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$(basename $$unit); done
	for page in man/*.8; do install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man8/$$(basename $$page); done

clean:
	rm -rf calypso bin
