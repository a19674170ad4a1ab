package fake

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// datacenterNumber and sizeNumber are what some lists say instead of identifiers.
func (s *Server) datacenterNumber(id string) int {
	return 1 + slices.IndexFunc(s.config.Catalog.Datacenters, func(d offerings.Datacenter) bool { return d.ID == id })
}

func (s *Server) sizeNumber(o *offerings.Offering) int {
	return 101 + slices.IndexFunc(s.config.Catalog.Offerings, func(other offerings.Offering) bool { return other.Name == o.Name })
}

func (s *Server) projectNumber(identifier string) int {
	for _, p := range s.config.Projects {
		if p.Identifier == identifier {
			return p.ID
		}
	}
	return 0
}

func (s *Server) listDatacenters(c *call) reply {
	list := []any{}
	for i, d := range s.config.Catalog.Datacenters {
		list = append(list, map[string]any{
			"identifier": d.ID, "dc_name": d.Name, "dc_image": "", "state": d.Name, "country": d.Region,
			"is_active": 1, "default_selected": boolInt(i == 0), "is_deleted": 0, "is_fip_available": 1,
			"is_bucket_available": "1", "is_private": 0,
		})
	}
	return ok(page(c, list)).total(len(list))
}

func (s *Server) listImages(c *call) reply {
	list := []any{}
	for i, image := range s.config.Images {
		list = append(list, map[string]any{
			"id": i + 1, "user_id": userID, "identifier": image.Identifier, "image_label": image.Name, "changed_name": image.Name,
			"original_name": image.Name, "image_size": "2361393152", "deleted": 0, "storage": "local",
		})
	}
	return ok(page(c, list)).total(len(list))
}

func projectData(p Project) map[string]any {
	return map[string]any{
		"id": p.ID, "identifier": p.Identifier, "name": p.Name, "description": "", "created_by": userID,
		"is_default": boolInt(p.Default), "created_on": "2024-01-01T00:00:00.000Z", "updated_at": "2024-01-01T00:00:00.000Z",
	}
}

// listProjects nests its list one level deeper than the others.
func (s *Server) listProjects(c *call) reply {
	rows := []any{}
	for _, p := range s.config.Projects {
		rows = append(rows, projectData(p))
	}
	return ok(map[string]any{"rows": page(c, rows), "count": len(rows)})
}

func (s *Server) getProject(c *call) reply {
	for _, p := range s.config.Projects {
		if p.Identifier == c.request.PathValue("identifier") {
			return ok(projectData(p))
		}
	}
	return s.missing(c)
}

func (s *Server) vpc(id int) *VPC {
	i := slices.IndexFunc(s.config.VPCs, func(v VPC) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return &s.config.VPCs[i]
}

func (s *Server) vpcData(v *VPC) map[string]any {
	return map[string]any{
		"id": v.ID, "name": v.Name, "description": "", "user_id": userID, "datacenter_id": s.datacenterNumber(v.Datacenter),
		"interface_number": 1, "network_tag_number": v.ID, "network_range": v.Range, "network_size": v.Size,
		"is_default": 0, "low_ip_num": 0, "hight_ip_num": 0, "dc_name": s.config.Catalog.Datacenter(v.Datacenter).Name,
		"dc_identifier": v.Datacenter,
	}
}

func (s *Server) listVPCs(c *call) reply {
	list := []any{}
	for i := range s.config.VPCs {
		list = append(list, s.vpcData(&s.config.VPCs[i]))
	}
	return ok(page(c, list)).total(len(list))
}

// pathVPC is the VPC that the path names, nil if there is none.
func (s *Server) pathVPC(c *call) *VPC {
	id, err := strconv.Atoi(c.request.PathValue("id"))
	if err != nil {
		return nil
	}
	return s.vpc(id)
}

func (s *Server) getVPC(c *call) reply {
	v := s.pathVPC(c)
	if v == nil {
		return s.missing(c)
	}
	return ok(s.vpcData(v))
}

// vpcMembers is the only list with addresses in a VPC.
func (s *Server) vpcMembers(c *call) reply {
	v := s.pathVPC(c)
	if v == nil {
		return s.missing(c)
	}
	list := []any{}
	for _, m := range s.machinesThat(VMState.alive) {
		if m.VPC == v.ID {
			list = append(list, map[string]any{
				"vmId": m.number, "identifier": m.Identifier, "vpc_ip": m.PrivateIP, "hostname": m.Hostname,
				"fullname": "Ubuntu 24.04", "category": "linux", "entity_type": "vm", "is_disconnected": 0, "private_ip_id": m.number,
			})
		}
	}
	return ok(list)
}

func keyData(k SSHKey) map[string]any {
	return map[string]any{
		"id": k.ID, "user_id": userID, "name": k.Name, "identifier": k.Identifier, "created_by": userID,
		"created_on": "2024-01-01T00:00:00.000Z", "private_key": "ssh-ed25519 AAAA " + k.Name,
	}
}

func (s *Server) listSSHKeys(*call) reply {
	list := []any{}
	for _, k := range s.config.SSHKeys {
		list = append(list, keyData(k))
	}
	return ok(list)
}

func (s *Server) getSSHKey(c *call) reply {
	for _, k := range s.config.SSHKeys {
		if k.Identifier == c.request.PathValue("identifier") {
			return ok(keyData(k))
		}
	}
	return s.missing(c)
}

// script that was uploaded.
type script struct {
	number     int
	identifier string
	name       string
	content    string
}

func (s *Server) script(identifier string) *script {
	for _, sc := range s.scripts {
		if sc.identifier == identifier {
			return sc
		}
	}
	return nil
}

func (sc *script) data() map[string]any {
	return map[string]any{
		"id": sc.number, "user_id": userID, "identifier": sc.identifier, "script_name": sc.name, "name": sc.name,
		"script": sc.content, "script_type": "bash", "created_by": userID,
	}
}

func (s *Server) listScripts(*call) reply {
	list := []any{}
	for _, sc := range s.scripts {
		list = append(list, sc.data())
	}
	return ok(list)
}

func (s *Server) getScript(c *call) reply {
	if sc := s.script(c.request.PathValue("identifier")); sc != nil {
		return ok(sc.data())
	}
	return s.missing(c)
}

// addScript stores a script, under a name that it changes.
func (s *Server) addScript(c *call) reply {
	name, content := c.text("name"), c.text("scriptContent")
	if name == "" || content == "" {
		return refused("name and scriptContent are required")
	}
	s.remember(bootstrapSecrets(content)...)
	s.lastScript++
	s.scripts = append(s.scripts, &script{
		number: s.lastScript, identifier: s.newIdentifier("script", s.lastScript),
		name: strings.TrimSuffix(name, ".sh") + ".sh", content: content,
	})
	return ok(true)
}

func (s *Server) dropScript(c *call) reply {
	before := len(s.scripts)
	s.scripts = slices.DeleteFunc(s.scripts, func(sc *script) bool { return sc.identifier == c.text("scriptIdentifier") })
	if len(s.scripts) == before {
		return s.missing(c)
	}
	return s.nothing("script", c.text("scriptIdentifier"))
}

// boxes is what the API calls machines where it speaks of tags.
const boxes = "boxes"

// tagged is the machine whose tags a request is about; only machines have tags here.
func (s *Server) tagged(entity, identifier string) *machine {
	if entity != boxes {
		return nil
	}
	return s.find(identifier)
}

func (s *Server) listTags(c *call) reply {
	query := c.request.URL.Query()
	m := s.tagged(query.Get("entity"), query.Get("identifier"))
	if m == nil {
		return s.missing(c)
	}
	return ok(map[string]any{boxes: append([]string{}, m.Tags...)})
}

func (s *Server) addTags(c *call) reply {
	m := s.tagged(c.text("entity"), c.text("identifier"))
	if m == nil {
		return s.missing(c)
	}
	m.tag(c.texts("tags"))
	return ok(true)
}

func (s *Server) setTags(c *call) reply {
	m := s.tagged(c.text("entity"), c.text("identifier"))
	if m == nil {
		return s.missing(c)
	}
	m.Tags = nil
	m.tag(c.texts("tags"))
	return ok(true)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
