package vpsienode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// hardware is how machines of one kind are ordered, found and given back.
type hardware interface {
	// intend puts into the status what must be known before the order, and calls
	// write, which writes the intent down. A reason to wait is not an error.
	intend(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, write func() error) (wait string, err error)
	// order sends one order. It is called once for each intent.
	order(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, material bootstrap.Material) error
	// find looks for the machine in a reading that started at the time or later.
	find(ctx context.Context, m *v1alpha1.VPSieNode, earliest time.Time) (sighting, error)
	// remove asks for a machine to be deleted.
	remove(ctx context.Context, m *v1alpha1.VPSieNode, found machine) error
}

// deletionReason is what VPSie's staff sees as the reason of a deletion.
const deletionReason = "no longer needed by the Kubernetes cluster (vpsie-k8s-autoscaler)"

// plain machines are VMs that join by themselves.
type plain struct {
	options *Options
}

func (p *plain) intend(_ context.Context, _ *v1alpha1.VPSieNode, _ *v1alpha1.NodeGroup, write func() error) (string, error) {
	return "", write()
}

func (p *plain) order(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, material bootstrap.Material) error {
	offering := m.Spec.OfferingID
	if offering == "" {
		catalog, err := p.options.Catalog(ctx)
		if err != nil {
			return notSent{fmt.Errorf("reading the catalogue: %w", err)}
		}
		found := catalog.Offering(m.Spec.Offering)
		if found == nil {
			return impossible{fmt.Errorf("offering %s is not in the catalogue", m.Spec.Offering)}
		}
		offering = found.Identifier
	}
	request := vpsie.VMRequest{
		Hostname:   m.Spec.Hostname,
		Offering:   offering,
		OSImage:    group.Spec.OSImageID,
		Datacenter: m.Spec.Datacenter,
		Project:    group.Spec.Project,
		Script:     material.ScriptID,
		UserData:   material.UserData,
		Notes:      inventory.Mark{ClusterID: p.options.ClusterID, Node: m.Name, UID: m.UID}.Notes(group.Spec.Notes),
		Tags:       group.Spec.Tags,
		PublicIPv4: true,
		ProcessID:  string(m.UID),
	}
	if len(group.Spec.SSHKeyIDs) > 0 {
		request.SSHKey = group.Spec.SSHKeyIDs[0]
	}
	return p.options.VPSie.CreateVM(ctx, request)
}

func (p *plain) find(ctx context.Context, m *v1alpha1.VPSieNode, earliest time.Time) (sighting, error) {
	reading, err := p.options.Inventory.Since(ctx, earliest)
	if err != nil {
		return sighting{}, err
	}
	return sight(reading, m, p.options.ClusterID), nil
}

func (p *plain) remove(ctx context.Context, _ *v1alpha1.VPSieNode, found machine) error {
	return p.options.VPSie.DeleteVM(ctx, found.id, deletionReason)
}

// notSent is an error before an order was sent: nothing was bought.
type notSent struct{ error }

// Unwrap returns the cause.
func (n notSent) Unwrap() error { return n.error }

// impossible is an error before an order was sent that the same order has again.
type impossible struct{ error }

// Unwrap returns the cause.
func (i impossible) Unwrap() error { return i.error }

// outcome is what an order's error says of the machine.
type outcome string

const (
	// accepted: the machine will come.
	accepted outcome = "accepted"
	// postponed: nothing was done, the same may work later.
	postponed outcome = "postponed"
	// refused: nothing was done, and nothing will be by repeating it.
	refused outcome = "refused"
	// unclear: the machine may come.
	unclear outcome = "unclear"
)

// judge says what became of an order, and for a refused one the reason to fail with.
func judge(err error) (outcome, string) {
	if err == nil {
		return accepted, ""
	}
	if _, ok := errors.AsType[notSent](err); ok {
		return postponed, ""
	}
	if _, ok := errors.AsType[impossible](err); ok {
		return refused, v1alpha1.ReasonRejected
	}
	switch vpsie.KindOf(err) {
	case vpsie.StockOut:
		return refused, v1alpha1.ReasonStockOut
	case vpsie.Quota:
		return refused, v1alpha1.ReasonQuota
	case vpsie.Invalid, vpsie.Refused, vpsie.Conflict, vpsie.NotFound:
		return refused, v1alpha1.ReasonRejected
	case vpsie.Unauthorized, vpsie.WrongPassword, vpsie.RateLimited, vpsie.Unavailable:
		return postponed, ""
	}
	return unclear, ""
}
