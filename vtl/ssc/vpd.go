package ssc

import "calypso/vtl/spc"

// vpdPages are the pages of vital product data in ascending order: those of every device, then those of
// SSC-5. B3h and B4h are there only for a drive in a library.
func vpdPages(c Config) []spc.VPDPage {
	pages := append(spc.BasicVPD(),
		spc.VPDPage{Code: 0xB0, Body: fixed(0x01, 0x00)}, // sequential-access device capabilities: WORM
		spc.VPDPage{Code: 0xB1, Body: fixed([]byte(c.Serial)...)},
		spc.VPDPage{Code: 0xB2, Body: fixed(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)}, // any flag can be set
	)
	if c.Library != "" {
		pages = append(pages, spc.VPDPage{Code: 0xB3, Body: fixed([]byte(c.Library)...)})
	}
	if c.Element != 0 {
		pages = append(pages, spc.VPDPage{Code: 0xB4, Body: fixed(byte(c.Element>>8), byte(c.Element))})
	}
	return append(pages, spc.VPDPage{Code: 0xB5, Body: fixed(noProtection...)})
}

// noProtection is the logical block protection page with the one method that a drive without it has: 0,
// none. Its descriptor is 7 bytes behind its length.
var noProtection = []byte{0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}

func fixed(b ...byte) func(spc.Identity) []byte {
	return func(spc.Identity) []byte { return b }
}
