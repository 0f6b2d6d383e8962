{{/* What several pods over one database need besides. */}}

{{- define "artifacta.replicaSecretName" -}}
{{- default (printf "%s-replicas" (include "artifacta.fullname" .)) .Values.replicas.secret.existingSecret -}}
{{- end -}}

{{/* In base64. It is made once: replicas with another one do not take each other's calls. */}}
{{- define "artifacta.replicaSecret" -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "artifacta.replicaSecretName" .) -}}
{{- dig "data" .Values.replicas.secret.key (randAlphaNum 64 | b64enc) $found -}}
{{- end -}}

{{- define "artifacta.replicaEnv" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: ARTIFACTA_REPLICA_LISTEN
  value: {{ printf "%s:50052" .Values.listen.host | quote }}
- name: ARTIFACTA_REPLICA_ADDRESS
  value: {{ ternary "[$(POD_IP)]:50052" "$(POD_IP):50052" (hasPrefix "[" .Values.listen.host) | quote }}
- name: ARTIFACTA_REPLICA_SECRET_FILE
  value: {{ printf "/etc/artifacta/replicas/%s" .Values.replicas.secret.key }}
- name: ARTIFACTA_REPLICA_LEASE_SECONDS
  value: {{ .Values.replicas.leaseSeconds | quote }}
{{- end -}}

{{/* Those of one version are spread, so that those before it do not count during an upgrade. */}}
{{- define "artifacta.spread" -}}
{{- range $key, $unsatisfiable := dict "kubernetes.io/hostname" .Values.replicas.spread "topology.kubernetes.io/zone" "ScheduleAnyway" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: {{ $unsatisfiable }}
  labelSelector:
    matchLabels:
      {{- include "artifacta.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}

{{/* Each process: one that writes, one that reads, eight of snapshots; a replica: one for leases, and two to ship. */}}
{{- define "artifacta.connectionsEach" -}}
{{- ternary 13 10 .Values.replicas.enabled -}}
{{- end -}}

{{/* An upgrade starts a replica before it stops another. */}}
{{- define "artifacta.connections" -}}
{{- $pods := ternary (add .Values.replicaCount 1) 1 .Values.replicas.enabled -}}
{{- mul $pods (include "artifacta.connectionsEach" .) -}}
{{- end -}}
