package fake_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestAdminEndpoint(t *testing.T) {
	a := newAccount(t, fake.Config{})
	a.header = http.Header{} // it wants no token
	post := func(path string, body any) {
		t.Helper()
		got := a.do("POST", "/_fake/"+path, body)
		require.Equal(t, http.StatusOK, got.status, got.text)
	}
	got := a.do("PUT", "/_fake/faults", []fake.Fault{{Kind: fake.Slow, Operation: fake.ListVMs, Duration: fake.Duration(time.Second)}})
	require.Equal(t, http.StatusOK, got.status, got.text)
	post("stock", object{"offering": "std-2c4g", "datacenter": "ams1", "left": 0})
	post("quota", object{"machines": 5})
	post("vms", fake.Foreign{Hostname: "theirs", Offering: "std-1c1g", Datacenter: "ams1"})
	post("vms", fake.Foreign{Hostname: "gone", Offering: "std-1c1g", Datacenter: "ams1"})
	post("vanish", object{"hostname": "gone"})
	post("poweroff", object{"hostname": "theirs"})
	post("kill", object{"hostname": "theirs"})
	post("expire", nil)
	post("rotate", fake.Credentials{Token: "rotated"})

	a.header.Set("Vpsie-Auth", "rotated")
	assert.Contains(t, a.do("POST", "/apps/v2/vm", order("web-1")).message(), "not available")
	post("down", object{"down": true})
	_, err := a.try("GET", "/apps/v2/vm/pending", nil)
	assert.Error(t, err)

	var state fake.State
	text := a.get("/_fake/state").text
	require.NoError(t, json.Unmarshal([]byte(text), &state))
	assert.True(t, state.Down)
	assert.Equal(t, 5, state.Quota)
	assert.Equal(t, fake.Duration(time.Second), state.Faults[0].Duration)
	require.Len(t, state.VMs, 1)
	assert.Equal(t, fake.VMOff, state.VMs[0].State)
	assert.NotContains(t, text, fake.DefaultCredentials().Password)
	assert.NotContains(t, text, "rotated")

	var history []fake.VM
	require.NoError(t, json.Unmarshal([]byte(a.get("/_fake/history").text), &history))
	assert.Len(t, history, 2)
	var requests []fake.Request
	text = a.get("/_fake/requests?since=" + start.Format(time.RFC3339)).text
	require.NoError(t, json.Unmarshal([]byte(text), &requests))
	require.GreaterOrEqual(t, len(requests), 2, "net/http may ask again after a reset")
	assert.NotContains(t, text, "_fake", "only the API's requests are in the journal")
	assert.Equal(t, fake.CreateVM, requests[0].Operation)
	assert.Equal(t, "web-1", requests[0].Hostname)
	assert.False(t, requests[0].Done)
	assert.Equal(t, fake.ConnectionReset, requests[1].Fault)
	assert.Equal(t, "[]\n", a.get("/_fake/requests?since="+start.Add(time.Hour).Format(time.RFC3339)).text)
}

func TestSecretsAreKnown(t *testing.T) {
	a := newAccount(t, fake.Config{Plain: true})
	known := fake.DefaultCredentials()
	login := a.do("POST", "/apps/v2/auth/from/api", object{"clientId": known.ClientID, "clientSecret": known.ClientSecret})
	access := login.fields["token"].(map[string]any)["access"].(map[string]any)["token"].(string)
	a.buy("web-1", func(o object) {
		o["userData"] = base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\nkubeadm join a:1 --token abcdef.0123456789abcdef\n"))
	})
	password := a.get("/apps/v2/vm").record(0)["initial_password"].(string)
	a.RotateCredentials(fake.Credentials{Password: "rotated"})
	a.do("POST", "/apps/v2/script/add", object{"name": "join", "scriptContent": "kubeadm join a:1 --token abcdef.aaaaaaaaaaaaaaaa"})
	var secrets []string
	require.NoError(t, json.Unmarshal([]byte(a.get("/_fake/secrets").text), &secrets))
	assert.Subset(t, secrets, []string{
		known.Token, known.ClientSecret, known.Password, "rotated", access, password, "0123456789abcdef", "aaaaaaaaaaaaaaaa",
	})
	shown := a.get("/_fake/state").text + a.get("/_fake/history").text + a.get("/_fake/requests").text
	for _, secret := range secrets {
		assert.NotContains(t, shown, secret)
	}
}

func TestAdminRefuses(t *testing.T) {
	a := newAccount(t, fake.Config{})
	for situation, got := range map[string]answer{
		"an unknown fault":     a.do("PUT", "/_fake/faults", []object{{"kind": "Sneeze"}}),
		"an unknown field":     a.do("POST", "/_fake/quota", object{"machine": 5}),
		"a bad duration":       a.do("PUT", "/_fake/faults", []object{{"kind": "Slow", "duration": "soon"}}),
		"an unknown machine":   a.do("POST", "/_fake/kill", object{"hostname": "nobody"}),
		"a time that is none":  a.get("/_fake/requests?since=yesterday"),
		"an unknown offering":  a.do("POST", "/_fake/stock", object{"offering": "x", "datacenter": "ams1"}),
		"half of a foreign VM": a.do("POST", "/_fake/vms", object{"hostname": "x"}),
	} {
		assert.Equal(t, http.StatusBadRequest, got.status, situation)
		assert.NotEmpty(t, got.text, situation)
	}
}

func TestConfigIsChecked(t *testing.T) {
	place := fake.Place{Offering: "nope", Datacenter: "ams1"}
	for want, config := range map[string]fake.Config{
		`no offering "nope"`:             {Stock: map[fake.Place]int{place: 1}},
		`cannot be bought in datacenter`: {PricePerHour: map[fake.Place]float64{{Offering: "std-1c1g", Datacenter: "x"}: 1}},
		"BootDelay must not be negative": {BootDelay: fake.Delay{Base: -1}},
		"must not be negative":           {Quota: -1},
		"VPC 1":                          {VPCs: []fake.VPC{{ID: 1, Datacenter: "ams1", Range: "10.0.0.0", Size: 31}}},
		`no datacenter "moon"`:           {VPCs: []fake.VPC{{ID: 1, Datacenter: "moon", Range: "10.0.0.0", Size: 16}}},
		`no datacenter "mars"`:           {Clusters: []fake.Cluster{{Identifier: "c", Datacenter: "mars"}}},
	} {
		_, err := fake.New(config)
		assert.ErrorContains(t, err, want)
	}
}
