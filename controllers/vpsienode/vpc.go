package vpsienode

import (
	"context"
	"fmt"
)

// attach brings a machine into its VPC and learns its address there. It says
// whether that is done. A machine that joins waits for the address itself, see
// the default template.
func (v *visit) attach(ctx context.Context, vpcID int64, found *machine) (bool, error) {
	members, err := v.r.options.VPSie.VPCMembers(ctx, vpcID)
	if err != nil {
		return false, fmt.Errorf("listing the machines of VPC %d: %w", vpcID, err)
	}
	for _, member := range members {
		if member.VM == found.id && member.IP != "" {
			v.m.Status.PrivateIPAddress = member.IP
			return true, nil
		}
	}
	if err := v.r.options.VPSie.AddVMToVPC(ctx, found.id, vpcID, v.m.Spec.Datacenter); err != nil {
		return false, fmt.Errorf("attaching machine %s to VPC %d: %w", found.id, vpcID, err)
	}
	v.m.Status.Message = fmt.Sprintf("waiting for the machine's address in VPC %d", vpcID)
	return false, nil
}
