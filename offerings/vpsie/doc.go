// Package vpsie is the client of VPSie's HTTP API.
//
// It owns the wire: routes, both ways to log in, what is a number and what is
// a string today, and what an answer means. Nobody publishes a schema of the
// API; each decoder here takes every spelling that public clients were seen to
// meet, and refuses the rest with the name of the field.
//
// It refuses to own decisions. It does not wait for machines, remembers none,
// and never repeats a request that could buy or remove something: when the
// effect of such a request is unknown the error says so (IsAmbiguous), and the
// caller looks before it tries again. Absence is the caller's verdict too: a
// NotFound is what one route said, and a second source should agree.
//
// An answer that cannot be read completely is an error, not a shorter list. A
// list that VPSie cut short would otherwise look like machines that are gone.
//
// Passwords, tokens, client secrets and user data are sent and never kept in
// errors, logs or metrics; initial_password, which VPSie puts into each machine
// of a list, is not read at all.
//
// Metrics, registered with Options.Registerer:
//
//	vpsie_api_requests_total{method,status}
//	vpsie_api_request_duration_seconds{method}
//
// where method is the name of the operation as in Error.Op (Login, or the method
// of Client that sent it, such as CreateVM) and status is the HTTP status of
// the answer, or refused (HTTP 200 whose body says error), unreadable (an
// answer that is not JSON of VPSie's form) or none (no answer). A request that
// was not sent, because of the rate limit or the open breaker, is not counted.
//
// Time is package time's, because the libraries for breaking, limiting and
// expiry read it themselves; tests put the clock in a testing/synctest bubble.
package vpsie
