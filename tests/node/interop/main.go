// Command interop stands for election with client-go, so that the node tests can hold our election against it.
//
// It prints one line for each thing that happens: `leading`, `stopped`, `observed IDENTITY`. On SIGTERM it ends, and gives the
// lock back first if -release says so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file with the address of the API server and credentials")
	kind := flag.String("kind", "configmap", "what the lock is: configmap or lease")
	namespace := flag.String("namespace", "default", "namespace of the lock")
	name := flag.String("name", "otel-container-insight-clusterleader", "name of the lock")
	identity := flag.String("identity", "", "who we are")
	lease := flag.Duration("lease", 60*time.Second, "how long others wait after a renewal")
	renew := flag.Duration("renew", 15*time.Second, "how long a renewal lasts us")
	retry := flag.Duration("retry", 5*time.Second, "between two attempts")
	release := flag.Bool("release", false, "give the lock back at the end")
	flag.Parse()

	if err := run(*kubeconfig, *kind, *namespace, *name, *identity, *lease, *renew, *retry, *release); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func run(kubeconfig, kind, namespace, name, identity string, lease, renew, retry time.Duration, release bool) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var lock resourcelock.Interface
	switch kind {
	case "configmap":
		lock = &configMapLock{client: client.CoreV1().ConfigMaps(namespace), namespace: namespace, name: name, identity: identity}
	case "lease":
		lock = &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}
	default:
		return fmt.Errorf("kind %q is neither configmap nor lease", kind)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   lease,
		RenewDeadline:   renew,
		RetryPeriod:     retry,
		ReleaseOnCancel: release,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { fmt.Println("leading") },
			OnStoppedLeading: func() { fmt.Println("stopped") },
			OnNewLeader:      func(identity string) { fmt.Println("observed", identity) },
		},
	})
	if err != nil {
		return err
	}
	// Run returns when a term ends; agents stand again.
	for ctx.Err() == nil {
		elector.Run(ctx)
	}
	return nil
}
