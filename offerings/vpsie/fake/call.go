package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// largestBody in bytes that is read of a request.
const largestBody = 1 << 20

// call is a request that was read.
type call struct {
	request *http.Request
	route   route
	// form is a form-urlencoded body, fields a JSON one.
	form   url.Values
	fields map[string]any
	// machine, hostname and offering that the request is about, as far as known.
	machine  *machine
	hostname string
	offering string
}

// read reads a request. A body that cannot be read has no fields, as if it were empty.
func read(r *http.Request, route route) (*call, error) {
	c := &call{request: r, route: route, fields: map[string]any{}}
	body, err := io.ReadAll(io.LimitReader(r.Body, largestBody))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		// What is left of a form with a mistake in it is what counts.
		c.form, _ = url.ParseQuery(string(body))
		return c, nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	var fields map[string]any
	if decoder.Decode(&fields) == nil && fields != nil {
		c.fields = fields
	}
	return c, nil
}

// text is a string field of the body, JSON or form; "" when it is not a string.
func (c *call) text(name string) string {
	if c.form != nil {
		return c.form.Get(name)
	}
	s, _ := c.fields[name].(string)
	return s
}

// number is an integer field of the JSON body, which may be written as a string.
func (c *call) number(name string) (int, bool) {
	switch v := c.fields[name].(type) {
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err == nil
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

// flag is true for the string "1" alone: numbers and booleans are ignored
// without a word.
func (c *call) flag(name string) bool { return c.fields[name] == "1" }

// texts is a list of strings of the JSON body; what is not a string is left out.
func (c *call) texts(name string) []string {
	list, _ := c.fields[name].([]any)
	var texts []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// identify finds out which machine and offering a request is about, for the
// journal and for fault rules.
func (s *Server) identify(c *call) {
	identifier := c.text("vmIdentifier")
	switch c.route.operation {
	case GetVM, VMStatus, VMAgent:
		identifier = c.request.PathValue("identifier")
	case DeleteKubeNode:
		identifier = c.text("identifier")
	case CreateVM:
		c.hostname = c.text("hostname")
		if o := s.config.Catalog.ByIdentifier(c.text("resourceIdentifier")); o != nil {
			c.offering = o.Name
		}
		return
	case AddKubeNode:
		if _, g := s.clusterAndGroup(c); g != nil {
			c.offering = g.offering.Name
		}
		return
	}
	if m := s.find(identifier); m != nil {
		c.machine, c.hostname, c.offering = m, m.Ordered, m.Offering
	}
}

// page is the part of a list that offset and limit ask for; both count records.
func page[T any](c *call, list []T) []T {
	query := c.request.URL.Query()
	if offset, err := strconv.Atoi(query.Get("offset")); err == nil && offset > 0 {
		list = list[min(offset, len(list)):]
	}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit >= 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}
