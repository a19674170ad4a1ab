package vpsie

import (
	"context"
	"strconv"
	"strings"
)

// Datacenters returns all datacenters, inactive ones included.
func (c *Client) Datacenters(ctx context.Context) ([]Datacenter, error) {
	l := list[Datacenter]{
		request: request{operation: opDatacenters}, paged: true, certain: true,
		read: readDatacenter, key: func(d Datacenter) string { return d.ID },
	}
	return l.all(ctx, c)
}

func readDatacenter(v value) Datacenter {
	return Datacenter{
		ID:      v.field("identifier").identifier(),
		Name:    v.field("dc_name").text(),
		Country: v.field("country").text(),
		State:   v.field("state").text(),
		Active:  v.field("is_active").flag() && !v.field("is_deleted").flag(),
		Private: v.field("is_private").flag(),
	}
}

// Projects returns the account's projects.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	l := list[Project]{
		request: request{operation: opProjects}, paged: true,
		read: readProject, key: func(p Project) string { return p.ID },
	}
	return l.all(ctx, c)
}

// Project returns one project.
func (c *Client) Project(ctx context.Context, id string) (*Project, error) {
	if err := opProject.identifiers("id", id); err != nil {
		return nil, err
	}
	return one(ctx, c, &request{operation: opProject, args: []string{id}}, readProject)
}

func readProject(v value) Project {
	return Project{
		ID:          v.field("identifier").identifier(),
		Number:      v.field("id").integer(),
		Name:        v.field("name").text(),
		Description: v.field("description").text(),
		Default:     v.field("is_default").flag(),
	}
}

// VPCs returns the account's private networks.
func (c *Client) VPCs(ctx context.Context) ([]VPC, error) {
	l := list[VPC]{
		request: request{operation: opVPCs},
		read:    readVPC, key: func(v VPC) string { return strconv.FormatInt(v.ID, 10) },
	}
	return l.all(ctx, c)
}

func readVPC(v value) VPC {
	size := v.field("network_size")
	prefix := value{at: size.at, first: size.first}
	if text := strings.TrimPrefix(size.text(), "/"); text != "" {
		prefix.given = text
	}
	return VPC{
		ID:             v.field("id").number(),
		Name:           v.field("name").text(),
		Datacenter:     v.field("dc_identifier", "dcIdentifier").text(),
		DatacenterName: v.field("dc_name").text(),
		Network:        v.field("network_range").text(),
		PrefixLength:   prefix.integer(),
		Default:        v.field("is_default").flag(),
	}
}

// AddVMToVPC gives a machine an address in a private network of its
// datacenter. It is sent once; VPCMembers shows whether it was done.
func (c *Client) AddVMToVPC(ctx context.Context, vmID string, vpcID int64, datacenter string) error {
	if err := opAddVMToVPC.identifiers("vmID", vmID, "datacenter", datacenter); err != nil {
		return err
	}
	if vpcID <= 0 {
		return opAddVMToVPC.refuse("vpcID must be greater than 0, got %d", vpcID)
	}
	_, err := c.act(ctx, &request{
		operation: opAddVMToVPC,
		body: fixed(struct {
			VM         string `json:"vmIdentifier"`
			VPC        int64  `json:"vpcId"`
			Datacenter string `json:"dcIdentifier"`
		}{vmID, vpcID, datacenter}),
	})
	return err
}

// VPCMembers returns the machines in a private network with their addresses there.
func (c *Client) VPCMembers(ctx context.Context, vpcID int64) ([]VPCMember, error) {
	if vpcID <= 0 {
		return nil, opVPCMembers.refuse("vpcID must be greater than 0, got %d", vpcID)
	}
	l := list[VPCMember]{
		request: request{operation: opVPCMembers, args: []string{strconv.FormatInt(vpcID, 10)}},
		read:    readVPCMember, key: func(m VPCMember) string { return m.VM + " " + m.IP },
	}
	return l.all(ctx, c)
}

func readVPCMember(v value) VPCMember {
	return VPCMember{
		VM:           v.field("identifier").identifier(),
		Hostname:     fold(v.field("hostname").text()),
		IP:           v.field("vpc_ip").text(),
		PrivateIPID:  v.field("private_ip_id").integer(),
		Disconnected: v.field("is_disconnected").flag(),
	}
}
