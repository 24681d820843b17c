// Package vtl keeps virtual tape libraries: what drives, slots and cartridges there are, in one YAML
// file per library, and the cartridges' images beside it. It plays their drives and changers in
// process, as scsi.Transport, by the device servers of vtl/ssc and vtl/smc.
//
// A library NAME is `<state>/libraries/NAME.yaml`; its cartridges are the directories
// `<backing>/NAME/tapes/BARCODE` (vtl/image); the volatile state of its devices is in
// `<run>/vtl/NAME/`. The YAML file is what makes a library exist: it is written last when one is made
// and goes first when one is deleted, and whatever a crash left without one is cleaned up by the next
// create or delete.
//
// Locks: whoever opens a device holds its lock, that of the changer before those of the drives, and
// of drives the lower number first. Moving a cartridge touches the drives it leaves and enters, so it
// needs their locks too. Within one process a Store lets a changer and its drives be open at once.
// Changes of what cartridges exist are serialised by the Store itself, over all libraries, for
// barcodes are unique over all of them.
//
// Limits: at most 100 drives, 400 mail slots and 60,000 slots a library; barcodes are 6 characters
// and a media id.
package vtl
