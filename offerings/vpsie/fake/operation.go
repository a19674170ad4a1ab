package fake

import (
	"net/http"
	"slices"
)

// Operation is what a request asks for, in the words of the journal and of
// fault rules.
type Operation string

// Operations of the API.
const (
	Login Operation = "Login"

	ListVMs     Operation = "ListVMs"
	PendingVMs  Operation = "PendingVMs"
	GetVM       Operation = "GetVM"
	VMStatus    Operation = "VMStatus"
	VMAgent     Operation = "VMAgent"
	CreateVM    Operation = "CreateVM"
	DeleteVM    Operation = "DeleteVM"
	AddVMToVPC  Operation = "AddVMToVPC"
	DropVMVPC   Operation = "DropVMVPC"
	AddVMTags   Operation = "AddVMTags"
	ListAllVMs  Operation = "ListAllVMs"
	Datacenters Operation = "Datacenters"
	Categories  Operation = "Categories"
	Plans       Operation = "Plans"
	Images      Operation = "Images"
	Projects    Operation = "Projects"
	GetProject  Operation = "GetProject"
	ListVPCs    Operation = "ListVPCs"
	GetVPC      Operation = "GetVPC"
	VPCMembers  Operation = "VPCMembers"
	SSHKeys     Operation = "SSHKeys"
	GetSSHKey   Operation = "GetSSHKey"
	Scripts     Operation = "Scripts"
	GetScript   Operation = "GetScript"
	AddScript   Operation = "AddScript"
	DropScript  Operation = "DropScript"
	ListTags    Operation = "ListTags"
	AddTags     Operation = "AddTags"
	SetTags     Operation = "SetTags"

	KubeClusters   Operation = "KubeClusters"
	KubeCluster    Operation = "KubeCluster"
	KubeGroups     Operation = "KubeGroups"
	AddKubeGroup   Operation = "AddKubeGroup"
	DropKubeGroup  Operation = "DropKubeGroup"
	KubeOffers     Operation = "KubeOffers"
	AddKubeNode    Operation = "AddKubeNode"
	ReduceKube     Operation = "ReduceKube"
	DeleteKubeNode Operation = "DeleteKubeNode"
	// Unknown is a route that the API does not have.
	Unknown Operation = "Unknown"
)

// route is one way to ask for an operation.
type route struct {
	operation Operation
	method    string
	path      string
	serve     func(*Server, *call) reply
}

// vmPrefixes are both in use for machines: clients do not agree on one.
var vmPrefixes = []string{"/apps/v2", "/api/v2"}

// vmRoutes exist below each of vmPrefixes.
var vmRoutes = []route{
	{ListVMs, http.MethodGet, "/vm", (*Server).listVMs},
	{PendingVMs, http.MethodGet, "/vm/pending", (*Server).pendingVMs},
	{GetVM, http.MethodGet, "/vm/{identifier}", (*Server).getVM},
	{VMStatus, http.MethodGet, "/vm/status/{identifier}", (*Server).vmStatus},
	{VMAgent, http.MethodGet, "/vm/live/agent/status/{identifier}", (*Server).vmAgent},
	{CreateVM, http.MethodPost, "/vm", (*Server).createVM},
	{DeleteVM, http.MethodDelete, "/vm", (*Server).deleteVM},
	{AddVMToVPC, http.MethodPost, "/vm/add/vpc", (*Server).addVMToVPC},
	{DropVMVPC, http.MethodDelete, "/vm/vpc", (*Server).dropVMVPC},
	{AddVMTags, http.MethodPost, "/vm/addtags", (*Server).addVMTags},
}

var otherRoutes = []route{
	{Login, http.MethodPost, "/apps/v2/auth/from/api", (*Server).login},
	{ListAllVMs, http.MethodGet, "/apps/v2/storages/vms", (*Server).listAllVMs},

	{Datacenters, http.MethodGet, "/apps/v2/datacenter", (*Server).listDatacenters},
	{Categories, http.MethodGet, "/api/v2/plans/category", (*Server).listCategories},
	{Plans, http.MethodPost, "/apps/v2/resources", (*Server).listPlans},
	{Images, http.MethodGet, "/apps/v2/custom/images", (*Server).listImages},
	{Projects, http.MethodGet, "/apps/v2/projects", (*Server).listProjects},
	{GetProject, http.MethodGet, "/apps/v2/projects/{identifier}", (*Server).getProject},
	{ListVPCs, http.MethodGet, "/apps/v2/vpc", (*Server).listVPCs},
	{GetVPC, http.MethodGet, "/apps/v2/vpc/{id}", (*Server).getVPC},
	{VPCMembers, http.MethodGet, "/apps/v2/vpc/vms/{id}", (*Server).vpcMembers},
	{SSHKeys, http.MethodGet, "/apps/v2/sshkeys", (*Server).listSSHKeys},
	{GetSSHKey, http.MethodGet, "/apps/v2/sshkey/{identifier}", (*Server).getSSHKey},
	{Scripts, http.MethodGet, "/apps/v2/scripts", (*Server).listScripts},
	{GetScript, http.MethodGet, "/apps/v2/script/{identifier}", (*Server).getScript},
	{AddScript, http.MethodPost, "/apps/v2/script/add", (*Server).addScript},
	{DropScript, http.MethodDelete, "/apps/v2/script", (*Server).dropScript},
	{ListTags, http.MethodGet, "/apps/v2/tags", (*Server).listTags},
	{AddTags, http.MethodPost, "/apps/v2/tags/add", (*Server).addTags},
	{SetTags, http.MethodPut, "/apps/v2/tags/edit", (*Server).setTags},

	{KubeClusters, http.MethodGet, "/apps/v2/k8s/cluster/all", (*Server).listClusters},
	{KubeCluster, http.MethodGet, "/apps/v2/k8s/cluster/byId/{cluster}", (*Server).getCluster},
	{KubeGroups, http.MethodGet, "/apps/v2/k8s/node/groups/byClusterId/{cluster}", (*Server).listGroups},
	{AddKubeGroup, http.MethodPost, "/apps/v2/k8s/cluster/add/group", (*Server).addGroup},
	{DropKubeGroup, http.MethodDelete, "/apps/v2/k8s/cluster/delete/group/{group}", (*Server).dropGroup},
	{KubeOffers, http.MethodPost, "/apps/v2/k8s/offers", (*Server).listOffers},
	{AddKubeNode, http.MethodPost, "/apps/v2/k8s/cluster/byId/{cluster}/add/slave", (*Server).addWorker},
	{AddKubeNode, http.MethodPost, "/apps/v2/k8s/cluster/byId/{cluster}/add/slave/group/{group}", (*Server).addWorker},
	{ReduceKube, http.MethodDelete, "/apps/v2/k8s/cluster/byId/{cluster}/reduce", (*Server).reduce},
	{ReduceKube, http.MethodDelete, "/apps/v2/k8s/cluster/byId/{cluster}/reduce/slave", (*Server).reduce},
	{DeleteKubeNode, http.MethodDelete, "/apps/v2/k8s/cluster/byId/{cluster}/delete/slave", (*Server).deleteWorker},
}

// Operations returns every operation, sorted.
func Operations() []Operation {
	all := []Operation{Unknown}
	for _, routes := range [][]route{vmRoutes, otherRoutes} {
		for _, r := range routes {
			all = append(all, r.operation)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *Server) apiRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	register := func(r route, path string) {
		mux.HandleFunc(r.method+" "+path, func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, r) })
	}
	for _, r := range vmRoutes {
		for _, prefix := range vmPrefixes {
			register(r, prefix+r.path)
		}
	}
	for _, r := range otherRoutes {
		register(r, r.path)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		s.serve(w, req, route{operation: Unknown, serve: (*Server).unknown})
	})
	return mux
}

func (s *Server) unknown(*call) reply {
	return reply{status: http.StatusNotFound, page: "<html><head><title>404 Not Found</title></head><body>nginx</body></html>"}
}
