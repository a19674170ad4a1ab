// Package scaleup turns pods that found no node into VPSieNodes, and sees to it
// that the pods then land where they were planned. The way of a decision, one
// file each:
//
//	hints      what in the cluster may mean that machines are needed
//	trigger    hints, gathered until they are quiet
//	decide     the question for package binpack: the observed cluster, what may be bought
//	commit     what earlier plans promised counts as running
//	backoff    what failed of late and is not bought for a while
//	hold       machines that wait for a NodeGroup's stabilisation window, or for
//	handed     pods that kube-scheduler has only just been given room for
//	apply      the plan, written down as VPSieNodes; never more than the plan says
//	announce   events on pods and NodeGroups; package record keeps the plans
//	arrival    a machine that has joined and waits for its pods
//	handover   the machines of a plan that have joined: nominated, then opened, together
//	standing   which nominations kube-scheduler will not object to
//	compare    what kube-scheduler made of it, beside what was planned
//
// Nothing is remembered that the next decision could not do without: back-off is
// derived from failed VPSieNodes, cooldown from all of them, and what is on its
// way is in the Snapshot. So a restart at any instant goes on from the objects.
//
// It talks to no cloud: buying, joining and giving back a VPSieNode's machine is
// package vpsienode's work. It decides nothing about pods itself: that is
// kube-scheduler's code, by way of packages binpack and simulator.
package scaleup
