package fake

import (
	"strconv"
	"time"
)

// stamp is how the API writes times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// listVMs lists plain machines; managed workers are not in it.
func (s *Server) listVMs(c *call) reply {
	project := c.request.URL.Query().Get("projectId")
	list := []any{}
	for _, m := range s.machinesThat(VMState.listed) {
		if m.Cluster != "" || project != "" && m.Project != project {
			continue
		}
		list = append(list, s.vmData(m))
	}
	return ok(list).total(len(list))
}

// listAllVMs lists plain machines and managed workers.
func (s *Server) listAllVMs(*call) reply {
	list := []any{}
	for _, m := range s.machinesThat(VMState.alive) {
		kind := "vm"
		if m.Cluster != "" {
			kind = "k8s"
		}
		list = append(list, map[string]any{
			"hostname": m.Hostname, "identifier": m.Identifier, "datacenter_id": s.datacenterNumber(m.Datacenter),
			"default_ip": m.PublicIP, "default_ipv6": "", "private_ip": m.PrivateIP, "ssd": s.number(m.diskGB, m, "ssd"),
			"state": m.datacenter.Name, "is_fip_available": 1, "is_bucket_available": 0,
			"dcIdentifier": m.Datacenter, "fullname": "Ubuntu 24.04", "category": "linux", "type": kind,
		})
	}
	return ok(list)
}

// pendingVMs is the queue. Flags come back as booleans, the project as a number.
func (s *Server) pendingVMs(*call) reply {
	list := []any{}
	for _, m := range s.machinesThat(func(st VMState) bool { return st == VMQueued }) {
		if m.Cluster != "" {
			continue
		}
		data := map[string]any{
			"resourceIdentifier": m.offering.Identifier, "osIdentifier": m.image, "dcIdentifier": m.Datacenter,
			"hostname": m.Ordered, "tags": m.Tags, "projectId": s.projectNumber(m.Project),
			"processId": m.ProcessID, "sshKeyIdentifier": m.sshKey, "vmPassword": s.rootPassword(m),
			"isGeneratedPassword": true, "requestIp": "127.0.0.1", "isCreateFromLibrary": false,
		}
		for _, name := range flagNames[:6] {
			data[name] = m.flags[name]
		}
		list = append(list, map[string]any{
			"id": strconv.Itoa(m.number), "user_id": userID, "user": map[string]any{"id": userID},
			"data": data, "running": 1, "type": "vm",
			"resourceData": map[string]any{"identifier": m.offering.Identifier, "nickname": m.offering.Name},
			"datacenter":   []any{map[string]any{"identifier": m.Datacenter, "dc_name": m.datacenter.Name}},
			"osData":       map[string]any{"identifier": m.image},
		})
	}
	return ok(list)
}

func (s *Server) getVM(c *call) reply {
	if c.machine == nil || c.machine.Cluster != "" {
		return s.missing(c)
	}
	m := c.machine
	tags, private := []any{}, []any{}
	for _, t := range m.Tags {
		tags = append(tags, map[string]any{"tag": t})
	}
	if m.PrivateIP != "" {
		private = append(private, map[string]any{"id": m.number, "ip": m.PrivateIP, "vpc_id": m.VPC})
	}
	return ok(map[string]any{
		"vmData": s.vmData(m), "imageCategories": []any{}, "vmTags": tags, "privateIpData": private, "floatingIpData": []any{},
	})
}

// vmStatus is what the hypervisor knows.
func (s *Server) vmStatus(c *call) reply {
	if c.machine == nil {
		return s.missing(c)
	}
	status := "stopped"
	if c.machine.state(s.now()) == VMRunning {
		status = "running"
	}
	return ok(map[string]any{
		"status": status, "cpu": 0.02, "ballon": 0, "uptime": 0, "pid": c.machine.number, "disk": 0, "diskread": 0, "diskwrite": 0,
		"running-machine": "pc-i440fx-9.0", "running-qemu": "9.0.2", "fullname": "Ubuntu 24.04",
	})
}

// vmAgent says whether something answers inside the machine.
func (s *Server) vmAgent(c *call) reply {
	if c.machine == nil {
		return s.missing(c)
	}
	stage := c.machine.Boot.Stage
	return ok(c.machine.state(s.now()) == VMRunning && stage != BootWaiting && stage != BootStopped)
}

// userID is the account's number.
const userID = 4711

// vmData is a record of the list of machines. There is no status in it.
func (s *Server) vmData(m *machine) map[string]any {
	now := s.now()
	state := m.state(now)
	var dropped, notes any
	if state == VMDeleted {
		dropped = stamp(m.deletedAt)
	}
	if m.Notes != "" {
		notes = m.Notes
	}
	started := state == VMRunning || state == VMOff
	return map[string]any{
		"id": m.number, "user_id": userID, "boxsize_id": s.sizeNumber(m.offering), "boximage_id": 1,
		"datacenter_id": s.datacenterNumber(m.Datacenter), "node_id": 1 + m.number%7, "boxdiscount_id": nil,
		"hostname": m.Hostname, "default_ip": m.PublicIP, "default_ipv6": "", "private_ip": m.PrivateIP, "publicIp": m.PublicIP,
		"is_autobackup": s.bit(m.flags["backupEnabled"], m, "autobackup"), "box_virtualization_id": "kvm",
		"ram":     s.number(m.offering.Capacity.MemoryBytes>>20, m, "ram"),
		"cpu":     s.number(m.offering.Capacity.MilliCPU/1000, m, "cpu"),
		"ssd":     s.number(m.diskGB, m, "ssd"),
		"traffic": s.number(traffic, m, "traffic"), "added_ip_addresses": nil,
		"initial_password": s.rootPassword(m), "notes": notes,
		"created_on": stamp(m.OrderedAt), "last_updated": stamp(m.ListedAt), "dropped_on": dropped,
		"is_active": s.bit(started, m, "active"), "is_deleted": s.bit(state == VMDeleted, m, "deleted"),
		"identifier": m.Identifier, "power": s.bit(state == VMRunning, m, "power"),
		"project_id": s.projectNumber(m.Project), "projectId": s.projectNumber(m.Project),
		"is_custom": 0, "nr_added_ips": 0, "in_pcs": 0, "custom_price": nil, "payable_license": 0, "last_license_pay": nil,
		"script_id": nil, "sshkey_id": nil, "is_locked": 0, "is_work_with_new_version": 1,
		"is_suspended": s.bit(false, m, "suspended"), "is_terminated": s.bit(state == VMDeleted, m, "terminated"),
		"old_id": 0, "custom_iso_id": nil, "is_iso_image_bootable": 0, "has_ssl": 0, "last_action_date": nil,
		"is_created_from_legacy": 0, "is_smtp_allowed": 0, "weekly_backup": s.bit(m.flags["weeklyBackupEnabled"], m, "weekly"),
		"monthly_backup": s.bit(m.flags["monthlyBackupEnabled"], m, "monthly"), "lib_iso_id": nil,
		"daily_snapshot": 0, "weekly_snapshot": 0, "monthly_snap": 0, "last_action_in_min": 0, "vmType": "vm",
		"fullname": "Ubuntu 24.04", "category": "linux", "state": m.datacenter.Name, "dcIdentifier": m.Datacenter,
		"dc_name": m.datacenter.Name,
	}
}

// number is a number, or, in some records, a string that holds one.
func (s *Server) number(n int64, m *machine, field string) any {
	if s.odd("string", m.Identifier, field) {
		return strconv.FormatInt(n, 10)
	}
	return n
}

// bit is 0 or 1, in some records as a string.
func (s *Server) bit(b bool, m *machine, field string) any {
	var n int64
	if b {
		n = 1
	}
	return s.number(n, m, field)
}

// rootPassword is a secret that lists give away.
func (s *Server) rootPassword(m *machine) string {
	return "root-" + s.newIdentifier("password", m.number)
}

// traffic in GB that a machine may use.
const traffic = 2000
