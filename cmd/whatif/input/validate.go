package input

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsconversion "k8s.io/kubernetes/pkg/apis/apps/v1"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	batchconversion "k8s.io/kubernetes/pkg/apis/batch/v1"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/features"
)

// stored tells an object that an API server has accepted from one that somebody
// wrote: only the latter is validated.
func stored(obj object) bool {
	return obj.GetUID() != "" || obj.GetResourceVersion() != ""
}

// validatePod is the API server's own validation of a new pod.
func validatePod(pod *v1.Pod) field.ErrorList {
	var internal core.Pod
	if err := corev1.Convert_v1_Pod_To_core_Pod(pod.DeepCopy(), &internal, nil); err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	podutil.DropDisabledPodFields(&internal, nil)
	options := podutil.GetValidationOptionsFromPodSpecAndMeta(&internal.Spec, nil, &internal.ObjectMeta, nil)
	options.ResourceIsPod = true
	return corevalidation.ValidatePodCreate(&internal, options)
}

// validatePodMeta is the part of validatePod that can differ between pods of
// equal spec.
func validatePodMeta(pod *v1.Pod) field.ErrorList {
	return corevalidation.ValidateObjectMeta(&pod.ObjectMeta, true, corevalidation.ValidatePodName, field.NewPath("metadata"))
}

// validateWorkload is the API server's own validation of a new workload.
func validateWorkload(obj object) field.ErrorList {
	convertFailed := func(err error) field.ErrorList { return field.ErrorList{field.InternalError(nil, err)} }
	switch workload := obj.DeepCopyObject().(type) {
	case *appsv1.Deployment:
		var internal apps.Deployment
		if err := appsconversion.Convert_v1_Deployment_To_apps_Deployment(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		return appsvalidation.ValidateDeployment(&internal, podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil))
	case *appsv1.ReplicaSet:
		var internal apps.ReplicaSet
		if err := appsconversion.Convert_v1_ReplicaSet_To_apps_ReplicaSet(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		return appsvalidation.ValidateReplicaSet(&internal, podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil))
	case *appsv1.DaemonSet:
		var internal apps.DaemonSet
		if err := appsconversion.Convert_v1_DaemonSet_To_apps_DaemonSet(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		return appsvalidation.ValidateDaemonSet(&internal, podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil))
	case *appsv1.StatefulSet:
		var internal apps.StatefulSet
		if err := appsconversion.Convert_v1_StatefulSet_To_apps_StatefulSet(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		options := appsvalidation.StatefulSetValidationOptions{
			AllowStatefulSetRecreateStrategy: utilfeature.DefaultFeatureGate.Enabled(features.StatefulSetRecreateStrategy),
		}
		return appsvalidation.ValidateStatefulSet(&internal, options, podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil))
	case *v1.ReplicationController:
		var internal core.ReplicationController
		if err := corev1.Convert_v1_ReplicationController_To_core_ReplicationController(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		return corevalidation.ValidateReplicationController(&internal, podutil.GetValidationOptionsFromPodTemplate(internal.Spec.Template, nil))
	case *batchv1.Job:
		var internal batch.Job
		if err := batchconversion.Convert_v1_Job_To_batch_Job(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		return batchvalidation.ValidateJobCreate(&internal, batchvalidation.JobValidationOptions{
			PodValidationOptions:  podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.Template, nil),
			RequirePrefixedLabels: true,
		})
	case *batchv1.CronJob:
		var internal batch.CronJob
		if err := batchconversion.Convert_v1_CronJob_To_batch_CronJob(workload, &internal, nil); err != nil {
			return convertFailed(err)
		}
		return batchvalidation.ValidateCronJobCreate(&internal, podutil.GetValidationOptionsFromPodTemplate(&internal.Spec.JobTemplate.Spec.Template, nil))
	}
	return nil
}

// complain puts an error about an object behind its file, line and name.
// fieldPrefix leads from the object to the pod that the error is about.
func (l *loaded) complain(err error, fieldPrefix string) error {
	at := l.from.at()
	if wrong, ok := err.(*fieldError); ok {
		err = &fieldError{fieldPrefix + wrong.field, wrong.what}
		at = l.from.fieldPlace(fieldPrefix + wrong.field)
	}
	return at.errorf("%s %s: %w", l.kind.gvk.Kind, keyOf(l.obj), err)
}

// refuse reports the first by field of the API server's complaints; nil without any.
func (l *loaded) refuse(wrong field.ErrorList, fieldPrefix string) error {
	if len(wrong) == 0 {
		return nil
	}
	// By field, because validation walks maps in any order.
	first := slices.MinFunc(wrong, func(x, y *field.Error) int {
		return cmp.Or(cmp.Compare(x.Field, y.Field), cmp.Compare(x.ErrorBody(), y.ErrorBody()))
	})
	what := oneLine(first.ErrorBody())
	if more := len(wrong) - 1; more > 0 {
		what = fmt.Sprintf("%s (and %d more)", what, more)
	}
	name := first.Field
	if strings.HasPrefix(name, "metadata.name") {
		// The pod's name is made from the workload's.
		fieldPrefix = ""
	}
	return l.complain(&fieldError{name, what}, fieldPrefix)
}

// keyOf is namespace/name, or the name of what has no namespace.
func keyOf(obj object) string {
	if obj.GetNamespace() == "" {
		return obj.GetName()
	}
	return obj.GetNamespace() + "/" + obj.GetName()
}
