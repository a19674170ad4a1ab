package input

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	batchdefaults "k8s.io/kubernetes/pkg/apis/batch/v1"
	"k8s.io/kubernetes/pkg/controller"
)

// statefulSet creates the ordinals that are missing, and the claims of all of
// them. With replicas given, that many ordinals beyond those taken.
func (e *expansion) statefulSet(l *loaded, set *appsv1.StatefulSet) error {
	start := 0
	if set.Spec.Ordinals != nil {
		start = int(set.Spec.Ordinals.Start)
	}
	limit := int(*set.Spec.Replicas)
	if e.replicas != nil {
		limit = int(*e.replicas)
	}
	var ordinals []int
	// Beyond the most pods that may be created, create refuses.
	for i := start; (e.onTop || i < start+limit) && len(ordinals) < min(limit, maxCreatedPods+1); i++ {
		if !e.taken[types.NamespacedName{Namespace: set.Namespace, Name: ordinalName(set, i)}] {
			ordinals = append(ordinals, i)
		}
	}
	revision := set.Status.UpdateRevision
	if revision == "" {
		revision = set.Name + "-" + controller.ComputeHash(&set.Spec.Template, set.Status.CollisionCount)
	}
	claims := make(map[types.NamespacedName]bool)
	if len(set.Spec.VolumeClaimTemplates) > 0 {
		for _, claim := range e.objects.PersistentVolumeClaims {
			claims[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] = true
		}
	}
	return e.create(l, creation{
		owner: set, gvk: l.kind.gvk, template: &set.Spec.Template, prefix: "spec.template.", n: len(ordinals),
		name: func(i int) string { return ordinalName(set, ordinals[i]) },
		finish: func(i int, pod *v1.Pod) {
			pod.Spec.Hostname, pod.Spec.Subdomain = pod.Name, set.Spec.ServiceName
			setLabel(pod, appsv1.StatefulSetPodNameLabel, pod.Name)
			setLabel(pod, appsv1.PodIndexLabel, strconv.Itoa(ordinals[i]))
			setLabel(pod, appsv1.StatefulSetRevisionLabel, revision)
			e.claimTemplates(set, pod, claims)
		},
	})
}

func ordinalName(set *appsv1.StatefulSet, ordinal int) string {
	return fmt.Sprintf("%s-%d", set.Name, ordinal)
}

func setLabel(pod *v1.Pod, key, value string) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[key] = value
}

// claimTemplates gives a pod of a StatefulSet its volumes, and creates the
// claims that are not there yet.
func (e *expansion) claimTemplates(set *appsv1.StatefulSet, pod *v1.Pod, existing map[types.NamespacedName]bool) {
	if len(set.Spec.VolumeClaimTemplates) == 0 {
		return
	}
	volumes := make([]v1.Volume, 0, len(set.Spec.VolumeClaimTemplates)+len(pod.Spec.Volumes))
	for i := range set.Spec.VolumeClaimTemplates {
		template := &set.Spec.VolumeClaimTemplates[i]
		claim := template.DeepCopy()
		claim.Name, claim.Namespace = template.Name+"-"+pod.Name, set.Namespace
		if claim.Labels == nil {
			claim.Labels = map[string]string{}
		}
		for key, value := range set.Spec.Selector.MatchLabels {
			claim.Labels[key] = value
		}
		volumes = append(volumes, v1.Volume{Name: template.Name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name},
		}})
		key := types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}
		if !existing[key] {
			existing[key] = true
			e.addClaim(claim)
		}
	}
	for _, volume := range pod.Spec.Volumes {
		// A claim template hides a volume of its name.
		if !slices.ContainsFunc(set.Spec.VolumeClaimTemplates, func(t v1.PersistentVolumeClaim) bool { return t.Name == volume.Name }) {
			volumes = append(volumes, volume)
		}
	}
	pod.Spec.Volumes = volumes
}

// job creates the pods that the Job controller would have running now.
func (e *expansion) job(l *loaded, job *batchv1.Job, prefix string) error {
	running := e.pods(job, "Job")
	wanted := 0
	switch parallelism := int(*job.Spec.Parallelism); {
	case !e.onTop && (finished(job) || *job.Spec.Suspend):
	case job.Spec.ManagedBy != nil && *job.Spec.ManagedBy != batchv1.JobControllerName:
		e.notes.remark("Job %s is managed by %s: no pods", keyOf(job), *job.Spec.ManagedBy)
	case e.replicas != nil:
		wanted = int(*e.replicas)
	case e.onTop && job.Spec.Completions != nil:
		wanted = max(0, min(parallelism, int(*job.Spec.Completions)))
	case e.onTop:
		wanted = parallelism
	case job.Spec.Completions != nil:
		wanted = max(0, min(parallelism, int(*job.Spec.Completions-job.Status.Succeeded))-len(running))
	case job.Status.Succeeded == 0:
		wanted = max(0, parallelism-len(running))
	}
	order := creation{owner: job, gvk: batchv1.SchemeGroupVersion.WithKind("Job"), template: &job.Spec.Template, prefix: prefix, n: wanted}
	if job.Spec.Completions != nil && *job.Spec.CompletionMode == batchv1.IndexedCompletion {
		if err := e.indexed(l, job, running, &order); err != nil {
			return err
		}
	}
	return e.create(l, order)
}

// indexed gives the pods of an order the lowest indexes that neither ran nor run.
func (e *expansion) indexed(l *loaded, job *batchv1.Job, running []*v1.Pod, order *creation) error {
	if order.n > maxCreatedPods {
		return nil // create refuses
	}
	var done []span
	if !e.onTop {
		var err error
		if done, err = parseIndexes(job.Status.CompletedIndexes); err != nil {
			return l.complain(&fieldError{"status.completedIndexes", err.Error()}, "")
		}
	}
	started := map[int]bool{}
	for _, pod := range running {
		if i, err := strconv.Atoi(pod.Annotations[batchv1.JobCompletionIndexAnnotation]); err == nil {
			started[i] = true
		}
	}
	var indexes []int
	for i := 0; len(indexes) < order.n && (e.onTop || i < int(*job.Spec.Completions)); i++ {
		isDone := slices.ContainsFunc(done, func(s span) bool { return i >= s.start && i <= s.end })
		if !isDone && !started[i] {
			indexes = append(indexes, i)
		}
	}
	order.n = len(indexes)
	order.name = func(i int) string {
		name := fmt.Sprintf("%s-%d", job.Name, indexes[i])
		if e.taken[types.NamespacedName{Namespace: job.Namespace, Name: name}] {
			name, _ = e.freeName(job.Namespace, name, 0)
		}
		return name
	}
	order.finish = func(i int, pod *v1.Pod) {
		index := strconv.Itoa(indexes[i])
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[batchv1.JobCompletionIndexAnnotation] = index
		setLabel(pod, batchv1.JobCompletionIndexAnnotation, index)
		pod.Spec.Hostname = job.Name + "-" + index
	}
	return nil
}

// parseIndexes reads "1,3-5" as spans, both ends included.
func parseIndexes(s string) ([]span, error) {
	if s == "" {
		return nil, nil
	}
	var spans []span
	for part := range strings.SplitSeq(s, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err1 := strconv.Atoi(low)
		last, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || first < 0 || last < first {
			return nil, fmt.Errorf("%q is not a list of indexes", s)
		}
		spans = append(spans, span{first, last})
	}
	return spans, nil
}

func finished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobFailed, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet:
			return c.Status == v1.ConditionTrue
		}
		return false
	})
}

// cronJob creates the pods of one run, unless one is under way.
func (e *expansion) cronJob(l *loaded, cron *batchv1.CronJob) error {
	if !e.onTop {
		if *cron.Spec.Suspend {
			return nil
		}
		for _, other := range e.workloads {
			job, ok := other.obj.(*batchv1.Job)
			if ok && job.Namespace == cron.Namespace && !finished(job) && e.sameOwner(metav1.GetControllerOfNoCopy(job), cron, "CronJob") {
				return nil
			}
		}
	}
	run := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cron.Namespace, Labels: cron.Spec.JobTemplate.Labels, Annotations: cron.Spec.JobTemplate.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(cron, batchv1.SchemeGroupVersion.WithKind("CronJob"))},
		},
		Spec: *cron.Spec.JobTemplate.Spec.DeepCopy(),
	}
	for n := 0; ; n++ {
		run.Name = fmt.Sprintf("%s-%d", cron.Name, n)
		if _, taken := e.seen[objectKey{"Job", run.Namespace, run.Name}]; !taken {
			break
		}
	}
	run.UID = uidOf("Job", run.Namespace, run.Name)
	batchdefaults.SetObjectDefaults_Job(run)
	generateJobSelector(run)
	return e.job(l, run, "spec.jobTemplate.spec.template.")
}

// generateJobSelector labels the template as the API server does when a Job is
// created.
func generateJobSelector(job *batchv1.Job) {
	if *job.Spec.ManualSelector {
		return
	}
	template := &job.Spec.Template
	if template.Labels == nil {
		template.Labels = map[string]string{}
	}
	set := func(value string, keys ...string) {
		for _, key := range keys {
			if _, there := template.Labels[key]; !there {
				template.Labels[key] = value
			}
		}
	}
	set(job.Name, "job-name", batchv1.JobNameLabel)
	set(string(job.UID), "controller-uid", batchv1.ControllerUidLabel)
	if job.Spec.Selector == nil {
		job.Spec.Selector = &metav1.LabelSelector{}
	}
	if job.Spec.Selector.MatchLabels == nil {
		job.Spec.Selector.MatchLabels = map[string]string{}
	}
	if _, there := job.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]; !there {
		job.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = string(job.UID)
	}
}
