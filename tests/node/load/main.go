// Command load makes a big cluster in etcd, keeps it changing through the API server, and compares an agent's cluster events with
// what the API server holds. It serves `make footprint-cluster`.
//
//	load fill  -nodes 5000 -etcd http://127.0.0.1:2379
//	load churn -kubeconfig FILE -rate 100 -heartbeats 17 -for 5m
//	load check -kubeconfig FILE -events FILE
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: load fill|churn|check [flags]"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	etcd := flags.String("etcd", "http://127.0.0.1:2379", "where etcd listens")
	nodes := flags.Int("nodes", 5000, "nodes to make; all else is made in proportion")
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server, with every right")
	rate := flags.Float64("rate", 100, "pod changes a second")
	heartbeats := flags.Float64("heartbeats", 0, "node status reports a second")
	lasting := flags.Duration("for", time.Minute, "how long to go on")
	events := flags.String("events", "", "file of an agent's events")
	flags.Parse(os.Args[2:])

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch os.Args[1] {
	case "fill":
		err = fill(ctx, *etcd, *nodes)
	case "churn":
		err = churn(ctx, client(*kubeconfig), *rate, *heartbeats, *lasting)
	case "check":
		err = check(ctx, client(*kubeconfig), *events)
	default:
		err = fmt.Errorf("%s is not one of fill, churn, check", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func client(kubeconfig string) kubernetes.Interface {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		fail(err)
	}
	config.QPS, config.Burst = -1, -1
	config.WarningHandler = rest.NoWarnings{}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	made, err := kubernetes.NewForConfig(config)
	if err != nil {
		fail(err)
	}
	return made
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}
