package offerings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const head = `apiVersion: autoscaler.vpsie.com/v1alpha1
kind: OfferingCatalog
datacenters:
- {id: ams1, name: Amsterdam 1, region: eu-west}
- {id: fra1}
`

// twoOfferings follows head; its first entry is on line 6.
const twoOfferings = head + `offerings:
- identifier: f161b479-c469-11eb-8ef8-0050569c68dc
  name: gpu-4c16g
  category: gpu
  capacity: {vcpus: 4, memory: 16Gi, disk: 200Gi, pods: 64, extendedResources: {nvidia.com/gpu: 2}}
  pricePerMonth: 432
  datacenters: [fra1]
  unavailableIn: [fra1]
  labels: {vpsie.com/category: gpu, vpsie.com/beta: ""}
- name: std-2c4g
  allocatable: {vcpus: 1930m, memory: 3000Mi, disk: 72Gi}
  pricePerHour: 0.025
`

func TestParseReadsACatalogue(t *testing.T) {
	c, err := Parse("dir/prices.yaml", []byte(twoOfferings))
	require.NoError(t, err)

	assert.Equal(t, "prices", c.Name)
	assert.Equal(t, "USD", c.Currency)
	assert.Equal(t, []Datacenter{{"ams1", "Amsterdam 1", "eu-west"}, {"fra1", "fra1", ""}}, c.Datacenters)
	gpu := map[string]int64{"nvidia.com/gpu": 2}
	stated := Resources{MilliCPU: 1930, MemoryBytes: 3000 << 20, EphemeralBytes: 72 << 30, MaxPods: 110}
	assert.Equal(t, []Offering{{
		Identifier: "f161b479-c469-11eb-8ef8-0050569c68dc",
		Name:       "gpu-4c16g",
		Category:   "gpu",
		Capacity:   Resources{MilliCPU: 4000, MemoryBytes: 16 << 30, EphemeralBytes: 200 << 30, MaxPods: 64, Extended: gpu},
		// 80 milli-CPU; 1024 + 819.2 + 819.2 MiB rounded up and 100 MiB; a tenth of the disk.
		Allocatable:  Resources{MilliCPU: 3920, MemoryBytes: (16384 - 2663 - 100) << 20, EphemeralBytes: 180 << 30, MaxPods: 64, Extended: gpu},
		PricePerHour: 0.6,
		Datacenters:  []string{"fra1"},
		Unavailable:  []string{"fra1"},
		Labels:       map[string]string{"vpsie.com/category": "gpu", "vpsie.com/beta": ""},
	}, {
		Identifier:   "std-2c4g",
		Name:         "std-2c4g",
		Capacity:     stated,
		Allocatable:  stated,
		PricePerHour: 0.025,
		Datacenters:  []string{"ams1", "fra1"},
	}}, c.Offerings)
}

func TestParseReadsTheSameFromJSON(t *testing.T) {
	fromYAML, err := Parse("a.yaml", []byte(head+`offerings:
- {name: a, capacity: {vcpus: 2, memory: 4Gi, disk: 80Gi}, pricePerHour: 0.5, labels: {x.com/a: b}}
`))
	require.NoError(t, err)
	fromJSON, err := Parse("a.json", []byte(`{
	"apiVersion": "autoscaler.vpsie.com/v1alpha1",
	"kind": "OfferingCatalog",
	"hoursPerMonth": 720,
	"currency": null,
	"offerings": [
		{"labels": {"x.com/a": "b"}, "pricePerHour": 5e-1, "name": "a", "unavailableIn": [],
		 "capacity": {"memory": 4294967296, "vcpus": "2000m", "disk": "80Gi"}}
	],
	"datacenters": [{"id": "fra1"}, {"id": "ams1", "region": "eu-west", "name": "Amsterdam 1"}]
}`))
	require.NoError(t, err)
	assert.Equal(t, fromYAML, fromJSON)
	assert.Equal(t, fromYAML.Hash(), fromJSON.Hash())
}

func TestParseFollowsYAMLAliases(t *testing.T) {
	c, err := Parse("a.yaml", []byte(head+`offerings:
- {name: a, capacity: &small {vcpus: 2, memory: 4Gi, disk: 80Gi}, pricePerHour: 1}
- {name: b, capacity: *small, pricePerHour: 2}
`))
	require.NoError(t, err)
	assert.Equal(t, c.Offering("a").Capacity, c.Offering("b").Capacity)
}

func TestParseHoldsTheTwoPricesAgainstEachOther(t *testing.T) {
	for name, tc := range map[string]struct {
		prices string
		want   float64
		err    string
	}{
		"the hour alone":                       {"pricePerHour: 0.0069", 0.0069, ""},
		"the month alone":                      {"pricePerMonth: 36", 0.05, ""},
		"the month rounded to cents":           {"pricePerHour: 0.0069\n  pricePerMonth: 4.97", 0.0069, ""},
		"the hour rounded to three decimals":   {"pricePerHour: 0.028\n  pricePerMonth: 20", 0.028, ""},
		"the hour in exponent form":            {"pricePerHour: 28e-3\n  pricePerMonth: 20", 0.028, ""},
		"another length of month":              {"pricePerHour: 0.0069\n  pricePerMonth: 5.04", 0, "p.yaml:11: offerings[0].pricePerMonth: does not agree with pricePerHour: 0.0069 $/h × 720 h = 4.97 $/month, got 5.04"},
		"an exact hour and a month beside it":  {"pricePerHour: 0.027778\n  pricePerMonth: 20.01", 0, "p.yaml:11: offerings[0].pricePerMonth: does not agree with pricePerHour: 0.027778 $/h × 720 h = 20.00 $/month, got 20.01"},
		"neither":                              {"category: x", 0, "p.yaml:7: offerings[0].pricePerHour: is missing"},
		"a month of nothing":                   {"pricePerMonth: 0", 0, "p.yaml:10: offerings[0].pricePerMonth: price must be greater than 0, got 0 $/h"},
		"a negative hour":                      {"pricePerHour: -1", 0, "p.yaml:10: offerings[0].pricePerHour: price must be greater than 0, got -1 $/h"},
		"an absurdly high hour":                {"pricePerHour: 10001", 0, "p.yaml:10: offerings[0].pricePerHour: price must be between 1e-06 and 10000 $/h, got 10001"},
		"an absurdly low month":                {"pricePerMonth: 0.0007", 0, "price must be between 1e-06 and 10000 $/h"},
		"not a number":                         {"pricePerHour: .nan", 0, `p.yaml:10: offerings[0].pricePerHour: must be a decimal number, got ".nan"`},
		"infinite":                             {"pricePerMonth: .inf", 0, `must be a decimal number, got ".inf"`},
		"infinite by overflow":                 {"pricePerHour: 1e999", 0, `must be a decimal number, got "1e999"`},
		"hexadecimal":                          {"pricePerHour: 0x10", 0, `must be a decimal number, got "0x10"`},
		"a text":                               {`pricePerHour: "0.5"`, 0, `must be a decimal number, got "0.5"`},
		"a list":                               {"pricePerHour: [1]", 0, "p.yaml:10: offerings[0].pricePerHour: must be a number"},
		"null":                                 {"pricePerHour: null", 0, "p.yaml:10: offerings[0].pricePerHour: has no value; want a number"},
		"both, the hour not a number":          {"pricePerHour: .nan\n  pricePerMonth: 20", 0, "p.yaml:10: offerings[0].pricePerHour: must be a decimal number"},
		"both agree and are below every bound": {"pricePerHour: 0.0000001\n  pricePerMonth: 0.00", 0, "p.yaml:10: offerings[0].pricePerHour: price must be between"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Parse("p.yaml", []byte(head+"offerings:\n- name: a\n  identifier: b\n  capacity: {vcpus: 1, memory: 1Gi, disk: 9Gi}\n  "+tc.prices+"\n"))
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.InDelta(t, tc.want, c.Offerings[0].PricePerHour, 1e-12)
		})
	}
}

func TestParseRefusesWithFileLineAndField(t *testing.T) {
	// Each case replaces one piece of a good file.
	for name, tc := range map[string]struct{ old, new, want string }{
		"another kind":                   {"kind: OfferingCatalog", "kind: NodeGroup", `2: kind: must be OfferingCatalog, got "NodeGroup"`},
		"another version":                {"v1alpha1", "v2", `1: apiVersion: must be autoscaler.vpsie.com/v1alpha1, got "autoscaler.vpsie.com/v2"`},
		"no header":                      {"kind: OfferingCatalog", "", `1: kind: is missing`},
		"unknown field at the top":       {"datacenters:", "dataCenters:", `4: dataCenters: unknown field; did you mean datacenters?`},
		"unknown field in an entry":      {"pricePerHour", "priceperhour", `17: offerings[1].priceperhour: unknown field; did you mean pricePerHour or pricePerMonth?`},
		"unknown field in resources":     {"vcpus: 4", "vcpu: 4", `10: offerings[0].capacity.vcpu: unknown field; did you mean vcpus?`},
		"a merge key":                    {"category: gpu", "<<: {category: gpu}", `9: offerings[0].<<: unknown field`},
		"a field twice":                  {"category: gpu", "name: again", `9: offerings[0].name: is stated twice`},
		"a key that is no string":        {"category: gpu", "7: gpu", `9: offerings[0]: a key must be a string`},
		"no name":                        {"- name: std-2c4g\n", "- category: x\n", `15: offerings[1].name: is missing`},
		"an empty name":                  {"name: std-2c4g", `name: ""`, `15: offerings[1].name: is empty`},
		"a number for a name":            {"name: std-2c4g", `name: 24`, `15: offerings[1].name: must be a string; write it in quotes`},
		"a name that no label can hold":  {"name: std-2c4g", `name: std 2c4g`, `15: offerings[1].name: "std 2c4g" cannot be the value of a node label: `},
		"a name twice":                   {"name: std-2c4g", `name: gpu-4c16g`, `15: offerings[1].name: "gpu-4c16g" is already the name or identifier of offering gpu-4c16g`},
		"an identifier twice":            {"name: std-2c4g", "name: std-2c4g\n  identifier: f161b479-c469-11eb-8ef8-0050569c68dc", `16: offerings[1].identifier: "f161b479-c469-11eb-8ef8-0050569c68dc" is already the name or identifier of offering gpu-4c16g`},
		"a name that is an identifier":   {"name: std-2c4g", "name: f161b479-c469-11eb-8ef8-0050569c68dc", `15: offerings[1].name: "f161b479-c469-11eb-8ef8-0050569c68dc" is already the name or identifier of offering gpu-4c16g`},
		"capacity and allocatable":       {"  allocatable:", "  capacity: {vcpus: 2, memory: 4Gi, disk: 80Gi}\n  allocatable:", `17: offerings[1].allocatable: capacity and allocatable exclude each other: what is reserved would be subtracted twice`},
		"neither of them":                {"  allocatable: {vcpus: 1930m, memory: 3000Mi, disk: 72Gi}\n", "", `15: offerings[1]: states neither capacity nor allocatable`},
		"no memory":                      {"memory: 16Gi, ", "", `10: offerings[0].capacity.memory: is missing`},
		"negative memory":                {"16Gi", "-16Gi", `10: offerings[0].capacity.memory: must be between 128Mi and 64Ti, got "-16Gi"`},
		"memory without a unit":          {"16Gi", "16", `10: offerings[0].capacity.memory: must be between 128Mi and 64Ti, got "16"`},
		"absurd memory":                  {"16Gi", "16Pi", `10: offerings[0].capacity.memory: must be between 128Mi and 64Ti, got "16Pi"`},
		"memory in words":                {"16Gi", "16GiB", `10: offerings[0].capacity.memory: must be a quantity such as 4Gi, got "16GiB"`},
		"memory that takes long to read": {"16Gi", "1e-9999999", `10: offerings[0].capacity.memory: must be a quantity such as 4Gi, got "1e-9999999"`},
		"memory of endless digits":       {"16Gi", strings.Repeat("9", 100), `must be a quantity such as 4Gi, got "9999999999999999999999999999999999999999…"`},
		"absurd CPU":                     {"vcpus: 4", "vcpus: 4Mi", `10: offerings[0].capacity.vcpus: must be between 100m and 4096, got "4Mi"`},
		"no disk":                        {"disk: 200Gi", "disk: 0", `10: offerings[0].capacity.disk: must be between 1Gi and 1Pi, got "0"`},
		"a list for a quantity":          {"16Gi", "[16Gi]", `10: offerings[0].capacity.memory: must be a quantity such as 4Gi`},
		"no pods":                        {"pods: 64", "pods: 0", `10: offerings[0].capacity.pods: must be between 1 and 10000, got 0`},
		"half a pod":                     {"pods: 64", "pods: 6.5", `10: offerings[0].capacity.pods: must be a whole number, got "6.5"`},
		"pods in octal":                  {"pods: 64", "pods: 0o100", `10: offerings[0].capacity.pods: must be a whole number, got "0o100"`},
		"a machine too small":            {"vcpus: 4, memory: 16Gi", "vcpus: 4, memory: 300Mi", `10: offerings[0].capacity: nothing is left for pods of 4000 milli-CPU and 314572800 bytes of memory`},
		"no device of a resource":        {"nvidia.com/gpu: 2", "nvidia.com/gpu: 0", `10: offerings[0].capacity.extendedResources.nvidia.com/gpu: must be between 1 and 1000000, got 0`},
		"a plain name for a device":      {"nvidia.com/gpu: 2", "gpu: 2", `10: offerings[0].capacity.extendedResources.gpu: not the name of an extended resource; want one like nvidia.com/gpu`},
		"a device of Kubernetes' own":    {"nvidia.com/gpu: 2", "node.kubernetes.io/gpu: 2", `not the name of an extended resource`},
		"a device named as in a quota":   {"nvidia.com/gpu: 2", "requests.nvidia.com/gpu: 2", `not the name of an extended resource`},
		"an unknown datacenter":          {"datacenters: [fra1]", "datacenters: [fra2]", `12: offerings[0].datacenters[0]: unknown datacenter "fra2"; did you mean fra1?`},
		"a datacenter twice":             {"datacenters: [fra1]", "datacenters: [fra1, fra1]", `12: offerings[0].datacenters[1]: "fra1" is stated twice`},
		"an empty list of datacenters":   {"datacenters: [fra1]", "datacenters: []", `12: offerings[0].datacenters: is empty; leave it out to mean all`},
		"a list with nothing in it":      {"datacenters: [fra1]", "datacenters:", `12: offerings[0].datacenters: has no value; want a list`},
		"unavailable where it is not":    {"unavailableIn: [fra1]", "unavailableIn: [ams1]", `13: offerings[0].unavailableIn[0]: the offering does not exist in "ams1"`},
		"a label key with a blank":       {"vpsie.com/category: gpu", "vpsie category: gpu", `14: offerings[0].labels.vpsie category: not a label key: `},
		"a label that is a truth value":  {"vpsie.com/category: gpu", "vpsie.com/gpu: true", `14: offerings[0].labels.vpsie.com/gpu: must be a string; write it in quotes`},
		"a label value with a blank":     {"vpsie.com/category: gpu", "vpsie.com/gpu: a b", `14: offerings[0].labels.vpsie.com/gpu: "a b" cannot be the value of a node label: `},
		"a label of the machine's":       {"vpsie.com/category: gpu", "topology.kubernetes.io/zone: ams1", `14: offerings[0].labels.topology.kubernetes.io/zone: this label follows from the offering, the datacenter and the machine; leave it out`},
		"a text for the labels":          {"labels: {", "labels: x #", `14: offerings[0].labels: must be an object`},
		"another month":                  {"datacenters:\n", "hoursPerMonth: 730\ndatacenters:\n", `3: hoursPerMonth: VPSie bills months of 720 hours, got 730`},
		"a currency sign":                {"datacenters:\n", "currency: $\ndatacenters:\n", `3: currency: must be a three-letter ISO 4217 code such as USD, got "$"`},
		"a datacenter's ID twice":        {"{id: fra1}", "{id: ams1}", `5: datacenters[1].id: datacenter "ams1" is stated twice`},
		"a datacenter that is a text":    {"- {id: fra1}", "- fra1", `5: datacenters[1]: must be an object`},
		"a region that no label can be":  {"region: eu-west", "region: EU West", `4: datacenters[0].region: "EU West" cannot be the value of a node label: `},
		"not YAML":                       {"offerings:", "offerings: [", `not valid YAML: `},
		"a second document":              {"offerings:", "---\noffers:", `6: a second YAML document; a catalogue is one document`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(twoOfferings, tc.old, tc.new, 1)
			require.NotEqual(t, twoOfferings, text)
			_, err := Parse("p.yaml", []byte(text))
			require.ErrorContains(t, err, tc.want)
			assert.True(t, strings.HasPrefix(err.Error(), "p.yaml:"), err)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestParseRefusesWhatIsNoCatalogue(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":                     {"", "f:1: the file is empty"},
		"blanks":                      {"\n \n", "f:1: the file is empty"},
		"only comments":               {"# prices\n", "f:1: the file holds only comments"},
		"JSON true":                   {`{"kind":true,"apiVersion":true}`, "f:1: apiVersion: must be a string; write it in quotes"},
		"a word":                      {"prices", "f:1: must be an object"},
		"null":                        {"~", "f:1: has no value; want an object"},
		"an empty object":             {"{}", "f:1: apiVersion: is missing"},
		"an empty list":               {" []", "f:1: the list of offerings is empty"},
		"no datacenters":              {"apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: OfferingCatalog\ndatacenters: []\n", "f:3: datacenters: is empty"},
		"no offerings":                {head + "offerings: []\n", "f:6: offerings: is empty"},
		"no list of offerings":        {head, "f:1: offerings: is missing"},
		"truncated JSON":              {"{\n\"kind\": \"Offer", "f:2: not valid JSON: the file ends in the middle of the document"},
		"truncated after a comma":     {"{\n\"kind\": \"a\",\n", "not valid JSON: the file ends in the middle of the document"},
		"broken JSON":                 {"{\n\"kind\": x}", "f:2: not valid JSON: invalid character 'x' looking for beginning of value"},
		"JSON with a comma too much":  {"{\"a\": 1,\n}", "not valid JSON: "},
		"JSON with something after":   {"{}\n{}", "f:2: not valid JSON: something follows the end of the document"},
		"JSON with rubbish after":     {"{}\nx", "not valid JSON: invalid character 'x'"},
		"JSON nested without end":     {strings.Repeat("[", 100_000), "not valid JSON: nested more than 50 levels deep"},
		"YAML with a broken line":     {"apiVersion: a\nkind: b: c\n", "f:2: not valid YAML: mapping values are not allowed in this context"},
		"YAML with a broken 2nd part": {"a: 1\n---\nb: c: d\n", "f:3: not valid YAML: mapping values"},
		"an anchor that is nowhere":   {"apiVersion: *a\n", "f:1: not valid YAML: unknown anchor 'a' referenced"},
		"control characters":          {"a: \x01", "f:1: not valid YAML: control characters are not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(tc.text))
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "prices.yaml")
	require.NoError(t, os.WriteFile(file, []byte(twoOfferings), 0o600))
	c, err := Load(file)
	require.NoError(t, err)
	assert.Len(t, c.Offerings, 2)

	_, err = Load(filepath.Join(dir, "absent.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Load(dir)
	require.ErrorContains(t, err, "read the catalogue: ")

	huge := filepath.Join(dir, "huge.json")
	require.NoError(t, os.WriteFile(huge, nil, 0o600))
	require.NoError(t, os.Truncate(huge, 200<<20))
	_, err = Load(huge)
	require.EqualError(t, err, huge+": a catalogue of more than 16 MiB is not believed")
	_, err = ParseWorkloadOfferings("w", make([]byte, maxFileBytes+1))
	require.ErrorContains(t, err, "w: a catalogue of more than 16 MiB is not believed")
}

func TestParseNamesTheCatalogue(t *testing.T) {
	c, err := Parse("p.yaml", []byte(strings.Replace(twoOfferings, "datacenters:\n", "metadata: {name: spring prices}\ncurrency: EUR\ndatacenters:\n", 1)))
	require.NoError(t, err)
	assert.Equal(t, "spring prices", c.Name)
	assert.Equal(t, "EUR", c.Currency)
}
