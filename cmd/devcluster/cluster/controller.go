package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/rbac"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// The controller's Secret, as the controller looks for it when told nothing else.
const (
	secretName      = "vpsie-secret"
	secretNamespace = metav1.NamespaceSystem
)

// startController gives the cluster its VPSie credentials and runs the controller
// that was asked for, if any.
func (c *Cluster) startController(ctx context.Context) error {
	credentials := fake.DefaultCredentials()
	_, err := c.client.CoreV1().Secrets(secretNamespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretName},
		StringData: map[string]string{
			"clientId":     credentials.ClientID,
			"clientSecret": credentials.ClientSecret,
			"password":     credentials.Password,
			"url":          c.state.VPSie,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating Secret %s: %w", secretName, err)
	}
	if c.options.Controller == "" {
		return nil
	}
	return c.RunController(ctx, c.options.Controller, c.options.ControllerArguments...)
}

// RunController runs a controller and waits until it is ready. The arguments
// follow those that connect it. One at a time can run; the last one is ended with
// the cluster.
func (c *Cluster) RunController(ctx context.Context, program string, arguments ...string) error {
	path, err := c.controllerKubeconfig(ctx)
	if err != nil {
		return err
	}
	ports, err := plane.FreePorts(2)
	if err != nil {
		return err
	}
	metrics, health := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	c.controller, err = process.Start(process.Command{
		Program: program,
		Name:    "controller",
		Arguments: append([]string{
			"--kubeconfig=" + path,
			"--metrics-addr=" + metrics,
			"--health-addr=" + health,
			"--cluster-id=devcluster",
		}, arguments...),
		Log: filepath.Join(c.options.Dir, LogsFolder, "controller.log"),
	})
	if err != nil {
		return err
	}
	c.state.Metrics = "http://" + metrics + "/metrics"
	return c.controller.Ready(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", request.URL, response.Status)
		}
		return nil
	})
}

// controllerKubeconfig writes the controller's: it may what deploy/rbac says, as
// it does in a cluster, and nothing else.
func (c *Cluster) controllerKubeconfig(ctx context.Context) (path string, err error) {
	if err := c.Plane.Apply(ctx, rbac.Manifests); err != nil {
		return "", err
	}
	// By certificate, as a token would end some time.
	config, err := c.Plane.UserConfig(
		serviceaccount.MakeUsername(rbac.Namespace, rbac.ServiceAccount), serviceaccount.MakeGroupNames(rbac.Namespace)...)
	if err != nil {
		return "", err
	}
	kubeconfig, err := plane.KubeconfigOf(config)
	if err != nil {
		return "", err
	}
	path = filepath.Join(c.options.Dir, "controller.kubeconfig")
	return path, os.WriteFile(path, kubeconfig, 0o600)
}
