# CloudWatch alarms on the metrics of insightd for one cluster: the same as those of ../cloudwatch-alarms.yaml.
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  # Alarms on one metric, with the cluster as the only dimension.
  alarms = {
    # No agent leads, the leader cannot deliver, or no agent runs at all.
    "no-cluster-heartbeat" = {
      orchestrator = "eks"
      description  = "No event of the cluster for three intervals - no agent leads, or the leader cannot deliver"
      namespace    = "ContainerInsights"
      metric       = "cluster_heartbeat"
      statistic    = "SampleCount"
      period       = var.interval
      periods      = 3
      comparison   = "LessThanThreshold"
      threshold    = 1
      missing      = "breaching"
    }

    "failed-nodes" = {
      orchestrator = "eks"
      description  = "A node is not ready or under pressure for five minutes"
      namespace    = "ContainerInsights"
      metric       = "cluster_failed_node_count"
      statistic    = "Maximum"
      period       = 60
      periods      = 5
      comparison   = "GreaterThanThreshold"
      threshold    = 0
      missing      = "missing"
    }

    # The maximum over all nodes: the dimension is the cluster alone.
    "node-cpu-high" = {
      orchestrator = "eks"
      description  = "The CPU of a node is busy for fifteen minutes"
      namespace    = "ContainerInsights"
      metric       = "node_cpu_utilization"
      statistic    = "Maximum"
      period       = 60
      periods      = 15
      comparison   = "GreaterThanThreshold"
      threshold    = var.cpu_threshold
      missing      = "missing"
    }

    "node-memory-high" = {
      orchestrator = "eks"
      description  = "The working set of a node is near its memory for five minutes"
      namespace    = "ContainerInsights"
      metric       = "node_memory_utilization"
      statistic    = "Maximum"
      period       = 60
      periods      = 5
      comparison   = "GreaterThanThreshold"
      threshold    = var.memory_threshold
      missing      = "missing"
    }

    "node-filesystem-high" = {
      orchestrator = "eks"
      description  = "A file system of a node is almost full for five minutes"
      namespace    = "ContainerInsights"
      metric       = "node_filesystem_utilization"
      statistic    = "Maximum"
      period       = 60
      periods      = 5
      comparison   = "GreaterThanThreshold"
      threshold    = var.filesystem_threshold
      missing      = "missing"
    }

    # The agents' own metrics are optional: without them the next two alarms never fire.
    "agent-events-lost" = {
      orchestrator = "eks"
      description  = "Agents lost events within five minutes - refused by a filter, or not delivered"
      namespace    = "ContainerInsights"
      metric       = "agent_events_lost"
      statistic    = "Sum"
      period       = 300
      periods      = 1
      comparison   = "GreaterThanThreshold"
      threshold    = 0
      missing      = "notBreaching"
    }

    # The maximum over all agents: the dimension is the cluster alone.
    "agent-backlog" = {
      orchestrator = "eks"
      description  = "Events of an agent wait too long for delivery, for ten minutes"
      namespace    = "ContainerInsights"
      metric       = "agent_backlog_age"
      statistic    = "Maximum"
      period       = 300
      periods      = 2
      comparison   = "GreaterThanThreshold"
      threshold    = var.backlog_threshold
      missing      = "notBreaching"
    }

    # A cluster may have no pod with limits.
    "pod-memory-near-limit" = {
      orchestrator = "eks"
      description  = "The working set of a pod is near its limit for five minutes"
      namespace    = "ContainerInsights"
      metric       = "pod_memory_utilization_over_pod_limit"
      statistic    = "Maximum"
      period       = 60
      periods      = 5
      comparison   = "GreaterThanThreshold"
      threshold    = var.pod_memory_threshold
      missing      = "notBreaching"
    }

    # Each agent sends one sample per interval.
    "no-instance-heartbeat" = {
      orchestrator = "ecs"
      description  = "Fewer heartbeats than container instances for three intervals - an agent stopped, or cannot deliver"
      namespace    = "ECS/ContainerInsights"
      metric       = "instance_heartbeat"
      statistic    = "SampleCount"
      period       = var.interval
      periods      = 3
      comparison   = "LessThanThreshold"
      threshold    = var.minimum_instances
      missing      = "breaching"
    }

    "instance-cpu-high" = {
      orchestrator = "ecs"
      description  = "The CPU of a container instance is busy for fifteen minutes"
      namespace    = "ECS/ContainerInsights"
      metric       = "instance_cpu_utilization"
      statistic    = "Maximum"
      period       = 60
      periods      = 15
      comparison   = "GreaterThanThreshold"
      threshold    = var.cpu_threshold
      missing      = "missing"
    }

    "instance-memory-high" = {
      orchestrator = "ecs"
      description  = "The working set of a container instance is near its memory for five minutes"
      namespace    = "ECS/ContainerInsights"
      metric       = "instance_memory_utilization"
      statistic    = "Maximum"
      period       = 60
      periods      = 5
      comparison   = "GreaterThanThreshold"
      threshold    = var.memory_threshold
      missing      = "missing"
    }

    "instance-filesystem-high" = {
      orchestrator = "ecs"
      description  = "A file system of a container instance is almost full for five minutes"
      namespace    = "ECS/ContainerInsights"
      metric       = "instance_filesystem_utilization"
      statistic    = "Maximum"
      period       = 60
      periods      = 5
      comparison   = "GreaterThanThreshold"
      threshold    = var.filesystem_threshold
      missing      = "missing"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "metric" {
  for_each = { for key, alarm in local.alarms : key => alarm if alarm.orchestrator == var.orchestrator }

  alarm_name          = "insightd-${var.cluster_name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}

# Each agent sends one sample per interval. Five intervals: a new node is counted before its agent runs.
resource "aws_cloudwatch_metric_alarm" "silent_nodes" {
  count = var.orchestrator == "eks" ? 1 : 0

  alarm_name          = "insightd-${var.cluster_name}-silent-nodes"
  alarm_description   = "Fewer heartbeats than nodes for five intervals - an agent stopped, or cannot deliver"
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.nodes_without_agent
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]

  metric_query {
    id          = "silent"
    label       = "nodes without a heartbeat"
    expression  = "nodes - FILL(beats, 0)"
    return_data = true
  }

  metric_query {
    id          = "nodes"
    return_data = false

    metric {
      namespace   = "ContainerInsights"
      metric_name = "cluster_node_count"
      dimensions  = { ClusterName = var.cluster_name }
      stat        = "Maximum"
      period      = var.interval
    }
  }

  metric_query {
    id          = "beats"
    return_data = false

    metric {
      namespace   = "ContainerInsights"
      metric_name = "node_heartbeat"
      dimensions  = { ClusterName = var.cluster_name }
      stat        = "SampleCount"
      period      = var.interval
    }
  }
}

# Without `enhanced: true` the metric has no set with the cluster alone, so all pods are summed up by a query.
resource "aws_cloudwatch_metric_alarm" "pod_restarts" {
  count = var.orchestrator == "eks" ? 1 : 0

  alarm_name          = "insightd-${var.cluster_name}-pod-restarts"
  alarm_description   = "Containers restart repeatedly"
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.restart_threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]

  metric_query {
    id          = "restarts"
    label       = "restarts of containers"
    expression  = "SELECT SUM(pod_number_of_container_restarts) FROM SCHEMA(\"ContainerInsights\", ClusterName, Namespace, PodName) WHERE ClusterName = '${var.cluster_name}'"
    period      = 300
    return_data = true
  }
}
