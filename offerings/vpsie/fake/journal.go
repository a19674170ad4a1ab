package fake

import (
	"slices"
	"time"
)

// Request is one request that reached the API.
type Request struct {
	Time      time.Time `json:"time"`
	Operation Operation `json:"operation"`
	Method    string    `json:"method"`
	// Path as asked for, without the query.
	Path string `json:"path"`
	// Hostname and Identifier of the machine that it was about, if it was.
	Hostname   string `json:"hostname,omitempty"`
	Identifier string `json:"identifier,omitempty"`
	// Status that was answered, 0 if nothing was.
	Status int `json:"status"`
	// Outcome is "ok", or the message of the error, or "" if nothing was done.
	Outcome string `json:"outcome"`
	// Done says that the request took effect, whatever was answered.
	Done bool `json:"done"`
	// Fault that was injected, if one was.
	Fault FaultKind `json:"fault,omitempty"`
	// RequestID is what the client called it.
	RequestID string `json:"requestId,omitempty"`
}

// journalSize bounds the memory of a long chaos run.
const journalSize = 100_000

// journal keeps the last journalSize requests.
type journal struct {
	ring []Request
	next int
}

func (j *journal) add(r Request) {
	if len(j.ring) < journalSize {
		j.ring = append(j.ring, r)
		return
	}
	j.ring[j.next] = r
	j.next = (j.next + 1) % journalSize
}

func (j *journal) all() []Request {
	return slices.Concat(j.ring[j.next:], j.ring[:j.next])
}
