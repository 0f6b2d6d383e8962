{{/* Parts of the pod. */}}

{{- define "artifacta.terminationSeconds" -}}
{{- $given := .Values.shutdown.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- add .Values.shutdown.graceSeconds .Values.shutdown.drainSeconds 30 -}}
{{- else -}}
{{- int64 $given -}}
{{- end -}}
{{- end -}}

{{- define "artifacta.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.podSecurityContext }}
{{- with .runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
{{- with .fsGroup }}
fsGroup: {{ int64 . }}
# Without it each start walks over every file.
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "artifacta.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The ports of the figures are left out: Prometheus and the kubelet come from outside the mesh. */}}
{{- define "artifacta.meshAnnotations" -}}
{{- if eq .Values.mesh.kind "istio" -}}
sidecar.istio.io/nativeSidecar: "true"
traffic.sidecar.istio.io/excludeInboundPorts: "9090,9091"
{{- else if eq .Values.mesh.kind "linkerd" -}}
linkerd.io/inject: enabled
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
config.linkerd.io/skip-inbound-ports: "9090,9091"
{{- end -}}
{{- end -}}

{{- define "artifacta.probes" -}}
startupProbe:
  {{- include "artifacta.liveness" . | nindent 2 }}
  {{- toYaml .Values.probes.startup | nindent 2 }}
livenessProbe:
  {{- include "artifacta.liveness" . | nindent 2 }}
  {{- toYaml .Values.probes.liveness | nindent 2 }}
readinessProbe:
  {{- if eq .Values.probes.type "grpc" }}
  grpc:
    port: 50051
  {{- else }}
  httpGet:
    path: /readyz
    port: admin
  {{- end }}
  {{- toYaml .Values.probes.readiness | nindent 2 }}
{{- end -}}

{{/* A store in recovery is alive and not ready: starting it again repairs nothing. */}}
{{- define "artifacta.liveness" -}}
{{- if eq .Values.probes.type "grpc" -}}
grpc:
  port: 50051
  service: liveness
{{- else -}}
httpGet:
  path: /healthz
  port: admin
{{- end -}}
{{- end -}}

{{- define "artifacta.fileMounts" -}}
{{- if include "artifacta.authConfig" . }}
- name: auth
  mountPath: /etc/artifacta/auth
  readOnly: true
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/artifacta/tls
  readOnly: true
{{- end }}
{{- if include "artifacta.clientCa" . }}
- name: client-ca
  mountPath: /etc/artifacta/client-ca
  readOnly: true
{{- end }}
{{- if .Values.replicas.enabled }}
- name: replicas
  mountPath: /etc/artifacta/replicas
  readOnly: true
{{- end }}
{{- if .Values.auth.clusterToken }}
- name: cluster-token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
{{- end -}}

{{- define "artifacta.fileVolumes" -}}
{{- with include "artifacta.authConfig" . }}
- name: auth
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with include "artifacta.clientCa" . }}
- name: client-ca
  {{- . | nindent 2 }}
{{- end }}
{{- if .Values.replicas.enabled }}
- name: replicas
  secret:
    secretName: {{ include "artifacta.replicaSecretName" . }}
    defaultMode: 0440
{{- end }}
{{- if .Values.auth.clusterToken }}
- name: cluster-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- end -}}
