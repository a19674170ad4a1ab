package vpsie

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

const (
	// pageSize is asked of lists that come in pages.
	pageSize = 100
	// mostPages bounds a list that never ends.
	mostPages = 1000
)

// A list is how to read the elements of a list operation.
type list[T any] struct {
	request
	// paged lists are asked with offset and limit from the start.
	paged bool
	// certain lists must be there: null or false in place of the list is not
	// taken for an empty one, as it would mean that all machines are gone.
	certain bool
	read    func(value) T
	// key tells elements apart.
	key func(T) string
}

// all reads a list to its end: until there are as many elements as VPSie says
// in total, or, when it does not say, until a page brings nothing new. A list
// that ends before its total is an error.
func (l *list[T]) all(ctx context.Context, c *Client) ([]T, error) {
	var found []T
	seen := make(map[string]bool)
	received := 0
	for range mostPages {
		r := l.request
		if l.paged || received > 0 {
			r.query = url.Values{"offset": {strconv.Itoa(received)}, "limit": {strconv.Itoa(pageSize)}}
		}
		a, err := c.do(ctx, &r)
		if err != nil {
			return nil, err
		}
		page, total := l.page(a)
		before := len(found)
		received += len(page)
		for _, item := range page {
			element := l.read(item)
			if key := l.key(element); !seen[key] {
				seen[key] = true
				found = append(found, element)
			}
		}
		if err := a.problem(); err != nil {
			return nil, err
		}
		switch news := len(found) > before; {
		case total < 0 && (!l.paged || !news):
			return found, nil
		case total >= 0 && int64(received) >= total && (news || total == 0):
			return found, nil
		case !news:
			return nil, a.unreadable("the list ends after %d of %d", len(found), total)
		}
	}
	return nil, (&exchanged{request: &l.request}).unreadable("the list does not end")
}

// page finds the elements, in data or in data.rows, and their total; -1 when
// VPSie does not say.
func (l *list[T]) page(a *answer) (items []value, total int64) {
	data, sum := a.data(), a.value.field("total")
	if _, object := data.given.(map[string]any); object {
		data, sum = data.field("rows"), data.field("count", "total")
	}
	total = -1
	if sum.present() {
		total = sum.integer()
	}
	if data.none() && (a.httpStatus == http.StatusNoContent || l.certain && total != 0) {
		data.failf("there is no list")
	}
	return data.items(), total
}

// one reads the object an operation is about. What VPSie says of an object it
// does not have is null or false.
func one[T any](ctx context.Context, c *Client, r *request, read func(value) T) (*T, error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	if data := a.data(); data.none() {
		if a.httpStatus == http.StatusNoContent {
			return nil, a.unreadable("an answer without content")
		}
		return nil, a.fail(NotFound, "VPSie has no such object")
	}
	object := read(a.data())
	if err := a.problem(); err != nil {
		return nil, err
	}
	return &object, nil
}

// act sends a request with an effect. False in place of data means that the
// object was not there, where there is one, and else that nobody knows.
func (c *Client) act(ctx context.Context, r *request) (value, error) {
	a, err := c.do(ctx, r)
	if err != nil {
		return value{}, err
	}
	data := a.data()
	if data.given == false {
		if r.object {
			return value{}, a.fail(NotFound, "VPSie has no such object")
		}
		return value{}, a.unreadable("data: is false, which says neither yes nor no")
	}
	return data, nil
}
