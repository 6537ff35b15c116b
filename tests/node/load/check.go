package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const pageSize = 2000

// figures by what they are about: type, namespace and name of an event's subject, then the metric.
type figures map[string]float64

func subject(kind, namespace, name, metric string) string {
	return strings.Join([]string{kind, namespace, name, metric}, " ")
}

// check compares the last tick in a file of events with the objects, which must not change meanwhile.
func check(ctx context.Context, client kubernetes.Interface, file string) error {
	held, err := expected(ctx, client)
	if err != nil {
		return err
	}
	said, err := published(file)
	if err != nil {
		return err
	}
	var wrong []string
	kinds := map[string]int{}
	for key, value := range held {
		kinds[strings.SplitN(key, " ", 2)[0]]++
		if got, known := said[key]; !known {
			wrong = append(wrong, fmt.Sprintf("%s: %g expected, nothing published", key, value))
		} else if got != value {
			wrong = append(wrong, fmt.Sprintf("%s: %g expected, %g published", key, value, got))
		}
	}
	for key, value := range said {
		if _, known := held[key]; !known {
			wrong = append(wrong, fmt.Sprintf("%s: %g published, nothing expected", key, value))
		}
	}
	var list []string
	for kind, count := range kinds {
		list = append(list, fmt.Sprintf("%s %d", kind, count))
	}
	sort.Strings(list)
	fmt.Printf("%d figures: %s; %d wrong\n", len(held), strings.Join(list, ", "), len(wrong))
	if len(wrong) == 0 {
		return nil
	}
	sort.Strings(wrong)
	for _, line := range wrong[:min(len(wrong), 20)] {
		fmt.Println(" ", line)
	}
	return fmt.Errorf("the agent's counts are not those of the API server")
}

// pages calls for one page after the other until the last.
func pages(page func(meta.ListOptions) (string, error)) error {
	options := meta.ListOptions{Limit: pageSize}
	for {
		next, err := page(options)
		if err != nil || next == "" {
			return err
		}
		options.Continue = next
	}
}

func expected(ctx context.Context, client kubernetes.Interface) (figures, error) {
	want := figures{}
	set := func(kind, namespace, name, metric string, value float64) {
		want[subject(kind, namespace, name, metric)] = value
	}
	running := map[string]float64{}
	failed, nodes, total := 0, 0, 0.0

	err := pages(func(options meta.ListOptions) (string, error) {
		list, err := client.CoreV1().Nodes().List(ctx, options)
		if err != nil {
			return "", err
		}
		for _, node := range list.Items {
			nodes++
			if isFailed(&node) {
				failed++
			}
		}
		return list.Continue, nil
	})
	if err != nil {
		return nil, err
	}
	if err = pages(func(options meta.ListOptions) (string, error) {
		list, err := client.CoreV1().Pods("").List(ctx, options)
		if err != nil {
			return "", err
		}
		for _, pod := range list.Items {
			if pod.Status.Phase == core.PodRunning {
				running[pod.Namespace]++
				total++
			}
		}
		return list.Continue, nil
	}); err != nil {
		return nil, err
	}
	namespaces, err := client.CoreV1().Namespaces().List(ctx, meta.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, namespace := range namespaces.Items {
		set("ClusterNamespace", namespace.Name, "", "namespace_number_of_running_pods", running[namespace.Name])
	}
	set("Cluster", "", "", "cluster_node_count", float64(nodes))
	set("Cluster", "", "", "cluster_failed_node_count", float64(failed))
	set("Cluster", "", "", "cluster_number_of_running_pods", total)

	ready := map[string]map[string]bool{}
	if err = pages(func(options meta.ListOptions) (string, error) {
		list, err := client.DiscoveryV1().EndpointSlices("").List(ctx, options)
		if err != nil {
			return "", err
		}
		for _, slice := range list.Items {
			service := slice.Namespace + "/" + slice.Labels[discovery.LabelServiceName]
			if ready[service] == nil {
				ready[service] = map[string]bool{}
			}
			for _, endpoint := range slice.Endpoints {
				if target := endpoint.TargetRef; target != nil && target.Kind == "Pod" && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
					ready[service][target.Namespace+"/"+target.Name] = true
				}
			}
		}
		return list.Continue, nil
	}); err != nil {
		return nil, err
	}
	for service, pods := range ready {
		namespace, name, _ := strings.Cut(service, "/")
		set("ClusterService", namespace, name, "service_number_of_running_pods", float64(len(pods)))
	}

	deployments, err := client.AppsV1().Deployments("").List(ctx, meta.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		set("ClusterDeployment", d.Namespace, d.Name, "replicas_desired", float64(*d.Spec.Replicas))
		set("ClusterDeployment", d.Namespace, d.Name, "replicas_ready", float64(d.Status.ReadyReplicas))
		set("ClusterDeployment", d.Namespace, d.Name, "status_replicas_available", float64(d.Status.AvailableReplicas))
		set("ClusterDeployment", d.Namespace, d.Name, "status_replicas_unavailable", float64(d.Status.UnavailableReplicas))
	}
	sets, err := client.AppsV1().DaemonSets("").List(ctx, meta.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range sets.Items {
		set("ClusterDaemonSet", d.Namespace, d.Name, "replicas_desired", float64(d.Status.DesiredNumberScheduled))
		set("ClusterDaemonSet", d.Namespace, d.Name, "replicas_ready", float64(d.Status.NumberReady))
		set("ClusterDaemonSet", d.Namespace, d.Name, "status_replicas_available", float64(d.Status.NumberAvailable))
		set("ClusterDaemonSet", d.Namespace, d.Name, "status_replicas_unavailable", float64(d.Status.NumberUnavailable))
	}
	stateful, err := client.AppsV1().StatefulSets("").List(ctx, meta.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, s := range stateful.Items {
		set("ClusterStatefulSet", s.Namespace, s.Name, "replicas_desired", float64(*s.Spec.Replicas))
		set("ClusterStatefulSet", s.Namespace, s.Name, "replicas_ready", float64(s.Status.ReadyReplicas))
		set("ClusterStatefulSet", s.Namespace, s.Name, "status_replicas_available", float64(s.Status.AvailableReplicas))
	}
	return want, pages(func(options meta.ListOptions) (string, error) {
		list, err := client.AppsV1().ReplicaSets("").List(ctx, options)
		if err != nil {
			return "", err
		}
		for _, r := range list.Items {
			if len(r.OwnerReferences) == 0 {
				set("ClusterReplicaSet", r.Namespace, r.Name, "replicas_desired", float64(*r.Spec.Replicas))
				set("ClusterReplicaSet", r.Namespace, r.Name, "replicas_ready", float64(r.Status.ReadyReplicas))
				set("ClusterReplicaSet", r.Namespace, r.Name, "status_replicas_available", float64(r.Status.AvailableReplicas))
			}
		}
		return list.Continue, nil
	})
}

func isFailed(node *core.Node) bool {
	ready := false
	for _, condition := range node.Status.Conditions {
		switch condition.Type {
		case core.NodeReady:
			ready = condition.Status == core.ConditionTrue
		case core.NodeMemoryPressure, core.NodeDiskPressure, core.NodePIDPressure, core.NodeNetworkUnavailable:
			if condition.Status != core.ConditionFalse {
				return true
			}
		}
	}
	return !ready
}

// published reads the figures of the last tick that has a Cluster event.
func published(file string) (figures, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	var last string
	ticks := map[string]figures{}
	lines := bufio.NewScanner(opened)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event map[string]any
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			return nil, fmt.Errorf("%s: a line that is no event: %.100s", file, lines.Text())
		}
		kind, _ := event["Type"].(string)
		if !strings.HasPrefix(kind, "Cluster") {
			continue
		}
		text := func(name string) string { said, _ := event[name].(string); return said }
		at := fmt.Sprint(event["Timestamp"])
		if ticks[at] == nil {
			ticks = map[string]figures{last: ticks[last], at: {}} // the one before, and this one
		}
		if kind == "Cluster" {
			last = at
		}
		name := text("PodName")
		if kind == "ClusterService" {
			name = text("Service")
		}
		for metric, value := range event {
			if number, is := value.(float64); is && isCount(metric) {
				key := subject(kind, text("Namespace"), name, metric)
				if _, twice := ticks[at][key]; twice {
					return nil, fmt.Errorf("%s: twice in one tick", key)
				}
				ticks[at][key] = number
			}
		}
	}
	if last == "" {
		return nil, fmt.Errorf("%s: no Cluster event in it", file)
	}
	return ticks[last], lines.Err()
}

func isCount(metric string) bool {
	return strings.HasSuffix(metric, "_number_of_running_pods") || strings.HasSuffix(metric, "_node_count") || strings.HasPrefix(metric, "replicas_") || strings.HasPrefix(metric, "status_replicas_")
}
