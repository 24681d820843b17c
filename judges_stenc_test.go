package main

import (
	"bytes"
	"fmt"
	"testing"
)

// TestStencEncrypts: stenc sets keys, sees from the status pages what the drive and the tape have, and blocks read
// with their own key alone. It looks at blocks only: stenc 1.0.7 crashes where there is no next block.
func TestStencEncrypts(t *testing.T) {
	need(t, "stenc", "mtx", "sg_raw", "sg_turs")
	a, c, d := judgedLibrary(t)
	c.says(0, "mtx -f /dev/judged load 1 0")
	for range 2 {
		d.ask(6, "sg_turs", "/dev/judged")
	}
	data := bytes.Repeat([]byte("in clear on the host "), 100)[:2000]
	a.write("data", data)
	// A key file of stenc: the digits of the key, then its description.
	one := a.write("one.key", []byte("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nlab key 1\n"))
	two := a.write("two.key", []byte("ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nlab key 2\n"))
	stenc := func(args, key string) {
		t.Helper()
		d.says(0, "stenc -f /dev/judged -a 1 "+args+" -k "+key, `^Provided key length is 256 bits`, `^Success!`)
	}
	write := func() { t.Helper(); d.says(0, "sg_raw -s 2000 -i data /dev/judged 0a 00 00 07 d0 00") }
	read := func(want string) {
		t.Helper()
		if want != "" { // 7 is a DATA PROTECT sense
			d.says(7, "sg_raw -r 2000 -o back /dev/judged 08 00 00 07 d0 00", want)
			return
		}
		d.says(0, "sg_raw -r 2000 -o back /dev/judged 08 00 00 07 d0 00")
		if back := a.read(a.path("back")); !bytes.Equal(back, data) {
			t.Errorf("%d bytes come back that are not the %d written", len(back), len(data))
		}
	}
	locate := func(block int) {
		t.Helper()
		d.says(0, fmt.Sprintf("sg_raw /dev/judged 2b 00 00 00 00 00 %02x 00 00 00", block))
	}

	write()
	stenc("-e on", one)
	write()
	stenc("-e on --unprotect", two)
	write()
	locate(0)
	d.says(0, "stenc -f /dev/judged --detail", `^Drive Encryption: +on$`, `^Drive Output: +Decrypting$`, `^ +Unencrypted data not outputted$`,
		`^Drive Input: +Encrypting$`, `^Key Instance Counter: +2$`, `^Encryption Algorithm: +1$`, `^Drive Key Desc.\(uKAD\): +lab key 2$`,
		`^Volume Encryption: +Not encrypted$`)
	read("Unencrypted data encountered while decrypting")
	locate(1)
	d.says(0, "stenc -f /dev/judged --detail", `^Volume Encryption: +Encrypted, but unable to decrypt due to invalid key`,
		`^Volume Key Desc.\(uKAD\): +lab key 1$`, `^ +Protected from raw read`, `^Volume Algorithm: +1$`)
	read("Incorrect data encryption key")
	stenc("-e on", one)
	d.says(0, "stenc -f /dev/judged --detail", `^Volume Encryption: +Encrypted and able to decrypt`)
	read("")
	stenc("-e mixed", two)
	locate(0)
	d.says(0, "stenc -f /dev/judged --detail", `^Drive Encryption: +mixed$`)
	read("")
	locate(2)
	read("")
	d.says(0, "stenc -f /dev/judged -a 1 -e off", `^Success!`)
	locate(2)
	d.says(0, "stenc -f /dev/judged --detail", `^Drive Encryption: +off$`, `^Drive Output: +Not decrypting$`, `^Drive Input: +Not encrypting$`, `^Key Instance Counter: +5$`)
	read("Unable to decrypt data")
	d.says(1, "stenc -f /dev/judged -e on -k "+one, `Illegal Request`, `ASC: +0x26`) // no algorithm index
	if image := a.read(a.image("V00001L8")); bytes.Count(image, data) != 1 {
		t.Errorf("the data is in clear on the image %d times, want once", bytes.Count(image, data))
	}
}
