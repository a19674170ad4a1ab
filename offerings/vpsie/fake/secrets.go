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
		for _, secret := range bootstrapSecrets(string(m.userData) + "\n" + string(m.script)) {
			all[secret] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// bootstrapSecrets are the secret halves of the tokens in a text.
func bootstrapSecrets(text string) []string {
	var secrets []string
	for _, found := range bootstrapToken.FindAllStringSubmatch(text, -1) {
		secrets = append(secrets, found[1])
	}
	return secrets
}

// remember that these are secrets.
func (s *Server) remember(secrets ...string) {
	for _, secret := range secrets {
		s.secrets[secret] = true
	}
}
