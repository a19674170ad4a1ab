// Package simtest is a small language for tests: "three nodes of 4 CPU, these
// pods, this claim; where does kube-scheduler let the pod go?"
//
//	c := simtest.Cluster(t,
//		simtest.Node("a", "4", "8Gi", simtest.Zone("fra")),
//		simtest.Pod("web-0", "1", "1Gi", simtest.Label("app", "web"), simtest.On("a")),
//	)
//	pod := simtest.Pod("web-1", "1", "1Gi", simtest.Label("app", "web"), simtest.Apart("topology.kubernetes.io/zone", "web"))
//	require.Empty(t, simtest.Fits(t, c, pod))
//
// It makes complete API objects, as a server would have stored them, and holds
// no expectations of its own. Only tests import it.
package simtest
