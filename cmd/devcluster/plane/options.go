package plane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Options say what to start. The zero value, with Binaries found, is a plane
// of everything in a temporary folder.
type Options struct {
	// Binaries is where the programs are; Find when empty.
	Binaries Binaries
	// Dir is the folder of credentials, logs and etcd's data. It must not hold
	// another plane's. When empty, a temporary folder that Stop removes.
	Dir string
	// Logs is the folder of the programs' logs, one file each; Dir/logs when empty.
	Logs string
	// KubeconfigPath is where the administrator's kubeconfig goes; Dir/kubeconfig
	// when empty. It must not exist; Stop removes it.
	KubeconfigPath string
	// NoScheduler leaves kube-scheduler out until StartScheduler.
	NoScheduler bool
	// SchedulerConfig is the path of a KubeSchedulerConfiguration. Only its
	// clientConnection and leaderElection are replaced.
	SchedulerConfig string
	// NoControllerManager leaves kube-controller-manager out. Without it there are
	// no ServiceAccounts, so that pods may do without; nothing signs certificates
	// or cluster-info, and nothing is garbage collected.
	NoControllerManager bool
	// FeatureGates are those of all three Kubernetes programs.
	FeatureGates map[string]bool
	// AuditPolicy is an audit.k8s.io/v1 Policy in YAML, by which the API server
	// writes to Plane.AuditLog what it was asked. Nothing is written when empty.
	AuditPolicy []byte
	// Verbosity is the programs' -v.
	Verbosity int
}

func (o *Options) complete() error {
	if o.Binaries == "" {
		found, err := Find()
		if err != nil {
			return err
		}
		o.Binaries = found
	}
	if o.Dir == "" {
		return errors.New("a plane needs a folder")
	}
	// The programs are told paths, and so are readers of Kubeconfig.
	absolute, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	o.Dir = absolute
	if o.Logs == "" {
		o.Logs = filepath.Join(o.Dir, "logs")
	}
	if o.KubeconfigPath == "" {
		o.KubeconfigPath = filepath.Join(o.Dir, "kubeconfig")
	}
	return nil
}

// schedulerConfiguration is the user's configuration, or an empty one, that
// connects with the kubeconfig given.
func (o *Options) schedulerConfiguration(kubeconfig string) ([]byte, error) {
	configuration := map[string]any{}
	if o.SchedulerConfig != "" {
		content, err := os.ReadFile(o.SchedulerConfig)
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalStrict(content, &configuration); err != nil {
			return nil, fmt.Errorf("%s: %w", o.SchedulerConfig, err)
		}
		if kind := configuration["kind"]; kind != "KubeSchedulerConfiguration" {
			return nil, fmt.Errorf("%s: kind is %v, not KubeSchedulerConfiguration", o.SchedulerConfig, kind)
		}
	} else {
		configuration["apiVersion"] = "kubescheduler.config.k8s.io/v1"
		configuration["kind"] = "KubeSchedulerConfiguration"
	}
	configuration["clientConnection"] = map[string]any{"kubeconfig": kubeconfig, "qps": clientQPS, "burst": clientBurst}
	configuration["leaderElection"] = map[string]any{"leaderElect": false}
	return yaml.Marshal(configuration)
}

// featureGates is the flag, or nothing.
func (o *Options) featureGates() []string {
	if len(o.FeatureGates) == 0 {
		return nil
	}
	var gates []string
	for name, on := range o.FeatureGates {
		gates = append(gates, fmt.Sprintf("%s=%t", name, on))
	}
	return []string{"--feature-gates=" + strings.Join(gates, ",")}
}
