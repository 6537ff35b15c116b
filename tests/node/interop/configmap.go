package main

import (
	"context"
	"encoding/json"
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// configMapLock keeps client-go's record in an annotation of a ConfigMap. client-go had such a lock until 0.28; agents that
// still use it bring their own, as this one.
type configMapLock struct {
	client    typed.ConfigMapInterface
	namespace string
	name      string
	identity  string
	// The object as last read or written: writing it back fails if somebody else wrote since.
	object *corev1.ConfigMap
}

var _ resourcelock.Interface = (*configMapLock)(nil)

func (l *configMapLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	object, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if err != nil {
		return nil, nil, err
	}
	l.object = object
	record := &resourcelock.LeaderElectionRecord{}
	text, found := object.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]
	if found {
		if err := json.Unmarshal([]byte(text), record); err != nil {
			return nil, nil, err
		}
	}
	return record, []byte(text), nil
}

func (l *configMapLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	l.object, err = l.client.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name:        l.name,
			Namespace:   l.namespace,
			Annotations: map[string]string{resourcelock.LeaderElectionRecordAnnotationKey: string(text)},
		},
	}, metav1.CreateOptions{})
	return err
}

func (l *configMapLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.object == nil {
		return errors.New("the lock was not read yet")
	}
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	changed := l.object.DeepCopy()
	if changed.Annotations == nil {
		changed.Annotations = map[string]string{}
	}
	changed.Annotations[resourcelock.LeaderElectionRecordAnnotationKey] = string(text)
	changed, err = l.client.Update(ctx, changed, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	l.object = changed
	return nil
}

func (l *configMapLock) RecordEvent(string) {}

func (l *configMapLock) Identity() string { return l.identity }

func (l *configMapLock) Describe() string { return l.namespace + "/" + l.name }
