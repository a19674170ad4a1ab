package fake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// Each fault hits one order; what it did and what was said differ.
func TestFaultsOfAnOrder(t *testing.T) {
	for _, tc := range []struct {
		fault   fake.Fault
		bought  int
		broken  bool // no answer
		status  int
		message string
	}{
		{fault: fake.Fault{Kind: fake.LostResponse}, bought: 1, broken: true},
		{fault: fake.Fault{Kind: fake.ConnectionReset}, bought: 0, broken: true},
		{fault: fake.Fault{Kind: fake.ErrorAfterSuccess, Status: 504}, bought: 1, status: 504},
		{fault: fake.Fault{Kind: fake.ServerError}, bought: 0, status: 502},
		{fault: fake.Fault{Kind: fake.Duplicate}, bought: 2, status: 200},
		{fault: fake.Fault{Kind: fake.TokenExpired}, bought: 0, status: 401, message: "Please authenticate"},
		{fault: fake.Fault{Kind: fake.RateLimited}, bought: 0, status: 429, message: "Too Many Requests"},
		{fault: fake.Fault{Kind: fake.StockOut}, bought: 0, status: 200, message: "not available in this Datacenter"},
		{fault: fake.Fault{Kind: fake.QuotaExceeded}, bought: 0, status: 200, message: "Quota exceeded"},
		{fault: fake.Fault{Kind: fake.BusinessError}, bought: 0, status: 200, message: "lost in the clouds"},
		{fault: fake.Fault{Kind: fake.Garbage}, bought: 1, status: 200},
		{fault: fake.Fault{Kind: fake.Slow, Duration: fake.Duration(time.Minute)}, bought: 1, status: 200},
	} {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			a := newAccount(t, fake.Config{})
			tc.fault.Operation, tc.fault.Count = fake.CreateVM, 1
			require.NoError(t, a.SetFaults(tc.fault))
			stop := make(chan struct{})
			defer close(stop)
			if tc.fault.Kind == fake.Slow {
				go func() { // time passes once the answer waits for it
					for !a.clock.HasWaiters() {
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
						}
					}
					a.clock.Step(time.Minute)
				}()
			}
			got, err := a.try("POST", "/apps/v2/vm", order("web-1"))
			assert.Equal(t, tc.broken, err != nil, "%v", err)
			assert.Equal(t, tc.status, got.status)
			assert.Contains(t, got.message(), tc.message)
			assert.Equal(t, tc.bought, a.Bought("web-1"))
			assert.Equal(t, []int{1}, a.Fired())

			entry := a.Requests()[0]
			assert.Equal(t, tc.fault.Kind, entry.Fault)
			assert.Equal(t, "web-1", entry.Hostname)
			assert.Equal(t, tc.bought > 0, entry.Done)
			assert.Equal(t, tc.status, entry.Status)

			a.buy("web-2") // the next one is not hit
			if tc.bought == 2 {
				assert.Equal(t, []string{"web-1"}, a.BoughtTwice())
			}
		})
	}
}

func TestTimeoutAfterSuccess(t *testing.T) {
	a := newAccount(t, fake.Config{Faults: []fake.Fault{{Kind: fake.TimeoutAfterSuccess, Operation: fake.CreateVM}}})
	ctx, giveUp := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		body, _ := json.Marshal(order("web-1"))
		request, err := http.NewRequestWithContext(ctx, "POST", a.url+"/apps/v2/vm", bytes.NewReader(body))
		if err == nil {
			request.Header = a.header
			_, err = http.DefaultTransport.RoundTrip(request)
		}
		failed <- err
	}()
	require.Eventually(t, a.clock.HasWaiters, 5*time.Second, time.Millisecond, "the answer never comes")
	assert.Equal(t, 1, a.Bought("web-1"))
	giveUp()
	assert.ErrorIs(t, <-failed, context.Canceled)
}

func TestFaultsOfLists(t *testing.T) {
	a := newAccount(t, fake.Config{})
	for _, name := range []string{"a", "b", "c"} {
		a.buy(name)
	}
	require.NoError(t, a.SetFaults(
		fake.Fault{Kind: fake.PartialList, Operation: fake.ListVMs, Count: 1},
		fake.Fault{Kind: fake.EmptyList, Operation: fake.ListAllVMs, Count: 1},
		fake.Fault{Kind: fake.PartialList, Operation: fake.GetVM, Count: 1},
		fake.Fault{Kind: fake.WrongPassword, Operation: fake.DeleteVM, Hostname: "A"},
	))
	id := a.VMs()[0].Identifier
	assert.Len(t, a.get("/apps/v2/vm").list(), 2)
	assert.Len(t, a.get("/apps/v2/vm").list(), 3)
	assert.Empty(t, a.get("/apps/v2/storages/vms").list())
	assert.Len(t, a.get("/apps/v2/storages/vms").list(), 3)
	assert.Equal(t, false, a.get("/apps/v2/vm/"+id).data())
	assert.NotNil(t, a.get("/apps/v2/vm/"+id).object())
	assert.Contains(t, a.do("DELETE", "/apps/v2/vm", deletion(id)).message(), "wrong password")
	a.do("DELETE", "/apps/v2/vm", deletion(a.VMs()[1].Identifier))
	assert.Len(t, a.VMs(), 2, "the rule is for one host name")
}

func TestGarbageIsOfManyKinds(t *testing.T) {
	a := newAccount(t, fake.Config{Faults: []fake.Fault{{Kind: fake.Garbage, Operation: fake.ListVMs}}})
	a.buy("web-1")
	seen := map[string]bool{}
	for range 40 {
		seen[a.get("/apps/v2/vm").text] = true
	}
	assert.Len(t, seen, 5)
}

func TestFaultRules(t *testing.T) {
	count := func(f fake.Fault, requests int) int {
		a := newAccount(t, fake.Config{Faults: []fake.Fault{f}})
		failures := 0
		for range requests {
			if a.get("/apps/v2/datacenter").status != http.StatusOK {
				failures++
			}
		}
		return failures
	}
	assert.Equal(t, 10, count(fake.Fault{Kind: fake.ServerError}, 10))
	assert.Equal(t, 3, count(fake.Fault{Kind: fake.ServerError, After: 2, Count: 3}, 10))
	assert.Equal(t, 0, count(fake.Fault{Kind: fake.ServerError, Operation: fake.ListVMs}, 10))
	assert.Equal(t, 0, count(fake.Fault{Kind: fake.ServerError, Offering: "std-1c1g"}, 10))
	some := count(fake.Fault{Kind: fake.ServerError, Probability: 0.5}, 100)
	assert.InDelta(t, 50, some, 25)

	for situation, f := range map[string]fake.Fault{
		"unknown kind":      {Kind: "Sneeze"},
		"unknown operation": {Kind: fake.Slow, Operation: "Nap"},
		"more than certain": {Kind: fake.Slow, Probability: 1.5},
		"less than none":    {Kind: fake.Slow, Count: -1},
		"no error status":   {Kind: fake.ServerError, Status: 200},
	} {
		_, err := fake.New(fake.Config{Faults: []fake.Fault{f}})
		assert.ErrorContains(t, err, "faults[0]", situation)
	}
}

func TestRateLimit(t *testing.T) {
	a := newAccount(t, fake.Config{RateLimit: 2})
	assert.Equal(t, http.StatusOK, a.get("/apps/v2/vm").status)
	assert.Equal(t, http.StatusOK, a.get("/apps/v2/vm").status)
	limited := a.get("/apps/v2/vm")
	assert.Equal(t, http.StatusTooManyRequests, limited.status)
	assert.Equal(t, "1", limited.header.Get("Retry-After"))
	a.clock.Step(time.Minute)
	assert.Equal(t, http.StatusOK, a.get("/apps/v2/vm").status)
}

func TestDown(t *testing.T) {
	a := newAccount(t, fake.Config{})
	a.Down(true)
	_, err := a.try("GET", "/apps/v2/vm", nil)
	assert.Error(t, err)
	a.Down(false)
	assert.Equal(t, http.StatusOK, a.get("/apps/v2/vm").status)
}
