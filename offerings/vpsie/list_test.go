package vpsie

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages serves n datacenters by offset and limit.
func pages(n int, ignoreOffset bool, total string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		var from, limit int
		_, _ = fmt.Sscan(r.URL.Query().Get("offset"), &from)
		if _, err := fmt.Sscan(r.URL.Query().Get("limit"), &limit); err != nil {
			limit = 100
		}
		if ignoreOffset {
			from = 0
		}
		var items []string
		for i := from; i < min(from+limit, n); i++ {
			items = append(items, fmt.Sprintf(`{"identifier":"dc-%d"}`, i))
		}
		return response(http.StatusOK, `{"error":false,"data":[`+strings.Join(items, ",")+`]`+total+`}`), nil
	}
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	for _, c := range []struct {
		situation    string
		n            int
		ignoreOffset bool
		total, err   string
	}{
		{situation: "three pages, total stated", n: 250, total: `,"total":250`},
		{situation: "three pages, total not stated", n: 250},
		{situation: "the last page is full", n: 200, total: `,"total":"200"`},
		{situation: "none", n: 0, total: `,"total":0`},
		{situation: "none, total not stated", n: 0},
		{situation: "more than VPSie counted", n: 3, total: `,"total":2`},
		{situation: "one page from a server that knows no offset", n: 100, ignoreOffset: true},
		{
			situation: "several pages from a server that knows no offset", n: 250, ignoreOffset: true, total: `,"total":250`,
			err: "the list ends after 100 of 250",
		},
		{situation: "fewer than VPSie counted", n: 3, total: `,"total":5`, err: "the list ends after 3 of 5"},
		{situation: "total in words", n: 3, total: `,"total":"many"`, err: `total: must be a number, got "many"`},
	} {
		t.Run(c.situation, func(t *testing.T) {
			client := newClient(t, func(o *Options) { o.HTTPTransport = inMemory(pages(c.n, c.ignoreOffset, c.total)) })
			list, err := client.Datacenters(t.Context())
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				assert.Equal(t, Unreadable, KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Len(t, list, c.n)
			for i, d := range list {
				assert.Equal(t, fmt.Sprintf("dc-%d", i), d.ID)
			}
		})
	}
	t.Run("machines that VPSie cuts into pages unasked", func(t *testing.T) {
		client := newClient(t, func(o *Options) { o.HTTPTransport = inMemory(pages(250, false, `,"total":250`)) })
		list, err := client.ListVMs(t.Context())
		require.NoError(t, err)
		assert.Len(t, list, 250)
	})
	t.Run("a list without end", func(t *testing.T) {
		n := 0
		client := newClient(t, func(o *Options) {
			o.RequestsPerMinute, o.Burst = 1e9, 1e9
			o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) {
				n++
				return response(http.StatusOK, fmt.Sprintf(`{"data":[{"identifier":"dc-%d"}]}`, n)), nil
			})
		})
		_, err := client.Datacenters(t.Context())
		require.ErrorContains(t, err, "the list does not end")
	})
}
