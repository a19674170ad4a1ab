package plane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/keyutil"
)

// writeFiles makes the credentials of the plane and writes them and the
// configurations of its programs to its folder.
func (p *Plane) writeFiles() error {
	for _, folder := range []string{p.options.Dir, p.options.Logs, filepath.Dir(p.options.KubeconfigPath)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	var err error
	if p.authority, err = newAuthority(); err != nil {
		return err
	}
	if p.ca, err = p.authority.pem(); err != nil {
		return err
	}
	apiServer, err := p.authority.server("kube-apiserver",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return err
	}
	programs, err := p.authority.server("control-plane")
	if err != nil {
		return err
	}
	serviceAccounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	tokenKey, err := keyutil.MarshalPrivateKeyToPEM(serviceAccounts)
	if err != nil {
		return err
	}
	if p.admin, err = p.UserConfig("kubernetes-admin", "system:masters"); err != nil {
		return err
	}
	admin, err := KubeconfigOf(p.admin)
	if err != nil {
		return err
	}
	scheduler, err := p.kubeconfig("system:kube-scheduler")
	if err != nil {
		return err
	}
	controllerManager, err := p.kubeconfig("system:kube-controller-manager")
	if err != nil {
		return err
	}
	schedulerConfiguration, err := p.options.schedulerConfiguration(p.file("scheduler.kubeconfig"))
	if err != nil {
		return err
	}
	for path, content := range map[string][]byte{
		p.file("ca.crt"):                        p.ca.cert,
		p.file("ca.key"):                        p.ca.key,
		p.file("apiserver.crt"):                 apiServer.cert,
		p.file("apiserver.key"):                 apiServer.key,
		p.file("programs.crt"):                  programs.cert,
		p.file("programs.key"):                  programs.key,
		p.file("sa.key"):                        tokenKey,
		p.file("scheduler.kubeconfig"):          scheduler,
		p.file("controller-manager.kubeconfig"): controllerManager,
		p.file("scheduler.yaml"):                schedulerConfiguration,
		p.file("audit.yaml"):                    p.options.AuditPolicy,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return p.writeKubeconfig(admin)
}

// writeKubeconfig replaces nothing: what is there may be the way to another cluster.
func (p *Plane) writeKubeconfig(content []byte) error {
	file, err := os.OpenFile(p.options.KubeconfigPath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	p.kubeconfigWritten = true
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// kubeconfig is that of a user of the plane's own.
func (p *Plane) kubeconfig(user string) ([]byte, error) {
	var config *rest.Config
	config, err := p.UserConfig(user)
	if err != nil {
		return nil, err
	}
	return KubeconfigOf(config)
}
