// Package machine is what happens inside the machines of the fake VPSie: each
// boots by executing its user data, and if that runs `kubeadm join`, it becomes
// a node of a real control plane and lives as one.
//
// Nothing is assumed about the user data. A #cloud-config document or a shell
// script is read and executed, the script by a real shell interpreter on a file
// system in memory, with the few commands that joining needs. A command that is
// not known ends the boot with a reason: a machine never joins because somebody
// meant it to.
//
// `kubeadm join` does what kubeadm does: reads cluster-info as anybody may,
// checks its signature by the token and the CA by the pinned hash, has a client
// certificate signed by the controller-manager through the token, and starts a
// kubelet. From then on only that certificate is used. The kubelet registers
// its Node under NodeRestriction with the labels and taints it was told,
// becomes Ready after a while, renews its Lease, registers a CSI driver, attaches
// volumes by way of the control plane, runs pods in name, ends them when asked.
//
// What it refuses to own: scheduling, approving or signing anything, and
// deleting its Node, all of which real life leaves to others.
package machine
