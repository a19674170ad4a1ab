package vpsie

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An answer is what VPSie said to a request that it did not refuse.
type answer struct {
	exchanged
	httpStatus int
	// value is the whole body; not present when there is none.
	value value
}

// data is the envelope's payload.
func (a *answer) data() value {
	return a.value.field("data")
}

// problem is the first thing in the answer that could not be read, as an
// error. Of a request with an effect the caller cannot know whether it was done.
func (a *answer) problem() error {
	if err := a.value.problem(); err != nil {
		return a.unreadable("%v", err)
	}
	return nil
}

// exchanged is a request that was sent and what came back.
type exchanged struct {
	*request
	// response is nil when there was none. Its body is not used here.
	response *http.Response
	secrets  []string
	// id is the X-Request-ID that was sent.
	id string
}

// fail makes an error of the exchange.
func (x *exchanged) fail(kind Kind, message string) *Error {
	e := &Error{
		Op: x.name, Method: x.method, Path: x.path, Kind: kind, Message: clean(message, x.secrets), RequestID: x.id,
	}
	if x.response != nil {
		e.HTTPStatus = x.response.StatusCode
		if id := clean(x.response.Header.Get("X-Request-ID"), x.secrets); id != "" {
			e.RequestID = id
		}
	}
	return e
}

// uncertain makes an error after which nothing is known: of a read it has the
// kind given, of a request with an effect it is Ambiguous.
func (x *exchanged) uncertain(kind Kind, message string) *Error {
	if x.effect {
		kind = Ambiguous
	}
	return x.fail(kind, message)
}

func (x *exchanged) unreadable(format string, args ...any) *Error {
	return x.uncertain(Unreadable, fmt.Sprintf(format, args...))
}

func (x *exchanged) outage(message string) *Error {
	e := x.uncertain(Unavailable, message)
	e.outage = true
	return e
}

// noAnswer makes the error of a request without a complete answer. The
// transport's own error is not wrapped: it may quote what the server sent.
func (x *exchanged) noAnswer(ctx context.Context, err error, sent bool) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok { // it repeats the method and the URL
		err = wrapped.Err
	}
	message := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op != "dial" { // its port differs each time
		message = op.Err.Error()
	}
	e := x.fail(Unavailable, "no answer: "+message)
	if sent && x.effect {
		e.Kind = Ambiguous
	}
	e.outage = true
	if cause := ctx.Err(); cause != nil {
		e.cause, e.outage = cause, false
	}
	return e
}

func (x *exchanged) tooLong(limit int64) *Error {
	return x.unreadable("the answer is longer than %d bytes", limit)
}

// read tells what an answer means.
func (x *exchanged) read(body []byte) (*answer, error) {
	status := x.response.StatusCode
	body = bytes.TrimSpace(body)
	switch {
	case status == http.StatusNoContent:
		return &answer{exchanged: *x, httpStatus: status, value: value{first: new(error)}}, nil
	case len(body) == 0:
		return nil, x.notJSON("an empty answer")
	case body[0] != '{':
		return nil, x.notJSON("an answer that is not JSON")
	}
	top, err := parse(body)
	if err != nil {
		return nil, x.notJSON(err.Error())
	}
	failed := truth(top.raw("error"))
	if status/100 == 2 && !failed {
		return &answer{exchanged: *x, httpStatus: status, value: top}, nil
	}
	return nil, x.refusal(top)
}

// refusal is the error VPSie itself answered with.
func (x *exchanged) refusal(top value) *Error {
	status := x.response.StatusCode
	message, _ := top.raw("message").(string)
	if text, ok := top.raw("error").(string); ok && message == "" {
		message = text
	}
	e := x.fail("", message)
	e.Code = smallNumber(top.raw("code"))
	e.said = true
	byMessage := kindOfMessage(message, x.operation)
	switch {
	case status == http.StatusTooManyRequests:
		e.Kind, e.RetryAfter = RateLimited, retryAfter(x.response.Header)
	case byMessage != "":
		e.Kind = byMessage
	case status/100 == 5 || status/100 == 2 && e.Code/100 == 5:
		e.Kind, e.outage = Unavailable, status/100 == 5
		if x.effect {
			e.Kind = Ambiguous
		}
	case status/100 == 2:
		// Codes look like HTTP's, but nobody wrote down that 400 always means that
		// the request is wrong, and Invalid would say that it never gets better.
		if e.Kind = x.kindOfStatus(e.Code); e.Kind == Invalid {
			e.Kind = Refused
		}
	default:
		e.Kind = x.kindOfStatus(status)
	}
	e.expired = e.Kind == Unauthorized && status != http.StatusForbidden && e.Code != http.StatusForbidden
	if e.Message == "" {
		e.Message = "VPSie gave no reason"
	}
	return e
}

// notJSON is the error of an answer that VPSie's front end gave, or that
// something on the way cut off.
func (x *exchanged) notJSON(what string) *Error {
	status := x.response.StatusCode
	switch {
	case status == http.StatusTooManyRequests:
		e := x.fail(RateLimited, what)
		e.RetryAfter = retryAfter(x.response.Header)
		return e
	case status == http.StatusUnauthorized:
		e := x.fail(Unauthorized, what)
		e.expired = true
		return e
	case status == http.StatusForbidden:
		return x.fail(Unauthorized, what)
	case status/100 == 3:
		return x.fail(Invalid, "VPSie redirects elsewhere, which is not followed; is the URL right?")
	case status/100 == 4 && status != http.StatusRequestTimeout:
		return x.fail(Invalid, what+"; are the URL and the prefixes right?")
	}
	return x.outage(what)
}

// kindOfStatus is the kind of an HTTP status, or of a code that looks like one.
func (x *exchanged) kindOfStatus(status int) Kind {
	switch {
	case status == http.StatusNotFound && x.object:
		return NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Unauthorized
	case status == http.StatusPaymentRequired:
		return Quota
	case status == http.StatusConflict:
		return Conflict
	case status == http.StatusTooManyRequests:
		return RateLimited
	case status == http.StatusRequestTimeout && x.effect:
		return Ambiguous
	case status == http.StatusRequestTimeout:
		return Unavailable
	case status/100 == 3, status == http.StatusBadRequest, status == http.StatusNotFound,
		status == http.StatusMethodNotAllowed, status == http.StatusRequestEntityTooLarge,
		status == http.StatusUnsupportedMediaType, status == http.StatusUnprocessableEntity:
		return Invalid
	}
	return Refused
}

// knownMessages are pieces of VPSie's messages, in lower case, by the first
// that fits. The first six were seen by clients of the live service; the rest
// are what its own autoscaler looks for.
var knownMessages = []struct {
	piece string
	kind  Kind
}{
	{"worker nodes count exceeds the allowed limit", Quota},
	{"has same selected size", Conflict},
	{"you entered the wrong password", WrongPassword},
	{"please authenticate", Unauthorized},
	{"not available in this datacenter", StockOut},
	{"too many requests", RateLimited},
	{"rate limit", RateLimited},
	{"quota exceeded", Quota},
	{"plan does not allow", Quota},
	{"maximum number of", Quota},
	{"limit reached", Quota},
	{"subscription does not allow", Quota},
	{"out of stock", StockOut},
}

// kindOfMessage is the kind of a message that is known, or "".
func kindOfMessage(message string, o operation) Kind {
	message = strings.ToLower(message)
	for _, known := range knownMessages {
		if strings.Contains(message, known.piece) {
			return known.kind
		}
	}
	if o.object && (strings.Contains(message, "not found") || strings.Contains(message, "does not exist")) {
		return NotFound
	}
	return ""
}

// retryAfter reads the header in both forms, seconds and a date.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), longestPause)
	}
	return 0
}
