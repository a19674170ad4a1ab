package vpsie

import (
	"context"
	"net/url"
)

// SSHKeys returns the account's keys.
func (c *Client) SSHKeys(ctx context.Context) ([]SSHKey, error) {
	l := list[SSHKey]{
		request: request{operation: opSSHKeys},
		read: func(v value) SSHKey {
			return SSHKey{ID: v.field("identifier").identifier(), Name: v.field("name").text()}
		},
		key: func(k SSHKey) string { return k.ID },
	}
	return l.all(ctx, c)
}

// Scripts returns the account's scripts without their content.
func (c *Client) Scripts(ctx context.Context) ([]Script, error) {
	l := list[Script]{
		request: request{operation: opScripts},
		read: func(v value) Script {
			return Script{ID: v.field("identifier").identifier(), Name: v.field("name", "script_name", "scriptName").text()}
		},
		key: func(s Script) string { return s.ID },
	}
	return l.all(ctx, c)
}

// AddScript stores a bash script, whose content may hold secrets, and is sent
// once. VPSie stores it as name with ".sh"; Scripts finds its identifier.
func (c *Client) AddScript(ctx context.Context, name, content string, tags ...string) error {
	switch {
	case name == "":
		return opAddScript.refuse("name is empty")
	case content == "":
		return opAddScript.refuse("content is empty")
	}
	_, err := c.act(ctx, &request{
		operation: opAddScript,
		hidden:    []string{content},
		body: fixed(struct {
			Name    string   `json:"name"`
			Content string   `json:"scriptContent"`
			Type    string   `json:"scriptType"`
			Tags    []string `json:"tags,omitempty"`
		}{name, content, "bash", tags}),
	})
	return err
}

// DeleteScript removes a script and is sent once.
func (c *Client) DeleteScript(ctx context.Context, id string) error {
	if err := opDeleteScript.identifiers("id", id); err != nil {
		return err
	}
	_, err := c.act(ctx, &request{
		operation: opDeleteScript,
		body: fixed(struct {
			ID string `json:"scriptIdentifier"`
		}{id}),
	})
	return err
}

// machines is VPSie's word for machines where it groups tags.
const machines = "boxes"

// Tags returns the tags of a machine.
func (c *Client) Tags(ctx context.Context, vmID string) ([]string, error) {
	if err := opTags.identifiers("vmID", vmID); err != nil {
		return nil, err
	}
	a, err := c.do(ctx, &request{operation: opTags, query: url.Values{"entity": {machines}, "identifier": {vmID}}})
	if err != nil {
		return nil, err
	}
	data := a.data()
	if grouped := data.raw(machines); grouped != nil {
		data = data.field(machines)
	}
	tags := data.strings()
	if err := a.problem(); err != nil {
		return nil, err
	}
	return tags, nil
}

// SetVMTags replaces the tags of a machine and is sent once.
func (c *Client) SetVMTags(ctx context.Context, vmID string, tags []string) error {
	if err := opSetVMTags.identifiers("vmID", vmID); err != nil {
		return err
	}
	_, err := c.act(ctx, &request{
		operation: opSetVMTags,
		body: fixed(struct {
			Entity string   `json:"entity"`
			ID     string   `json:"identifier"`
			Tags   []string `json:"tags"`
		}{machines, vmID, append([]string{}, tags...)}),
	})
	return err
}

// CustomImages returns the account's own images. VPSie's stock images are in no
// list; their identifiers stand in its web console.
func (c *Client) CustomImages(ctx context.Context) ([]Image, error) {
	l := list[Image]{
		request: request{operation: opCustomImages}, paged: true,
		read: func(v value) Image {
			return Image{
				ID:         v.field("identifier").identifier(),
				Name:       v.field("changed_name", "image_label", "original_name").text(),
				Datacenter: v.field("dcIdentifier").text(),
				Deleted:    v.field("deleted").flag(),
			}
		},
		key: func(i Image) string { return i.ID },
	}
	return l.all(ctx, c)
}
