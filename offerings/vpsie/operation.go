package vpsie

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// family is which of the configurable prefixes a route begins with.
type family int

const (
	general family = iota
	vms
	plans
)

// An operation is one route of the API and what is known of it.
type operation struct {
	// name is Error.Op and the metrics' label method.
	name   string
	method string
	family family
	// path is a template below the family's prefix.
	path string
	// effect: the request creates, adds or deletes, and is not repeated.
	effect bool
	// object: the route is about one object, which may be not found.
	object bool
}

var (
	opLogin = operation{name: "Login", method: http.MethodPost, path: "/auth/from/api"}

	opListVMs    = operation{name: "ListVMs", method: http.MethodGet, family: vms, path: "/vm"}
	opGetVM      = operation{name: "GetVM", method: http.MethodGet, family: vms, path: "/vm/{id}", object: true}
	opPendingVMs = operation{name: "PendingVMs", method: http.MethodGet, family: vms, path: "/vm/pending"}
	opCreateVM   = operation{name: "CreateVM", method: http.MethodPost, family: vms, path: "/vm", effect: true}
	opDeleteVM   = operation{name: "DeleteVM", method: http.MethodDelete, family: vms, path: "/vm", effect: true, object: true}
	opListAllVMs = operation{name: "ListAllVMs", method: http.MethodGet, path: "/storages/vms"}

	opDatacenters = operation{name: "Datacenters", method: http.MethodGet, path: "/datacenter"}
	opProjects    = operation{name: "Projects", method: http.MethodGet, path: "/projects"}
	opProject     = operation{name: "Project", method: http.MethodGet, path: "/projects/{id}", object: true}

	opVPCs       = operation{name: "VPCs", method: http.MethodGet, path: "/vpc"}
	opAddVMToVPC = operation{name: "AddVMToVPC", method: http.MethodPost, family: vms, path: "/vm/add/vpc", effect: true}
	opVPCMembers = operation{name: "VPCMembers", method: http.MethodGet, path: "/vpc/vms/{id}"}

	opSSHKeys      = operation{name: "SSHKeys", method: http.MethodGet, path: "/sshkeys"}
	opScripts      = operation{name: "Scripts", method: http.MethodGet, path: "/scripts"}
	opAddScript    = operation{name: "AddScript", method: http.MethodPost, path: "/script/add", effect: true}
	opDeleteScript = operation{name: "DeleteScript", method: http.MethodDelete, path: "/script", effect: true, object: true}
	opTags         = operation{name: "Tags", method: http.MethodGet, path: "/tags"}
	opSetVMTags    = operation{name: "SetVMTags", method: http.MethodPut, path: "/tags/edit", effect: true, object: true}
	opCustomImages = operation{name: "CustomImages", method: http.MethodGet, path: "/custom/images"}

	opPlanCategories = operation{name: "PlanCategories", method: http.MethodGet, family: plans, path: "/plans/category"}
	opPlans          = operation{name: "Plans", method: http.MethodPost, path: "/resources"}

	opKubeClusters    = operation{name: "KubeClusters", method: http.MethodGet, path: "/k8s/cluster/all"}
	opKubeCluster     = operation{name: "KubeCluster", method: http.MethodGet, path: "/k8s/cluster/byId/{id}", object: true}
	opKubeGroups      = operation{name: "KubeGroups", method: http.MethodGet, path: "/k8s/node/groups/byClusterId/{id}"}
	opAddKubeGroup    = operation{name: "AddKubeGroup", method: http.MethodPost, path: "/k8s/cluster/add/group", effect: true}
	opDeleteKubeGroup = operation{
		name: "DeleteKubeGroup", method: http.MethodDelete, path: "/k8s/cluster/delete/group/{id}", effect: true, object: true,
	}
	opKubeOffers  = operation{name: "KubeOffers", method: http.MethodPost, path: "/k8s/offers"}
	opAddKubeNode = operation{
		name: "AddKubeNode", method: http.MethodPost, path: "/k8s/cluster/byId/{id}/add/slave/group/{group}", effect: true,
	}
	opDeleteKubeNode = operation{
		name: "DeleteKubeNode", method: http.MethodDelete, path: "/k8s/cluster/byId/{id}/delete/slave", effect: true, object: true,
	}
)

// A request is an operation with its arguments.
type request struct {
	operation
	// args replace the template's placeholders in order.
	args  []string
	query url.Values
	// body makes the JSON body from the credentials in use; nil sends none.
	body func(Credentials) any
	// form is sent instead of a body.
	form url.Values
	// hidden are values sent that must not come back in a message.
	hidden []string
}

// fixed makes a body that needs no credentials.
func fixed(body any) func(Credentials) any {
	return func(Credentials) any { return body }
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// expand puts the arguments into the template.
func (r *request) expand() string {
	next := 0
	return placeholder.ReplaceAllStringFunc(r.path, func(string) string {
		next++
		return r.args[next-1]
	})
}

// refuse makes the error of a request that is not sent because it is wrong.
func (o operation) refuse(format string, args ...any) error {
	return &Error{Op: o.name, Method: o.method, Path: o.path, Kind: Invalid, Message: fmt.Sprintf(format, args...)}
}

// identifierForm is what identifiers are made of: UUIDs and numbers were seen.
var identifierForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)

// checkIdentifier refuses what cannot be an identifier and would be part of a path.
func checkIdentifier(id string) error {
	switch {
	case id == "":
		return errors.New("is empty")
	case !identifierForm.MatchString(id):
		return errors.New("is not an identifier: only letters, digits, - _ and . can be in one")
	}
	return nil
}

// identifiers checks pairs of a name and an identifier.
func (o operation) identifiers(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := checkIdentifier(pairs[i+1]); err != nil {
			return o.refuse("%s %v", pairs[i], err)
		}
	}
	return nil
}

// fold makes a hostname comparable.
func fold(hostname string) string {
	return strings.ToLower(hostname)
}
