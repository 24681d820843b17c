// Package image is the medium of a virtual tape: blocks and filemarks in a file, with what a
// cartridge knows about itself beside it.
//
// A cartridge is a directory. `partition-0.tap` holds the tape in the SIMH standard .tap format
// ("SIMH Magtape Representation and Handling"), so that other software can read it; `meta.json` holds
// the cartridge memory; `crc` holds a CRC-32C of every object, as a drive keeps an error-correcting
// code with every block; `index` is a cache that makes opening and positioning independent of the
// amount of data. docs/image-format.md describes each byte.
//
// Addresses are logical object identifiers as in SSC-5 4.2.8: blocks and filemarks are counted
// together from 0 at the beginning of the tape; the address of the end of data is the number of
// objects. Writing anywhere loses everything behind it.
//
// A cartridge that Format divided has a file, an `index-N` and a `crc-N` for every further partition.
//
// Compression and encryption are the drive's: it stores what it made of a block as an envelope.
//
// Limits: four partitions; a block holds 1 to 16,777,215 bytes. A Cartridge is for one goroutine and
// takes no lock: the caller holds the lock of the drive that the cartridge is in.
package image
