package offerings

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSample(t *testing.T) {
	c := Sample()
	assert.Equal(t, "sample", c.Name)
	assert.InDelta(t, 30, len(c.Offerings), 5)
	for _, name := range []string{"std-1c2g", "std-2c4g", "std-4c8g", "std-8c16g", "std-16c64g", "cpu-8c8g", "mem-4c32g", "ded-4c16g", "gpu-8c64g-1a"} {
		assert.NotNil(t, c.Offering(name), name)
	}
	for _, o := range c.Offerings {
		assert.Equal(t, "sample-"+o.Name, o.Identifier, "invented, and says so")
		assert.Equal(t, o.Category, o.Labels["vpsie.com/category"], o.Name)
		assert.Contains(t, []string{"amd", "intel"}, o.Labels["vpsie.com/cpu-vendor"], o.Name)
		assert.Less(t, o.Allocatable.MemoryBytes, o.Capacity.MemoryBytes, o.Name)
		if gpus := o.Capacity.Extended["nvidia.com/gpu"]; o.Category == "gpu" {
			assert.Positive(t, gpus, o.Name)
			assert.Equal(t, []string{"fra1", "nyc1"}, o.Datacenters, o.Name)
		} else {
			assert.Zero(t, gpus, o.Name)
		}
	}
}

func TestSamplePricesAreNotLinear(t *testing.T) {
	c := Sample()
	perCore := func(name string) float64 {
		o := c.Offering(name)
		require.NotNil(t, o, name)
		return o.PricePerHour / float64(o.Capacity.MilliCPU)
	}
	assert.Greater(t, perCore("std-2c4g"), perCore("std-8c16g"), "some sizes are cheaper per core")
	assert.Less(t, perCore("std-8c16g"), perCore("std-12c24g"), "and larger ones dearer again")
}
