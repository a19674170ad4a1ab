package offerings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const workload = `[
{"name":"c-16","milliCPU":15890,"memoryBytes":30431772672,"ephemeralBytes":111669149696,"maxPods":110,"pricePerHour":0.5,
 "zones":["nyc1","ams3"],
 "labels":{"node.kubernetes.io/instance-type":"c-16"},
 "capacity":{"milliCPU":16000,"memoryBytes":34359738368,"ephemeralBytes":214748364800}},
{"name":"bin","milliCPU":10,"memoryBytes":20,"ephemeralBytes":0,"maxPods":501,"pricePerHour":1,"zones":["fra1"],
 "extendedResources":{"nvidia.com/gpu":8}, "labels":null}
]`

func TestParseWorkloadOfferings(t *testing.T) {
	c, err := ParseWorkloadOfferings("dir/offerings.json", []byte(workload))
	require.NoError(t, err)
	bin := Resources{MilliCPU: 10, MemoryBytes: 20, MaxPods: 501, Extended: map[string]int64{"nvidia.com/gpu": 8}}
	assert.Equal(t, &Catalog{
		Name: "offerings", Currency: "USD",
		Datacenters: []Datacenter{{"ams3", "ams3", ""}, {"fra1", "fra1", ""}, {"nyc1", "nyc1", ""}},
		Offerings: []Offering{
			{Identifier: "bin", Name: "bin", Capacity: bin, Allocatable: bin, PricePerHour: 1, Datacenters: []string{"fra1"}},
			{
				Identifier: "c-16", Name: "c-16",
				Capacity:     Resources{MilliCPU: 16000, MemoryBytes: 34359738368, EphemeralBytes: 214748364800, MaxPods: 110},
				Allocatable:  Resources{MilliCPU: 15890, MemoryBytes: 30431772672, EphemeralBytes: 111669149696, MaxPods: 110},
				PricePerHour: 0.5,
				Datacenters:  []string{"ams3", "nyc1"},
				Labels:       map[string]string{"node.kubernetes.io/instance-type": "c-16"},
			},
		},
	}, c)

	same, err := Parse("dir/offerings.json", []byte(workload))
	require.NoError(t, err)
	assert.Equal(t, c, same, "Parse takes this format as well")
}

func TestParseWorkloadOfferingsTakesAnEmptyArray(t *testing.T) {
	c, err := ParseWorkloadOfferings("w.json", []byte(" []\n"))
	require.NoError(t, err)
	assert.Empty(t, c.Offerings)
	assert.Empty(t, c.Datacenters)
	assert.Len(t, c.Hash(), 64)
}

func TestParseWorkloadOfferingsRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ old, new, want string }{
		"unknown field":               {`"maxPods":501`, `"pods":501`, `w:6: [1].pods: unknown field`},
		"a name twice":                {`"name":"bin"`, `"name":"c-16"`, `w:6: [1].name: "c-16" is already the name or identifier of offering c-16`},
		"a key twice":                 {`"milliCPU":10,`, `"milliCPU":10,"milliCPU":10,`, `w:6: [1].milliCPU: is stated twice`},
		"no price":                    {`"pricePerHour":0.5,`, ``, `w:2: [0].pricePerHour: is missing`},
		"a price of 0":                {`"pricePerHour":0.5`, `"pricePerHour":0.0`, `w:2: [0].pricePerHour: price must be greater than 0, got 0 $/h`},
		"negative CPU":                {`"milliCPU":10,`, `"milliCPU":-10,`, `w:6: [1].milliCPU: must be between 1 and 4096000, got -10`},
		"CPU in cores":                {`"milliCPU":10,`, `"milliCPU":0.5,`, `w:6: [1].milliCPU: must be a whole number, got "0.5"`},
		"more bytes than there are":   {`"memoryBytes":20`, `"memoryBytes":99999999999999999999`, `w:6: [1].memoryBytes: must be a whole number`},
		"absurd memory":               {`"memoryBytes":20`, `"memoryBytes":99999999999999`, `w:6: [1].memoryBytes: must be between 1 and 70368744177664, got 99999999999999`},
		"a quantity for bytes":        {`"memoryBytes":20`, `"memoryBytes":"20Gi"`, `w:6: [1].memoryBytes: must be a whole number, got "20Gi"`},
		"no zone":                     {`"zones":["fra1"]`, `"zones":[]`, `w:6: [1].zones: is empty`},
		"a zone that no label can be": {`"zones":["fra1"]`, `"zones":["fra 1"]`, `w:6: [1].zones[0]: "fra 1" cannot be the value of a node label`},
		"a device without domain":     {`"nvidia.com/gpu":8`, `"gpu":8`, `w:7: [1].extendedResources.gpu: not the name of an extended resource`},
		"another instance type":       {`"node.kubernetes.io/instance-type":"c-16"`, `"node.kubernetes.io/instance-type":"c-8"`, `w:4: [0].labels: label node.kubernetes.io/instance-type is c-8, but the offering's name c-16`},
		"more usable than sold":       {`"milliCPU":16000`, `"milliCPU":15000`, `w:5: [0].capacity.milliCPU: must be between 15890 and 4096000, got 15000`},
		"an object, not an array":     {workload, `{"name":"a"}`, `w:1: must be a list`},
		"an entry that is a number":   {workload, `[1]`, `w:1: [0]: must be an object`},
		"truncated":                   {"}\n]", ``, `w:7: not valid JSON: the file ends in the middle of the document`},
		"a 0-byte file":               {workload, ``, `w:1: the file is empty`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(workload, tc.old, tc.new, 1)
			require.NotEqual(t, workload, text)
			_, err := ParseWorkloadOfferings("w", []byte(text))
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestLoadReadsTheCataloguesOfAllSharedWorkloads(t *testing.T) {
	root := filepath.Dir(sharedFile(t, "traces/README.md"))
	read := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == "offerings.json" {
			c, err := Load(path)
			require.NoError(t, err)
			assert.NotEmpty(t, c.Offerings, path)
			read++
		}
		return nil
	}))
	assert.Greater(t, read, 50)
}

// largeWorkload is about 80 KB of JSON with 180 offerings.
func largeWorkload() []byte {
	var b strings.Builder
	b.WriteString("[\n")
	for i := range 180 {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString(strings.NewReplacer(`"c-16"`, `"c-16-intel-`+strings.Repeat("x", i%9)+string(rune('a'+i/9))+`"`, "\n", "").
			Replace(workload[2:strings.Index(workload, "}},")+2] + strings.Repeat(" ", 140)))
	}
	b.WriteString("\n]\n")
	return []byte(b.String())
}

func BenchmarkParseWorkloadOfferings(b *testing.B) {
	data := largeWorkload()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if c, err := ParseWorkloadOfferings("w", data); err != nil || len(c.Offerings) != 180 {
			b.Fatal(err)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	for b.Loop() {
		Sample()
	}
}
