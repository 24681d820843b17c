// Package smc is a virtual tape library: a device server that answers the SCSI commands of a medium
// changer (SMC-3, with SPC-5 for what all devices share) over an Inventory. It implements
// scsi.Transport. It decides what may be moved and reports what is where; moving a cartridge for real
// is up to a Mover, and only what the Mover has done gets into the Inventory.
//
// Element addresses, which mode page 1Dh reports:
//
//	   1       medium transport element (the robot's hand; it holds nothing between two commands)
//	 101 ...   import/export elements (mail slots)
//	 501 ...   data transfer elements (drives), drive 0 first
//	1001 ...   storage elements (slots), slot 1 first
//
// Choices where libraries differ:
//   - A starting element address behind the last element asked for is INVALID ELEMENT ADDRESS; a type
//     of which the library has none gives an empty report.
//   - The hand is no destination, and a cartridge cannot be turned over.
//   - Source element addresses: the storage or mail slot that a cartridge left last.
//   - PREVENT keeps the operator from the mail slots (Put, Take) and their one door closed; it does not
//     keep the robot from them.
//   - While that door is open the robot cannot reach the mail slots: ACCESS is zero, and what would
//     move a cartridge there is MEDIUM MAGAZINE NOT ACCESSIBLE. Closing it raises IMPORT OR EXPORT
//     ELEMENT ACCESSED.
//   - EXCHANGE MEDIUM points to the address that its sense code is about.
//
// Limits: at most 400 mail slots, 500 drives and 64,535 slots; no REQUEST VOLUME ELEMENT ADDRESS and
// no volume reservations; barcodes up to 32 characters.
package smc
