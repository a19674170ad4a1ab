package offerings

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checkParsed holds for whatever bytes a parser was given: either one line of
// error that starts with the file's name, or a catalogue that is sound.
func checkParsed(t *testing.T, c *Catalog, err error) {
	if err != nil {
		require.Nil(t, c)
		require.True(t, strings.HasPrefix(err.Error(), "f:"), err)
		require.NotContains(t, err.Error(), "\n")
		return
	}
	again, err := New(c.Name, c.Datacenters, c.Offerings)
	require.NoError(t, err)
	again.Currency = c.Currency
	require.Equal(t, c, again, "sorted and complete already")
	require.Equal(t, c.Hash(), again.Hash())
	for _, o := range c.Offerings {
		require.False(t, math.IsNaN(o.PricePerHour) || math.IsInf(o.PricePerHour, 0))
		assert.LessOrEqual(t, o.Allocatable.MilliCPU, o.Capacity.MilliCPU)
		assert.LessOrEqual(t, o.Allocatable.MemoryBytes, o.Capacity.MemoryBytes)
		assert.LessOrEqual(t, o.Allocatable.EphemeralBytes, o.Capacity.EphemeralBytes)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sampleYAML)
	f.Add([]byte(twoOfferings))
	f.Add([]byte(head + "allocatableModel: {cpuReserved: [{upTo: 1, percent: 6}, {percent: .25}], smallMemory: {below: 1Gi, reserved: 1Mi}}\n" +
		"offerings:\n- &a {name: a, capacity: {vcpus: 1, memory: 1Gi, disk: 1Gi}, pricePerHour: 1e-3, pricePerMonth: 0.72}\n- *a\n"))
	f.Add([]byte(`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"OfferingCatalog","datacenters":[{"id":"a"}],"offerings":[]}`))
	f.Add([]byte("&a [*a, *a]"))
	f.Add([]byte("a: 1\n---\nb: 2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		checkParsed(t, c, err)
	})
}

func FuzzParseWorkloadOfferings(f *testing.F) {
	f.Add([]byte(workload))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"name":"a","pricePerHour":1e400}]`))
	f.Add([]byte("[[[[[["))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseWorkloadOfferings("f", data)
		checkParsed(t, c, err)
	})
}
