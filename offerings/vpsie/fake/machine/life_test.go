package machine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

// lease is when the node's was renewed last, zero when nobody says.
func (s *site) lease(name string) time.Time {
	lease, err := s.admin.CoordinationV1().Leases("kube-node-lease").Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		return time.Time{}
	}
	return lease.Spec.RenewTime.Time
}

// pod on a node, without a scheduler.
func (s *site) pod(name, node string, change ...func(*corev1.Pod)) *corev1.Pod {
	s.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: ptr.To[int64](20),
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name: "main", Image: "app",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}},
			}},
		},
	}
	for _, c := range change {
		c(p)
	}
	created, err := s.admin.CoreV1().Pods("default").Create(s.Context(), p, metav1.CreateOptions{})
	require.NoError(s, err)
	return created
}

func (s *site) phase(name string, want corev1.PodPhase) *corev1.Pod {
	s.Helper()
	var got *corev1.Pod
	eventually(s.T, fmt.Sprintf("pod %s %s", name, want), func() (err error) {
		if got, err = s.admin.CoreV1().Pods("default").Get(s.Context(), name, metav1.GetOptions{}); err == nil && got.Status.Phase != want {
			err = fmt.Errorf("is %s", got.Status.Phase)
		}
		return err
	})
	return got
}

func TestTaintsAreThereFromRegistration(t *testing.T) {
	s := newSite(t)
	events, err := s.admin.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=web-2"})
	require.NoError(t, err)
	defer events.Stop()
	b := run(t, machine.New(machine.Config{ReadyDelay: 200 * time.Millisecond}), fake.Machine{
		Hostname: "web-2", UserData: s.userData(s.order("web-2", s.token("dddddd", time.Hour))),
	})
	first := (<-events.ResultChan()).Object.(*corev1.Node)
	keys := []string{}
	for _, taint := range first.Spec.Taints {
		keys = append(keys, taint.Key)
	}
	assert.Contains(t, keys, "autoscaler.vpsie.com/startup")
	assert.Contains(t, keys, "node.kubernetes.io/not-ready")
	assert.Equal(t, "vpsie://web-2", first.Spec.ProviderID)
	ready := func(n *corev1.Node) corev1.ConditionStatus {
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady {
				return c.Status
			}
		}
		return ""
	}
	assert.Equal(t, corev1.ConditionFalse, ready(first), "a node without its network")
	s.becomes(b, fake.BootReady)
	assert.Equal(t, corev1.ConditionTrue, ready(s.node("web-2")))
	// NodeRestriction is on: the machine has no more than a node's rights.
	_, err = s.admin.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-dddddd", metav1.GetOptions{})
	require.NoError(t, err)
}

func TestTokenThatHasExpired(t *testing.T) {
	s := newSite(t)
	o := s.order("late", s.token("eeeeee", -time.Minute))
	o.Timeout = "1s"
	b := run(t, machine.New(machine.Config{}), fake.Machine{Hostname: "late", UserData: s.userData(o)})
	assert.Contains(t, s.becomes(b, fake.BootFailed).Reason, "no signature for the token")
}

func TestJoinIsTriedAgainIfTheScriptSaysSo(t *testing.T) {
	s := newSite(t)
	o := s.order("web-3", s.token("ffffff", time.Hour))
	o.Command = "until kubeadm join --config /etc/kubernetes/join.yaml; do sleep 0.1; done"
	o.Endpoint = "$ENDPOINT"
	data := "#!/bin/bash\nset -euo pipefail\nENDPOINT=127.0.0.1:1\nwrite() { cat > /etc/kubernetes/join.yaml <<EOF\n" +
		joinYAML(s, o) + "EOF\n}\nwrite\nuntil kubeadm join --config /etc/kubernetes/join.yaml; do\n  ENDPOINT=" + s.plane.Endpoint() + "\n  write\ndone\n"
	b := run(t, machine.New(machine.Config{}), fake.Machine{Hostname: "web-3", UserData: []byte(data)})
	assert.Empty(t, s.becomes(b, fake.BootReady).Reason)
}

// joinYAML is the JoinConfiguration of an order, for a script to write.
func joinYAML(s *site, o order) string {
	o.Timeout = "100ms"
	var lines []string
	for line := range strings.Lines(string(s.userData(o))) {
		if rest, indented := strings.CutPrefix(line, "    "); indented {
			lines = append(lines, rest)
		}
	}
	return strings.Join(lines, "")
}

func TestDeletedMachineStopsHeartbeating(t *testing.T) {
	s := newSite(t)
	runner := machine.New(machine.Config{Heartbeat: 50 * time.Millisecond})
	server, err := fake.New(fake.Config{Machines: runner, Plain: true})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	a := api{t, server}
	a.buy("web-4", s.userData(s.order("web-4", s.token("gggggg", time.Hour))))
	stage := func(want string) func() error {
		return func() error {
			if got := server.History()[0].Boot; got.Stage != want {
				return fmt.Errorf("is %+v", got)
			}
			return nil
		}
	}
	eventually(t, "ready", stage(fake.BootReady))
	before := s.lease("web-4")
	eventually(t, "the lease is renewed", func() error {
		if !s.lease("web-4").After(before) {
			return errors.New("not renewed")
		}
		return nil
	})
	a.delete(server.VMs()[0].Identifier)
	eventually(t, "stopped", stage(fake.BootStopped))
	server.Close() // waits until the inside of every machine has ended
	last := s.lease("web-4")
	require.Never(t, func() bool { return s.lease("web-4").After(last) }, 300*time.Millisecond, 50*time.Millisecond)
	s.node("web-4") // the Node stays: it is not the machine's to delete
}

func TestShortfallAndDevices(t *testing.T) {
	s := newSite(t)
	gpu := *offerings.Sample().Offering("gpu-16c128g-2a")
	runner := machine.New(machine.Config{Devices: true, Offers: machine.Shortfall(map[string]int64{gpu.Name: 1 << 30})})
	b := run(t, runner, fake.Machine{Hostname: "gpu-1", Offering: gpu, UserData: s.userData(s.order("gpu-1", s.token("hhhhhh", time.Hour)))})
	s.becomes(b, fake.BootReady)
	node := s.node("gpu-1")
	assert.Equal(t, gpu.Allocatable.MemoryBytes-1<<30, node.Status.Allocatable.Memory().Value())
	gpus := node.Status.Allocatable["nvidia.com/gpu"]
	assert.EqualValues(t, 2, gpus.Value())
	eventually(t, "devices", func() error {
		slice, err := s.admin.ResourceV1().ResourceSlices().Get(t.Context(), "gpu-1-gpu.nvidia.com", metav1.GetOptions{})
		if err == nil {
			assert.Len(t, slice.Spec.Devices, 2)
		}
		return err
	})
}

func TestNameThatIsTaken(t *testing.T) {
	s := newSite(t)
	runner := machine.New(machine.Config{})
	first := run(t, runner, fake.Machine{Hostname: "twin", UserData: s.userData(s.order("twin", s.token("iiiiii", time.Hour)))})
	s.becomes(first, fake.BootReady)
	second := run(t, runner, fake.Machine{Hostname: "twin", UserData: s.userData(s.order("twin", s.token("jjjjjj", time.Hour)))})
	assert.Contains(t, s.becomes(second, fake.BootFailed).Reason, "status Ready already exists")
}

func TestPodsLiveAndEnd(t *testing.T) {
	s := newSite(t)
	b := run(t, machine.New(machine.Config{}), fake.Machine{Hostname: "web-5", UserData: s.userData(s.order("web-5", s.token("kkkkkk", time.Hour)))})
	s.becomes(b, fake.BootReady)
	s.pod("service", "web-5", func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{
			{Name: "once", Image: "i"}, {Name: "beside", Image: "s", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)},
		}
	})
	s.pod("job", "web-5", func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		p.Annotations = map[string]string{machine.FinishAfter: "10ms"}
	})
	service := s.phase("service", corev1.PodRunning)
	assert.NotEmpty(t, service.Status.PodIP)
	assert.Equal(t, "127.0.0.1", service.Status.HostIP)
	assert.True(t, service.Status.ContainerStatuses[0].Ready)
	assert.NotNil(t, service.Status.InitContainerStatuses[0].State.Terminated)
	assert.NotNil(t, service.Status.InitContainerStatuses[1].State.Running)
	job := s.phase("job", corev1.PodSucceeded)
	assert.Equal(t, "Completed", job.Status.ContainerStatuses[0].State.Terminated.Reason)

	require.NoError(t, s.admin.CoreV1().Pods("default").Delete(t.Context(), "service", metav1.DeleteOptions{}))
	eventually(t, "the pod is gone for good", func() error {
		_, err := s.admin.CoreV1().Pods("default").Get(t.Context(), "service", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %w", err)
	})
}

func TestPodWaitsForItsVolume(t *testing.T) {
	s := newSite(t)
	b := run(t, machine.New(machine.Config{CSI: &machine.CSI{}}), fake.Machine{Hostname: "web-6", UserData: s.userData(s.order("web-6", s.token("llllll", time.Hour)))})
	s.becomes(b, fake.BootReady)
	eventually(t, "the driver", func() error {
		csi, err := s.admin.StorageV1().CSINodes().Get(t.Context(), "web-6", metav1.GetOptions{})
		if err == nil && len(csi.Spec.Drivers) == 0 {
			err = errors.New("not registered")
		}
		return err
	})
	s.volume("data")
	s.pod("db", "web-6", func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "d", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
		}}}
	})
	// The attacher's part: the control plane asks, and is told that it is done.
	eventually(t, "an attachment", func() error {
		list, err := s.admin.StorageV1().VolumeAttachments().List(t.Context(), metav1.ListOptions{})
		if err != nil || len(list.Items) == 0 {
			return fmt.Errorf("none: %w", err)
		}
		got, err := s.admin.CoreV1().Pods("default").Get(t.Context(), "db", metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, corev1.PodPending, got.Status.Phase)
		list.Items[0].Status.Attached = true
		_, err = s.admin.StorageV1().VolumeAttachments().UpdateStatus(t.Context(), &list.Items[0], metav1.UpdateOptions{})
		return err
	})
	s.phase("db", corev1.PodRunning)
	assert.Len(t, s.node("web-6").Status.VolumesInUse, 1)
	require.NoError(t, s.admin.CoreV1().Pods("default").Delete(t.Context(), "db", metav1.DeleteOptions{}))
	eventually(t, "the volume is let go", func() error {
		if n := len(s.node("web-6").Status.VolumesInUse); n > 0 {
			return fmt.Errorf("%d in use", n)
		}
		return nil
	})
}

func TestMachineOutlivesTheAPIServer(t *testing.T) {
	s := newSite(t)
	b := run(t, machine.New(machine.Config{Heartbeat: 100 * time.Millisecond}), fake.Machine{
		Hostname: "web-7", UserData: s.userData(s.order("web-7", s.token("mmmmmm", time.Hour))),
	})
	s.becomes(b, fake.BootReady)
	s.pod("before", "web-7")
	s.phase("before", corev1.PodRunning)
	require.NoError(t, s.plane.RestartAPIServer(t.Context()))
	since := time.Now()
	eventually(t, "the lease is renewed", func() error {
		if !s.lease("web-7").After(since) {
			return errors.New("not renewed")
		}
		return nil
	})
	s.pod("after", "web-7")
	s.phase("after", corev1.PodRunning)
}

func TestContainersTakeTheirTime(t *testing.T) {
	s := newSite(t)
	b := run(t, machine.New(machine.Config{PodDelay: 300 * time.Millisecond, StopDelay: time.Hour}), fake.Machine{
		Hostname: "web-8", UserData: s.userData(s.order("web-8", s.token("nnnnnn", time.Hour))),
	})
	s.becomes(b, fake.BootReady)
	bound := time.Now()
	s.pod("slow", "web-8", func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1) })
	s.phase("slow", corev1.PodRunning)
	assert.GreaterOrEqual(t, time.Since(bound), 300*time.Millisecond)
	asked := time.Now()
	require.NoError(t, s.admin.CoreV1().Pods("default").Delete(t.Context(), "slow", metav1.DeleteOptions{}))
	eventually(t, "it ends with its grace period", func() error {
		_, err := s.admin.CoreV1().Pods("default").Get(t.Context(), "slow", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %w", err)
	})
	assert.GreaterOrEqual(t, time.Since(asked), time.Second)
}

// volume is one with a claim, bound to each other.
func (s *site) volume(name string) {
	s.Helper()
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	_, err := s.admin.StorageV1().CSIDrivers().Create(s.Context(), &storagev1.CSIDriver{
		ObjectMeta: metav1.ObjectMeta{Name: "vpsie.csi.vpsie.com"}, Spec: storagev1.CSIDriverSpec{AttachRequired: ptr.To(true)},
	}, metav1.CreateOptions{})
	require.NoError(s, err)
	_, err = s.admin.CoreV1().PersistentVolumes().Create(s.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, ClaimRef: &corev1.ObjectReference{Namespace: "default", Name: name},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "vpsie.csi.vpsie.com", VolumeHandle: name}},
		},
	}, metav1.CreateOptions{})
	require.NoError(s, err)
	_, err = s.admin.CoreV1().PersistentVolumeClaims("default").Create(s.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, VolumeName: name, StorageClassName: ptr.To(""), Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}, metav1.CreateOptions{})
	require.NoError(s, err)
}

func TestManagedWorkerJoins(t *testing.T) {
	s := newSite(t)
	server, err := fake.New(fake.Config{
		Machines: machine.New(machine.Config{}), Plain: true,
		Clusters: []fake.Cluster{{
			Identifier: "hel", Name: "HEL-Kubernetes-49ab", Datacenter: "ams1",
			UserData: machine.Managed(s.admin, s.plane.Endpoint(), s.plane.CAHash()),
		}},
	})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	a := api{t, server}
	size := 0
	for _, o := range a.do("POST", "/apps/v2/k8s/offers", `{"dcIdentifier":"ams1"}`).list() {
		if o["name"] == "std-2c4g" {
			size = int(o["id"].(float64))
		}
	}
	a.do("POST", "/apps/v2/k8s/cluster/add/group", fmt.Sprintf(`{"clusterIdentifier":"hel","groupName":"g","KubeSizeID":%d}`, size))
	a.do("POST", "/apps/v2/k8s/cluster/byId/hel/add/slave", "")
	require.Len(t, server.VMs(), 1)
	name := strings.ToLower(server.VMs()[0].Hostname)
	eventually(t, "the worker is ready", func() error {
		if got := server.VMs()[0].Boot; got.Stage != fake.BootReady {
			return fmt.Errorf("is %+v", got)
		}
		return nil
	})
	assert.Empty(t, s.node(name).Spec.ProviderID, "VPSie sets none")
}
