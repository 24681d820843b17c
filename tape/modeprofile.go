package tape

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// ModeSettings are the changes of one page.
type ModeSettings struct {
	Page    scsi.ModePageInfo
	Changes []ModeChange
}

// FindModeField finds a page and field by "page.field"; errcode.ModeNotFound.
func FindModeField(name string) (scsi.ModePageInfo, scsi.ModeField, error) {
	pageName, fieldName, _ := strings.Cut(name, ".")
	page, err := FindModePage(pageName)
	if err != nil {
		return page, scsi.ModeField{}, err
	}
	field, ok := page.Field(fieldName)
	if !ok {
		return page, field, errcode.New(errcode.ModeNotFound, name, "page %s has no field %q; its fields are %s", page.Name, fieldName, fieldNames(page))
	}
	return page, field, nil
}

// FindModePage finds a page by its name; errcode.ModeNotFound.
func FindModePage(name string) (scsi.ModePageInfo, error) {
	infos := scsi.ModePageInfos()
	names := make([]string, len(infos))
	for i, p := range infos {
		if p.Name == name {
			return p, nil
		}
		names[i] = p.Name
	}
	return scsi.ModePageInfo{}, errcode.New(errcode.ModeNotFound, name, "no mode page has this name; there are %s", strings.Join(names, ", "))
}

func fieldNames(p scsi.ModePageInfo) string {
	names := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// ParseModeProfile reads a profile: a YAML mapping of page to a mapping of field to value, in the
// order of the file. A page, field or value that is not known, a key that comes twice and anything else
// than two levels is errcode.ConfigInvalid with FILE:LINE as its object.
func ParseModeProfile(path string, data []byte) ([]ModeSettings, error) {
	root, err := profileRoot(path, data)
	if err != nil {
		return nil, err
	}
	var list []ModeSettings
	var seen []string
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		if slices.Contains(seen, key.Value) {
			return nil, profileError(path, key, "page %q comes twice", key.Value)
		}
		seen = append(seen, key.Value)
		settings, err := profilePage(path, key, root.Content[i+1])
		if err != nil {
			return nil, err
		}
		list = append(list, settings)
	}
	return list, nil
}

func profileRoot(path string, data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, errcode.New(errcode.ConfigInvalid, path, "the file is empty")
	} else if err != nil {
		return nil, errcode.New(errcode.ConfigInvalid, path, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, profileError(path, &second, "a second document begins; a file holds one")
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode || len(root.Content) == 0 {
		return nil, profileError(path, root, "not a list of mode pages")
	}
	return root, nil
}

func profilePage(path string, key, body *yaml.Node) (ModeSettings, error) {
	page, err := FindModePage(key.Value)
	if err != nil {
		return ModeSettings{}, profileError(path, key, "no mode page is called %q", key.Value)
	}
	if body.Kind != yaml.MappingNode || len(body.Content) == 0 {
		return ModeSettings{}, profileError(path, body, "page %s: not a list of fields and values", key.Value)
	}
	settings := ModeSettings{Page: page}
	for i := 0; i+1 < len(body.Content); i += 2 {
		change, err := profileField(path, page, body.Content[i], body.Content[i+1])
		if err != nil {
			return settings, err
		}
		if slices.ContainsFunc(settings.Changes, func(c ModeChange) bool { return c.Field.Name == change.Field.Name }) {
			return settings, profileError(path, body.Content[i], "field %q comes twice", change.Field.Name)
		}
		settings.Changes = append(settings.Changes, change)
	}
	return settings, nil
}

func profileField(path string, page scsi.ModePageInfo, key, value *yaml.Node) (ModeChange, error) {
	field, ok := page.Field(key.Value)
	if !ok {
		return ModeChange{}, profileError(path, key, "page %s has no field %q", page.Name, key.Value)
	}
	if value.Kind != yaml.ScalarNode {
		return ModeChange{}, profileError(path, value, "field %s: a list or keys where one value is expected", key.Value)
	}
	v, err := field.Parse(value.Value)
	if err != nil {
		return ModeChange{}, profileError(path, value, "field %s: %v", key.Value, err)
	}
	return ModeChange{field, v}, nil
}

func profileError(path string, at *yaml.Node, format string, args ...any) *errcode.Error {
	if at.Line > 0 {
		path = fmt.Sprintf("%s:%d", path, at.Line)
	}
	return errcode.New(errcode.ConfigInvalid, path, format, args...)
}
