package fake

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// Config is what a Server starts with. The zero value is a working account.
type Config struct {
	// Catalog is what is sold, and where. Default offerings.Sample(). What it
	// calls unavailable is not listed and cannot be bought.
	Catalog *offerings.Catalog
	// PricePerHour, in $/h, where an offering's price differs from its price in
	// the catalogue.
	PricePerHour map[Place]float64
	// Stock is how many machines can still be bought of an offering in a
	// datacenter. A place that is not in it has plenty.
	Stock map[Place]int
	// Quota is how many machines the account may have, queued ones and managed
	// ones included. 0 is no limit.
	Quota int

	// Images, Projects, SSHKeys, VPCs and Clusters of the account. Images and
	// Projects default to one each.
	Images   []Image
	Projects []Project
	SSHKeys  []SSHKey
	VPCs     []VPC
	Clusters []Cluster

	// Credentials of the account; an empty field takes the value of
	// DefaultCredentials.
	Credentials Credentials
	// TokenTTL is how long an exchanged token is valid. Default 1 h.
	TokenTTL time.Duration

	// QueueDelay is how long an order stays in the pending queue, HandoverDelay how
	// long it is then in no list at all, StartDelay how long a listed machine is
	// not yet running, BootDelay how long a running machine takes until it executes
	// its user data. Default none.
	QueueDelay, HandoverDelay, StartDelay, BootDelay Delay
	// DeleteDelay is how long some of the deleted machines stay in the lists,
	// marked as deleted; others disappear at once. Default none: all do.
	DeleteDelay Delay

	// RateLimit answers 429 above so many requests in a minute. 0 is no limit.
	RateLimit int
	// Faults that are in force from the start.
	Faults []Fault
	// Plain turns the optional quirks off: host names, numbers and booleans come
	// back in their most ordinary form.
	Plain bool

	// Seed of delays, quirks and faults.
	Seed uint64
	// Clock is the passage of time. Default the real one.
	Clock clock.Clock
	// Machines runs what was bought. Default nothing: machines only exist.
	Machines MachineRunner
	// Logger gets one line for each request. Default none.
	Logger logr.Logger
}

// Place is an offering in a datacenter, both by the names of the catalogue.
type Place struct {
	Offering, Datacenter string
}

// Delay is a span of time of at least Base and less than Base+Jitter.
type Delay struct {
	Base, Jitter time.Duration
}

// Credentials are what a client of the account must know.
type Credentials struct {
	// Token is a personal access token, which does not expire.
	Token string
	// ClientID and ClientSecret are exchanged for a token that does.
	ClientID, ClientSecret string
	// Password is the account's, which deleting a machine asks for.
	Password string
}

// DefaultCredentials are the ones of an account whose Config names none.
func DefaultCredentials() Credentials {
	return Credentials{
		Token:        "fake-personal-access-token",
		ClientID:     "fake-client-id",
		ClientSecret: "fake-client-secret",
		Password:     "fake-account-password",
	}
}

// Image is an operating system image.
type Image struct {
	Identifier, Name string
}

// Project groups machines of an account.
type Project struct {
	ID         int
	Identifier string
	Name       string
	Default    bool
}

// SSHKey is a public key of the account.
type SSHKey struct {
	ID         int
	Identifier string
	Name       string
}

// VPC is a private network in one datacenter.
type VPC struct {
	ID         int
	Name       string
	Datacenter string
	// Range and Size are the network: 10.20.0.0 and 16.
	Range string
	Size  int
}

// Cluster is a managed Kubernetes cluster, whose workers VPSie joins itself.
type Cluster struct {
	Identifier string
	// Name such as HEL-Kubernetes-49ab.
	Name       string
	Datacenter string
	// Version of Kubernetes, without a v.
	Version string
	// WorkerCap is how many workers the cluster's plan allows. 0 is no limit.
	WorkerCap int
	// UserData makes what VPSie has a new worker execute, when it boots. Nil: it
	// executes nothing.
	UserData func(hostname string) ([]byte, error)
}

func (c *Config) complete() error {
	if c.Catalog == nil {
		c.Catalog = offerings.Sample()
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.TokenTTL == 0 {
		c.TokenTTL = time.Hour
	}
	if c.Images == nil {
		c.Images = []Image{{Identifier: "image-ubuntu-2404", Name: "Ubuntu 24.04"}}
	}
	if c.Projects == nil {
		c.Projects = []Project{{ID: 71128, Identifier: "project-default", Name: "default", Default: true}}
	}
	if c.Logger.GetSink() == nil {
		c.Logger = logr.Discard()
	}
	def := DefaultCredentials()
	for _, f := range []struct {
		value    *string
		fallback string
	}{
		{&c.Credentials.Token, def.Token},
		{&c.Credentials.ClientID, def.ClientID},
		{&c.Credentials.ClientSecret, def.ClientSecret},
		{&c.Credentials.Password, def.Password},
	} {
		if *f.value == "" {
			*f.value = f.fallback
		}
	}
	return c.check()
}

func (c *Config) check() error {
	for _, places := range []map[Place]bool{keysOf(c.Stock), keysOf(c.PricePerHour)} {
		for p := range places {
			if err := c.checkPlace(p); err != nil {
				return err
			}
		}
	}
	for name, d := range map[string]Delay{
		"QueueDelay": c.QueueDelay, "HandoverDelay": c.HandoverDelay, "StartDelay": c.StartDelay, "BootDelay": c.BootDelay, "DeleteDelay": c.DeleteDelay,
	} {
		if d.Base < 0 || d.Jitter < 0 {
			return fmt.Errorf("fake: %s must not be negative, got %v", name, d)
		}
	}
	if c.Quota < 0 || c.RateLimit < 0 || c.TokenTTL < 0 {
		return errors.New("fake: Quota, RateLimit and TokenTTL must not be negative")
	}
	for _, v := range c.VPCs {
		if _, err := v.prefix(); err != nil {
			return fmt.Errorf("fake: VPC %d: %w", v.ID, err)
		}
		if c.Catalog.Datacenter(v.Datacenter) == nil {
			return fmt.Errorf("fake: VPC %d: the catalogue has no datacenter %q", v.ID, v.Datacenter)
		}
	}
	for _, cl := range c.Clusters {
		if c.Catalog.Datacenter(cl.Datacenter) == nil {
			return fmt.Errorf("fake: cluster %s: the catalogue has no datacenter %q", cl.Identifier, cl.Datacenter)
		}
	}
	return checkFaults(c.Faults)
}

func (c *Config) checkPlace(p Place) error {
	o := c.Catalog.Offering(p.Offering)
	if o == nil {
		return fmt.Errorf("fake: the catalogue has no offering %q", p.Offering)
	}
	if !o.AvailableIn(p.Datacenter) {
		return fmt.Errorf("fake: offering %s cannot be bought in datacenter %q", p.Offering, p.Datacenter)
	}
	return nil
}

func keysOf[V any](m map[Place]V) map[Place]bool {
	keys := make(map[Place]bool, len(m))
	for k := range m {
		keys[k] = true
	}
	return keys
}
