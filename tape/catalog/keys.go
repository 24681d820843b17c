package catalog

import (
	"slices"

	"calypso/sys/errcode"
)

// KeyUse is a cartridge with archives that are encrypted with a key.
type KeyUse struct {
	Volume string
	Files  []int64 // tape files of the archives
}

// KeyUses gives the cartridges that need each key, by its id. An entry of the catalog that cannot be read
// is an error: nobody knows which keys its cartridge needs.
func (s *Store) KeyUses() (map[string][]KeyUse, error) {
	volumes, err := s.Volumes()
	if err != nil {
		return nil, err
	}
	uses := map[string][]KeyUse{}
	for _, v := range volumes {
		files, err := s.keyFiles(v)
		if errcode.Of(err) == errcode.MediaNotFound {
			continue // forgotten meanwhile
		}
		if err != nil {
			return nil, err
		}
		for id, list := range files {
			uses[id] = append(uses[id], KeyUse{Volume: v, Files: list})
		}
	}
	return uses, nil
}

// keyFiles gives the encrypted archives of a volume by the id of their key, an announced one and those that
// a scan could not read too.
func (s *Store) keyFiles(volume string) (map[string][]int64, error) {
	c, err := s.Get(volume)
	if err != nil {
		return nil, err
	}
	list, err := s.Archives(volume)
	if err != nil {
		return nil, err
	}
	files := map[string][]int64{}
	for _, a := range list {
		if a.KeyID != "" {
			files[a.KeyID] = append(files[a.KeyID], a.File)
		}
	}
	if w := c.Writing; w != nil && w.KeyID != "" && !slices.Contains(files[w.KeyID], w.File) {
		files[w.KeyID] = append(files[w.KeyID], w.File)
	}
	for _, f := range c.Locked {
		files[f.KeyID] = append(files[f.KeyID], f.File)
	}
	return files, nil
}
