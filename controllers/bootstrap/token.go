package bootstrap

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// joinersGroup is the group that kubeadm gives the rights of a joining machine.
const joinersGroup = "system:bootstrappers:kubeadm:default-node-token"

// token is a bootstrap token. The secret half must not be printed.
type token struct {
	id, secret string
}

// rehearsalToken stands in while a template is checked.
var rehearsalToken = token{id: "abcdef", secret: "0123456789abcdef"}

// String is the token as kubeadm takes it.
func (t token) String() string { return t.id + "." + t.secret }

// alphabet is what tokens are made of.
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// TokenID is the public half of a machine's token, and with it the Secret's
// name. It follows from the machine: one machine has one token at a time.
func TokenID(uid types.UID) string {
	sum := sha256.Sum256([]byte("bootstrap token of VPSieNode " + uid))
	id := make([]byte, 6)
	for i := range id {
		// 40 bits for each character leave no bias worth the name.
		n := uint64(sum[5*i])<<32 | uint64(sum[5*i+1])<<24 | uint64(sum[5*i+2])<<16 | uint64(sum[5*i+3])<<8 | uint64(sum[5*i+4])
		id[i] = alphabet[n%uint64(len(alphabet))]
	}
	return string(id)
}

// TokenSecretName is the name of the Secret, in kube-system, of a machine's token.
func TokenSecretName(uid types.UID) string {
	return bootstrapapi.BootstrapTokenSecretPrefix + TokenID(uid)
}

// newSecret draws the secret half: 16 characters, 82 bits.
func newSecret(random io.Reader) (string, error) {
	secret := make([]byte, 0, 16)
	var draw [32]byte
	for len(secret) < cap(secret) {
		if _, err := io.ReadFull(random, draw[:]); err != nil {
			return "", fmt.Errorf("drawing a bootstrap token: %w", err)
		}
		for _, b := range draw {
			// Every character equally often: 252 is seven times 36.
			if int(b) < 7*len(alphabet) && len(secret) < cap(secret) {
				secret = append(secret, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(secret), nil
}

// createToken makes the machine's token, in place of an earlier one. It reads no
// Secret: the rights to create and delete are enough.
func (b *Bootstrapper) createToken(ctx context.Context, machine *v1alpha1.VPSieNode) (token, error) {
	secret, err := newSecret(b.options.Random)
	if err != nil {
		return token{}, err
	}
	t := token{id: TokenID(machine.UID), secret: secret}
	object := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:      TokenSecretName(machine.UID),
			Namespace: metav1.NamespaceSystem,
			Labels: map[string]string{
				v1alpha1.NodeGroupLabel: machine.Spec.NodeGroup,
				v1alpha1.VPSieNodeLabel: machine.Name,
			},
			// Kubernetes deletes the token with its machine, whatever else fails.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "VPSieNode", Name: machine.Name, UID: machine.UID,
			}},
		},
		Type: bootstrapapi.SecretTypeBootstrapToken,
		StringData: map[string]string{
			bootstrapapi.BootstrapTokenIDKey:               t.id,
			bootstrapapi.BootstrapTokenSecretKey:           t.secret,
			bootstrapapi.BootstrapTokenExpirationKey:       b.options.Clock.Now().Add(b.options.TokenTTL).UTC().Format(time.RFC3339),
			bootstrapapi.BootstrapTokenUsageAuthentication: "true",
			bootstrapapi.BootstrapTokenUsageSigningKey:     "true",
			bootstrapapi.BootstrapTokenExtraGroupsKey:      joinersGroup,
			bootstrapapi.BootstrapTokenDescriptionKey:      "joins VPSieNode " + machine.Name,
		},
	}
	secrets := b.options.Kubernetes.CoreV1().Secrets(metav1.NamespaceSystem)
	_, err = secrets.Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		if err = b.deleteToken(ctx, machine); err == nil {
			_, err = secrets.Create(ctx, object, metav1.CreateOptions{})
		}
	}
	if err != nil {
		return token{}, fmt.Errorf("creating bootstrap token %s of VPSieNode %s: %w", t.id, machine.Name, err)
	}
	return t, nil
}

func (b *Bootstrapper) deleteToken(ctx context.Context, machine *v1alpha1.VPSieNode) error {
	name := TokenSecretName(machine.UID)
	err := b.options.Kubernetes.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting Secret %s/%s: %w", metav1.NamespaceSystem, name, err)
	}
	return nil
}
