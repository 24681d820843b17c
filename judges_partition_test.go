package main

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestJudgesOfPartitions: sg_modes shows the pages where SSC-5 has them, and each partition is a file that
// reads by the description in docs/image-format.md.
func TestJudgesOfPartitions(t *testing.T) {
	need(t, "mtx", "sg_turs", "sg_modes", "sg_raw", "tapeinfo")
	a, c, d := judgedLibrary(t)
	c.says(0, "mtx -f /dev/judged load 1 0")
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged")
	}
	d.says(0, "sg_modes -p 0x10,1 /dev/judged", `Device configuration extension|Device configuration`, `^ 00     d0 01 00 1c 00 02 00 00 `)
	d.says(0, "sg_modes -p 0x11 /dev/judged", `Medium Partition`, `^ 00     11 0e 03 00 1c 03 09 00  2e e0 00 00 00 00 00 00`)
	d.send("15 10 00 00 14 00", "00 00 10 00 11 0e 03 02 3c 03 09 00 0080 0100 ffff 0000")
	d.says(0, "sg_raw /dev/judged 04 00 01 00 00 00")
	d.says(0, "sg_modes -p 0x11 /dev/judged", `^ 00     11 0e 03 02 3c 03 09 00  00 80 01 00 2d 60 00 00`)
	for n, data := range []string{"index", "data of the second", "third"} {
		d.says(0, fmt.Sprintf("sg_raw /dev/judged 92 02 00 %02x 00 00 00 00 00 00 00 00 00 00 00 00", n))
		d.send(fmt.Sprintf("0a 00 00 00 %02x 00", len(data)), hex.EncodeToString([]byte(data)))
		d.says(0, fmt.Sprintf("sg_raw /dev/judged 10 00 00 00 %02x 00", n))
		d.says(0, "sg_raw -r 32 /dev/judged 34 08 00 00 00 00 00 00 20 00", fmt.Sprintf(`^ 00     00 %02x 00 1c 00 00 00 00  00 00 00 00 00 00 00 %02x`, n, n+1))
	}
	d.says(0, "sg_modes -p 0x10 /dev/judged", `^ 00     90 0e 00 02 00 00 `)
	d.says(0, "tapeinfo -f /dev/judged", `^ActivePartition: 2$`, `^NumPartitions: 2$`, `^MaxPartitions: 3$`,
		`^Partition0: 128$`, `^Partition1: 256$`, `^Partition2: 11616$`, `^Block Position: 3$`)
	c.says(0, "mtx -f /dev/judged unload 1 0")
	for n, data := range []string{"index", "data of the second", "third"} {
		files, err := readSIMH(a.read(filepath.Join(filepath.Dir(a.image("V00001L8")), fmt.Sprintf("partition-%d.tap", n))))
		check(t, err)
		if len(files) != max(n, 1) || string(files[0].bytes()) != data {
			t.Errorf("partition-%d.tap: %d files, want %d with %q", n, len(files), max(n, 1), data)
		}
	}
}

// send runs a command with data out, both in hexadecimal.
func (b *bench) send(cdb, data string) {
	b.t.Helper()
	out, err := hex.DecodeString(strings.ReplaceAll(data, " ", ""))
	check(b.t, err)
	b.write("out", out)
	b.says(0, fmt.Sprintf("sg_raw -s %d -i %s /dev/judged %s", len(out), b.path("out"), cdb))
}
