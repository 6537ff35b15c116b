{{/* Labels of every object. */}}
{{- define "insightd.labels" -}}
app.kubernetes.io/name: insightd
app.kubernetes.io/part-of: insightd
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "insightd.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The service account of the agents that may be elected. */}}
{{- define "insightd.elected" -}}
{{ ternary "insightd-cluster" "insightd" .Values.clusterRole.enabled }}
{{- end }}

{{/* Annotations of pod templates. A changed environment needs new pods, hence its hash. */}}
{{- define "insightd.podAnnotations" -}}
checksum/environment: {{ include "insightd.environment" .root | sha256sum }}
{{- with .annotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "insightd.environment" -}}
K8S_CLUSTER_NAME: {{ .Values.clusterName | quote }}
{{- with .Values.region }}
AWS_REGION: {{ . | quote }}
{{- end }}
{{- range $name, $value := .Values.environment }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Environment variables from the API; `hostIP`: also the address of the node's kubelet. */}}
{{- define "insightd.env" -}}
- name: K8S_NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: HOST_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- if .hostIP }}
- name: HOST_IP
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
{{- end }}
- name: K8S_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
{{- end }}

{{/* The volume of components. Optional: a ConfigMap that is added later appears in the mount of running pods. */}}
{{- define "insightd.transformsVolume" -}}
- name: transforms
  projected:
    sources:
      - configMap: {name: insightd-transforms, optional: true}
      {{- range .Values.transforms.existingConfigMaps }}
      - configMap: {name: {{ . }}}
      {{- end }}
{{- end }}
