package fake

import (
	"fmt"
	"slices"
	"time"
)

// VMs returns every machine that exists, managed and foreign ones included, in
// the order in which they were ordered. With Pending it is all that is paid for.
func (s *Server) VMs() []VM {
	return s.views(VMState.alive)
}

// Pending returns the machines that were ordered and are not listed yet, be
// they in the queue or past it.
func (s *Server) Pending() []VM {
	return s.views(VMState.coming)
}

// History returns every machine that there ever was, gone ones included.
func (s *Server) History() []VM {
	return s.views(func(VMState) bool { return true })
}

func (s *Server) views(want func(VMState) bool) []VM {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.machinesThat(want)
	views := make([]VM, len(found))
	for i, m := range found {
		views[i] = m.view(s.now())
	}
	return views
}

// Bought returns how many machines were ever made for a host name, whatever
// its case. More than one is a machine bought twice.
func (s *Server) Bought(hostname string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bought[fold(hostname)]
}

// BoughtTwice returns the host names for which more than one machine was made,
// sorted.
func (s *Server) BoughtTwice() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	twice := []string{}
	for hostname, count := range s.bought {
		if count > 1 {
			twice = append(twice, hostname)
		}
	}
	slices.Sort(twice)
	return twice
}

// PricePerHour returns what all machines cost together, in $/h, those that are
// not listed yet included.
func (s *Server) PricePerHour() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum float64
	for _, m := range s.machinesThat(VMState.paid) {
		sum += m.PricePerHour
	}
	return sum
}

// SetStock says how many more machines of an offering can be bought in a
// datacenter; a negative number is plenty. What is sold out stays in the list
// of plans: the list does not say what is in stock.
func (s *Server) SetStock(place Place, left int) error {
	if err := s.config.checkPlace(place); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if left < 0 {
		delete(s.stock, place)
	} else {
		s.stock[place] = left
	}
	return nil
}

// SetQuota says how many machines the account may have; 0 is no limit.
func (s *Server) SetQuota(machines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = max(0, machines)
}

// SetFaults replaces the faults in force.
func (s *Server) SetFaults(faults ...Fault) error {
	if err := checkFaults(faults); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
	for _, f := range faults {
		s.rules = append(s.rules, &rule{Fault: f})
	}
	return nil
}

// Fired returns how often each of the faults in force has hit, in their order.
func (s *Server) Fired() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	fired := make([]int, len(s.rules))
	for i, r := range s.rules {
		fired[i] = r.fired
	}
	return fired
}

// Down takes the API off the network, or brings it back. Machines run on.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// ExpireTokens ends every exchanged token.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// RotateCredentials replaces the account's credentials; an empty field keeps
// its value. Exchanged tokens end.
func (s *Server) RotateCredentials(next Credentials) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.credentials
	for _, f := range []struct {
		value *string
		next  string
	}{
		{&c.Token, next.Token}, {&c.ClientID, next.ClientID},
		{&c.ClientSecret, next.ClientSecret}, {&c.Password, next.Password},
	} {
		if f.next != "" {
			*f.value = f.next
		}
	}
	s.remember(c.Token, c.ClientSecret, c.Password)
	clear(s.tokens)
}

// Foreign is a machine that somebody else bought, in the web console perhaps.
type Foreign struct {
	Hostname   string `json:"hostname"`
	Offering   string `json:"offering"`
	Datacenter string `json:"datacenter"`
	Notes      string `json:"notes,omitempty"`
}

// AddVM makes a machine exist that was not bought through the API. It is listed
// at once and executes nothing.
func (s *Server) AddVM(f Foreign) (VM, error) {
	o := s.config.Catalog.Offering(f.Offering)
	d := s.config.Catalog.Datacenter(f.Datacenter)
	if f.Hostname == "" || o == nil || d == nil {
		return VM{}, fmt.Errorf("fake: a foreign machine needs a host name, an offering and a datacenter of the catalogue, got %+v", f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &machine{
		VM: VM{
			Ordered: f.Hostname, Offering: o.Name, Datacenter: d.ID, Notes: f.Notes,
			Foreign: true, Project: s.defaultProject().Identifier,
		},
		offering: o, datacenter: d,
		flags: map[string]bool{"addPublicIpV4": true},
	}
	s.add(m)
	m.UnqueuedAt, m.ListedAt, m.RunningAt = m.OrderedAt, m.OrderedAt, m.OrderedAt
	return m.view(s.now()), nil
}

// Kill ends what happens inside the machine with this host name; VPSie goes on
// showing it as running. Of several it takes the one ordered last.
func (s *Server) Kill(hostname string) error {
	return s.strike(hostname, func(m *machine) { s.halt(m) })
}

// PowerOff switches the machine with this host name off; VPSie shows it so.
func (s *Server) PowerOff(hostname string) error {
	return s.strike(hostname, func(m *machine) {
		s.halt(m)
		m.off = true
	})
}

// Vanish makes VPSie lose the machine with this host name: it is in no list,
// though nobody deleted it.
func (s *Server) Vanish(hostname string) error {
	return s.strike(hostname, func(m *machine) {
		s.remove(m)
		m.goneAt = m.deletedAt
	})
}

func (s *Server) strike(hostname string, blow func(*machine)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.named(hostname)
	if m == nil {
		return fmt.Errorf("fake: there is no machine with host name %q", hostname)
	}
	blow(m)
	return nil
}

// Requests returns the journal: the last 100,000 requests, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.all()
}

// RequestsSince returns the part of the journal that is not older than a time.
func (s *Server) RequestsSince(t time.Time) []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Time.Before(t) })
}
