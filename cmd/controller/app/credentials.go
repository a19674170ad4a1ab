package app

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// credentials reads VPSie's Secret from a reader that watches it. Errors name
// the Secret and never a value in it.
func credentials(reader client.Reader, secret types.NamespacedName) func(context.Context) (vpsie.Credentials, error) {
	return func(ctx context.Context) (vpsie.Credentials, error) {
		var found corev1.Secret
		if err := reader.Get(ctx, secret, &found); err != nil {
			return vpsie.Credentials{}, fmt.Errorf("VPSie's credentials: %w", err)
		}
		parsed, err := vpsie.CredentialsFromSecret(found.Data)
		if err != nil {
			return vpsie.Credentials{}, fmt.Errorf("VPSie's credentials in Secret %s: %w", secret, err)
		}
		return parsed, nil
	}
}
