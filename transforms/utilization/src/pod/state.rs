//! Counts and states of a pod and its containers, as the kubelet reports them.

use insights_sdk::views::{Container, Pod};

use crate::metric::{Metric, Publisher};

/// Publishes counts; with `enhanced` also phases, conditions and reasons.
pub(crate) fn publish(to: &Publisher<'_>, pod: Pod<'_>, containers: &[Container<'_>], enhanced: bool) {
    let main = || containers.iter().filter(|container| container.container_kind() == Some("main"));
    let known = || main().filter(|container| container.state().is_some());
    let count = |matches: &dyn Fn(&Container<'_>) -> bool| {
        known().filter(|container| matches(container)).count() as f64
    };
    let in_state = |state: &str| count(&|container| container.state() == Some(state));
    to.put(*pod, Metric::Containers, Some(known().count() as f64));
    to.put(*pod, Metric::RunningContainers, Some(in_state("running")));
    let restarts = main().filter_map(|container| container.restarts()?.delta());
    to.put(*pod, Metric::Restarts, restarts.reduce(|sum, delta| sum + delta));
    if !enhanced {
        return;
    }

    let flag = |metric, value: bool| to.put(*pod, metric, Some(if value { 1.0 } else { 0.0 }));
    for (metric, phase) in [
        (Metric::StatusPending, "Pending"),
        (Metric::StatusRunning, "Running"),
        (Metric::StatusSucceeded, "Succeeded"),
        (Metric::StatusFailed, "Failed"),
    ] {
        flag(metric, pod.phase() == Some(phase));
    }
    let [ready, scheduled] = [pod.condition("Ready"), pod.condition("PodScheduled")];
    flag(Metric::StatusReady, ready == Some("True"));
    flag(Metric::StatusScheduled, scheduled == Some("True"));
    flag(Metric::StatusUnknown, ready == Some("Unknown") || scheduled == Some("Unknown"));

    to.put(*pod, Metric::ContainerStatusRunning, Some(in_state("running")));
    to.put(*pod, Metric::ContainerStatusWaiting, Some(in_state("waiting")));
    to.put(*pod, Metric::ContainerStatusTerminated, Some(in_state("terminated")));
    let some = |metric, number: f64| to.put(*pod, metric, (number > 0.0).then_some(number));
    for (metric, reasons) in [
        (Metric::WaitingCrashLoop, &["CrashLoopBackOff"][..]),
        (Metric::WaitingImagePull, &["ErrImagePull", "ImagePullBackOff", "InvalidImageName"]),
        (Metric::WaitingStart, &["StartError"]),
        (Metric::WaitingCreate, &["CreateContainerError"]),
        (Metric::WaitingConfig, &["CreateContainerConfigError"]),
    ] {
        let waits = |container: &Container<'_>| {
            container.state() == Some("waiting")
                && container.state_reason().is_some_and(|reason| reasons.contains(&reason))
        };
        some(metric, count(&waits));
    }
    let killed = |container: &Container<'_>| {
        container.last_termination_reason().is_some_and(|reason| reason.contains("OOMKilled"))
    };
    some(Metric::TerminatedOomKilled, count(&killed));
}
