package rbactest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	audit "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"sigs.k8s.io/yaml"
)

// Permission is one verb on one resource, as a role grants it.
type Permission struct {
	// Role is its name. Namespace is where it is bound, empty for everywhere.
	Role, Namespace string
	// Group is empty for the core API. Resource may have a subresource: pods/status.
	Group, Resource string
	// Names are the only objects, nil for all.
	Names []string
	Verb  string
}

// String is such as "patch pods/status (ClusterRole x)".
func (p Permission) String() string {
	resource := p.Resource
	if p.Group != "" {
		resource += "." + p.Group
	}
	if len(p.Names) > 0 {
		resource += " " + strings.Join(p.Names, ",")
	}
	if p.Namespace == "" {
		return fmt.Sprintf("%s %s (ClusterRole %s)", p.Verb, resource, p.Role)
	}
	return fmt.Sprintf("%s %s (Role %s/%s)", p.Verb, resource, p.Namespace, p.Role)
}

// Request is one kind of request that was denied.
type Request struct {
	Verb, Group, Resource, Namespace, Name string
}

// String is such as "delete secrets kube-system/x".
func (r Request) String() string {
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Verb, resource, strings.Trim(r.Namespace+"/"+r.Name, "/")))
}

// Report is what Compare found, sorted.
type Report struct {
	// Unused are permissions that no request needed.
	Unused []Permission
	// Denied are the requests that were forbidden and that no permission allows, each
	// once. An API server that has just started forbids what it has not read of yet.
	Denied []Request
	// Requests is how many of the ServiceAccount's were looked at.
	Requests int
}

// Permissions lists what roles of the manifests grant a ServiceAccount.
func Permissions(manifests []byte, namespace, name string) ([]Permission, error) {
	roles, bindings, err := read(manifests)
	if err != nil {
		return nil, err
	}
	var permissions []Permission
	for _, b := range bindings {
		if !slices.ContainsFunc(b.subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == namespace && s.Name == name
		}) {
			continue
		}
		rules, ok := roles[b.role]
		if !ok {
			return nil, fmt.Errorf("binding %s is to %s %s, which is not in the manifests", b.name, b.role.kind, b.role.name)
		}
		for _, rule := range rules {
			if len(rule.NonResourceURLs) > 0 {
				return nil, fmt.Errorf("%s %s: rules on URLs are not compared", b.role.kind, b.role.name)
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						permissions = append(permissions, Permission{
							Role: b.role.name, Namespace: b.namespace, Group: group, Resource: resource, Names: rule.ResourceNames, Verb: verb,
						})
					}
				}
			}
		}
	}
	return permissions, nil
}

// Compare reads an audit log, one JSON event a line and at least at level
// Metadata, and says which permissions of the ServiceAccount none of its requests
// needed, and which requests were denied.
func Compare(manifests []byte, log io.Reader, namespace, name string) (*Report, error) {
	permissions, err := Permissions(manifests, namespace, name)
	if err != nil {
		return nil, err
	}
	user := serviceaccount.MakeUsername(namespace, name)
	used := make([]bool, len(permissions))
	denied := map[Request]bool{}
	report := &Report{}
	lines := bufio.NewReader(log)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var event audit.Event
			if err := json.Unmarshal(line, &event); err != nil {
				return nil, fmt.Errorf("audit log, line %d: %w", number, err)
			}
			if event.User.Username == user && event.ObjectRef != nil && event.Stage != audit.StageRequestReceived {
				report.Requests++
				request := requestOf(&event)
				forbidden := event.Annotations["authorization.k8s.io/decision"] == "forbid"
				allowed := false
				for i := range permissions {
					if permissions[i].allows(request) {
						allowed = true
						used[i] = used[i] || !forbidden
					}
				}
				if forbidden && !allowed {
					denied[request] = true
				}
			}
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
	}
	for i, p := range permissions {
		if !used[i] {
			report.Unused = append(report.Unused, p)
		}
	}
	for request := range denied {
		report.Denied = append(report.Denied, request)
	}
	slices.SortFunc(report.Unused, func(a, b Permission) int { return cmp.Compare(a.String(), b.String()) })
	slices.SortFunc(report.Denied, func(a, b Request) int { return cmp.Compare(a.String(), b.String()) })
	return report, nil
}

func requestOf(event *audit.Event) Request {
	ref := event.ObjectRef
	resource := ref.Resource
	if ref.Subresource != "" {
		resource += "/" + ref.Subresource
	}
	return Request{Verb: event.Verb, Group: ref.APIGroup, Resource: resource, Namespace: ref.Namespace, Name: ref.Name}
}

// allows is what the RBAC authorizer says of one rule.
func (p Permission) allows(r Request) bool {
	return (p.Verb == r.Verb || p.Verb == rbacv1.VerbAll) &&
		(p.Group == r.Group || p.Group == rbacv1.APIGroupAll) &&
		(p.Resource == r.Resource || p.Resource == rbacv1.ResourceAll) &&
		(p.Namespace == "" || p.Namespace == r.Namespace) &&
		(len(p.Names) == 0 || slices.Contains(p.Names, r.Name))
}

// roleKey names a role; the namespace is empty for a ClusterRole.
type roleKey struct{ kind, namespace, name string }

type binding struct {
	name string
	role roleKey
	// namespace that it grants in, empty for everywhere.
	namespace string
	subjects  []rbacv1.Subject
}

// read finds the roles and bindings of a YAML stream. Objects of other kinds are
// passed over.
func read(manifests []byte) (map[roleKey][]rbacv1.PolicyRule, []binding, error) {
	roles := map[roleKey][]rbacv1.PolicyRule{}
	var bindings []binding
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return roles, bindings, nil
		} else if err != nil {
			return nil, nil, fmt.Errorf("read manifests: %w", err)
		}
		var meta runtime.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			return nil, nil, fmt.Errorf("read manifests: %w", err)
		}
		switch meta.Kind {
		case "ClusterRole":
			var role rbacv1.ClusterRole
			err = yaml.UnmarshalStrict(document, &role)
			roles[roleKey{kind: meta.Kind, name: role.Name}] = role.Rules
		case "Role":
			var role rbacv1.Role
			err = yaml.UnmarshalStrict(document, &role)
			roles[roleKey{meta.Kind, role.Namespace, role.Name}] = role.Rules
		case "ClusterRoleBinding":
			var b rbacv1.ClusterRoleBinding
			err = yaml.UnmarshalStrict(document, &b)
			bindings = append(bindings, binding{name: b.Name, role: roleKey{kind: b.RoleRef.Kind, name: b.RoleRef.Name}, subjects: b.Subjects})
		case "RoleBinding":
			var b rbacv1.RoleBinding
			err = yaml.UnmarshalStrict(document, &b)
			key := roleKey{kind: b.RoleRef.Kind, name: b.RoleRef.Name}
			if key.kind == "Role" {
				key.namespace = b.Namespace
			}
			bindings = append(bindings, binding{name: b.Name, role: key, namespace: b.Namespace, subjects: b.Subjects})
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read manifests: %s: %w", meta.Kind, err)
		}
	}
}
