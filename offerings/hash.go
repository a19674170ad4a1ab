package offerings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// hashForm is what a plan can depend on, in the order in which it is hashed.
// The catalogue's and the datacenters' names are not in it. Changing it changes
// every plan's identity: then change hashVersion too.
type hashForm struct {
	Version     string           `json:"version"`
	Currency    string           `json:"currency"`
	Datacenters []hashDatacenter `json:"datacenters"`
	Offerings   []hashOffering   `json:"offerings"`
}

const hashVersion = "offerings/1"

type hashDatacenter struct {
	ID     string `json:"id"`
	Region string `json:"region"`
}

type hashOffering struct {
	Name         string            `json:"name"`
	Identifier   string            `json:"identifier"`
	Category     string            `json:"category"`
	Allocatable  Resources         `json:"allocatable"`
	Capacity     Resources         `json:"capacity"`
	PricePerHour string            `json:"pricePerHour"`
	Datacenters  []string          `json:"datacenters"`
	Unavailable  []string          `json:"unavailable,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
}

// Hash is the SHA-256, in hex, of all of the catalogue that a plan can depend
// on. Catalogues that say the same have the same hash, whatever their format
// and the order of their entries.
func (c *Catalog) Hash() string {
	form := hashForm{Version: hashVersion, Currency: c.Currency}
	for _, d := range c.Datacenters {
		form.Datacenters = append(form.Datacenters, hashDatacenter{d.ID, d.Region})
	}
	for _, o := range c.Offerings {
		form.Offerings = append(form.Offerings, hashOffering{
			Name: o.Name, Identifier: o.Identifier, Category: o.Category,
			Allocatable: o.Allocatable, Capacity: o.Capacity, PricePerHour: strconv.FormatFloat(o.PricePerHour, 'g', -1, 64),
			Datacenters: o.Datacenters, Unavailable: o.Unavailable, Labels: o.Labels,
		})
	}
	sum := sha256.New()
	// Map keys are written sorted. Strings and integers always encode, and a
	// hash never fails to be written to, so there is no error to report.
	_ = json.NewEncoder(sum).Encode(form)
	return hex.EncodeToString(sum.Sum(nil))
}
