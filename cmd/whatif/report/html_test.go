package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// walkHTML calls visit for each element of a page.
func walkHTML(t *testing.T, page []byte, visit func(n *html.Node)) {
	t.Helper()
	document, err := html.Parse(strings.NewReader(string(page)))
	require.NoError(t, err)
	for n := range document.Descendants() {
		if n.Type == html.ElementNode {
			visit(n)
		}
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// hostile are names and messages that would be more than text in a page.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; alert(1); '`, `</style><script>alert(1)</script>`,
	`javascript:alert(1)`, `{{.CSS}}`, "`${alert(1)}`", `</title><script>alert(1)</script>`,
}

func TestHostileNamesStayText(t *testing.T) {
	for _, name := range hostile {
		decision, request := fixture(t)
		request.Objects.Nodes[1].Name = name
		request.Objects.Nodes[1].Labels["topology.kubernetes.io/zone"] = name
		decision.Metadata.ID = name
		decision.Add[0].Pods = []string{"ns/" + name}
		decision.Add[1].Name = name
		decision.Alternatives[0].Summary = name
		decision.Unschedulable[0] = plan.Unschedulable{Pod: name, Summary: name, Reasons: []plan.Reason{{Template: name, Plugin: name, Message: name}}}
		page := render(t, New(decision, request, []string{name}), HTML, Plain)

		scripts, seen := 0, 0
		walkHTML(t, page, func(n *html.Node) {
			switch n.Data {
			case "script":
				scripts++
			case "img":
				assert.Fail(t, "an image came in", name)
			case "code":
				if textOf(n) == name {
					seen++
				}
			}
			for _, a := range n.Attr {
				assert.False(t, strings.HasPrefix(a.Key, "on"), "%s has %s", n.Data, a.Key)
			}
		})
		assert.Equal(t, 1, scripts, "only the page's own script, with %s", name)
		assert.GreaterOrEqual(t, seen, 3, "%s is shown as text", name)
	}
}

func TestPageLoadsNothing(t *testing.T) {
	decision, request := fixture(t)
	page := render(t, New(decision, request, nil), HTML, Plain)
	walkHTML(t, page, func(n *html.Node) {
		for _, key := range []string{"src", "href", "srcset", "action", "data", "poster"} {
			assert.Empty(t, attribute(n, key), "%s has %s", n.Data, key)
		}
		assert.NotContains(t, []string{"link", "iframe", "object", "embed", "base"}, n.Data)
	})
	for _, forbidden := range []string{"http:", "https:", "url(", "@import", "fetch(", "XMLHttpRequest"} {
		assert.NotContains(t, string(page), forbidden)
	}
	assert.Contains(t, string(page), `content="default-src 'none'`)
}

func TestPageShowsEveryNodePodAndReason(t *testing.T) {
	decision, request := fixture(t)
	page := render(t, New(decision, request, []string{"prices are invented"}), HTML, Plain)
	shown := map[string]int{}
	strips := 0
	walkHTML(t, page, func(n *html.Node) {
		switch n.Data {
		case "code":
			shown[textOf(n)]++
		case "svg":
			strips++
			assert.NotEmpty(t, attribute(n, "aria-label"))
		case "html":
			assert.Equal(t, "en", attribute(n, "lang"))
		}
		if attribute(n, "role") == "img" {
			assert.NotEmpty(t, attribute(n, "aria-label"))
		}
	})
	assert.Equal(t, 2, strips, "before and after")
	for _, node := range request.Objects.Nodes {
		assert.Equal(t, 1, shown[node.Name], node.Name)
	}
	for _, pod := range request.Objects.Pods {
		assert.Equal(t, 1, shown[pod.Namespace+"/"+pod.Name], pod.Name)
	}
	for _, machine := range decision.Add {
		assert.Equal(t, 1, shown[machine.Name], machine.Name)
	}
	for _, u := range decision.Unschedulable {
		assert.Equal(t, 1, shown[u.Pod], u.Pod)
		assert.Contains(t, string(page), html.EscapeString(u.Summary))
	}
	assert.Contains(t, string(page), "prices are invented")
}

// Nodes without a price and a cluster without nodes still have a picture.
func TestPageOfAnEmptyCluster(t *testing.T) {
	decision, request := nothing(t)
	request.Objects.Nodes, request.Objects.Pods = nil, nil
	decision.PricePerHour = plan.Price{}
	page := string(render(t, New(decision, request, nil), HTML, Plain))
	assert.Contains(t, page, "no pods pending: nothing to do")
	assert.NotContains(t, page, "NaN")

	decision, request = nothing(t)
	for _, node := range request.Objects.Nodes {
		node.Labels = nil
	}
	page = string(render(t, New(decision, request, nil), HTML, Plain))
	assert.Contains(t, page, "price unknown")
	assert.NotContains(t, page, "NaN")
}

// Tiles fill the longer strip exactly and keep their order.
func TestStripsAreOnOneScale(t *testing.T) {
	decision, request := fixture(t)
	pic, err := draw(decision, request)
	require.NoError(t, err)
	v := &viewer{Report: New(decision, request, nil), picture: pic}
	strips := v.strips()
	require.Len(t, strips, 2)
	before, after := strips[0].Tiles, strips[1].Tiles
	require.Len(t, before, 3)
	require.Len(t, after, 7)
	last := after[len(after)-1]
	assert.InDelta(t, stripWidth, last.X+last.Width, 2*stripGap)
	for i, tile := range before {
		assert.Equal(t, tile.X, after[i].X)
		assert.Equal(t, tile.Width, after[i].Width)
		assert.Zero(t, tile.Incoming, "nothing has come before")
	}
	for i, tile := range after {
		assert.InDelta(t, stripHeight, tile.IncomingY+tile.Incoming+tile.Today, 0.05, "tile %d", i)
		if i > 0 {
			assert.Greater(t, tile.X, after[i-1].X)
		}
	}
}
