// Package plane runs a real Kubernetes control plane as processes on this
// machine: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as
// `make plane` builds them, on free ports of the loopback interface.
//
// It is set up as kubeadm would leave it: a CA that signs client certificates,
// Node and RBAC authorization, NodeRestriction, bootstrap tokens, a signed
// cluster-info, and the roles that let machines join. So whatever joins, signs in
// or is refused here, is so in a real cluster.
//
// The package owns the processes, their credentials and what kubeadm leaves
// behind. It owns no nodes, no volumes and no VPSie: machines that join are
// offerings/vpsie/fake's, volumes are cmd/devcluster/storage's. Tests share one
// plane per package through package planetest.
package plane
