// Package fake is a VPSie API server with the real one's quirks, and with
// faults on request: what controllers, tests and the local cluster talk to
// instead of api.vpsie.com.
//
// A Server is an http.Handler. It keeps an account in memory: machines that are
// ordered, wait in a queue, are listed, start and boot; plans with prices;
// projects, keys, images, VPCs, scripts, tags; managed Kubernetes clusters.
// Machines boot through a MachineRunner; package machine has one whose machines
// execute their user data and join a real control plane.
//
// Quirks are always on: an order is answered without an identifier, host names
// come back in another case, flags count only as strings, numbers arrive as
// strings, mistakes are answered with HTTP 200. Which row gets which oddity is
// drawn from Config.Seed and the row's own name, never from the order of
// requests, so a run is repeated by its seed even when requests race.
//
// Faults are rules (Fault) set in code or through the admin endpoint under
// /_fake/, which also shows the state, the journal of requests and how often
// each host name was bought.
//
// The package knows nothing of Kubernetes and of this project's client: it is
// written from what public clients of the API do, so that the client is tested
// against a second reading of the same evidence.
package fake
