package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Pods change as in a rollout: one goes, another comes, runs, is ready. What the controllers would write besides is written too:
// two updates of the Service's EndpointSlice, of the Deployment's and of the ReplicaSet's status.
const (
	changesOfOne     = 4
	namespacesServed = 10
	stepsApart       = time.Second
	inFlight         = 150
)

// service is one EndpointSlice of a Deployment with its pods that may be replaced.
type service struct {
	sync.Mutex
	slice *discovery.EndpointSlice
	ready int // of the Deployment
	free  []*core.Pod
}

type churner struct {
	client                  kubernetes.Interface
	services                []*service
	made, changed, reported atomic.Int64
	failures                atomic.Int64
	lastFailure             atomic.Value
}

func churn(ctx context.Context, client kubernetes.Interface, rate, heartbeats float64, lasting time.Duration) error {
	c := &churner{client: client}
	if rate > 0 {
		if err := c.learn(ctx); err != nil {
			return err
		}
	}
	c.made.Store(rand.Int64N(1 << 30)) // names that no earlier run has given
	ending, cancel := context.WithTimeout(ctx, lasting)
	defer cancel()
	began := time.Now()
	var running sync.WaitGroup
	running.Add(2)
	go func() { defer running.Done(); every(ending, rate/changesOfOne, func() { c.replace(ctx) }) }()
	go func() { defer running.Done(); c.beat(ending, ctx, heartbeats) }()
	running.Wait() // every pod that was begun is ready when this returns, so that counts can be compared
	took := time.Since(began).Seconds()
	fmt.Printf("%.1f pod changes/s and %.1f node reports/s over %.0f s, %d failures\n", float64(c.changed.Load())/took, float64(c.reported.Load())/took, took, c.failures.Load())
	if last := c.lastFailure.Load(); last != nil {
		fmt.Println("last failure:", last)
	}
	return nil
}

// every starts work at a rate, and returns when all that it started has ended. An API server that cannot keep up gets less.
func every(ctx context.Context, rate float64, work func()) {
	if rate <= 0 {
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, inFlight)
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			slots <- struct{}{}
			running.Add(1)
			go func() { defer running.Done(); defer func() { <-slots }(); work() }()
		}
	}
}

// learn reads some namespaces: whole lists would be half a gigabyte.
func (c *churner) learn(ctx context.Context) error {
	for index := range namespacesServed {
		namespace := namespaceName(index)
		pods, err := c.client.CoreV1().Pods(namespace).List(ctx, meta.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		byApp := map[string][]*core.Pod{}
		for at := range pods.Items {
			pod := &pods.Items[at]
			if app := pod.Labels["app.kubernetes.io/name"]; pod.Status.Phase == core.PodRunning && strings.HasPrefix(app, "web-") {
				byApp[app] = append(byApp[app], pod)
			}
		}
		slices, err := c.client.DiscoveryV1().EndpointSlices(namespace).List(ctx, meta.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		for at := range slices.Items {
			slice := &slices.Items[at]
			if pods := byApp[slice.Labels[discovery.LabelServiceName]]; len(pods) > 0 {
				slice.ResourceVersion = "" // nobody else writes it
				c.services = append(c.services, &service{slice: slice, ready: len(pods), free: pods})
			}
		}
	}
	if len(c.services) == 0 {
		return fmt.Errorf("no pods to replace: is this the cluster that `load fill` makes?")
	}
	return nil
}

func (c *churner) must(err error) {
	if err != nil {
		c.failures.Add(1)
		c.lastFailure.Store(err.Error())
	}
}

func (c *churner) replace(ctx context.Context) {
	service, old := c.take()
	if old == nil {
		return
	}
	pods := c.client.CoreV1().Pods(old.Namespace)
	at := c.made.Add(1)
	fresh := old.DeepCopy()
	fresh.ResourceVersion, fresh.UID, fresh.ManagedFields = "", "", nil
	fresh.Name = old.Name[:strings.LastIndex(old.Name, "-")] + fmt.Sprintf("-%05x", at)

	now := int64(0)
	c.must(pods.Delete(ctx, old.Name, meta.DeleteOptions{GracePeriodSeconds: &now}))
	c.changed.Add(1)
	c.publish(ctx, service, -1, func(endpoints []discovery.Endpoint) []discovery.Endpoint {
		kept := make([]discovery.Endpoint, 0, len(endpoints))
		for _, endpoint := range endpoints {
			if endpoint.TargetRef == nil || endpoint.TargetRef.Name != old.Name {
				kept = append(kept, endpoint)
			}
		}
		return kept
	})
	fresh.Status = core.PodStatus{}
	created, err := pods.Create(ctx, fresh, meta.CreateOptions{})
	c.must(err)
	c.changed.Add(1)
	if err != nil {
		return
	}
	time.Sleep(stepsApart)
	setPhase(created, core.PodRunning, false, int(at), 0)
	c.patchStatus(ctx, created)
	time.Sleep(stepsApart)
	setPhase(created, core.PodRunning, true, int(at), 0)
	c.patchStatus(ctx, created)
	c.publish(ctx, service, 1, func(endpoints []discovery.Endpoint) []discovery.Endpoint {
		return append(endpoints, endpoint(created))
	})
	service.Lock()
	service.free = append(service.free, created)
	service.Unlock()
}

// take picks a pod that nobody else is replacing.
func (c *churner) take() (*service, *core.Pod) {
	for range 100 {
		service := c.services[rand.IntN(len(c.services))]
		service.Lock()
		if n := len(service.free); n > 0 {
			at := rand.IntN(n)
			pod := service.free[at]
			service.free[at] = service.free[n-1]
			service.free = service.free[:n-1]
			service.Unlock()
			return service, pod
		}
		service.Unlock()
	}
	return nil, nil
}

func (c *churner) patchStatus(ctx context.Context, pod *core.Pod) {
	patch, err := json.Marshal(map[string]any{"status": pod.Status})
	c.must(err)
	_, err = c.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, meta.PatchOptions{}, "status")
	c.must(err)
	c.changed.Add(1)
}

// publish does what the controllers would do when one of a Deployment's pods becomes ready or goes.
func (c *churner) publish(ctx context.Context, service *service, by int, change func([]discovery.Endpoint) []discovery.Endpoint) {
	service.Lock()
	defer service.Unlock()
	service.ready += by
	service.slice.Endpoints = change(service.slice.Endpoints)
	namespace, app := service.slice.Namespace, service.slice.Labels[discovery.LabelServiceName]
	_, err := c.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, service.slice, meta.UpdateOptions{})
	c.must(err)
	patch := fmt.Appendf(nil, `{"status":{"readyReplicas":%d,"availableReplicas":%d,"unavailableReplicas":%d}}`, service.ready, service.ready, replicas-service.ready)
	_, err = c.client.AppsV1().Deployments(namespace).Patch(ctx, app, types.MergePatchType, patch, meta.PatchOptions{}, "status")
	c.must(err)
	patch = fmt.Appendf(nil, `{"status":{"readyReplicas":%d,"availableReplicas":%d}}`, service.ready, service.ready)
	set := replicaSetOf(service.slice)
	_, err = c.client.AppsV1().ReplicaSets(namespace).Patch(ctx, set, types.MergePatchType, patch, meta.PatchOptions{}, "status")
	c.must(err)
}

// replicaSetOf is the present ReplicaSet of the Deployment behind a slice, as `load fill` names it.
func replicaSetOf(slice *discovery.EndpointSlice) string {
	app := slice.Labels[discovery.LabelServiceName]
	var index int
	fmt.Sscanf(app, "web-%d", &index)
	return fmt.Sprintf("%s-%c%08x", app, 'b'+rune(oldReplicaSets), index)
}

// beat sends what a kubelet sends at least every five minutes, of one node after the other.
func (c *churner) beat(ending, ctx context.Context, rate float64) {
	if rate <= 0 {
		return
	}
	list, err := c.client.CoreV1().Nodes().List(ctx, meta.ListOptions{ResourceVersion: "0"})
	c.must(err)
	if err != nil || len(list.Items) == 0 {
		return
	}
	names := make([]string, len(list.Items))
	for at := range list.Items {
		names[at] = list.Items[at].Name
	}
	list = nil
	var next atomic.Int64
	every(ending, rate, func() {
		name := names[int(next.Add(1))%len(names)]
		patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"MemoryPressure","lastHeartbeatTime":%q}]}}`, time.Now().UTC().Format(time.RFC3339))
		_, err := c.client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, meta.PatchOptions{}, "status")
		c.must(err)
		c.reported.Add(1)
	})
}
