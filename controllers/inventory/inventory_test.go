package inventory_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// lists records which lists were asked for, and moves a machine out of the queue
// while they are read.
type lists struct {
	asked []string
	fails string
	born  bool
}

func (l *lists) ask(name string) error {
	l.asked = append(l.asked, name)
	if l.fails == name {
		return errors.New("VPSie is down")
	}
	return nil
}

func (l *lists) PendingVMs(context.Context) ([]vpsie.PendingVM, error) {
	var queue []vpsie.PendingVM
	if !l.born {
		queue = []vpsie.PendingVM{{Hostname: "a"}}
	}
	l.born = true
	return queue, l.ask("pending")
}

func (l *lists) ListVMs(context.Context) ([]vpsie.VM, error) {
	var vms []vpsie.VM
	if l.born {
		vms = []vpsie.VM{{ID: "1", Hostname: "a"}, {ID: "2", Hostname: "a"}}
	}
	return vms, l.ask("vms")
}

func (l *lists) ListAllVMs(context.Context) ([]vpsie.StorageVM, error) {
	return []vpsie.StorageVM{{ID: "1", Hostname: "a"}, {ID: "3", Hostname: "worker"}}, l.ask("all")
}

func TestAMachineThatLeavesTheQueueIsNotMissed(t *testing.T) {
	reading, err := inventory.New(&lists{}, clocktesting.NewFakePassiveClock(time.Unix(100, 0))).Since(t.Context(), time.Unix(100, 0))
	require.NoError(t, err)
	assert.Len(t, reading.PendingNamed("a"), 1)
	assert.Len(t, reading.VMsNamed("a"), 2)
	assert.Equal(t, "a", reading.VM("2").Hostname)
	assert.Nil(t, reading.VM("3"))
	assert.Equal(t, "worker", reading.InAll("3").Hostname)
	assert.Nil(t, reading.InAll("2"))
	assert.Len(t, reading.AllNamed("worker"), 1)
}

func TestReadingsAreShared(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(100, 0))
	api := &lists{}
	read := inventory.New(api, clock)
	first, err := read.Since(t.Context(), time.Unix(0, 0))
	require.NoError(t, err)
	clock.SetTime(time.Unix(110, 0))
	again, err := read.Since(t.Context(), time.Unix(100, 0))
	require.NoError(t, err)
	assert.Same(t, first, again, "what was started at the time asked for is late enough")
	assert.Len(t, api.asked, 3)
	fresh, err := read.Since(t.Context(), time.Unix(100, 1))
	require.NoError(t, err)
	assert.Equal(t, time.Unix(110, 0), fresh.Started)
	assert.Len(t, api.asked, 6)
}

func TestAReadingIsWholeOrNone(t *testing.T) {
	for _, list := range []string{"pending", "vms", "all"} {
		t.Run(list, func(t *testing.T) {
			api := &lists{fails: list}
			read := inventory.New(api, clocktesting.NewFakePassiveClock(time.Unix(100, 0)))
			_, err := read.Since(t.Context(), time.Time{})
			require.ErrorContains(t, err, "VPSie is down")
			api.fails = ""
			_, err = read.Since(t.Context(), time.Time{})
			require.NoError(t, err, "an error is not kept")
		})
	}
}

// blocked never answers.
type blocked struct {
	lists
	asked, release chan struct{}
}

func (b *blocked) PendingVMs(context.Context) ([]vpsie.PendingVM, error) {
	close(b.asked)
	<-b.release
	return nil, nil
}

func TestWaitingForAReadingEndsWithTheContext(t *testing.T) {
	api := &blocked{asked: make(chan struct{}), release: make(chan struct{})}
	read := inventory.New(api, clocktesting.NewFakePassiveClock(time.Unix(100, 0)))
	done := make(chan error)
	go func() {
		_, err := read.Since(context.Background(), time.Time{})
		done <- err
	}()
	<-api.asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := read.Since(ctx, time.Time{})
	require.ErrorIs(t, err, context.Canceled)
	close(api.release)
	require.NoError(t, <-done)
}

func TestMark(t *testing.T) {
	mark := inventory.Mark{ClusterID: "prod", Node: "vpsie-general-x1", UID: "11111111-2222-3333-4444-555555555555"}
	for situation, notes := range map[string]string{
		"alone":             mark.Notes(""),
		"with user's notes": mark.Notes("owner: shop\ncost centre 7"),
		"reflowed by VPSie": "  " + strings.ReplaceAll(mark.Notes("x"), " ", "\r\n"),
	} {
		t.Run(situation, func(t *testing.T) {
			read, ok := inventory.ReadMark(notes)
			assert.True(t, ok)
			assert.Equal(t, mark, read)
		})
	}
	for situation, notes := range map[string]string{
		"no notes":           "",
		"other notes":        "web server of the shop, do not touch",
		"mark further down":  "see " + mark.Notes(""),
		"half a mark":        "vpsie-k8s-autoscaler cluster=prod node=x",
		"empty value":        "vpsie-k8s-autoscaler cluster= node=x uid=y",
		"values in disorder": "vpsie-k8s-autoscaler node=x cluster=prod uid=y",
	} {
		t.Run(situation, func(t *testing.T) {
			_, ok := inventory.ReadMark(notes)
			assert.False(t, ok)
		})
	}
}

func FuzzReadMark(f *testing.F) {
	f.Add("vpsie-k8s-autoscaler cluster=a node=b uid=c d")
	f.Fuzz(func(t *testing.T, notes string) {
		if mark, ok := inventory.ReadMark(notes); ok {
			again, ok := inventory.ReadMark(mark.Notes(notes))
			if !ok || again != mark {
				t.Errorf("%q: read as %v, written and read again as %v", notes, mark, again)
			}
		}
	})
}
