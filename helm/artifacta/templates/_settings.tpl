{{/* Settings of the containers: the environment, in which commands of `kubectl exec` find the same service. */}}

{{/* Large numbers come from YAML as floating point, which would be written with an exponent. */}}
{{- define "artifacta.quantity" -}}
{{- if kindIs "float64" . -}}{{ int64 . | toString | quote }}{{- else -}}{{ . | toString | quote }}{{- end -}}
{{- end -}}

{{- define "artifacta.dataDir" -}}
{{- $subdirectory := .Values.persistence.subdirectory -}}
{{- if not (include "artifacta.hasVolume" .) -}}
{{- /* Anybody may write to the root of an emptyDir. */ -}}
{{- $subdirectory = default "store" $subdirectory -}}
{{- end -}}
/data{{ with $subdirectory }}/{{ . }}{{ end }}
{{- end -}}

{{/* Without authentication HTTP is served under known names only, and figures are in any case. */}}
{{- define "artifacta.httpHosts" -}}
{{- $hosts := list -}}
{{- range list (include "artifacta.fullname" .) (printf "%s-headless" (include "artifacta.fullname" .)) -}}
{{- $name := . -}}
{{- $hosts = append $hosts $name -}}
{{- $hosts = append $hosts (printf "%s.%s" $name $.Release.Namespace) -}}
{{- $hosts = append $hosts (printf "%s.%s.svc" $name $.Release.Namespace) -}}
{{- $hosts = append $hosts (printf "%s.%s.svc.%s" $name $.Release.Namespace $.Values.clusterDomain) -}}
{{- end -}}
{{- if .Values.ingress.enabled -}}
{{- $hosts = concat $hosts .Values.ingress.hosts -}}
{{- end -}}
{{- with .Values.http.publicUrl -}}
{{- $hosts = append $hosts (urlParse .).hostname -}}
{{- end -}}
{{- concat $hosts .Values.http.hosts | uniq | join "," -}}
{{- end -}}

{{- define "artifacta.commonEnv" -}}
- name: HOME
  value: /tmp
- name: ARTIFACTA_DATA_DIR
  value: {{ include "artifacta.dataDir" . }}
- name: ARTIFACTA_SOCKET
  value: /run/artifacta/own/sock
- name: ARTIFACTA_HTTP_HOSTS
  value: {{ include "artifacta.httpHosts" . | quote }}
- name: ARTIFACTA_LOG_LEVEL
  value: {{ .Values.logLevel }}
{{- end -}}

{{- define "artifacta.serveEnv" -}}
{{ include "artifacta.commonEnv" . }}
- name: ARTIFACTA_GRPC_LISTEN
  value: {{ printf "%s:50051" .Values.listen.host | quote }}
- name: ARTIFACTA_HTTP_LISTEN
  value: {{ ternary (printf "%s:8080" .Values.listen.host) "none" .Values.http.enabled | quote }}
- name: ARTIFACTA_ADMIN_LISTEN
  value: {{ printf "%s:9090" .Values.listen.host | quote }}
- name: ARTIFACTA_LOCK_WAIT_SECONDS
  value: {{ .Values.lockWaitSeconds | quote }}
- name: ARTIFACTA_GRACE_SECONDS
  value: {{ .Values.shutdown.graceSeconds | quote }}
- name: ARTIFACTA_DRAIN_SECONDS
  value: {{ .Values.shutdown.drainSeconds | quote }}
{{- with .Values.http.publicUrl }}
- name: ARTIFACTA_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.http.previewOrigin }}
- name: ARTIFACTA_PREVIEW_ORIGIN
  value: {{ . | quote }}
{{- end }}
{{- if not .Values.http.console }}
- name: ARTIFACTA_NO_CONSOLE
  value: "true"
{{- end }}
{{- if .Values.http.mcp.share }}
- name: ARTIFACTA_MCP_ENABLE_SHARE
  value: "true"
{{- end }}
{{- if .Values.http.mcp.delete }}
- name: ARTIFACTA_MCP_ENABLE_DELETE
  value: "true"
{{- end }}
{{- with .Values.http.corsOrigins }}
- name: ARTIFACTA_CORS_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.blobs }}
- name: ARTIFACTA_BLOBS
  value: {{ . | quote }}
{{- end }}
{{- with .Values.index }}
{{- if .existingSecret }}
- name: ARTIFACTA_INDEX
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- if .Values.replicas.enabled }}
{{ include "artifacta.replicaEnv" . }}
{{- end }}
{{- with .Values.redirects }}
{{- if ne .downloads "off" }}
- name: ARTIFACTA_REDIRECT_DOWNLOADS
  value: {{ .downloads | quote }}
{{- end }}
{{- if ne (toString .bytesMin) "" }}
- name: ARTIFACTA_REDIRECT_BYTES_MIN
  value: {{ include "artifacta.quantity" .bytesMin }}
{{- end }}
{{- end }}
{{- if ne (toString .Values.directUploadBytesMin) "" }}
- name: ARTIFACTA_DIRECT_UPLOAD_BYTES_MIN
  value: {{ include "artifacta.quantity" .Values.directUploadBytesMin }}
{{- end }}
{{- with .Values.sealDurability }}
- name: ARTIFACTA_SEAL_DURABILITY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.limits }}
{{- if ne (toString .artifactBytesMax) "" }}
- name: ARTIFACTA_ARTIFACT_BYTES_MAX
  value: {{ include "artifacta.quantity" .artifactBytesMax }}
{{- end }}
{{- if ne (toString .inlineBytesMax) "" }}
- name: ARTIFACTA_INLINE_BYTES_MAX
  value: {{ include "artifacta.quantity" .inlineBytesMax }}
{{- end }}
{{- if ne (toString .reserveBytes) "" }}
- name: ARTIFACTA_RESERVE_BYTES
  value: {{ include "artifacta.quantity" .reserveBytes }}
{{- end }}
{{- if ne (toString .rowCacheBytes) "" }}
- name: ARTIFACTA_ROW_CACHE_BYTES
  value: {{ include "artifacta.quantity" .rowCacheBytes }}
{{- end }}
{{- end }}
{{- with .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- if .Values.exports.enabled }}
- name: ARTIFACTA_EXPORT_DIR
  value: /exports
{{- end }}
{{- if .Values.auth.enabled }}
- name: ARTIFACTA_AUTH
  value: "true"
{{- else }}
- name: ARTIFACTA_INSECURE
  value: "true"
{{- end }}
{{- if include "artifacta.authConfig" . }}
- name: ARTIFACTA_AUTH_CONFIG
  value: {{ printf "/etc/artifacta/auth/%s" .Values.auth.config.key }}
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: ARTIFACTA_TLS_CERT
  value: {{ printf "/etc/artifacta/tls/%s" .Values.tls.certKey }}
- name: ARTIFACTA_TLS_KEY
  value: {{ printf "/etc/artifacta/tls/%s" .Values.tls.keyKey }}
{{- end }}
{{- if include "artifacta.clientCa" . }}
- name: ARTIFACTA_TLS_CLIENT_CA
  value: {{ printf "/etc/artifacta/client-ca/%s" .Values.tls.clientCa.key }}
- name: ARTIFACTA_TLS_CLIENT_AUTH
  value: {{ .Values.tls.clientCa.mode }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "artifacta.reapEnv" -}}
{{ include "artifacta.commonEnv" . }}
- name: ARTIFACTA_REAP_LISTEN
  value: {{ printf "%s:9091" .Values.listen.host | quote }}
- name: ARTIFACTA_REAP_INTERVAL_SECONDS
  value: {{ .Values.reaper.intervalSeconds | quote }}
- name: ARTIFACTA_SCRUB_BYTES_PER_SECOND
  value: {{ include "artifacta.quantity" .Values.reaper.scrubBytesPerSecond }}
{{- end -}}

{{/* The Secret or ConfigMap of a file, as a source of a volume; nothing if there is none. */}}
{{- define "artifacta.file" -}}
{{- if .existingSecret -}}
secret:
  secretName: {{ .existingSecret }}
  defaultMode: 0440
{{- else if .existingConfigMap -}}
configMap:
  name: {{ .existingConfigMap }}
  defaultMode: 0440
{{- end -}}
{{- end -}}

{{- define "artifacta.authConfig" -}}
{{- include "artifacta.file" .Values.auth.config -}}
{{- end -}}

{{- define "artifacta.clientCa" -}}
{{- include "artifacta.file" .Values.tls.clientCa -}}
{{- end -}}
