package fake

import (
	"maps"
	"regexp"
	"slices"
)

// bootstrapToken is the form of the tokens with which machines join a cluster.
var bootstrapToken = regexp.MustCompile(`\b[a-z0-9]{6}\.([a-z0-9]{16})\b`)

// Secrets returns, sorted, everything that this server ever gave out or was
// given and that must be found in no log, event, status, metric or error:
// passwords, client secrets and tokens of the account, former ones included,
// machines' root passwords, and the secrets of bootstrap tokens in user data
// and scripts.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.secrets)
	for _, m := range s.machines {
		all[s.rootPassword(m)] = true
		for _, data := range [][]byte{m.userData, m.script} {
			for _, found := range bootstrapToken.FindAllSubmatch(data, -1) {
				all[string(found[1])] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// remember that these are secrets.
func (s *Server) remember(secrets ...string) {
	for _, secret := range secrets {
		s.secrets[secret] = true
	}
}
