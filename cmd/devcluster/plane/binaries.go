package plane

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// EnvBinaries names the environment variable that says in which folder the
// programs are.
const EnvBinaries = "VPSIE_PLANE"

// The programs of a control plane.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kubectl           = "kubectl"
)

// ErrNoBinaries is wrapped by Find's error when the programs were never built.
var ErrNoBinaries = errors.New("the programs of the control plane are missing: run make plane")

// Binaries is the folder that holds the programs, as `make plane` fills it.
type Binaries string

// Kubectl is the path of kubectl.
func (b Binaries) Kubectl() string { return b.path(kubectl) }

func (b Binaries) path(program string) string { return filepath.Join(string(b), program) }

// Find returns the folder that $VPSIE_PLANE names or else bin/plane of the
// checkout the working directory is in. The error wraps ErrNoBinaries unless
// every program is there.
func Find() (Binaries, error) {
	folder := os.Getenv(EnvBinaries)
	if folder == "" {
		root, err := checkout()
		if err != nil {
			return "", fmt.Errorf("%w (%w, and $%s is not set)", ErrNoBinaries, err, EnvBinaries)
		}
		folder = filepath.Join(root, "bin", "plane")
	}
	for _, program := range []string{etcd, apiServer, controllerManager, scheduler} {
		if _, err := os.Stat(filepath.Join(folder, program)); err != nil {
			return "", fmt.Errorf("%w (%w)", ErrNoBinaries, err)
		}
	}
	return Binaries(folder), nil
}

// checkout is the folder at or above the working directory that holds the
// go.mod of this module.
func checkout() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for start := folder; ; folder = filepath.Dir(folder) {
		content, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module github.com/vpsie/vpsie-k8s-autoscaler\n")) {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is in no checkout of the autoscaler", start)
		}
	}
}
