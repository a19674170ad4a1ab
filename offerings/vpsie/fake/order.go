package fake

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

var flagNames = []string{
	"backupEnabled", "weeklyBackupEnabled", "monthlyBackupEnabled", "addPublicIpV4", "addPublicIpV6", "addPrivateIp",
	"createFromPool",
}

// createVM takes an order. It answers that it did, and not what it made.
func (s *Server) createVM(c *call) reply {
	m, refusal := s.order(c)
	if refusal != "" {
		return refused(refusal)
	}
	place := Place{m.Offering, m.Datacenter}
	if refusal := s.spare(place); refusal != "" {
		return refused(refusal)
	}
	s.add(m)
	return ok(true).about(m)
}

// spare takes a machine out of stock, or says why there is none.
func (s *Server) spare(place Place) string {
	if s.quota > 0 && len(s.machinesThat(VMState.paid)) >= s.quota {
		return quotaExceeded
	}
	left, limited := s.stock[place]
	if limited && left <= 0 {
		return stockOut
	}
	if limited {
		s.stock[place] = left - 1
	}
	return ""
}

// order reads what was ordered, or says what is wrong with it.
func (s *Server) order(c *call) (*machine, string) {
	m := &machine{flags: map[string]bool{}}
	m.Ordered = c.text("hostname")
	m.offering = s.config.Catalog.ByIdentifier(c.text("resourceIdentifier"))
	m.datacenter = s.config.Catalog.Datacenter(c.text("dcIdentifier"))
	switch {
	case m.Ordered == "":
		return nil, "hostname is required"
	case m.offering == nil:
		return nil, "Resource not found"
	case m.datacenter == nil:
		return nil, "Datacenter not found"
	case !m.offering.AvailableIn(m.datacenter.ID):
		return nil, stockOut
	}
	m.Offering, m.Datacenter = m.offering.Name, m.datacenter.ID

	m.image = c.text("osIdentifier")
	if !slices.ContainsFunc(s.config.Images, func(i Image) bool { return i.Identifier == m.image }) {
		return nil, "Operating system not found"
	}
	if m.sshKey = c.text("sshKeyIdentifier"); m.sshKey != "" &&
		!slices.ContainsFunc(s.config.SSHKeys, func(k SSHKey) bool { return k.Identifier == m.sshKey }) {
		return nil, "SSH key not found"
	}
	project, found := s.project(c)
	if !found {
		return nil, "Project not found"
	}
	m.Project = project.Identifier
	if identifier := c.text("scriptIdentifier"); identifier != "" {
		script := s.script(identifier)
		if script == nil {
			return nil, "Script not found"
		}
		m.script = []byte(script.content)
	}
	data, err := base64.StdEncoding.DecodeString(c.text("userData"))
	if err != nil {
		return nil, "userData must be base64"
	}
	m.userData = data

	m.Notes, m.Tags, m.ProcessID = c.text("notes"), c.texts("tags"), c.text("processId")
	m.diskGB = m.offering.Capacity.EphemeralBytes >> 30
	if gb, given := c.number("ssd"); given && gb > 0 {
		m.diskGB = int64(gb)
	}
	for _, name := range flagNames {
		m.flags[name] = c.flag(name)
	}
	return m, ""
}

// project of an order, by identifier or number; the default one when it names none.
func (s *Server) project(c *call) (Project, bool) {
	asked := c.text("projectId")
	if n, isNumber := c.number("projectId"); isNumber {
		asked = strconv.Itoa(n)
	}
	if asked == "" {
		return s.defaultProject(), true
	}
	i := slices.IndexFunc(s.config.Projects, func(p Project) bool {
		return p.Identifier == asked || strconv.Itoa(p.ID) == asked
	})
	if i < 0 {
		return Project{}, false
	}
	return s.config.Projects[i], true
}

func (s *Server) defaultProject() Project {
	for _, p := range s.config.Projects {
		if p.Default {
			return p
		}
	}
	if len(s.config.Projects) > 0 {
		return s.config.Projects[0]
	}
	return Project{}
}

// twin is a second machine of the same order.
func (m *machine) twin() *machine {
	return &machine{
		VM: VM{
			Ordered: m.Ordered, Offering: m.Offering, Datacenter: m.Datacenter, Project: m.Project,
			Notes: m.Notes, Tags: slices.Clone(m.Tags), ProcessID: m.ProcessID,
		},
		offering: m.offering, datacenter: m.datacenter, image: m.image, sshKey: m.sshKey, flags: maps.Clone(m.flags),
		userData: bytes.Clone(m.userData), script: bytes.Clone(m.script), diskGB: m.diskGB,
	}
}

// deleteVM gives a machine back, if the account's password is right.
func (s *Server) deleteVM(c *call) reply {
	if c.machine == nil || c.machine.Cluster != "" {
		return s.missing(c)
	}
	if !equal(c.text("password"), s.credentials.Password) {
		return refused(wrongPassword)
	}
	if !c.reasonGiven() {
		return refused(noReason)
	}
	if c.machine.deletedAt.IsZero() {
		s.remove(c.machine)
	}
	return s.nothing(c.machine.Identifier)
}

func (c *call) reasonGiven() bool {
	statistic, _ := c.fields["deleteStatistic"].(map[string]any)
	reason, _ := statistic["reason"].(string)
	return reason != ""
}

// addVMTags replaces nothing: tags add up.
func (s *Server) addVMTags(c *call) reply {
	if c.machine == nil {
		return s.missing(c)
	}
	c.machine.tag(c.texts("tags"))
	return ok(true)
}

func (m *machine) tag(tags []string) {
	for _, t := range tags {
		if !slices.Contains(m.Tags, t) {
			m.Tags = append(m.Tags, t)
		}
	}
}

// addVMToVPC gives a machine an address in a VPC of its datacenter.
func (s *Server) addVMToVPC(c *call) reply {
	m := c.machine
	if m == nil {
		return s.missing(c)
	}
	id, _ := c.number("vpcId")
	vpc := s.vpc(id)
	switch {
	case vpc == nil:
		return refused("VPC not found")
	case vpc.Datacenter != m.Datacenter || c.text("dcIdentifier") != m.Datacenter:
		return refused("The VPC is in another datacenter")
	case m.VPC == id:
		return refused("The virtual machine is in this VPC already")
	}
	network, err := vpc.prefix()
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	m.VPC, m.PrivateIP = id, address(network, m.number)
	return ok(true)
}

// dropVMVPC takes the address in the VPC away again.
func (s *Server) dropVMVPC(c *call) reply {
	m := c.machine
	if id, given := c.number("privateIpId"); m == nil || m.VPC == 0 || !given || id != m.number {
		return s.missing(c)
	}
	m.VPC, m.PrivateIP = 0, ""
	return ok(true)
}
