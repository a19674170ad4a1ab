package input

import (
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Text reads all of r, at most DefaultMaxBytes of it, out of gzip if it is in
// it, and sees that it is text. name is what errors begin with.
func Text(name string, r io.Reader) ([]byte, error) {
	src, err := readSource(name, r, 0, DefaultMaxBytes)
	if err != nil {
		return nil, err
	}
	return src.data, nil
}

// Stored reads the JSON array of API objects that begins at text[begin:], of
// any kinds that the simulator's Objects hold, as an API server stores them:
// decoded strictly, with sane quantities and each name once, and with the API
// server's defaults, but neither admitted nor expanded. It returns where the
// array ends. Errors begin with name and the line in text.
func Stored(name string, text []byte, begin int) (objects *simulator.Objects, end int, err error) {
	src := &source{name: name, data: text}
	begin = skipSpace(text, begin)
	if begin == len(text) || text[begin] != '[' {
		return nil, 0, jsonError(src, unexpected(text, begin, "an array of objects"))
	}
	spans, end, err := elements(text, begin)
	if err != nil {
		return nil, 0, jsonError(src, err)
	}
	found, notes, err := decode(itemChunks(chunk{at: place{src: src, offset: begin}}, spans, &list{}))
	if err != nil {
		return nil, 0, err
	}
	if len(notes.Ignored) > 0 {
		k := notes.Ignored[0]
		return nil, 0, fmt.Errorf("%s: holds %d × %s %s, a kind that is not read here", name, k.Count, k.APIVersion, k.Kind)
	}
	a := &assembly{objects: &simulator.Objects{}, notes: notes}
	if err := a.add(found); err != nil {
		return nil, 0, err
	}
	for _, l := range a.pods {
		pod := l.obj.(*v1.Pod)
		pod.Spec = l.spec.spec
		a.objects.Pods = append(a.objects.Pods, pod)
	}
	return a.objects, end, nil
}

// CompleteDaemonSets does to the templates of DaemonSets from an API server
// what it does to each pod made from them: a simulator makes such pods, and no
// API server will complete those. The DaemonSets are replaced by copies. What
// could not be completed is said in one line each and stands as it is.
func CompleteDaemonSets(objects *simulator.Objects) (remarks []string) {
	admission := newAdmission(objects.PriorityClasses)
	sets := make([]*appsv1.DaemonSet, len(objects.DaemonSets))
	for i, set := range objects.DaemonSets {
		sets[i] = set.DeepCopy()
		if err := admission.template(&sets[i].Spec.Template); err != nil {
			remarks = append(remarks, fmt.Sprintf("DaemonSet %s: spec.template.%v; room is kept for its pods all the same", keyOf(set), err))
		}
	}
	objects.DaemonSets = sets
	return remarks
}
