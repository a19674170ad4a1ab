package vpsie

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

// Whatever an answer is, no operation panics, no object comes out without what
// identifies it, none has a negative amount, and each error is of a kind.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"error":false,"data":[{"identifier":"a","hostname":"A","ram":"4096","cpu":2,"ssd":80.0,"is_active":1,"created_on":"2026-03-01"}]}`,
		`{"error":false,"data":{"vmData":{"identifier":"a","hostname":"A"}}}`,
		`{"error":false,"data":{"rows":[{"identifier":"a","id":"1"}],"count":1}}`,
		`{"error":false,"data":{"identifier":"a","nodes":[{"id":1,"hostname":"x"}],"slaves":[{"identifier":"y","hostname":"x"}]}}`,
		`{"error":false,"data":[{"id":1,"data":{"hostname":"x","tags":["a",{"name":"b"}]}}],"total":3}`,
		`{"token":{"access":{"token":"t","expires":"2026-03-01T12:00:00Z"}}}`, `{"accessToken":{"token":"t"}}`,
		`{"error":"1","code":"500","message":"Please authenticate"}`, `{"error":true,"code":1e99,"message":["x"]}`,
		`{"data":false}`, `{"data":null,"total":0}`, `{"data":[null,1,"x",[],{}]}`, `<html>`, ``, `[]`, `{`, `{"data":1e999}`,
		`{"data":[{"identifier":"a","ram":-1e-400,"cpu":"0x10","ssd":"1_0"}]}`,
	} {
		f.Add(200, []byte(seed))
		f.Add(502, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code < 100 || code > 999 {
			return
		}
		client := newClient(t, func(o *Options) {
			o.MaxTries, o.RequestsPerMinute, o.Burst, o.BreakerFailures = 1, 1e9, 1e9, 1e9
			o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) { return response(code, string(body)), nil })
		})
		for _, operation := range fuzzedOperations {
			err := operation(t.Context(), t, client)
			if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Kind == "" || e.Op == "" || e.Message == "") {
				t.Errorf("%#v", err)
			}
		}
		login := newClient(t, fixedCredentials(Credentials{ClientID: "a", ClientSecret: "b"}), func(o *Options) {
			o.MaxTries, o.HTTPTransport = 1, inMemory(func(*http.Request) (*http.Response, error) { return response(code, string(body)), nil })
		})
		if g, err := login.auth.grant(t.Context(), nil); err == nil && g.token.AccessToken == "" {
			t.Error("a grant without a token")
		}
	})
}

type fuzzed func(context.Context, *testing.T, *Client) error

var fuzzedOperations = []fuzzed{
	each((*Client).ListVMs, func(vm VM) bool {
		return vm.ID != "" && vm.State != "" && vm.CPU >= 0 && vm.MemoryBytes >= 0 && vm.DiskBytes >= 0
	}),
	each((*Client).PendingVMs, func(vm PendingVM) bool { return vm.ID != "" && vm.Hostname != "" }),
	each((*Client).ListAllVMs, func(vm StorageVM) bool { return vm.ID != "" && vm.DiskBytes >= 0 }),
	each((*Client).Datacenters, func(d Datacenter) bool { return d.ID != "" }),
	each((*Client).Projects, func(p Project) bool { return p.ID != "" && p.Number >= 0 }),
	each((*Client).VPCs, func(v VPC) bool { return v.ID > 0 && v.PrefixLength >= 0 }),
	each((*Client).SSHKeys, func(k SSHKey) bool { return k.ID != "" }),
	each((*Client).Scripts, func(s Script) bool { return s.ID != "" }),
	each((*Client).CustomImages, func(i Image) bool { return i.ID != "" }),
	each((*Client).PlanCategories, func(p PlanCategory) bool { return p.ID != "" }),
	each((*Client).KubeClusters, func(k KubeCluster) bool { return k.ID != "" }),
	each(of((*Client).VPCMembers, 1), func(m VPCMember) bool { return m.VM != "" }),
	each(of((*Client).KubeGroups, "a"), func(g KubeGroup) bool { return g.ID != "" && g.Number > 0 && g.Nodes >= 0 }),
	each(of((*Client).KubeOffers, "a"), func(o KubeOffer) bool { return o.ID > 0 && o.PricePerHour >= 0 && o.PricePerMonth >= 0 }),
	each(of((*Client).Tags, "a"), func(tag string) bool { return tag != "" }),
	each(func(c *Client, ctx context.Context) ([]Plan, error) { return c.Plans(ctx, "a", "b", "c") },
		func(p Plan) bool { return p.ID != "" && p.PricePerMonth >= 0 && p.MemoryBytes >= 0 }),
	func(ctx context.Context, t *testing.T, c *Client) error {
		vm, err := c.GetVM(ctx, "a")
		if err == nil && vm.ID != "a" {
			t.Errorf("%+v", vm)
		}
		return err
	},
	func(ctx context.Context, t *testing.T, c *Client) error {
		cluster, err := c.KubeCluster(ctx, "a")
		if err == nil && cluster.ID == "" {
			t.Errorf("%+v", cluster)
		}
		for i := 0; err == nil && i < len(cluster.Nodes); i++ {
			if cluster.Nodes[i].Hostname == "" {
				t.Errorf("%+v", cluster.Nodes[i])
			}
		}
		return err
	},
	func(ctx context.Context, _ *testing.T, c *Client) error { return c.CreateVM(ctx, smallVM) },
	func(ctx context.Context, t *testing.T, c *Client) error {
		node, err := c.AddKubeNode(ctx, "a", 1)
		if node != nil && node.ID == "" && node.Hostname == "" {
			t.Errorf("%+v", node)
		}
		return err
	},
	func(ctx context.Context, _ *testing.T, c *Client) error { return c.DeleteVM(ctx, "a", "why") },
}

// each lists and checks each element.
func each[T any](list func(*Client, context.Context) ([]T, error), valid func(T) bool) fuzzed {
	return func(ctx context.Context, t *testing.T, c *Client) error {
		elements, err := list(c, ctx)
		if err != nil && elements != nil {
			t.Errorf("%+v beside %v", elements, err)
		}
		for _, element := range elements {
			if !valid(element) {
				t.Errorf("%+v", element)
			}
		}
		return err
	}
}

// of gives a list operation its argument.
func of[A, T any](list func(*Client, context.Context, A) ([]T, error), argument A) func(*Client, context.Context) ([]T, error) {
	return func(c *Client, ctx context.Context) ([]T, error) { return list(c, ctx, argument) }
}

// Whatever a Secret holds, what is read of it can be used.
func FuzzCredentialsFromSecret(f *testing.F) {
	f.Add("t", "", "", "p\n", "https://api.vpsie.com")
	f.Add("", "a", "b", "", "http://[::1]:80/apps/v2")
	f.Add("a\x00", " ", "\xff", "", "https://%zz")
	f.Fuzz(func(t *testing.T, token, id, secret, password, url string) {
		c, err := CredentialsFromSecret(map[string][]byte{
			"token": []byte(token), "clientId": []byte(id), "clientSecret": []byte(secret), "password": []byte(password), "url": []byte(url),
		})
		if err != nil {
			return
		}
		s := &server502{code: 200, body: `{"error":false,"data":[],"token":{"access":{"token":"x"}}}`}
		client := newClient(t, fixedCredentials(c), func(o *Options) { o.HTTPTransport = s })
		if _, err := client.ListVMs(t.Context()); err != nil || s.sent == 0 {
			t.Errorf("%v after %d requests", err, s.sent)
		}
	})
}
