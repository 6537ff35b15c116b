package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

const putsPerTransaction, writers = 100, 6

type entry struct {
	key string
	put runtime.Object
	as  schema.GroupVersionKind
}

// fill writes the made cluster into etcd in the API server's own storage encoding. The API server should not run meanwhile.
func fill(ctx context.Context, etcd string, nodes int) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{etcd}, DialTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer client.Close()
	batches := make(chan []entry, writers)
	failed := make(chan error, writers)
	var counts, bytesOf sync.Map
	var running sync.WaitGroup
	for range writers {
		running.Add(1)
		go func() {
			defer running.Done()
			var err error
			for batch := range batches { // goes on reading after an error, so that the maker is never stuck
				if err == nil {
					err = store(ctx, client, batch, &counts, &bytesOf)
				}
			}
			failed <- err
		}()
	}
	began := time.Now()
	var batch []entry
	makeCluster(nodes, func(key string, as schema.GroupVersionKind, object runtime.Object) {
		if batch = append(batch, entry{key, object, as}); len(batch) == putsPerTransaction {
			batches <- batch
			batch = nil
		}
	})
	batches <- batch
	close(batches)
	running.Wait()
	for range writers {
		if err := <-failed; err != nil {
			return err
		}
	}
	counts.Range(func(kind, count any) bool {
		size, _ := bytesOf.Load(kind)
		fmt.Printf("%8d %-14s %6d bytes each as stored\n", *count.(*int), kind, *size.(*int) / *count.(*int))
		return true
	})
	fmt.Printf("written in %.0f s\n", time.Since(began).Seconds())
	return nil
}

var totals sync.Mutex

func add(to *sync.Map, kind string, by int) {
	totals.Lock()
	defer totals.Unlock()
	sum, _ := to.LoadOrStore(kind, new(int))
	*sum.(*int) += by
}

func store(ctx context.Context, client *clientv3.Client, batch []entry, counts, sizes *sync.Map) error {
	encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	puts := make([]clientv3.Op, 0, len(batch))
	for _, entry := range batch {
		var encoded bytes.Buffer
		entry.put.GetObjectKind().SetGroupVersionKind(entry.as)
		if err := encoder.Encode(entry.put, &encoded); err != nil {
			return fmt.Errorf("%s: %w", entry.key, err)
		}
		add(counts, entry.as.Kind, 1)
		add(sizes, entry.as.Kind, encoded.Len())
		puts = append(puts, clientv3.OpPut(entry.key, encoded.String()))
	}
	if len(puts) == 0 {
		return nil
	}
	_, err := client.Txn(ctx).Then(puts...).Commit()
	return err
}

// makeCluster hands out every object of the made cluster with the key under which the API server looks for it.
func makeCluster(nodes int, put func(string, schema.GroupVersionKind, runtime.Object)) {
	of := func(group schema.GroupVersion, kind string) schema.GroupVersionKind { return group.WithKind(kind) }
	namespaces := max(nodes/namespaceEvery, 1)
	for index := range namespaces {
		put("/registry/namespaces/"+namespaceName(index), of(core.SchemeGroupVersion, "Namespace"), namespaceObject(index, namespaceName(index)))
	}
	put("/registry/namespaces/"+platform, of(core.SchemeGroupVersion, "Namespace"), namespaceObject(namespaces, platform))
	for index := range nodes {
		put("/registry/minions/"+nodeName(index), of(core.SchemeGroupVersion, "Node"), nodeObject(index))
	}

	pods, services, slices := 0, 0, 0
	putPod := func(plan podPlan) *core.Pod {
		plan.index = pods
		pods++
		pod := podObject(plan)
		put("/registry/pods/"+plan.namespace+"/"+plan.name, of(core.SchemeGroupVersion, "Pod"), pod)
		return pod
	}
	// One Service for everything that has one; EndpointSlices as their controller cuts them.
	putService := func(namespace, app string, endpoints []discovery.Endpoint) {
		put("/registry/services/specs/"+namespace+"/"+app, of(core.SchemeGroupVersion, "Service"), serviceObject(services, namespace, app))
		services++
		for len(endpoints) > 0 {
			n := min(len(endpoints), slicedEndpoints)
			made := slice(slices, namespace, app, endpoints[:n:n])
			put("/registry/endpointslices/"+namespace+"/"+made.Name, of(discovery.SchemeGroupVersion, "EndpointSlice"), made)
			slices++
			endpoints = endpoints[n:]
		}
	}

	stateful := nodes / statefulEvery
	withService := nodes - stateful - daemonSets // so that there are as many Services as nodes
	for index := range nodes {
		namespace, app := namespaceName(index%namespaces), fmt.Sprintf("web-%04d", index)
		var endpoints []discovery.Endpoint
		for old := range oldReplicaSets + 1 {
			hash := fmt.Sprintf("%c%08x", 'b'+rune(old), index)
			id := index*(oldReplicaSets+1) + old
			if old < oldReplicaSets {
				set := replicaSetObject(id, namespace, app, hash, 0, 0)
				set.OwnerReferences = owner("apps/v1", "Deployment", app, uid('d', index))
				put("/registry/replicasets/"+namespace+"/"+set.Name, of(apps.SchemeGroupVersion, "ReplicaSet"), set)
				continue
			}
			ready := int32(0)
			for replica := range replicas {
				at := index*replicas + replica
				plan := podPlan{node: at % nodes, namespace: namespace, name: fmt.Sprintf("%s-%s-%05x", app, hash, at), app: app, hash: hash,
					owners: owner("apps/v1", "ReplicaSet", app+"-"+hash, uid('r', id)), phase: core.PodRunning, ready: true}
				switch {
				case at%200 == 7: // waits for its image
					plan.phase, plan.ready = core.PodPending, false
				case at%500 == 11: // was evicted
					plan.phase, plan.ready = core.PodFailed, false
				}
				pod := putPod(plan)
				if plan.ready {
					ready++
					endpoints = append(endpoints, endpoint(pod))
				}
			}
			set := replicaSetObject(id, namespace, app, hash, replicas, ready)
			set.OwnerReferences = owner("apps/v1", "Deployment", app, uid('d', index))
			put("/registry/replicasets/"+namespace+"/"+set.Name, of(apps.SchemeGroupVersion, "ReplicaSet"), set)
			put("/registry/deployments/"+namespace+"/"+app, of(apps.SchemeGroupVersion, "Deployment"), deploymentObject(index, namespace, app, ready))
		}
		if index < withService {
			putService(namespace, app, endpoints)
		}
		putPod(podPlan{node: index, namespace: namespace, name: fmt.Sprintf("nightly-%04d-29387520-%05x", index, index), app: fmt.Sprintf("nightly-%04d", index),
			owners: owner("batch/v1", "Job", fmt.Sprintf("nightly-%04d-29387520", index), uid('j', index)), phase: core.PodSucceeded})
	}
	for index := range stateful {
		namespace, app := namespaceName(index%namespaces), fmt.Sprintf("db-%04d", index)
		var endpoints []discovery.Endpoint
		desired := int32(statefulEvery)
		for replica := range statefulEvery {
			node := index*statefulEvery + replica
			pod := putPod(podPlan{node: node, namespace: namespace, name: fmt.Sprintf("%s-%d", app, replica), app: app,
				owners: owner("apps/v1", "StatefulSet", app, uid('t', index)), phase: core.PodRunning, ready: true})
			endpoints = append(endpoints, endpoint(pod))
		}
		putService(namespace, app, endpoints)
		put("/registry/statefulsets/"+namespace+"/"+app, of(apps.SchemeGroupVersion, "StatefulSet"), &apps.StatefulSet{
			ObjectMeta: object('t', index, namespace, app, map[string]string{"app.kubernetes.io/name": app}),
			Spec:       apps.StatefulSetSpec{Replicas: &desired, Selector: selector(app), Template: template(app), ServiceName: app},
			Status:     apps.StatefulSetStatus{Replicas: desired, ReadyReplicas: desired, AvailableReplicas: desired, CurrentReplicas: desired}})
	}
	for index := range daemonSets {
		app := fmt.Sprintf("daemon-%d", index)
		var endpoints []discovery.Endpoint
		for node := range nodes {
			pod := putPod(podPlan{node: node, namespace: platform, name: fmt.Sprintf("%s-%05x", app, node), app: app,
				owners: owner("apps/v1", "DaemonSet", app, uid('a', index)), phase: core.PodRunning, ready: true})
			endpoints = append(endpoints, endpoint(pod))
		}
		putService(platform, app, endpoints)
		all := int32(nodes)
		put("/registry/daemonsets/"+platform+"/"+app, of(apps.SchemeGroupVersion, "DaemonSet"), &apps.DaemonSet{
			ObjectMeta: object('a', index, platform, app, map[string]string{"app.kubernetes.io/name": app}),
			Spec:       apps.DaemonSetSpec{Selector: &meta.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": app}}, Template: template(app)},
			Status:     apps.DaemonSetStatus{CurrentNumberScheduled: all, DesiredNumberScheduled: all, NumberReady: all - 3, NumberAvailable: all - 3, NumberUnavailable: 3, UpdatedNumberScheduled: all}})
	}
	// One that nobody owns: only those are reported.
	lone := replicaSetObject(1<<30, namespaceName(0), "lone", "b0", 2, 1)
	delete(lone.Labels, "pod-template-hash")
	put("/registry/replicasets/"+lone.Namespace+"/"+lone.Name, of(apps.SchemeGroupVersion, "ReplicaSet"), lone)
}
