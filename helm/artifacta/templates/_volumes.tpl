{{/* Where data and exports are: a claim that is there, one of the StatefulSet, or a directory that goes with the pod. */}}

{{/* Replicas keep nothing: what is stored is in the database and the bucket. */}}
{{- define "artifacta.hasVolume" -}}
{{- if and .Values.persistence.enabled (not .Values.replicas.enabled) -}}
true
{{- end -}}
{{- end -}}

{{- define "artifacta.dataVolumes" -}}
{{- if not (include "artifacta.hasVolume" .) }}
- name: data
  emptyDir: {}
{{- else if .Values.persistence.existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim }}
{{- end }}
{{- with .Values.exports }}
{{- if and .enabled .existingClaim }}
- name: exports
  persistentVolumeClaim:
    claimName: {{ .existingClaim }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "artifacta.claims" -}}
{{- $claims := list -}}
{{- if and .Values.persistence.enabled (not .Values.persistence.existingClaim) -}}
{{- $claims = append $claims (merge (dict "volume" "data" "root" .) .Values.persistence) -}}
{{- end -}}
{{- if and .Values.exports.enabled (not .Values.exports.existingClaim) -}}
{{- $claims = append $claims (merge (dict "volume" "exports" "root" .) .Values.exports) -}}
{{- end -}}
{{- with $claims -}}
volumeClaimTemplates:
  {{- range . }}
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: {{ .volume }}
      # No version: what is in here cannot be changed.
      labels:
        {{- include "artifacta.selectorLabels" .root | nindent 8 }}
      {{- with .annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      accessModes: [{{ .accessMode }}]
      {{- if not (kindIs "invalid" .storageClass) }}
      storageClassName: {{ .storageClass | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ .size }}
  {{- end }}
{{- end -}}
{{- end -}}
