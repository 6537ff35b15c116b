variable "cluster_name" {
  description = "Name of the cluster, as in the dimension ClusterName"
  type        = string
}

variable "orchestrator" {
  description = "eks creates the alarms of Kubernetes, ecs those of ECS"
  type        = string
  default     = "eks"

  validation {
    condition     = contains(["eks", "ecs"], var.orchestrator)
    error_message = "orchestrator must be eks or ecs."
  }
}

variable "topic_arn" {
  description = "ARN of the SNS topic that is notified when an alarm starts and when it ends"
  type        = string
}

variable "interval" {
  description = "Interval of the agents in seconds, a multiple of 60. It is the period of the alarms on heartbeats"
  type        = number
  default     = 60
}

variable "cpu_threshold" {
  description = "CPU utilization of a node or instance in percent"
  type        = number
  default     = 90
}

variable "memory_threshold" {
  description = "Memory utilization of a node or instance in percent"
  type        = number
  default     = 90
}

variable "filesystem_threshold" {
  description = "Utilization of a file system in percent"
  type        = number
  default     = 85
}

variable "pod_memory_threshold" {
  description = "Memory of a pod in percent of its limit"
  type        = number
  default     = 95
}

variable "restart_threshold" {
  description = "Restarts of containers in the whole cluster within five minutes"
  type        = number
  default     = 5
}

variable "backlog_threshold" {
  description = "Age of the oldest event that waits for delivery, in seconds"
  type        = number
  default     = 900
}

variable "nodes_without_agent" {
  description = "Nodes of the cluster on which no agent runs, such as those of Fargate and Windows"
  type        = number
  default     = 0
}

variable "minimum_instances" {
  description = "Container instances that the cluster has at least"
  type        = number
  default     = 1
}
