package bootstrap

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// VPSie has no field for the owner of a script: its name carries the cluster and
// the machine. VPSie stores it with ".sh" at its end.
const (
	scriptPrefix = "vpsie-k8s-autoscaler."
	scriptSuffix = ".sh"
)

func scriptName(clusterID, hostname string) string {
	return scriptPrefix + clusterID + "." + hostname
}

// ScriptOwner returns the hostname of the machine that a stored script was made
// for; ok is false of scripts that are not of this cluster's autoscaler.
func ScriptOwner(name, clusterID string) (hostname string, ok bool) {
	hostname, ok = strings.CutPrefix(strings.TrimSuffix(name, scriptSuffix), scriptPrefix+clusterID+".")
	if !ok || len(validation.IsDNS1123Label(hostname)) > 0 {
		return "", false
	}
	return hostname, true
}

// storeScript stores a machine's script in place of an earlier one and returns
// its identifier.
func (b *Bootstrapper) storeScript(ctx context.Context, machine *v1alpha1.VPSieNode, content []byte) (string, error) {
	if err := b.deleteScripts(ctx, machine); err != nil {
		return "", err
	}
	if err := b.options.Scripts.AddScript(ctx, scriptName(b.options.ClusterID, machine.Spec.Hostname), string(content)); err != nil {
		return "", fmt.Errorf("storing the script of %s at VPSie: %w", machine.Name, err)
	}
	stored, err := b.scripts(ctx, machine)
	if err != nil {
		return "", err
	}
	if len(stored) != 1 {
		return "", fmt.Errorf("VPSie lists %d scripts of %s after one was stored", len(stored), machine.Name)
	}
	return stored[0].ID, nil
}

func (b *Bootstrapper) deleteScripts(ctx context.Context, machine *v1alpha1.VPSieNode) error {
	stored, err := b.scripts(ctx, machine)
	if err != nil {
		return err
	}
	for _, s := range stored {
		if err := b.options.Scripts.DeleteScript(ctx, s.ID); err != nil && !vpsie.IsNotFound(err) {
			return fmt.Errorf("deleting the script of %s at VPSie: %w", machine.Name, err)
		}
	}
	return nil
}

// scripts are those stored for a machine.
func (b *Bootstrapper) scripts(ctx context.Context, machine *v1alpha1.VPSieNode) ([]vpsie.Script, error) {
	all, err := b.options.Scripts.Scripts(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing scripts at VPSie: %w", err)
	}
	var own []vpsie.Script
	for _, s := range all {
		if owner, ok := ScriptOwner(s.Name, b.options.ClusterID); ok && owner == machine.Spec.Hostname {
			own = append(own, s)
		}
	}
	return own, nil
}
