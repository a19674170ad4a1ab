package fake

import (
	"context"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// VM is a machine as the account sees it.
type VM struct {
	// Identifier is VPSie's; a queued machine has one that nobody was told.
	Identifier string `json:"identifier"`
	// Hostname as VPSie lists it; Ordered as it was asked for.
	Hostname string `json:"hostname"`
	Ordered  string `json:"ordered"`
	// Offering and Datacenter by the names of the catalogue.
	Offering     string  `json:"offering"`
	Datacenter   string  `json:"datacenter"`
	PricePerHour float64 `json:"pricePerHour"`
	// Project by its identifier.
	Project   string   `json:"project,omitempty"`
	Notes     string   `json:"notes,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	ProcessID string   `json:"processId,omitempty"`
	PublicIP  string   `json:"publicIP,omitempty"`
	PrivateIP string   `json:"privateIP,omitempty"`
	// VPC is the number of the network that PrivateIP is in, 0 for none.
	VPC int `json:"vpc,omitempty"`
	// Cluster and Group of a managed worker.
	Cluster string `json:"cluster,omitempty"`
	Group   int    `json:"group,omitempty"`
	// Foreign machines were not bought through the API.
	Foreign bool    `json:"foreign,omitempty"`
	State   VMState `json:"state"`
	// OrderedAt, and when it leaves the queue, is listed and runs, which may lie
	// in the future.
	OrderedAt  time.Time `json:"orderedAt"`
	UnqueuedAt time.Time `json:"unqueuedAt"`
	ListedAt   time.Time `json:"listedAt"`
	RunningAt  time.Time `json:"runningAt"`
	// Boot is what happens inside.
	Boot Boot `json:"boot"`
}

// VMState is where a machine stands.
type VMState string

// States of a machine.
const (
	// VMQueued: in the pending queue, not in a list.
	VMQueued VMState = "queued"
	// VMHidden: no longer in the queue and not yet in a list.
	VMHidden VMState = "hidden"
	// VMStarting: listed, not running.
	VMStarting VMState = "starting"
	// VMRunning: running, whatever happens inside.
	VMRunning VMState = "running"
	// VMOff: switched off.
	VMOff VMState = "off"
	// VMDeleted: deleted, and still shown in lists as such.
	VMDeleted VMState = "deleted"
	// VMGone: in no list.
	VMGone VMState = "gone"
)

// machine is a VM and what the server needs to know beside.
type machine struct {
	VM
	number     int
	offering   *offerings.Offering
	datacenter *offerings.Datacenter
	image      string
	sshKey     string
	flags      map[string]bool
	userData   []byte
	script     []byte
	prepare    func(hostname string) ([]byte, error) // VPSie's own user data, of a managed worker
	diskGB     int64
	off        bool
	deletedAt  time.Time
	goneAt     time.Time
	stop       context.CancelFunc
}

func (m *machine) state(now time.Time) VMState {
	switch {
	case !m.goneAt.IsZero() && !now.Before(m.goneAt):
		return VMGone
	case !m.deletedAt.IsZero():
		return VMDeleted
	case now.Before(m.UnqueuedAt):
		return VMQueued
	case now.Before(m.ListedAt):
		return VMHidden
	case m.off:
		return VMOff
	case now.Before(m.RunningAt):
		return VMStarting
	default:
		return VMRunning
	}
}

// coming says whether the machine was ordered and is not listed yet.
func (st VMState) coming() bool { return st == VMQueued || st == VMHidden }

// alive says whether the machine is listed as existing.
func (st VMState) alive() bool { return st == VMStarting || st == VMRunning || st == VMOff }

// paid says whether the account pays for the machine.
func (st VMState) paid() bool { return st.coming() || st.alive() }

// listed says whether the machine is in a list, be it as deleted.
func (st VMState) listed() bool { return st.alive() || st == VMDeleted }

// view is the machine as seen from outside at this moment.
func (m *machine) view(now time.Time) VM {
	v := m.VM
	v.State = m.state(now)
	v.Tags = append([]string(nil), m.Tags...)
	return v
}

// machines that are in this state now, in the order in which they were ordered.
func (s *Server) machinesThat(want func(VMState) bool) []*machine {
	now := s.now()
	var found []*machine
	for _, m := range s.machines {
		if want(m.state(now)) {
			found = append(found, m)
		}
	}
	return found
}

// find returns the listed machine with this identifier.
func (s *Server) find(identifier string) *machine {
	m := s.byIdentifier[identifier]
	if m == nil || !m.state(s.now()).listed() {
		return nil
	}
	return m
}

// named returns the machine with this host name that was ordered last, of
// those that are paid for.
func (s *Server) named(hostname string) *machine {
	found := s.machinesThat(VMState.paid)
	for i := len(found) - 1; i >= 0; i-- {
		if fold(found[i].Ordered) == fold(hostname) {
			return found[i]
		}
	}
	return nil
}

// add makes a machine exist. The caller has filled in what was ordered.
func (s *Server) add(m *machine) {
	s.lastNumber++
	m.number = s.lastNumber
	m.Identifier = s.newIdentifier("vm", m.number)
	m.Hostname = s.recase(m.Ordered, m.Identifier)
	m.PricePerHour = s.price(m.offering, m.Datacenter)
	m.OrderedAt = s.now()
	m.UnqueuedAt = m.OrderedAt.Add(s.delay(s.config.QueueDelay, "queue", m.Identifier))
	m.ListedAt = m.UnqueuedAt.Add(s.delay(s.config.HandoverDelay, "handover", m.Identifier))
	m.RunningAt = m.ListedAt.Add(s.delay(s.config.StartDelay, "start", m.Identifier))
	m.Boot = Boot{Stage: BootWaiting, At: m.OrderedAt}
	if m.flags["addPublicIpV4"] || m.Cluster != "" {
		m.PublicIP = address(publicRange, m.number)
	}
	if (m.flags["addPrivateIp"] || m.Cluster != "") && m.PrivateIP == "" {
		m.PrivateIP = address(privateRange, m.number)
	}
	s.machines = append(s.machines, m)
	s.byIdentifier[m.Identifier] = m
	if !m.Foreign {
		s.bought[fold(m.Ordered)]++
	}
	s.boot(m, m.RunningAt.Add(s.delay(s.config.BootDelay, "boot", m.Identifier)))
}

// boot runs the inside of a machine from the given time on.
func (s *Server) boot(m *machine, at time.Time) {
	ctx, stop := context.WithCancel(s.running)
	m.stop = stop
	if s.config.Machines == nil || s.closed {
		return
	}
	s.inside.Go(func() {
		defer stop()
		if wait := at.Sub(s.now()); wait > 0 {
			select {
			case <-ctx.Done():
			case <-s.config.Clock.After(wait):
			}
		}
		if ctx.Err() != nil {
			return
		}
		report := func(b Boot) {
			if ctx.Err() == nil { // what is said after the end is not heard
				s.setBoot(m, b)
			}
		}
		if m.prepare != nil {
			data, err := m.prepare(fold(m.Ordered))
			if err != nil {
				report(Boot{Stage: BootFailed, Reason: "VPSie could not prepare the worker: " + err.Error()})
				return
			}
			s.mu.Lock()
			m.userData = data
			s.mu.Unlock()
		}
		s.config.Machines.Run(ctx, s.hardware(m), report)
	})
}

// hardware is what the machine consists of.
func (s *Server) hardware(m *machine) Machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Machine{
		Identifier: m.Identifier, Hostname: m.Hostname,
		Offering: *m.offering, Datacenter: *m.datacenter,
		Addresses: func() (public, private string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return m.PublicIP, m.PrivateIP
		},
		UserData: m.userData, Script: m.script,
	}
}

func (s *Server) setBoot(m *machine, b Boot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.At = s.now()
	m.Boot = b
}

// halt ends what happens inside a machine.
func (s *Server) halt(m *machine) {
	m.stop()
	m.Boot = Boot{Stage: BootStopped, Node: m.Boot.Node, Reason: m.Boot.Reason, At: s.now()}
}

// remove deletes a machine: it stops at once, and its stock is free again.
func (s *Server) remove(m *machine) {
	s.halt(m)
	m.deletedAt = s.now()
	m.goneAt = m.deletedAt
	if s.odd("lingers", m.Identifier) {
		m.goneAt = m.goneAt.Add(s.delay(s.config.DeleteDelay, "delete", m.Identifier))
	}
	place := Place{m.Offering, m.Datacenter}
	if left, limited := s.stock[place]; limited {
		s.stock[place] = left + 1
	}
}

// price in $/h of an offering in a datacenter.
func (s *Server) price(o *offerings.Offering, datacenter string) float64 {
	if p, own := s.config.PricePerHour[Place{o.Name, datacenter}]; own {
		return p
	}
	return o.PricePerHour
}
