package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

const (
	// firstContact is how long the API server may take to answer at all, when
	// the user set no timeout.
	firstContact = 5 * time.Second
	// parallelLists at a time; an API server gives one client about as many seats.
	parallelLists = 6
)

// Snapshot is a cluster at about one moment: pods were listed first, so that
// whatever a pod refers to was listed later.
type Snapshot struct {
	Objects    simulator.Objects
	NodeGroups []*v1alpha1.NodeGroup
	// Notes say what could not be read, one line each, in a stable order.
	Notes []string
}

// Read lists the cluster. The error of a cluster that cannot be reached names
// its address and comes within seconds.
func Read(ctx context.Context, config *rest.Config) (*Snapshot, error) {
	client, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{}
	lists := kinds(client, &s.Objects)
	notes := make([]string, len(lists))
	read := func(ctx context.Context, i int) (err error) {
		notes[i], err = lists[i].read(ctx)
		return err
	}
	if err := read(ctx, 0); err != nil {
		return nil, err
	}
	tasks, taskContext := errgroup.WithContext(ctx)
	tasks.SetLimit(parallelLists)
	for i := 1; i < len(lists); i++ {
		tasks.Go(func() error { return read(taskContext, i) })
	}
	var groupsNote string
	tasks.Go(func() (err error) {
		s.NodeGroups, groupsNote, err = nodeGroups(taskContext, client)
		return err
	})
	if err := tasks.Wait(); err != nil {
		return nil, err
	}
	for _, note := range append(notes, groupsNote) {
		if note != "" {
			s.Notes = append(s.Notes, note)
		}
	}
	s.Objects.Pods = schedulable(s.Objects.Pods)
	return s, nil
}

// NodeNames lists the names of the cluster's nodes.
func NodeNames(ctx context.Context, config *rest.Config) ([]string, error) {
	client, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	objects := &simulator.Objects{}
	if _, err := nodes(client, objects).read(ctx); err != nil {
		return nil, err
	}
	names := make([]string, len(objects.Nodes))
	for i, node := range objects.Nodes {
		names[i] = node.Name
	}
	return names, nil
}

// connect makes a client and sees that the API server answers.
func connect(ctx context.Context, config *rest.Config) (*kubernetes.Clientset, error) {
	config = rest.CopyConfig(config)
	// The lists are few; the API server has its own fairness.
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = config.ContentType + ",application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster at %s: %w", config.Host, err)
	}
	timeout := config.Timeout
	if timeout == 0 {
		timeout = firstContact
	}
	first, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	if _, err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(first).Raw(); err != nil {
		if cause := context.Cause(first); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("cluster at %s: %w", config.Host, short(err))
	}
	return client, nil
}

// short takes the request line out of an HTTP error: what went wrong is at its end.
func short(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		return inURL.Err
	}
	return err
}

// nodeGroups lists the cluster's NodeGroups, none where the kind is unknown.
func nodeGroups(ctx context.Context, client *kubernetes.Clientset) (groups []*v1alpha1.NodeGroup, note string, err error) {
	const path = "/apis/autoscaler.vpsie.com/v1alpha1/nodegroups"
	data, err := client.Discovery().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx).Raw()
	switch {
	case apierrors.IsNotFound(err):
		return nil, "", nil
	case apierrors.IsForbidden(err):
		return nil, leftOut("nodegroups"), nil
	case err != nil:
		return nil, "", fmt.Errorf("list nodegroups: %w", short(err))
	}
	var list v1alpha1.NodeGroupList
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, "", fmt.Errorf("list nodegroups: %w", err)
	}
	for i := range list.Items {
		groups = append(groups, &list.Items[i])
	}
	return groups, "", nil
}
