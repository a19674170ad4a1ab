package vpsie

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What VPSie says, to a read and to a request that buys: their kinds, and how
// often each was sent.
func TestKindsOfErrors(t *testing.T) {
	const tries = 3
	for _, c := range []struct {
		situation   string
		reply       reply
		read, write Kind
		readSent    int
		message     string
	}{
		{
			"the cluster's cap on workers", refused("Worker nodes count exceeds the allowed limit"), Quota, Quota, 1,
			"Worker nodes count exceeds the allowed limit",
		},
		{
			"a size that has a group", refused("Group GRP-Advanced-c745 has same selected Size, please select another size"),
			Conflict, Conflict, 1, "Group GRP-Advanced-c745 has same",
		},
		{"the wrong account password", refused("You entered the wrong password"), WrongPassword, WrongPassword, 1, ""},
		{
			"no storage in the datacenter",
			refused("At the moment, Storage is not available in this Datacenter, please try a different option "),
			StockOut, StockOut, 1, "try a different option",
		},
		{"a quota, in capitals", refused("QUOTA EXCEEDED"), Quota, Quota, 1, ""},
		{"a quota said with HTTP 500", status(500, `{"error":true,"message":"limit reached"}`), Quota, Quota, 1, ""},
		{"a reason that is not known", refused("lost in the clouds"), Refused, Refused, 1, "lost in the clouds"},
		{"no reason at all", ok(`{"error":true}`), Refused, Refused, 1, "VPSie gave no reason"},
		{"an error that is a text", ok(`{"error":"it broke"}`), Refused, Refused, 1, "it broke"},
		{"an error of 1", ok(`{"error":1,"message":"x"}`), Refused, Refused, 1, "x"},
		{"a message that is no text", ok(`{"error":true,"message":{"a":1}}`), Refused, Refused, 1, "VPSie gave no reason"},
		{"code 500 in HTTP 200", ok(`{"error":true,"code":500,"message":"x"}`), Unavailable, Ambiguous, tries, "x"},
		{"code 400 as a string in HTTP 200", ok(`{"error":true,"code":"400","message":"x"}`), Refused, Refused, 1, "code 400"},
		{"code 404 in HTTP 200, of a list", ok(`{"error":true,"code":404,"message":"x"}`), Refused, Refused, 1, "code 404"},
		{"code 402 in HTTP 200", ok(`{"error":true,"code":402,"message":"x"}`), Quota, Quota, 1, "code 402"},
		{"HTTP 400", status(400, `{"error":true,"message":"dcIdentifier is required"}`), Invalid, Invalid, 1, "dcIdentifier is required"},
		{"HTTP 422 without error in the body", status(422, `{"message":"x"}`), Invalid, Invalid, 1, "x"},
		{"HTTP 402", status(402, `{"error":true,"message":"x"}`), Quota, Quota, 1, "x"},
		{"HTTP 403", status(403, `{"error":true,"message":"x"}`), Unauthorized, Unauthorized, 1, "x"},
		{"HTTP 403 of the front end", status(403, `<html>`), Unauthorized, Unauthorized, 1, "not JSON"},
		{"HTTP 401 of the front end", status(401, `<html>`), Unauthorized, Unauthorized, 1, "not JSON"},
		{"HTTP 409", status(409, `{"error":true,"message":"x"}`), Conflict, Conflict, 1, "x"},
		{"HTTP 408", status(408, `{"error":true,"message":"x"}`), Unavailable, Ambiguous, tries, "x"},
		{"HTTP 408 of the front end", status(408, `<html>`), Unavailable, Ambiguous, tries, "not JSON"},
		{"HTTP 418", status(418, `{"error":true,"message":"x"}`), Refused, Refused, 1, "x"},
		{"HTTP 429", status(429, `{"error":true,"message":"x"}`), RateLimited, RateLimited, tries, "x"},
		{"HTTP 429 of the front end", status(429, `slow down`), RateLimited, RateLimited, tries, "not JSON"},
		{"too many requests in HTTP 200", refused("Too many requests"), RateLimited, RateLimited, tries, ""},
		{"HTTP 500", status(500, `{"error":true,"message":"x"}`), Unavailable, Ambiguous, tries, "x"},
		{"HTML with HTTP 502", status(502, "<html><h1>502 Bad Gateway</h1></html>"), Unavailable, Ambiguous, tries, "not JSON"},
		{"HTML with HTTP 200", ok("<html>maintenance</html>"), Unavailable, Ambiguous, tries, "not JSON"},
		{"an empty answer", ok(" \n"), Unavailable, Ambiguous, tries, "an empty answer"},
		{"half an answer", ok(`{"error":false,"data":[`), Unavailable, Ambiguous, tries, "not complete JSON"},
		{"two answers", ok(`{"error":false,"data":[]}{}`), Unavailable, Ambiguous, tries, "something after its JSON"},
		{"a list in place of the envelope", ok(`[]`), Unavailable, Ambiguous, tries, "not JSON"},
		{
			"a redirect", reply{status: 307, header: map[string]string{"Location": "http://127.0.0.1:1/steal"}},
			Invalid, Invalid, 1, "redirects elsewhere",
		},
		{
			"a redirect with a page", reply{status: 302, body: "<html>", header: map[string]string{"Location": "http://127.0.0.1:1/"}},
			Invalid, Invalid, 1, "redirects elsewhere",
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s := newStage(t, map[string][]reply{
				"GET /apps/v2/vm": {c.reply}, "POST /apps/v2/vm": {c.reply},
			})
			o := func(o *Options) { o.MaxTries = tries }
			_, err := s.client(o).ListVMs(t.Context())
			require.Error(t, err)
			assert.Equal(t, c.read, KindOf(err), "%v", err)
			assert.ErrorContains(t, err, c.message)
			assert.ErrorContains(t, err, fmt.Sprintf("GET /vm: HTTP %d", c.reply.status))
			assert.Len(t, s.seen(), c.readSent)

			err = s.client(o).CreateVM(t.Context(), smallVM)
			require.Error(t, err)
			assert.Equal(t, c.write, KindOf(err), "%v", err)
			assert.Len(t, s.seen(), c.readSent+1, "what buys is sent once")
			assert.Equal(t, c.write == Ambiguous, IsAmbiguous(err))
		})
	}
}

var smallVM = VMRequest{Hostname: "a", Offering: someID, OSImage: imageID, Datacenter: helsinki}

func TestWhatCallersMayDo(t *testing.T) {
	type may struct{ retry, terminal, ambiguous, notFound bool }
	for kind, want := range map[Kind]may{
		NotFound: {notFound: true}, Unauthorized: {terminal: true}, WrongPassword: {terminal: true}, Quota: {terminal: true},
		Conflict: {terminal: true}, StockOut: {}, RateLimited: {retry: true}, Unavailable: {retry: true}, Unreadable: {},
		Invalid: {terminal: true}, Refused: {}, Ambiguous: {ambiguous: true},
	} {
		err := fmt.Errorf("reconciling: %w", &Error{Kind: kind})
		assert.Equal(t, want, may{IsRetryable(err), IsTerminal(err), IsAmbiguous(err), IsNotFound(err)}, string(kind))
		assert.Equal(t, kind, KindOf(err))
	}
	for _, err := range []error{nil, errors.New("another package's")} {
		assert.Empty(t, KindOf(err))
		assert.False(t, IsRetryable(err) || IsTerminal(err) || IsAmbiguous(err) || IsNotFound(err))
	}
}

func TestErrorsReadWell(t *testing.T) {
	s := newStage(t, map[string][]reply{"POST /apps/v2/vm": {{
		status: 400, body: `{"error":true,"code":1204,"message":"no\tsuch\u0000 image\n"}`,
		header: map[string]string{"X-Request-ID": "srv-42"},
	}}})
	err := s.client().CreateVM(t.Context(), smallVM)
	assert.EqualError(t, err, "vpsie: CreateVM: Invalid: no such image (POST /vm: HTTP 400, code 1204, request srv-42)")
	assert.Equal(t, "vpsie: CreateVM: Invalid: no such image (POST /vm: HTTP 400, code 1204)", Summary(fmt.Errorf("buying: %w", err)))
	assert.Equal(t, "another package's", Summary(errors.New("another package's")))

	s = newStage(t, map[string][]reply{"GET /apps/v2/vm/" + someID: {refused(strings.Repeat("long ", 500) + "\u202e")}})
	_, err = s.client().GetVM(t.Context(), someID)
	assert.Less(t, len(err.Error()), 500)
	assert.Contains(t, err.Error(), "GET /vm/{id}", "the template, not the path: errors are grouped by text")
	assert.Contains(t, err.Error(), "request "+s.seen()[0].header.Get("X-Request-ID"), "ours, as the server named none")

	assert.EqualError(t, &Error{Op: "ListVMs", Kind: Unavailable}, "vpsie: ListVMs: Unavailable")
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "": 0, "soon": 0, "-1": 0, "99999999": longestPause, "99999999999999999999": 0,
		"Sun, 01 Mar 2020 12:00:00 GMT": 0, "Sun, 01 Mar 2999 12:00:00 GMT": longestPause,
	} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}), text)
	}
}

// Reads are repeated until VPSie answers.
func TestReadsAreRepeated(t *testing.T) {
	bad := status(503, "<html>")
	s := newStage(t, map[string][]reply{
		"GET /apps/v2/vm":            {bad, status(500, `{"error":true}`), data(`[{"identifier":"a"}]`)},
		"POST /apps/v2/k8s/offers":   {bad, data(`[]`)},
		"POST /apps/v2/resources":    {bad, data(`[]`)},
		"DELETE /apps/v2/script":     {bad, data(`true`)},
		"POST /apps/v2/vm/add/vpc":   {bad, data(`true`)},
		"PUT /apps/v2/tags/edit":     {bad, data(`true`)},
		"POST /apps/v2/script/add":   {bad, data(`true`)},
		"DELETE /apps/v2/vm":         {bad, data(`true`)},
		"GET /apps/v2/projects/gone": {bad, data(`false`)},
	})
	c := s.client(func(o *Options) { o.BreakerFailures = 1000 })
	list, err := c.ListVMs(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 1)
	ids := map[string]bool{}
	for _, call := range s.seen() {
		ids[call.header.Get("X-Request-ID")] = true
	}
	assert.Len(t, ids, 1, "the tries of one call have one request ID")

	_, err = c.KubeOffers(t.Context(), "dc")
	require.NoError(t, err, "a POST that reads")
	_, err = c.Plans(t.Context(), "dc", "image", "category")
	require.NoError(t, err, "a POST that reads")
	_, err = c.Project(t.Context(), "gone")
	assert.True(t, IsNotFound(err))

	before := len(s.seen())
	for situation, do := range map[string]func(context.Context) error{
		"DeleteScript": func(ctx context.Context) error { return c.DeleteScript(ctx, "s") },
		"AddVMToVPC":   func(ctx context.Context) error { return c.AddVMToVPC(ctx, "a", 1, "dc") },
		"SetVMTags":    func(ctx context.Context) error { return c.SetVMTags(ctx, "a", nil) },
		"AddScript":    func(ctx context.Context) error { return c.AddScript(ctx, "a", "b") },
		"DeleteVM":     func(ctx context.Context) error { return c.DeleteVM(ctx, "a", "why") },
	} {
		assert.True(t, IsAmbiguous(do(t.Context())), situation)
	}
	assert.Len(t, s.seen(), before+5, "each was sent once")
}
