package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/input"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

const (
	// firstContact is how long the API server may take to answer at all, when
	// the user set no timeout.
	firstContact = 5 * time.Second
	// onePage is how long it may take over a page of a list, when the user set
	// no timeout.
	onePage = time.Minute
	// parallelLists at a time; an API server gives one client about as many seats.
	parallelLists = 6
)

// Snapshot is a cluster at about one moment: pods were listed first, so that
// whatever a pod refers to was listed later.
type Snapshot struct {
	Objects    simulator.Objects
	NodeGroups []*v1alpha1.NodeGroup
	// LeftOut are the resources that the user may not list; NotServed those that
	// the cluster does not know. Both in a stable order.
	LeftOut, NotServed []string
	// Notes say what could not be read or completed, one line each, in a stable
	// order.
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
	lists = append(lists, nodeGroups(client, &s.NodeGroups))
	outcome := make([]found, len(lists))
	read := func(ctx context.Context, i int) (err error) {
		outcome[i], err = lists[i].read(ctx)
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
	if err := tasks.Wait(); err != nil {
		return nil, err
	}
	for i, k := range lists {
		switch outcome[i] {
		case leftOut:
			s.LeftOut = append(s.LeftOut, k.resource)
			s.Notes = append(s.Notes, fmt.Sprintf("not allowed to list %s: the plan is made as if there were none", k.resource))
		case notServed:
			s.NotServed = append(s.NotServed, k.resource)
		}
	}
	s.Objects.Pods = schedulable(s.Objects.Pods)
	s.Notes = append(s.Notes, input.CompleteDaemonSets(&s.Objects)...)
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
	timeout := config.Timeout
	if timeout == 0 {
		timeout, config.Timeout = firstContact, onePage
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster at %s: %w", config.Host, err)
	}
	silent := fmt.Errorf("no answer within %s", timeout)
	first, cancel := context.WithTimeoutCause(ctx, timeout, silent)
	defer cancel()
	if _, err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(first).Raw(); err != nil {
		if cause := context.Cause(first); cause != nil {
			err = cause
		} else if isTimeout(err) {
			err = silent
		}
		return nil, fmt.Errorf("cluster at %s: %w", config.Host, short(err))
	}
	return client, nil
}

// short takes the request line out of an HTTP error: what went wrong is at its end.
func short(err error) error {
	var inURL *url.Error
	switch {
	case isTimeout(err):
		return errors.New("no answer in time (--request-timeout says how long to wait)")
	case errors.As(err, &inURL):
		return inURL.Err
	}
	return err
}

func isTimeout(err error) bool {
	var failed net.Error
	return errors.As(err, &failed) && failed.Timeout()
}

// nodeGroups reads the cluster's NodeGroups.
func nodeGroups(client *kubernetes.Clientset, to *[]*v1alpha1.NodeGroup) kind {
	const path = "/apis/autoscaler.vpsie.com/v1alpha1/nodegroups"
	return kind{resource: "nodegroups", each: func(ctx context.Context) error {
		data, err := client.Discovery().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx).Raw()
		if err != nil {
			return err
		}
		var list v1alpha1.NodeGroupList
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for i := range list.Items {
			*to = append(*to, &list.Items[i])
		}
		return nil
	}}
}
