package report

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

func TestMoney(t *testing.T) {
	dollars, euros := money{"USD"}, money{"EUR"}
	assert.Equal(t, "$0.0069/h", dollars.hourly(0.0069))
	assert.Equal(t, "$4.97/month", dollars.monthly(0.0069))
	assert.Equal(t, "$1,234,567.8900/h", dollars.hourly(1234567.89))
	assert.Equal(t, "-$1,000.0000/h", dollars.hourly(-1000))
	assert.Equal(t, "12.5000 EUR/h", euros.hourly(12.5))
	assert.Equal(t, "$0.0000/h", money{}.hourly(0))
	assert.Equal(t, "EUR", euros.unit())
}

func TestThousands(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "999": "999", "1000": "1,000", "-1000.25": "-1,000.25", "1234567": "1,234,567", "123456.789": "123,456.789",
	} {
		assert.Equal(t, want, thousands(number))
	}
}

func TestOutcomeInWords(t *testing.T) {
	tests := []struct {
		situation string
		outcome   outcome
		machines  int
		want      string
	}{
		{"nothing pending", outcome{}, 0, "no pods pending: nothing to do"},
		{"a NodeGroup's minimum", outcome{}, 2, "no pods pending; 2 machines to buy for the NodeGroups' minimum"},
		{"one machine", outcome{pending: 3, onBought: 3}, 1, "3 pods pending: 3 on 1 machine to buy"},
		{"all fits today", outcome{pending: 1, onToday: 1}, 0, "1 pod pending: 1 on today's nodes"},
		{"nothing helps", outcome{pending: 1000, nowhere: 1000}, 0, "1,000 pods pending: 1,000 nowhere"},
		{"everything", outcome{6, 1, 2, 3}, 4, "6 pods pending: 1 on 4 machines to buy, 2 on today's nodes, 3 nowhere"},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) { assert.Equal(t, tc.want, tc.outcome.sentence(tc.machines)) })
	}
}

func TestBoundInWords(t *testing.T) {
	at := func(added, low, gap float64, method string) string {
		return bound(&plan.Plan{PricePerHour: plan.Price{Added: added}, LowerBound: plan.LowerBound{PricePerHour: low, Gap: gap, Method: method}}, money{})
	}
	assert.Equal(t, "nothing need be bought", at(0, 0, 0, "columnGeneration"))
	assert.Equal(t, "at least $2.0000/h for what is bought (proven by column generation); this plan is 50.0 % above that", at(3, 2, 0.5, "columnGeneration"))
	assert.Contains(t, at(3, 2, 0.5, "resourceSum"), "(the sum of resources at the best prices)")
	assert.Contains(t, at(3, 2, 0.5, "new"), "(new)")
}

func TestShareStaysWithinTheBar(t *testing.T) {
	assert.Equal(t, 0.0, share(int64(5), 0))
	assert.Equal(t, 33.33, share(int64(1), 3))
	assert.Equal(t, 100.0, share(int64(7), 3))
	assert.Equal(t, 0, cells(1, 0))
	assert.Equal(t, barWidth, cells(9, 3))
	assert.Equal(t, barWidth/2, cells(1, 2))
}
