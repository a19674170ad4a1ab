package vpsie

import (
	"context"
	"encoding/base64"
	"regexp"
	"slices"

	"github.com/google/uuid"
)

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

// ListVMs returns the plain machines of the account; managed Kubernetes nodes
// are not among them. Machines that are gone may be listed still: see VMState.Gone.
func (c *Client) ListVMs(ctx context.Context) ([]VM, error) {
	l := list[VM]{request: request{operation: opListVMs}, certain: true, read: readVM, key: func(vm VM) string { return vm.ID }}
	return l.all(ctx, c)
}

// GetVM returns one machine.
func (c *Client) GetVM(ctx context.Context, id string) (*VM, error) {
	if err := opGetVM.identifiers("id", id); err != nil {
		return nil, err
	}
	return one(ctx, c, &request{operation: opGetVM, args: []string{id}}, func(v value) VM {
		if nested := v.field("vmData"); nested.present() {
			v = nested
		}
		vm := readVM(v)
		if vm.ID != "" && vm.ID != id {
			v.field("identifier").failf("is another machine's")
		}
		return vm
	})
}

func readVM(v value) VM {
	hostname := v.field("hostname").text()
	return VM{
		ID:               v.field("identifier").identifier(),
		Hostname:         fold(hostname),
		ReportedHostname: hostname,
		IP:               v.field("default_ip", "publicIp").text(),
		IPv6:             v.field("default_ipv6").text(),
		PrivateIP:        v.field("private_ip").text(),
		CPU:              v.field("cpu").integer(),
		MemoryBytes:      v.field("ram").amount(mebibyte),
		DiskBytes:        v.field("ssd").amount(gibibyte),
		Datacenter:       v.field("dcIdentifier").text(),
		Project:          v.field("projectId", "project_id").text(),
		Notes:            v.field("notes").text(),
		Created:          v.field("created_on").time(),
		State:            readState(v),
	}
}

// readState derives the state: VPSie has flags and no word for it.
func readState(v value) VMState {
	active, power := v.field("is_active"), v.field("power")
	switch {
	case v.field("is_deleted").flag():
		return StateDeleted
	case v.field("is_terminated").flag():
		return StateTerminated
	case v.field("is_suspended").flag():
		return StateSuspended
	case v.field("is_locked").flag():
		return StateLocked
	case power.present() && !power.flag():
		return StateOff
	case !active.present():
		return StateUnknown
	case !active.flag():
		return StateOff
	}
	return StateRunning
}

// PendingVMs returns the queue of machines that were asked for.
func (c *Client) PendingVMs(ctx context.Context) ([]PendingVM, error) {
	l := list[PendingVM]{
		request: request{operation: opPendingVMs}, certain: true,
		read: readPendingVM, key: func(vm PendingVM) string { return vm.ID },
	}
	return l.all(ctx, c)
}

func readPendingVM(v value) PendingVM {
	asked := v.field("data")
	hostname := asked.field("hostname")
	if hostname.text() == "" {
		hostname.failf("is empty")
	}
	return PendingVM{
		ID:               v.field("id").identifier(),
		Hostname:         fold(hostname.text()),
		ReportedHostname: hostname.text(),
		Offering:         asked.field("resourceIdentifier").text(),
		OSImage:          asked.field("osIdentifier").text(),
		Datacenter:       asked.field("dcIdentifier").text(),
		Project:          asked.field("projectId").text(),
		ProcessID:        asked.field("processId").text(),
		Tags:             asked.field("tags").strings(),
	}
}

// ListAllVMs returns all machines of the account, managed Kubernetes nodes
// included, as VPSie's storage knows them.
func (c *Client) ListAllVMs(ctx context.Context) ([]StorageVM, error) {
	l := list[StorageVM]{
		request: request{operation: opListAllVMs}, certain: true,
		read: readStorageVM, key: func(vm StorageVM) string { return vm.ID },
	}
	return l.all(ctx, c)
}

func readStorageVM(v value) StorageVM {
	hostname := v.field("hostname").text()
	return StorageVM{
		ID:               v.field("identifier").identifier(),
		Hostname:         fold(hostname),
		ReportedHostname: hostname,
		IP:               v.field("default_ip").text(),
		IPv6:             v.field("default_ipv6").text(),
		PrivateIP:        v.field("private_ip").text(),
		DiskBytes:        v.field("ssd").amount(gibibyte),
		Datacenter:       v.field("dcIdentifier").text(),
		Type:             v.field("type").text(),
	}
}

// vmCreation is the body of CreateVM. The flags are strings on purpose: VPSie
// was seen to ignore numbers without a word.
type vmCreation struct {
	Hostname      string   `json:"hostname"`
	Offering      string   `json:"resourceIdentifier"`
	OSImage       string   `json:"osIdentifier"`
	Datacenter    string   `json:"dcIdentifier"`
	Project       string   `json:"projectId,omitempty"`
	SSHKey        string   `json:"sshKeyIdentifier,omitempty"`
	Script        string   `json:"scriptIdentifier,omitempty"`
	UserData      string   `json:"userData,omitempty"`
	Notes         string   `json:"notes,omitempty"`
	Tags          []string `json:"tags,omitempty"`
	PublicIPv4    string   `json:"addPublicIpV4"`
	PublicIPv6    string   `json:"addPublicIpV6"`
	PrivateIP     string   `json:"addPrivateIp"`
	DailyBackup   string   `json:"backupEnabled"`
	WeeklyBackup  string   `json:"weeklyBackupEnabled"`
	MonthlyBackup string   `json:"monthlyBackupEnabled"`
	ProcessID     string   `json:"processId,omitempty"`
}

// hostnameForm is an RFC 1123 label in lower case.
var hostnameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CreateVM asks for a machine and is sent once: repeated, it would buy another.
// VPSie names no machine in its answer; success means that Hostname will appear
// in PendingVMs or ListVMs.
func (c *Client) CreateVM(ctx context.Context, vm VMRequest) error {
	plan, err := vm.plan()
	if err != nil {
		return err
	}
	if err := vm.check(plan); err != nil {
		return err
	}
	userData := base64.StdEncoding.EncodeToString(vm.UserData)
	_, err = c.act(ctx, &request{
		operation: opCreateVM,
		hidden:    []string{userData, string(vm.UserData)},
		body: fixed(vmCreation{
			Hostname: vm.Hostname, Offering: plan, OSImage: vm.OSImage, Datacenter: vm.Datacenter,
			Project: vm.Project, SSHKey: vm.SSHKey, Script: vm.Script, UserData: userData,
			Notes: vm.Notes, Tags: vm.Tags,
			PublicIPv4: digit(vm.PublicIPv4), PublicIPv6: digit(vm.PublicIPv6), PrivateIP: digit(vm.PrivateIP),
			DailyBackup: digit(vm.DailyBackup), WeeklyBackup: digit(vm.WeeklyBackup), MonthlyBackup: digit(vm.MonthlyBackup),
			ProcessID: vm.ProcessID,
		}),
	})
	return err
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// check refuses a request that VPSie could only refuse, or misunderstand.
func (vm *VMRequest) check(plan string) error {
	if !hostnameForm.MatchString(vm.Hostname) {
		return opCreateVM.refuse("Hostname must be an RFC 1123 label in lower case of at most 63 characters, got %q", vm.Hostname)
	}
	if err := opCreateVM.identifiers("Offering", plan, "OSImage", vm.OSImage, "Datacenter", vm.Datacenter); err != nil {
		return err
	}
	for _, optional := range [][2]string{{"Project", vm.Project}, {"SSHKey", vm.SSHKey}, {"Script", vm.Script}} {
		if optional[1] == "" {
			continue
		}
		if err := opCreateVM.identifiers(optional[:]...); err != nil {
			return err
		}
	}
	if vm.ProcessID != "" && uuid.Validate(vm.ProcessID) != nil {
		return opCreateVM.refuse("ProcessID must be a UUID")
	}
	if slices.Contains(vm.Tags, "") {
		return opCreateVM.refuse("Tags has an empty one")
	}
	return nil
}

// statistic is what VPSie wants to know of a deletion; it is shown to its staff.
type statistic struct {
	Reason string `json:"reason"`
}

// DeleteVM removes a machine and is sent once. The reason must not be empty.
// VPSie wants the account's password: the credentials' is sent, if they have
// one. Only a list without the machine proves that it is gone.
func (c *Client) DeleteVM(ctx context.Context, id, reason string) error {
	if err := opDeleteVM.identifiers("id", id); err != nil {
		return err
	}
	if reason == "" {
		return opDeleteVM.refuse("reason is empty")
	}
	_, err := c.act(ctx, &request{
		operation: opDeleteVM,
		body: func(credentials Credentials) any {
			return struct {
				VM        string    `json:"vmIdentifier"`
				Password  string    `json:"password,omitempty"`
				Statistic statistic `json:"deleteStatistic"`
			}{id, credentials.Password, statistic{reason}}
		},
	})
	return err
}
