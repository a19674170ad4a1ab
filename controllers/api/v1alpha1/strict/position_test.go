package strict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLineOfAPath(t *testing.T) {
	p, mistake := parse(document{start: 101, text: []byte(`# line 101
metadata:
  labels:
    example.com/team: shop
    example.com: x
    a[0]: y
spec:
  labels: &labels
    one: "1"
    two: "2"
  taints:
  - key: a
    effect: b
  -
    key: c
  values: [a,
    b]
  aliased: *labels
  merged:
    <<: *labels
    one: "3"
  mergedList:
    <<: [*labels, {three: "3"}]
`)})
	require.Nil(t, mistake)
	for path, line := range map[string]int{
		"":                                   102,
		"metadata":                           102,
		"metadata.labels.example.com/team":   104,
		"metadata.labels[example.com/team]":  104,
		"metadata.labels.example.com":        105,
		"metadata.labels.a[0]":               106,
		"metadata.labels.absent":             103,
		"metadata.labels[absent]":            103,
		"metadata.name":                      102,
		"absent.below":                       102,
		"spec.taints[0]":                     112,
		"spec.taints[0].effect":              113,
		"spec.taints.0.effect":               113,
		"spec.taints[1].key":                 115,
		"spec.taints[1].effect":              115,
		"spec.taints[2].key":                 111,
		"spec.taints[x]":                     111,
		"spec.values[1]":                     117,
		"spec.values[0].below":               116,
		"spec.aliased.two":                   110,
		"spec.merged.one":                    121,
		"spec.merged.two":                    110,
		"spec.mergedList.one":                109,
		"spec.mergedList.three":              123,
		"spec.mergedList.four":               122,
		"spec.labels.one[":                   109,
		"spec.taints[99999999999999999999].": 111,
	} {
		assert.Equalf(t, line, p.at.lineOf(path), "%q", path)
	}
}

func TestChildAndIndexStayWhereThereIsNone(t *testing.T) {
	p, mistake := parse(document{start: 1, text: []byte("a:\n  - b\n")})
	require.Nil(t, mistake)
	assert.Equal(t, []string{"a"}, p.at.keys())
	assert.Equal(t, p.at, p.at.child("x"))
	assert.Equal(t, p.at, p.at.index(0))
	assert.Equal(t, 2, p.at.child("a").index(0).line())
	assert.Equal(t, 1, p.at.child("a").index(1).line())
	assert.Empty(t, p.at.child("a").keys())
}
