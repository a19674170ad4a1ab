package plane

import (
	"fmt"
	"path/filepath"
	"slices"
)

const (
	serviceRange = "10.96.0.0/16"
	// serviceIP is the API server's own within serviceRange.
	serviceIP = "10.96.0.1"

	// clientQPS and clientBurst let the scheduler and the controller-manager work
	// as fast as they can: here nobody else needs the API server.
	clientQPS   = 2000
	clientBurst = 4000
)

// ports are those of the programs on the loopback interface.
type ports struct{ etcd, etcdPeer, apiServer, controllerManager, scheduler int }

// file is the path of a file of the plane's folder.
func (p *Plane) file(name string) string { return filepath.Join(p.options.Dir, name) }

// etcdArguments: what it holds need not outlive the machine, so it does not wait
// for the disk.
func (p *Plane) etcdArguments() []string {
	client, peer := "http://"+address(p.ports.etcd), "http://"+address(p.ports.etcdPeer)
	return []string{
		"--name=devcluster",
		"--data-dir=" + p.file("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=devcluster=" + peer,
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}
}

func (p *Plane) apiServerArguments() []string {
	arguments := []string{
		"--etcd-servers=http://" + address(p.ports.etcd),
		"--bind-address=127.0.0.1",
		// Endpoints must not be loopback addresses, and nobody needs this one.
		"--endpoint-reconciler-type=none",
		"--secure-port=" + fmt.Sprint(p.ports.apiServer),
		"--tls-cert-file=" + p.file("apiserver.crt"),
		"--tls-private-key-file=" + p.file("apiserver.key"),
		"--client-ca-file=" + p.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.file("sa.key"),
		"--service-account-signing-key-file=" + p.file("sa.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--enable-bootstrap-token-auth",
		"--allow-privileged",
		// Tests create and delete by the thousand.
		"--max-requests-inflight=2000",
		"--max-mutating-requests-inflight=1000",
		"--delete-collection-workers=16",
		"--profiling=false",
	}
	if p.options.NoControllerManager {
		arguments = append(arguments, "--disable-admission-plugins=ServiceAccount")
	}
	if len(p.options.AuditPolicy) > 0 {
		arguments = append(arguments, "--audit-policy-file="+p.file("audit.yaml"), "--audit-log-path="+p.AuditLog())
	}
	return p.common(arguments)
}

// AuditLog is the path of the file that the API server writes what it was asked
// to, one JSON event a line, if Options.AuditPolicy has it do so.
func (p *Plane) AuditLog() string { return filepath.Join(p.options.Logs, "audit.log") }

func (p *Plane) controllerManagerArguments() []string {
	kubeconfig := p.file("controller-manager.kubeconfig")
	return p.common([]string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--secure-port=" + fmt.Sprint(p.ports.controllerManager),
		"--tls-cert-file=" + p.file("programs.crt"),
		"--tls-private-key-file=" + p.file("programs.key"),
		"--controllers=*,bootstrapsigner,tokencleaner",
		"--use-service-account-credentials",
		"--root-ca-file=" + p.file("ca.crt"),
		"--service-account-private-key-file=" + p.file("sa.key"),
		"--cluster-signing-cert-file=" + p.file("ca.crt"),
		"--cluster-signing-key-file=" + p.file("ca.key"),
		"--leader-elect=false",
		"--kube-api-qps=" + fmt.Sprint(clientQPS),
		"--kube-api-burst=" + fmt.Sprint(clientBurst),
		"--profiling=false",
	})
}

func (p *Plane) schedulerArguments() []string {
	kubeconfig := p.file("scheduler.kubeconfig")
	return p.common([]string{
		"--config=" + p.file("scheduler.yaml"),
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--secure-port=" + fmt.Sprint(p.ports.scheduler),
		"--tls-cert-file=" + p.file("programs.crt"),
		"--tls-private-key-file=" + p.file("programs.key"),
	})
}

func (p *Plane) common(arguments []string) []string {
	return append(slices.Concat(arguments, p.options.featureGates()), "-v="+fmt.Sprint(p.options.Verbosity))
}
