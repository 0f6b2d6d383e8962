{{/* Names and labels. What selects pods never changes: a StatefulSet's selector and its claims cannot be changed. */}}

{{- define "artifacta.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Room is left for what is added to it, and for the number of a pod. */}}
{{- define "artifacta.fullname" -}}
{{- $name := include "artifacta.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "artifacta.selectorLabels" -}}
app.kubernetes.io/name: {{ include "artifacta.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end -}}

{{- define "artifacta.labels" -}}
{{ include "artifacta.selectorLabels" . }}
{{ include "artifacta.releaseLabels" . }}
{{- end -}}

{{- define "artifacta.releaseLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "artifacta.testLabels" -}}
app.kubernetes.io/name: {{ include "artifacta.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end -}}

{{- define "artifacta.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "artifacta.fullname" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "artifacta.image" -}}
{{- $repository := required "image.repository: must name the image that you have built; docs/kubernetes.md says how" .Values.image.repository -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository $tag -}}
{{- end -}}
{{- end -}}

{{/* The host name of the Service. */}}
{{- define "artifacta.host" -}}
{{- printf "%s.%s.svc.%s" (include "artifacta.fullname" .) .Release.Namespace .Values.clusterDomain -}}
{{- end -}}
