// Package ssc is a virtual LTO tape drive: a device server that answers SCSI commands over a Medium
// as a drive of generation LTO-5 to LTO-10 does (SSC-5, with SPC-5 for what all devices share). It
// implements scsi.Transport, so a host cannot tell it from /dev/sg.
//
// The command table is in table.go; a command is one entry there and one handler. Sense data is in
// fixed format. A CHECK CONDITION whose reason lies with the host that plays the drive (its file
// system is full, the image is damaged) is a *spc.CauseError: errors.As finds the *scsi.SenseError in
// it, errors.Is finds the cause, e.g. syscall.ENOSPC.
//
// Choices where the standard leaves one, or where drives differ:
//   - LOCATE(16) to a logical file goes to its first object, after the filemark, as SSC-5 and HPE
//     drives have it; IBM drives stop before the filemark.
//   - After an unrecovered read error the position is behind the block that could not be read.
//   - Residuals of SPACE in reverse are magnitudes.
//   - ERASE, long or short, removes everything from the position on.
//   - Early warning is reported by every WRITE and WRITE FILEMARKS that ends at or behind it.
//   - A cartridge that the drive cannot read stays in it, not ready, 2/30/00; one that it can only
//     read refuses writes with 7/30/05.
//   - A cleaning cartridge cleans as soon as it is inserted and stays in the drive, not ready, 2/30/03, or
//     2/30/07 when it had no cleanings left. Its memory can be read; nothing else on it can.
//   - A request for cleaning (TapeAlert 20, 21) outlives the flags, which hosts clear by reading them.
//
// Limits: one partition, one host (no reservations; MODE SELECT raises no unit attention, as it is
// for other hosts only), nothing is compressed, setmarks and the obsolete forms are refused. A WORM
// cartridge takes data at its end only.
package ssc
