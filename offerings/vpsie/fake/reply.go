package fake

import (
	"encoding/json"
	"net/http"
)

// reply is an answer before it is written.
type reply struct {
	status int
	// fields of the JSON object; nil for no body or a page.
	fields map[string]any
	// page is HTML instead.
	page string
	// message of a refusal; "" when the request took effect.
	message    string
	retryAfter string
	// machine that was made or is spoken of.
	machine *machine
}

func ok(data any) reply {
	return reply{status: http.StatusOK, fields: map[string]any{"error": false, "data": data}}
}

// total adds how many records there are beyond the page.
func (r reply) total(n int) reply {
	r.fields["total"] = n
	return r
}

func (r reply) about(m *machine) reply {
	r.machine = m
	return r
}

// refused is how mistakes are answered: with HTTP 200.
func refused(message string) reply { return failure(http.StatusOK, message) }

func failure(status int, message string) reply {
	code := status
	if code == http.StatusOK {
		code = http.StatusBadRequest
	}
	return reply{
		status: status, message: message,
		fields: map[string]any{"error": true, "code": code, "message": message},
	}
}

// missing is the answer to a question about something that does not exist.
func (s *Server) missing(c *call) reply {
	var nothing any = false
	if s.odd("null", c.request.URL.Path) {
		nothing = nil
	}
	r := ok(nothing)
	r.message = "not found"
	return r
}

// nothing is the answer of a request that took effect and has nothing to say:
// true, or no content at all.
func (s *Server) nothing(names ...string) reply {
	if s.odd(append([]string{"204"}, names...)...) {
		return reply{status: http.StatusNoContent}
	}
	return ok(true)
}

// badGateway is what stands in front of the API says when the API is gone.
const badGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

func (r reply) body() []byte {
	switch {
	case r.page != "":
		return []byte(r.page)
	case r.fields == nil:
		return nil
	}
	body, err := json.Marshal(r.fields)
	if err != nil {
		panic(err) // every reply is made of encodable values; net/http turns this into a broken connection
	}
	return body
}

func (r reply) write(w http.ResponseWriter, body []byte) {
	header := w.Header()
	switch {
	case r.page != "":
		header.Set("Content-Type", "text/html")
	case r.fields != nil:
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if r.retryAfter != "" {
		header.Set("Retry-After", r.retryAfter)
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // a client that is gone misses its answer
}
