package controllers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Reconcilers reach the API types through controller-runtime's client, which
// finds a kind by way of a scheme and hands out copies.
func TestKindsSuitTheClientOfReconcilers(t *testing.T) {
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	for kind, object := range map[string]client.Object{
		"NodeGroup": &v1alpha1.NodeGroup{},
		"VPSieNode": &v1alpha1.VPSieNode{},
	} {
		found, err := apiutil.GVKForObject(object, scheme)
		require.NoError(t, err)
		assert.Equal(t, v1alpha1.GroupVersion.WithKind(kind), found)

		object.SetName("original")
		copied := object.DeepCopyObject().(client.Object)
		copied.SetName("copy")
		assert.Equal(t, "original", object.GetName(), "a copy of a %s stands alone", kind)
	}
	for kind, list := range map[string]client.ObjectList{
		"NodeGroupList": &v1alpha1.NodeGroupList{},
		"VPSieNodeList": &v1alpha1.VPSieNodeList{},
	} {
		found, err := apiutil.GVKForObject(list, scheme)
		require.NoError(t, err)
		assert.Equal(t, v1alpha1.GroupVersion.WithKind(kind), found)
	}
}
