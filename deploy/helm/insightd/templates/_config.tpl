{{/* Where the shipped components come from: `file` (the ConfigMap) or `builtin` (the agent). */}}
{{- define "insightd.source" -}}
{{- $shipped := .Values.transforms.shipped -}}
{{- $carried := .Files.Glob "transforms/*.wasm" -}}
{{- if kindIs "string" $shipped -}}
{{ ternary "file" "builtin" (gt (len $carried) 0) }}
{{- else if not $shipped -}}
builtin
{{- else if $carried -}}
file
{{- else -}}
{{ fail "transforms.shipped: this chart contains no components: run `make deploy-transforms`, or use the chart of a release" }}
{{- end }}
{{- end }}

{{/* The shipped chain over one scope. */}}
{{- define "insightd.pipeline" }}
  - name: {{ .scope }}
    scope: {{ .scope }}
    transforms:
      - use: {{ .source }}:decorate
      - use: {{ .source }}:utilization
    outputs:
      - formatter: {use: "{{ .source }}:emf"}
        sink: {{ .sink }}
{{- end }}

{{/* The configuration of the DaemonSet, before `config` is merged over it. */}}
{{- define "insightd.nodeDefaults" -}}
{{- $source := include "insightd.source" . -}}
{{- $sink := .Values.delivery -}}
{{- if .Values.clusterRole.enabled }}
role: node
{{- end }}
host:
  root: /rootfs
transforms_dir: /etc/insightd/transforms
state_dir: /var/lib/insightd
{{- if eq $sink "cloudwatch" }}
sinks:
  cloudwatch:
    type: cloudwatch_logs
    spool:
      dir: /var/lib/insightd
{{- end }}
pipelines:
{{- include "insightd.pipeline" (dict "scope" "node" "source" $source "sink" $sink) }}
{{- if not .Values.clusterRole.enabled }}
{{- include "insightd.pipeline" (dict "scope" "cluster" "source" $source "sink" $sink) }}
{{- end }}
{{- end }}

{{/* The configuration of the Deployment. Its pods mount no directory of the node: events wait in memory. */}}
{{- define "insightd.clusterDefaults" -}}
{{- $source := include "insightd.source" . -}}
{{- $sink := .Values.delivery -}}
role: cluster
transforms_dir: /etc/insightd/transforms
operations:
  listen: 0.0.0.0:9464
{{- if eq $sink "cloudwatch" }}
sinks:
  cloudwatch:
    type: cloudwatch_logs
{{- end }}
pipelines:
{{- include "insightd.pipeline" (dict "scope" "cluster" "source" $source "sink" $sink) }}
{{- end }}

{{/* Returns a string as it is, or a map merged over the defaults. */}}
{{- define "insightd.merged" -}}
{{- if kindIs "string" .config -}}
{{ .config }}
{{- else -}}
{{ toYaml (mergeOverwrite (fromYaml .defaults) .config) }}
{{- end }}
{{- end }}

{{- define "insightd.nodeConfig" -}}
{{- include "insightd.merged" (dict "config" .Values.config "defaults" (include "insightd.nodeDefaults" .)) }}
{{- end }}

{{- define "insightd.clusterConfig" -}}
{{- include "insightd.merged" (dict "config" .Values.clusterRole.config "defaults" (include "insightd.clusterDefaults" .)) }}
{{- end }}

{{/* Parses a configuration, to derive rights and probes from it. */}}
{{- define "insightd.parsed" -}}
{{- $config := fromYaml . -}}
{{- if hasKey $config "Error" }}{{ fail (printf "config: %s" $config.Error) }}{{ end -}}
{{ toYaml $config }}
{{- end }}

{{/* Name and namespace of the lock of the leader election, as the agents that may be elected have them. */}}
{{- define "insightd.leader" -}}
{{- $text := ternary (include "insightd.clusterConfig" .) (include "insightd.nodeConfig" .) .Values.clusterRole.enabled -}}
{{- $leader := (include "insightd.parsed" $text | fromYaml).leader | default dict -}}
name: {{ $leader.name | default "otel-container-insight-clusterleader" | quote }}
namespace: {{ $leader.namespace | default .Release.Namespace | quote }}
{{- end }}

{{/* Host and port of `operations.listen`, for probes; empty if it is `none`. */}}
{{- define "insightd.operations" -}}
{{- $operations := (include "insightd.parsed" . | fromYaml).operations | default dict -}}
{{- $listen := $operations.listen | default "127.0.0.1:9464" -}}
{{- if ne $listen "none" -}}
{{- $host := regexReplaceAll ":[0-9]+$" $listen "" | trimAll "[]" -}}
host: {{ get (dict "0.0.0.0" "127.0.0.1" "::" "::1") $host | default $host | quote }}
port: {{ regexFind "[0-9]+$" $listen }}
{{- end }}
{{- end }}
