package main

import (
	"testing"

	"calypso/tape/scsi"
)

// work writes twelve blocks of a million bytes and a filemark, and reads five of them again.
func (b *bench) work() {
	b.t.Helper()
	do := func(times int, cdb []byte, out, in []byte) {
		for range times {
			check(b.t, b.device.Exec(b.t.Context(), &scsi.Command{CDB: cdb, DataOut: out, DataIn: in}))
		}
	}
	block := make([]byte, 1_000_000)
	do(12, []byte{0x0A, 0, 0x0F, 0x42, 0x40, 0}, block, nil)
	do(1, []byte{0x10, 0, 0, 0, 1, 0}, nil, nil)
	do(1, []byte{0x01, 0, 0, 0, 0, 0}, nil, nil)
	do(5, []byte{0x08, 0, 0x0F, 0x42, 0x40, 0}, nil, block)
}

// loaded is a drive that holds the first cartridge and has no unit attention left.
func loaded(t *testing.T) (changer, drive *bench) {
	_, c, d := judgedLibrary(t)
	c.says(0, "mtx -f /dev/judged load 1 0")
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged")
	}
	return c, d
}

// TestJudgesOfTheLogs: sg_logs decodes what was done with the drive, to the byte.
func TestJudgesOfTheLogs(t *testing.T) {
	need(t, "mtx", "sg_logs", "sg_turs")
	_, d := loaded(t)
	d.work()
	d.says(0, "sg_logs -p 0 /dev/judged", `0x02 +Write error`, `0x17 +Volume statistics`, `0x31 +Tape capacity`)
	d.says(0, "sg_logs -p 0,0xff /dev/judged", `0x00,0xff`, `0x2e +Tape alert`)
	d.says(0, "sg_logs -p 2 /dev/judged", `Total bytes processed = 12000000$`, `Total uncorrected errors = 0$`)
	d.says(0, "sg_logs -p 3 /dev/judged", `Total bytes processed = 5000000$`)
	d.says(0, "sg_logs -p 0xc /dev/judged", `BOP to EOD: 12 MB$`, `BOP to current position: 4 MB$`, `Cleaning action not required`)
	d.says(0, "sg_logs -p 0xd /dev/judged", `Current temperature = 30 C$`, `Reference temperature = 50 C$`)
	d.says(0, "sg_logs -p 0x11 /dev/judged", `MACC=1 CMPR=0 WRTP=0 CRQST=0 CRQRD=0 DINIT=1$`, `MPRSNT=1 MSTD=1 MTHRD=1 MOUNTED=1$`,
		`polling delay: +500 milliseconds$`, `activity: No DT device activity$`)
	d.says(0, "sg_logs -p 0x14 /dev/judged", `Lifetime media loads: 1$`, `Lifetime power cycles: 1$`, `Volume loads since last parameter reset: 1$`, `Hard write errors: 0$`)
	d.says(0, "sg_logs -p 0x17 /dev/judged", `Page valid: 1$`, `Thread count: 1$`, `Total data sets written: 3$`, `Total data sets read: 1$`,
		`Last mount megabytes written: 12$`, `Last mount megabytes read: 5$`, `Lifetime megabytes written: 12$`, `Lifetime megabytes read: 5$`,
		`Last load write compression ratio: 100$`, `Total native capacity.*: 12000000`, `Total used native capacity.*: 12( |$)`,
		`Volume barcode: V00001L8 *$`, `Volume personality: LTOL8G8 *$`, `Volume write mounts: 1$|0x100`, `counter: 11999987$`)
	d.says(0, "sg_logs -p 0x1b /dev/judged", `Read compression ratio x100: 100$`, `Megabytes transferred from server: 12$`, `Megabytes read from tape: 5$`, `Data compression enabled: 0x0$`)
	d.says(0, "sg_logs -p 0x30 /dev/judged", `Thread count: 1$`, `Total data sets written: 3$`)
	d.says(0, "sg_logs -p 0x31 /dev/judged", `Main partition remaining capacity \(in MiB\): 11444080$`, `Main partition maximum capacity \(in MiB\): 11444091$`)
	d.says(0, "sg_logs -p 0x32 /dev/judged", `Megabytes written to tape: 12$`)
	d.says(5, "sg_logs -p 0x3a /dev/judged", `[Ii]llegal request`)
	d.says(0, "sg_logs --reset -p 2 /dev/judged")
	d.says(0, "sg_logs -p 2 /dev/judged", `Total bytes processed = 0$`)
	d.says(0, "sg_logs -p 3 /dev/judged", `Total bytes processed = 5000000$`)
	d.says(0, "sg_logs -A /dev/judged", `Volume statistics page`, `Tape capacity page`)
}

// TestJudgesOfTheAlerts: a flag is seen twice on page 12h and once on page 2Eh.
func TestJudgesOfTheAlerts(t *testing.T) {
	need(t, "mtx", "sg_logs", "sg_turs", "sg_prevent", "sg_raw", "sg_read_attr")
	c, d := loaded(t)
	d.says(0, "sg_prevent /dev/judged")
	d.ask(5, "sg_raw", "/dev/judged", "1b", "00", "00", "00", "00", "00")
	for range 2 {
		d.says(0, "sg_logs -p 0x12 /dev/judged", `^  Flag09h: 0  0Ah: 1  0Bh: 0 `)
	}
	d.says(0, "sg_logs -p 0x2e /dev/judged", `^  No removal: 1$`, `^  Write protect: 0$`)
	d.says(0, "sg_logs -p 0x2e /dev/judged", `^  No removal: 0$`)
	d.says(0, "sg_logs -p 0x12 /dev/judged", `^  Flag09h: 0  0Ah: 0  0Bh: 0 `)
	d.says(0, "sg_prevent --allow /dev/judged")
	c.says(0, "mtx -f /dev/judged unload 1 0")
	c.says(0, "mtx -f /dev/judged load 1 0")
	d.ask(6, "sg_turs", "/dev/judged")
	d.says(0, "sg_read_attr --filter=2 /dev/judged", `TapeAlert flags: 18014398509481984$`) // 2^54: flag 10 of the load before
}

// TestJudgesOfTheMemory: sg_read_attr decodes the cartridge memory after two loads.
func TestJudgesOfTheMemory(t *testing.T) {
	need(t, "mtx", "sg_read_attr", "sg_turs")
	c, d := loaded(t)
	d.work()
	c.says(0, "mtx -f /dev/judged unload 1 0")
	c.says(0, "mtx -f /dev/judged load 1 0")
	d.ask(6, "sg_turs", "/dev/judged")
	d.says(0, "sg_read_attr /dev/judged", `Remaining capacity in partition \[MiB\]: 11444080$`, `Load count: 2$`, `Volume identifier: V00001L8 *$`,
		`Volume change reference: 0x1$`, `Total MiB written in medium life: 11$`, `Total MiB read in medium life: 4$`,
		`Total MiB written in current/last load: 0$`, `Medium length \[m\]: 960$`, `Medium width \[0.1 mm\]: 127$`, `Medium type: 0x0$`,
		`last load: CALYPSO D`, `load-1: CALYPSO D`)
	d.says(0, "sg_read_attr --filter=0x340 /dev/judged", `Current amount of data written \[MiB\]: 0$`, `Previous amount of data written \[MiB\]: 11$`,
		`Previous amount of data read \[MiB\]: 4$`, `Total amount of data written \[MiB\]: 11$`, `Load count: 2$`, `Total partition initialization count: 1$`)
	d.says(0, "sg_read_attr --filter=0x341 /dev/judged", `Previous amount of data written \[MiB\]: 11$`, `partition initialization count: 1$`)
	d.says(0, "sg_read_attr --sa=2 /dev/judged", `First logical volume number: 0$`, `Number of logical volumes available: 1$`)
	d.says(0, "sg_read_attr --sa=3 /dev/judged", `First partition number: 0$`, `Number of partitions available: 1$`)
	d.says(0, "sg_read_attr --sa=5 /dev/judged", `Volume coherency information$`, `Media pool$`, `Medium usage history$`)
	d.says(5, "sg_read_attr --partition=1 /dev/judged", `[Ii]llegal request`)
}
