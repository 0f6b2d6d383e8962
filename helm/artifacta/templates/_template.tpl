{{/* The pod, as the StatefulSet or the Deployment makes it. */}}

{{- define "artifacta.podTemplate" -}}
metadata:
  labels:
    {{- include "artifacta.labels" . | nindent 4 }}
    {{- if eq .Values.mesh.kind "istio" }}
    sidecar.istio.io/inject: "true"
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: artifacta
    {{- with include "artifacta.meshAnnotations" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "artifacta.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "artifacta.terminationSeconds" . }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "artifacta.podSecurityContext" . | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if .Values.replicas.enabled }}
  topologySpreadConstraints:
    {{- include "artifacta.spread" . | trim | nindent 4 }}
  {{- end }}
  initContainers:
    # It starts before the service and stops after it. It has no probe that waits for the service, which would wait for it.
    - name: reaper
      image: {{ include "artifacta.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [reap]
      restartPolicy: Always
      env:
        {{- include "artifacta.reapEnv" . | nindent 8 }}
      ports:
        - name: reaper
          containerPort: 9091
      livenessProbe:
        httpGet:
          path: /healthz
          port: reaper
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      resources:
        {{- toYaml .Values.reaper.resources | nindent 8 }}
      securityContext:
        {{- include "artifacta.securityContext" . | nindent 8 }}
      volumeMounts:
        - name: socket
          mountPath: /run/artifacta
        - name: tmp
          mountPath: /tmp
  containers:
    - name: artifacta
      image: {{ include "artifacta.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        {{- include "artifacta.serveEnv" . | nindent 8 }}
      ports:
        - name: grpc
          containerPort: 50051
        {{- if .Values.http.enabled }}
        - name: http
          containerPort: 8080
        {{- end }}
        - name: admin
          containerPort: 9090
        {{- if .Values.replicas.enabled }}
        - name: replica
          containerPort: 50052
        {{- end }}
      {{- include "artifacta.probes" . | nindent 6 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "artifacta.securityContext" . | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /data
        {{- if .Values.exports.enabled }}
        - name: exports
          mountPath: /exports
        {{- end }}
        - name: socket
          mountPath: /run/artifacta
        - name: tmp
          mountPath: /tmp
        {{- with include "artifacta.fileMounts" . }}
        {{- . | trim | nindent 8 }}
        {{- end }}
  volumes:
    - name: socket
      emptyDir:
        sizeLimit: 16Mi
    - name: tmp
      emptyDir:
        sizeLimit: 256Mi
    {{- with include "artifacta.dataVolumes" . }}
    {{- . | trim | nindent 4 }}
    {{- end }}
    {{- with include "artifacta.fileVolumes" . }}
    {{- . | trim | nindent 4 }}
    {{- end }}
{{- end -}}
