package vpsie

import "time"

// VMState is what VPSie's flags say of a machine; VPSie has no such field.
type VMState string

// The states of a machine. The first that applies in the order Deleted,
// Terminated, Suspended, Locked, Off, Running is the machine's.
const (
	// StatePending is a machine that was asked for and is only in the queue of
	// PendingVMs; no VM has it.
	StatePending VMState = "Pending"
	// StateRunning is active and not powered off.
	StateRunning VMState = "Running"
	// StateOff is powered off or inactive.
	StateOff VMState = "Off"
	// StateSuspended is stopped by VPSie, for instance for want of payment.
	StateSuspended VMState = "Suspended"
	// StateLocked is a machine on which VPSie works or that someone locked.
	StateLocked VMState = "Locked"
	// StateTerminated and StateDeleted are machines that are gone and still listed.
	StateTerminated VMState = "Terminated"
	StateDeleted    VMState = "Deleted"
	// StateUnknown is a machine whose answer lacks the flags.
	StateUnknown VMState = "Unknown"
)

// Gone says that the machine exists no more although it is still listed.
func (s VMState) Gone() bool {
	return s == StateTerminated || s == StateDeleted
}

// VM is one machine. It has no password field on purpose.
type VM struct {
	// ID is VPSie's identifier, never empty.
	ID string
	// Hostname in lower case, for comparing; ReportedHostname as VPSie spells it.
	Hostname, ReportedHostname string
	// IP and IPv6 are the public addresses; empty while there are none.
	IP, IPv6, PrivateIP string
	// CPU in whole cores.
	CPU int64
	// MemoryBytes and DiskBytes in bytes; VPSie counts MB and GB of 1024.
	MemoryBytes, DiskBytes int64
	// Datacenter is the identifier of the datacenter.
	Datacenter string
	// Project is the project's number or identifier, as reported; it may be empty.
	Project string
	// Notes is the free text given at creation, the only one that lists carry.
	Notes string
	// Created is zero when VPSie did not say in a form that is known. Zero is an
	// unknown age, not a great one.
	Created time.Time
	State   VMState
}

// PendingVM is a machine that was asked for and does not exist yet.
type PendingVM struct {
	// ID is the queue's, not the machine's.
	ID string
	// Hostname in lower case, for comparing; ReportedHostname as VPSie spells it.
	Hostname, ReportedHostname string
	// Offering, OSImage, Datacenter and Project are identifiers as requested.
	Offering, OSImage, Datacenter, Project string
	// ProcessID is VMRequest.ProcessID.
	ProcessID string
	Tags      []string
}

// StorageVM is a machine as the list of storage attachments has it: the second
// source of existence, and the only list with managed Kubernetes nodes in it.
type StorageVM struct {
	// ID is VPSie's identifier, never empty; the same as VM.ID.
	ID string
	// Hostname in lower case, for comparing; ReportedHostname as VPSie spells it.
	Hostname, ReportedHostname string
	IP, IPv6, PrivateIP        string
	DiskBytes                  int64
	// Datacenter is the identifier of the datacenter.
	Datacenter string
	// Type is VPSie's word for the kind of machine; it may be empty.
	Type string
}

// VMRequest asks for one machine. VPSie does not answer with its identifier:
// look for Hostname in PendingVMs and ListVMs.
type VMRequest struct {
	// Hostname is an RFC 1123 label in lower case, at most 63 characters. VPSie
	// does not keep hostnames unique; the caller must.
	Hostname string
	// Offering is the resourceIdentifier: Identifier of an offering of Catalog,
	// or ID of a Plan.
	Offering string
	// OSImage and Datacenter are identifiers.
	OSImage    string
	Datacenter string
	// Project, SSHKey and Script are identifiers; empty leaves them to VPSie.
	Project string
	SSHKey  string
	Script  string
	// UserData for cloud-init, sent in base64. It holds secrets.
	UserData []byte
	// Notes is free text that VM.Notes returns.
	Notes string
	Tags  []string
	// PublicIPv4, PublicIPv6 and PrivateIP say which addresses the machine gets.
	PublicIPv4, PublicIPv6, PrivateIP bool
	// DailyBackup, WeeklyBackup and MonthlyBackup say which backups VPSie makes.
	DailyBackup, WeeklyBackup, MonthlyBackup bool
	// ProcessID is a UUID made by the caller that the pending queue shows again.
	// Nothing is known to say that VPSie refuses the same one twice.
	ProcessID string
}

// Datacenter is a place where VPSie makes machines.
type Datacenter struct {
	// ID is VPSie's identifier, never empty.
	ID      string
	Name    string
	Country string
	// State is the geographic state, such as Texas.
	State string
	// Active is false where nothing can be made: inactive or deleted.
	Active bool
	// Private datacenters belong to one customer.
	Private bool
}

// Project groups machines of an account.
type Project struct {
	// ID is VPSie's identifier, never empty. Number is the same project in the
	// form that some answers use, VM.Project among them; 0 when not given.
	ID          string
	Number      int64
	Name        string
	Description string
	Default     bool
}

// VPC is a private network in one datacenter.
type VPC struct {
	// ID is the number that AddVMToVPC takes.
	ID   int64
	Name string
	// Datacenter is an identifier, DatacenterName for people.
	Datacenter, DatacenterName string
	// Network is the range's address, such as 10.0.0.0, PrefixLength its size in
	// bits; 0 when not given.
	Network      string
	PrefixLength int64
	Default      bool
}

// VPCMember is a machine in a VPC.
type VPCMember struct {
	// VM is the machine's identifier, never empty.
	VM string
	// Hostname in lower case.
	Hostname string
	// IP is the machine's address in the VPC.
	IP string
	// PrivateIPID is VPSie's number of that address; 0 when not given.
	PrivateIPID int64
	// Disconnected machines are members that the network does not reach.
	Disconnected bool
}

// SSHKey is a public key of the account. The key itself is not read: VPSie
// calls the field private_key, and one day someone will have put one there.
type SSHKey struct {
	// ID is VPSie's identifier, never empty.
	ID   string
	Name string
}

// Script runs at a machine's first boot.
type Script struct {
	// ID is VPSie's identifier, never empty.
	ID string
	// Name as VPSie stores it: the name given and ".sh".
	Name string
}

// Image is an operating system image of the account's own.
type Image struct {
	// ID is VPSie's identifier, never empty; VMRequest.OSImage takes it.
	ID   string
	Name string
	// Datacenter is the identifier of the datacenter that has it.
	Datacenter string
	// Deleted images are listed and cannot be used.
	Deleted bool
}

// PlanCategory is a family of plans, such as A (shared CPU) or C.
type PlanCategory struct {
	// ID is VPSie's identifier, never empty.
	ID   string
	Name string
}

// Plan is a machine size as sold in one datacenter.
type Plan struct {
	// ID is VPSie's identifier, never empty: VMRequest.Offering takes it.
	ID string
	// Name is VPSie's nickname of the plan; it may be empty.
	Name string
	// CPU in whole cores.
	CPU int64
	// MemoryBytes and DiskBytes in bytes.
	MemoryBytes, DiskBytes int64
	// PricePerMonth in $ for 720 hours.
	PricePerMonth float64
}

// KubeCluster is a managed Kubernetes cluster.
type KubeCluster struct {
	// ID is VPSie's identifier, never empty.
	ID   string
	Name string
	// Version of Kubernetes without a leading v; it may be empty.
	Version string
	// Locked clusters have an operation under way.
	Locked bool
	// Managers and Workers count nodes, as VPSie counts them.
	Managers, Workers int64
	// Nodes are the machines; only KubeCluster fills it, KubeClusters does not.
	Nodes []KubeNode
}

// KubeNode is a machine of a managed cluster.
type KubeNode struct {
	// ID is the machine's identifier. It is empty where VPSie reports only the
	// hostname; ListAllVMs has it then.
	ID string
	// Number is VPSie's number of the node; 0 when not given.
	Number int64
	// Hostname in lower case, for comparing; ReportedHostname as VPSie spells it.
	Hostname, ReportedHostname string
	IP, PrivateIP              string
	// Created is zero when VPSie did not say in a form that is known.
	Created time.Time
}

// KubeGroup is a group of workers of one size in a managed cluster.
type KubeGroup struct {
	// ID is VPSie's identifier, which DeleteKubeGroup takes; Number is the same
	// group in the form that AddKubeNode takes.
	ID     string
	Number int64
	Name   string
	// SizeID is the KubeOffer.ID of its machines. A cluster has one group of a size.
	SizeID int64
	// Nodes counts the group's workers, as VPSie counts them.
	Nodes int64
	// CPU in whole cores.
	CPU int64
	// MemoryBytes and DiskBytes in bytes.
	MemoryBytes, DiskBytes int64
	// Datacenter is an identifier; it may be empty.
	Datacenter string
	// Active is false for a group that was deleted and is still listed.
	Active bool
}

// KubeOffer is a machine size for managed clusters in one datacenter.
type KubeOffer struct {
	// ID is what AddKubeGroup takes.
	ID   int64
	Name string
	// CPU in whole cores.
	CPU int64
	// MemoryBytes and DiskBytes in bytes.
	MemoryBytes, DiskBytes int64
	// PricePerMonth in $ for 720 hours, PricePerHour in $/h; 0 when not given.
	PricePerMonth, PricePerHour float64
}
