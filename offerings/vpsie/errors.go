package vpsie

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrCircuitOpen is in the chain of the error of a request that was not sent
// because VPSie failed too often just before.
var ErrCircuitOpen = errors.New("VPSie failed too often, requests are held back")

// Kind is what a caller must know of an error.
type Kind string

// The kinds of errors.
const (
	// NotFound: the one object asked for is not there, says this route.
	NotFound Kind = "NotFound"
	// Unauthorized: the credentials are missing, wrong or not enough.
	Unauthorized Kind = "Unauthorized"
	// WrongPassword: the account password of a deletion is absent or wrong.
	WrongPassword Kind = "WrongPassword"
	// Quota: the account or the cluster's plan allows no more.
	Quota Kind = "Quota"
	// Conflict: what was asked for exists already in a form that excludes it,
	// such as a second node group of one size.
	Conflict Kind = "Conflict"
	// StockOut: VPSie has none left in this datacenter.
	StockOut Kind = "StockOut"
	// RateLimited: too many requests; nothing was done. Error.RetryAfter may say when.
	RateLimited Kind = "RateLimited"
	// Unavailable: VPSie did not answer, or its front end did. Nothing was done.
	Unavailable Kind = "Unavailable"
	// Unreadable: the answer does not have the form that is known. Conclude nothing.
	Unreadable Kind = "Unreadable"
	// Invalid: the request is wrong; some are refused here and not sent.
	Invalid Kind = "Invalid"
	// Refused: VPSie said no for a reason that is not known here. Nothing was done.
	Refused Kind = "Refused"
	// Ambiguous: a request that creates, adds or deletes was sent, and whether it
	// was done is unknown. Look before repeating it.
	Ambiguous Kind = "Ambiguous"
)

// Error is the error of every operation.
type Error struct {
	// Op is the operation, such as CreateVM.
	Op string
	// Method and Path are the request's; Path is the template, such as /vm/{id}.
	Method, Path string
	// HTTPStatus is 0 when there was no answer.
	HTTPStatus int
	// Code is VPSie's own code; 0 when there was none.
	Code int
	// Message is VPSie's, or the transport's, without control characters and
	// secrets, and cut to 300 characters.
	Message string
	// RequestID is the X-Request-ID of the answer, or else the request's.
	RequestID string
	Kind      Kind
	// RetryAfter says how long to hold back; 0 when nobody said.
	RetryAfter time.Duration

	// outage: no answer, or one that is not VPSie's.
	outage bool
	// said: VPSie itself said no, whatever the HTTP status.
	said bool
	// expired: the token was not let in.
	expired bool
	// held: not sent, by the rate limit or the breaker or the context.
	held bool
	// cause is ErrCircuitOpen, the context's error, or that of Options.Credentials.
	cause error
}

// Error says what failed, why, and where to look it up.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "vpsie: %s: %s", e.Op, e.Kind)
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	var notes []string
	if e.HTTPStatus != 0 {
		notes = append(notes, fmt.Sprintf("%s %s: HTTP %d", e.Method, e.Path, e.HTTPStatus))
	}
	if e.Code != 0 && e.Code != e.HTTPStatus {
		notes = append(notes, fmt.Sprintf("code %d", e.Code))
	}
	if e.RequestID != "" {
		notes = append(notes, "request "+e.RequestID)
	}
	if len(notes) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(notes, ", "))
	}
	return b.String()
}

// Summary is an error without what differs each time, the request's ID: what a
// condition or an event says, which would else be new each time. Errors of
// other packages are as they are.
func Summary(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err.Error()
	}
	same := *e
	same.RequestID = ""
	return same.Error()
}

// Unwrap returns ErrCircuitOpen, the context's error, the error of
// Options.Credentials, or nil.
func (e *Error) Unwrap() error {
	return e.cause
}

// KindOf returns the kind of an error of this package, "" of others.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// IsNotFound says that the route does not know the object asked for.
func IsNotFound(err error) bool {
	return KindOf(err) == NotFound
}

// IsAmbiguous says that something may have been created, added or deleted.
func IsAmbiguous(err error) bool {
	return KindOf(err) == Ambiguous
}

// IsTerminal says that the same request fails again until a person changes
// something: credentials, the account's limits, or the request.
func IsTerminal(err error) bool {
	switch KindOf(err) {
	case Unauthorized, WrongPassword, Quota, Conflict, Invalid:
		return true
	}
	return false
}

// IsRetryable says that nothing was done and the same request may succeed
// later. Reads were retried already when this is true.
func IsRetryable(err error) bool {
	switch KindOf(err) {
	case RateLimited, Unavailable:
		return true
	}
	return false
}
