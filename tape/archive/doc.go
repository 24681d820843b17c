// Package archive writes archives on tape and brings them back: the pipelines between a source, a
// buffer and a drive, and the format that docs/tape-format.md describes byte by byte.
//
// A tape is a label (tape/label), then for each archive one tape file with its bytes and one with
// its manifest. An archive is a POSIX pax tar (tape/archive/pax) or a stream as it came. Bytes,
// blocks and SHA-256 of every archive and of every member are in the manifest, so whatever is read
// is compared with what was written. What ends before its time is closed as incomplete and says so.
//
// Limits: one archive is on one cartridge; one partition; variable blocks. Wherever a tape ends,
// the next archive begins there: nothing written is written over.
package archive
