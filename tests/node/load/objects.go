package main

import (
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The made cluster, in proportion to its nodes: 30 pods a node, of which 20 belong to Deployments, 8 to DaemonSets, one to a
// StatefulSet and one to a finished Job.
const (
	namespaceEvery  = 50 // nodes a namespace
	replicas        = 20 // pods a Deployment; one Deployment a node
	oldReplicaSets  = 2  // left over from earlier rollouts, of each Deployment
	daemonSets      = 8
	statefulEvery   = 10  // nodes a StatefulSet, which has as many pods
	slicedEndpoints = 100 // endpoints a slice, the controller's own bound
	nodeImages      = 30
	platform        = "platform" // namespace of the DaemonSets
)

var epoch = meta.NewTime(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))

// uid makes the same identity for the same object at every run.
func uid(kind byte, index int) types.UID {
	return types.UID(fmt.Sprintf("%02x5ca1ab-%04x-4e1f-8a3d-%012x", kind, index&0xffff, index))
}

func namespaceName(index int) string { return fmt.Sprintf("team-%03d", index) }
func nodeName(index int) string {
	return fmt.Sprintf("ip-10-%d-%d-7.ec2.internal", index/250, index%250)
}
func nodeAddress(index int) string { return fmt.Sprintf("10.%d.%d.7", index/250, index%250) }
func podAddress(index int) string {
	return fmt.Sprintf("100.%d.%d.%d", 64+index>>16&63, index>>8&255, index&255)
}

func object(kind byte, index int, namespace, name string, labels map[string]string) meta.ObjectMeta {
	return meta.ObjectMeta{Namespace: namespace, Name: name, UID: uid(kind, index), Labels: labels, CreationTimestamp: epoch}
}

func owner(version, kind, name string, id types.UID) []meta.OwnerReference {
	yes := true
	return []meta.OwnerReference{{APIVersion: version, Kind: kind, Name: name, UID: id, Controller: &yes, BlockOwnerDeletion: &yes}}
}

func managed(manager, fields string) meta.ManagedFieldsEntry {
	return meta.ManagedFieldsEntry{Manager: manager, Operation: meta.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &epoch,
		FieldsType: "FieldsV1", FieldsV1: &meta.FieldsV1{Raw: []byte(fields)}}
}

func quantity(text string) resource.Quantity { return resource.MustParse(text) }

func namespaceObject(index int, name string) *core.Namespace {
	return &core.Namespace{
		ObjectMeta: object('n', index, "", name, map[string]string{"kubernetes.io/metadata.name": name, "example.com/cost-centre": fmt.Sprint(4000 + index)}),
		Spec:       core.NamespaceSpec{Finalizers: []core.FinalizerName{core.FinalizerKubernetes}},
		Status:     core.NamespaceStatus{Phase: core.NamespaceActive},
	}
}

func nodeObject(index int) *core.Node {
	condition := func(kind core.NodeConditionType, status core.ConditionStatus, reason string) core.NodeCondition {
		return core.NodeCondition{Type: kind, Status: status, Reason: reason, Message: "kubelet reports " + reason, LastHeartbeatTime: epoch, LastTransitionTime: epoch}
	}
	ready, pressure, why := core.ConditionTrue, core.ConditionFalse, "KubeletReady"
	switch {
	case index%400 == 17: // lost
		ready, pressure, why = core.ConditionUnknown, core.ConditionUnknown, "NodeStatusUnknown"
	case index%400 == 18: // its runtime is down
		ready, why = core.ConditionFalse, "KubeletNotReady"
	}
	disk := pressure
	if index%400 == 19 {
		disk = core.ConditionTrue
	}
	zone := "us-east-1" + string(rune('a'+index%3))
	node := &core.Node{
		ObjectMeta: object('m', index, "", nodeName(index), map[string]string{
			"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
			"beta.kubernetes.io/instance-type": "m6i.2xlarge", "node.kubernetes.io/instance-type": "m6i.2xlarge",
			"eks.amazonaws.com/capacityType": "ON_DEMAND", "eks.amazonaws.com/nodegroup": fmt.Sprintf("general-%d", index%20),
			"eks.amazonaws.com/nodegroup-image": "ami-0123456789abcdef0", "kubernetes.io/hostname": nodeName(index),
			"topology.kubernetes.io/region": "us-east-1", "topology.kubernetes.io/zone": zone}),
		Spec: core.NodeSpec{ProviderID: fmt.Sprintf("aws:///%s/i-0%016x", zone, index)},
		Status: core.NodeStatus{
			Capacity:    core.ResourceList{"cpu": quantity("8"), "memory": quantity("32Gi"), "pods": quantity("58"), "ephemeral-storage": quantity("80Gi")},
			Allocatable: core.ResourceList{"cpu": quantity("7910m"), "memory": quantity("31Gi"), "pods": quantity("58"), "ephemeral-storage": quantity("71Gi")},
			Conditions: []core.NodeCondition{
				condition(core.NodeMemoryPressure, pressure, "KubeletHasSufficientMemory"), condition(core.NodeDiskPressure, disk, "KubeletHasNoDiskPressure"),
				condition(core.NodePIDPressure, pressure, "KubeletHasSufficientPID"), condition(core.NodeReady, ready, why)},
			Addresses: []core.NodeAddress{{Type: core.NodeInternalIP, Address: nodeAddress(index)}, {Type: core.NodeHostName, Address: nodeName(index)}},
			NodeInfo: core.NodeSystemInfo{MachineID: string(uid('i', index)), SystemUUID: string(uid('s', index)), BootID: string(uid('b', index)), KernelVersion: "6.12.40-63.114.amzn2023.x86_64",
				OSImage: "Amazon Linux 2023.9", ContainerRuntimeVersion: "containerd://2.1.4", KubeletVersion: "v1.34.2-eks", OperatingSystem: "linux", Architecture: "amd64"},
		},
	}
	node.Annotations = map[string]string{"node.alpha.kubernetes.io/ttl": "300", "volumes.kubernetes.io/controller-managed-attach-detach": "true",
		"csi.volume.kubernetes.io/nodeid": fmt.Sprintf(`{"ebs.csi.aws.com":"i-0%016x"}`, index)}
	for image := range nodeImages {
		digest := fmt.Sprintf("%064x", index%97*1000+image)
		repository := fmt.Sprintf("602401143452.dkr.ecr.us-east-1.amazonaws.com/shop/component-%d", image)
		node.Status.Images = append(node.Status.Images, core.ContainerImage{Names: []string{repository + "@sha256:" + digest, repository + ":v1.2.3"}, SizeBytes: int64(20_000_000 + image)})
	}
	node.ManagedFields = []meta.ManagedFieldsEntry{managed("kubelet", `{"f:metadata":{"f:annotations":{".":{},"f:volumes.kubernetes.io/controller-managed-attach-detach":{}},"f:labels":{".":{},"f:beta.kubernetes.io/arch":{},"f:kubernetes.io/hostname":{},"f:topology.kubernetes.io/zone":{}}},"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{"f:lastHeartbeatTime":{},"f:status":{}}},"f:images":{}}}`)}
	return node
}

// podPlan is all that tells one pod of the made cluster from another.
type podPlan struct {
	index, node          int
	namespace, name, app string
	owners               []meta.OwnerReference
	hash                 string // of the pod template, for a ReplicaSet's pod
	phase                core.PodPhase
	ready                bool
}

func podObject(plan podPlan) *core.Pod {
	labels := map[string]string{"app.kubernetes.io/name": plan.app, "app.kubernetes.io/instance": plan.app + "-prod", "app.kubernetes.io/version": "2.14.3",
		"app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "Helm", "team": plan.namespace}
	if plan.hash != "" {
		labels["pod-template-hash"] = plan.hash
	}
	pod := &core.Pod{ObjectMeta: object('p', plan.index, plan.namespace, plan.name, labels)}
	pod.OwnerReferences = plan.owners
	pod.Annotations = map[string]string{"checksum/config": fmt.Sprintf("%064x", len(plan.app)), "prometheus.io/scrape": "true", "prometheus.io/port": "9090"}
	pod.ManagedFields = []meta.ManagedFieldsEntry{
		managed("kube-controller-manager", `{"f:metadata":{"f:annotations":{".":{},"f:checksum/config":{},"f:prometheus.io/port":{},"f:prometheus.io/scrape":{}},"f:generateName":{},"f:labels":{".":{},"f:app.kubernetes.io/instance":{},"f:app.kubernetes.io/name":{},"f:pod-template-hash":{},"f:team":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"505ca1ab\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:env":{".":{},"k:{\"name\":\"LOG_LEVEL\"}":{".":{},"f:name":{},"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}}}},"f:restartPolicy":{},"f:schedulerName":{},"f:terminationGracePeriodSeconds":{}}}`),
		managed("kubelet", `{"f:status":{"f:conditions":{"k:{\"type\":\"ContainersReady\"}":{".":{},"f:status":{},"f:type":{}},"k:{\"type\":\"Ready\"}":{".":{},"f:status":{},"f:type":{}}},"f:containerStatuses":{},"f:hostIP":{},"f:phase":{},"f:podIP":{},"f:podIPs":{},"f:startTime":{}}}`)}
	grace, seconds := int64(30), int64(3607)
	pod.Spec = core.PodSpec{
		NodeName: nodeName(plan.node), ServiceAccountName: "default", RestartPolicy: core.RestartPolicyAlways, DNSPolicy: core.DNSClusterFirst, SchedulerName: "default-scheduler",
		TerminationGracePeriodSeconds: &grace, SecurityContext: &core.PodSecurityContext{},
		Tolerations: []core.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: core.TolerationOpExists, Effect: core.TaintEffectNoExecute},
			{Key: "node.kubernetes.io/unreachable", Operator: core.TolerationOpExists, Effect: core.TaintEffectNoExecute}},
		Volumes: []core.Volume{{Name: "kube-api-access", VolumeSource: core.VolumeSource{Projected: &core.ProjectedVolumeSource{Sources: []core.VolumeProjection{
			{ServiceAccountToken: &core.ServiceAccountTokenProjection{ExpirationSeconds: &seconds, Path: "token"}}}}}}},
		Containers: []core.Container{container("app", plan.app), container("proxy", "envoy")},
	}
	setPhase(pod, plan.phase, plan.ready, plan.index, plan.node)
	return pod
}

func container(name, app string) core.Container {
	env := []core.EnvVar{{Name: "LOG_LEVEL", Value: "info"}, {Name: "SERVICE_NAME", Value: app}, {Name: "UPSTREAM_URL", Value: "http://" + app + "-backend.svc.cluster.local:8080"},
		{Name: "POD_IP", ValueFrom: &core.EnvVarSource{FieldRef: &core.ObjectFieldSelector{APIVersion: "v1", FieldPath: "status.podIP"}}}}
	return core.Container{
		Name: name, Image: image(app), ImagePullPolicy: core.PullIfNotPresent, Env: env,
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: core.TerminationMessageReadFile,
		Ports:          []core.ContainerPort{{Name: name, ContainerPort: int32(8080 + len(name)), Protocol: core.ProtocolTCP}},
		Resources:      core.ResourceRequirements{Requests: core.ResourceList{"cpu": quantity("100m"), "memory": quantity("128Mi")}, Limits: core.ResourceList{"memory": quantity("256Mi")}},
		VolumeMounts:   []core.VolumeMount{{Name: "kube-api-access", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
		ReadinessProbe: &core.Probe{ProbeHandler: core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: "/ready", Port: intstr.FromInt32(8080), Scheme: "HTTP"}}, TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3},
	}
}

func image(app string) string {
	return "602401143452.dkr.ecr.us-east-1.amazonaws.com/shop/" + app + ":v2.14.3"
}

// setPhase gives a pod the status that a kubelet would report in that phase.
func setPhase(pod *core.Pod, phase core.PodPhase, ready bool, index, node int) {
	is := func(yes bool) core.ConditionStatus {
		if yes {
			return core.ConditionTrue
		}
		return core.ConditionFalse
	}
	condition := func(kind core.PodConditionType, yes bool) core.PodCondition {
		return core.PodCondition{Type: kind, Status: is(yes), LastTransitionTime: epoch}
	}
	started := phase != core.PodPending
	pod.Status = core.PodStatus{Phase: phase, QOSClass: core.PodQOSBurstable, StartTime: &epoch, Conditions: []core.PodCondition{
		condition(core.PodReadyToStartContainers, started), condition(core.PodInitialized, true), condition(core.PodReady, ready), condition(core.ContainersReady, ready), condition(core.PodScheduled, true)}}
	if !started {
		return
	}
	pod.Status.HostIP, pod.Status.HostIPs = nodeAddress(node), []core.HostIP{{IP: nodeAddress(node)}}
	pod.Status.PodIP, pod.Status.PodIPs = podAddress(index), []core.PodIP{{IP: podAddress(index)}}
	for at, c := range pod.Spec.Containers {
		state := core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: epoch}}
		if phase != core.PodRunning {
			state = core.ContainerState{Terminated: &core.ContainerStateTerminated{Reason: "Completed", StartedAt: epoch, FinishedAt: epoch, ContainerID: fmt.Sprintf("containerd://%064x", index*4+at)}}
		}
		on := phase == core.PodRunning
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, core.ContainerStatus{Name: c.Name, Ready: ready, Started: &on, Image: c.Image, State: state,
			ImageID: fmt.Sprintf("%s@sha256:%064x", c.Image, len(c.Image)), ContainerID: fmt.Sprintf("containerd://%064x", index*4+at)})
	}
}

func endpoint(pod *core.Pod) discovery.Endpoint {
	ready, off, name, zone := true, false, pod.Spec.NodeName, "us-east-1a"
	return discovery.Endpoint{Addresses: []string{pod.Status.PodIP}, Conditions: discovery.EndpointConditions{Ready: &ready, Serving: &ready, Terminating: &off}, NodeName: &name, Zone: &zone,
		TargetRef: &core.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}}
}

func slice(index int, namespace, service string, endpoints []discovery.Endpoint) *discovery.EndpointSlice {
	name, port, protocol := "http", int32(8080), core.ProtocolTCP
	made := &discovery.EndpointSlice{AddressType: discovery.AddressTypeIPv4, Endpoints: endpoints, Ports: []discovery.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
		ObjectMeta: object('e', index, namespace, fmt.Sprintf("%s-%05x", service, index), map[string]string{discovery.LabelServiceName: service, discovery.LabelManagedBy: "endpointslice-controller.k8s.io"})}
	made.OwnerReferences = owner("v1", "Service", service, uid('v', index))
	return made
}

// service is headless: no address has to be given out for it, and it is as large as any other.
func serviceObject(index int, namespace, app string) *core.Service {
	single := core.IPFamilyPolicySingleStack
	internal := core.ServiceInternalTrafficPolicyCluster
	made := &core.Service{ObjectMeta: object('v', index, namespace, app, map[string]string{"app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "Helm", "team": namespace}),
		Spec: core.ServiceSpec{Type: core.ServiceTypeClusterIP, ClusterIP: core.ClusterIPNone, ClusterIPs: []string{core.ClusterIPNone}, Selector: map[string]string{"app.kubernetes.io/name": app},
			Ports: []core.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: core.ProtocolTCP}}, SessionAffinity: core.ServiceAffinityNone,
			IPFamilies: []core.IPFamily{core.IPv4Protocol}, IPFamilyPolicy: &single, InternalTrafficPolicy: &internal}}
	made.Annotations = map[string]string{"meta.helm.sh/release-name": app, "meta.helm.sh/release-namespace": namespace}
	made.ManagedFields = []meta.ManagedFieldsEntry{managed("helm", `{"f:metadata":{"f:annotations":{".":{},"f:meta.helm.sh/release-name":{}},"f:labels":{".":{},"f:app.kubernetes.io/name":{},"f:team":{}}},"f:spec":{"f:clusterIP":{},"f:internalTrafficPolicy":{},"f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{},"f:targetPort":{}}},"f:selector":{},"f:type":{}}}`)}
	return made
}

func template(app string) core.PodTemplateSpec {
	return core.PodTemplateSpec{ObjectMeta: meta.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/name": app}}, Spec: core.PodSpec{Containers: []core.Container{container("app", app), container("proxy", "envoy")},
		RestartPolicy: core.RestartPolicyAlways, DNSPolicy: core.DNSClusterFirst, SchedulerName: "default-scheduler", SecurityContext: &core.PodSecurityContext{}}}
}

func selector(app string) *meta.LabelSelector {
	return &meta.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": app}}
}

func deploymentObject(index int, namespace, app string, ready int32) *apps.Deployment {
	desired := int32(replicas)
	made := &apps.Deployment{ObjectMeta: object('d', index, namespace, app, map[string]string{"app.kubernetes.io/name": app, "team": namespace}),
		Spec:   apps.DeploymentSpec{Replicas: &desired, Selector: selector(app), Template: template(app), Strategy: apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType}},
		Status: apps.DeploymentStatus{ObservedGeneration: 1, Replicas: desired, UpdatedReplicas: desired, ReadyReplicas: ready, AvailableReplicas: ready, UnavailableReplicas: desired - ready}}
	made.Generation = 1
	return made
}

func replicaSetObject(index int, namespace, app, hash string, desired, ready int32) *apps.ReplicaSet {
	labels := map[string]string{"app.kubernetes.io/name": app, "pod-template-hash": hash}
	made := &apps.ReplicaSet{ObjectMeta: object('r', index, namespace, app+"-"+hash, labels),
		Spec:   apps.ReplicaSetSpec{Replicas: &desired, Selector: &meta.LabelSelector{MatchLabels: labels}, Template: template(app)},
		Status: apps.ReplicaSetStatus{ObservedGeneration: 1, Replicas: desired, ReadyReplicas: ready, AvailableReplicas: ready}}
	made.Generation = 1
	return made
}
