{{/* Values that contradict each other. What is wrong with one alone, the schema refuses. */}}
{{- define "artifacta.refuse" -}}
{{- $name := include "artifacta.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "fullnameOverride: must be given, as letters, digits and hyphens after a letter: a Service cannot be called %s" $name) -}}
{{- end -}}
{{- $ending := add .Values.shutdown.graceSeconds .Values.shutdown.drainSeconds -}}
{{- $given := .Values.shutdown.terminationGracePeriodSeconds -}}
{{- if and (not (kindIs "invalid" $given)) (le (int64 $given) (int64 $ending)) -}}
{{- fail (printf "shutdown.terminationGracePeriodSeconds: must be more than graceSeconds and drainSeconds together, which are %d: calls would be broken off; leave it out" $ending) -}}
{{- end -}}
{{- with .Values.persistence -}}
{{- if and .existingClaim (not .enabled) -}}
{{- fail "persistence.existingClaim: goes not with persistence.enabled=false, which keeps nothing; give one of them" -}}
{{- end -}}
{{- end -}}
{{- with .Values.exports -}}
{{- if and .existingClaim (not .enabled) -}}
{{- fail "exports.existingClaim: goes not with exports.enabled=false; give one of them" -}}
{{- end -}}
{{- if and .enabled .existingClaim (eq .existingClaim $.Values.persistence.existingClaim) -}}
{{- fail "exports.existingClaim: must be another claim than persistence.existingClaim: what is lost with a volume is not restored from it" -}}
{{- end -}}
{{- end -}}
{{- include "artifacta.refuseReplicas" . -}}
{{- include "artifacta.refuseIdentity" . -}}
{{- include "artifacta.refuseListeners" . -}}
{{- end -}}

{{- define "artifacta.refuseReplicas" -}}
{{- if and (gt (int .Values.replicaCount) 1) (not .Values.replicas.enabled) -}}
{{- fail "replicaCount: must be 0 or 1 without replicas.enabled: one process owns the data directory" -}}
{{- end -}}
{{- if .Values.replicas.enabled -}}
{{- if not .Values.index.existingSecret -}}
{{- fail "replicas.enabled: needs index.existingSecret: replicas share an index in PostgreSQL" -}}
{{- end -}}
{{- if not .Values.blobs -}}
{{- fail "replicas.enabled: needs blobs: replicas share contents in a bucket" -}}
{{- end -}}
{{- if .Values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim: goes not with replicas.enabled, where pods keep nothing; leave it out" -}}
{{- end -}}
{{- if .Values.exports.enabled -}}
{{- fail "exports.enabled: goes not with replicas.enabled, where pods keep nothing; leave it out" -}}
{{- end -}}
{{- end -}}
{{- $allowed := .Values.index.connectionsMax -}}
{{- $needed := include "artifacta.connections" . | int64 -}}
{{- if and (not (kindIs "invalid" $allowed)) (gt $needed (int64 $allowed)) -}}
{{- fail (printf "index.connectionsMax: must be at least %d: each process uses up to %s connections, and an upgrade of replicas runs one more" $needed (include "artifacta.connectionsEach" .)) -}}
{{- end -}}
{{- end -}}

{{- define "artifacta.refuseIdentity" -}}
{{- $config := .Values.auth.config -}}
{{- if and $config.existingSecret $config.existingConfigMap -}}
{{- fail "auth.config.existingConfigMap: goes not with auth.config.existingSecret; give one of them" -}}
{{- end -}}
{{- if and (include "artifacta.authConfig" .) (not .Values.auth.enabled) -}}
{{- fail "auth.config: goes not with auth.enabled=false, which takes everybody; leave one of them out" -}}
{{- end -}}
{{- if and .Values.auth.clusterToken (not (include "artifacta.authConfig" .)) -}}
{{- fail "auth.clusterToken: is for a configuration that names its files; give auth.config.existingSecret or existingConfigMap" -}}
{{- end -}}
{{- $clientCa := .Values.tls.clientCa -}}
{{- if and $clientCa.existingSecret $clientCa.existingConfigMap -}}
{{- fail "tls.clientCa.existingConfigMap: goes not with tls.clientCa.existingSecret; give one of them" -}}
{{- end -}}
{{- if and (include "artifacta.clientCa" .) (not .Values.tls.existingSecret) -}}
{{- fail "tls.clientCa: needs tls.existingSecret: clients show certificates over TLS only" -}}
{{- end -}}
{{- if and (has "*" .Values.http.corsOrigins) (not .Values.auth.enabled) -}}
{{- fail "http.corsOrigins: * goes not with auth.enabled=false, where every web site could call; name the origins" -}}
{{- end -}}
{{- if and (ne .Values.redirects.downloads "off") (not .Values.blobs) -}}
{{- fail "redirects.downloads: needs blobs: readers can be sent to a bucket only" -}}
{{- end -}}
{{- if and (ne (toString .Values.directUploadBytesMin) "") (not .Values.blobs) -}}
{{- fail "directUploadBytesMin: needs blobs: clients can send contents to a bucket only" -}}
{{- end -}}
{{- if and .Values.http.previewOrigin (not .Values.http.publicUrl) -}}
{{- fail "http.previewOrigin: needs http.publicUrl, the address of the pages that show previews" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if or (hasPrefix "ARTIFACTA_" .name) (eq "HOME" .name) -}}
{{- fail (printf "extraEnv: %s is set by the chart; there is a value for each setting" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "artifacta.refuseListeners" -}}
{{- if and .Values.tls.existingSecret (eq .Values.probes.type "grpc") -}}
{{- fail "probes.type: must be http with tls.existingSecret: probes by gRPC speak in clear only" -}}
{{- end -}}
{{- if eq (int .Values.service.grpcPort) (int .Values.service.httpPort) -}}
{{- fail "service.httpPort: must be another port than service.grpcPort" -}}
{{- end -}}
{{- if not .Values.http.enabled -}}
{{- if .Values.ingress.enabled -}}
{{- fail "ingress.enabled: goes not with http.enabled=false: it is for HTTP; see grpcRoute for gRPC" -}}
{{- end -}}
{{- if or .Values.http.publicUrl .Values.http.previewOrigin .Values.http.corsOrigins .Values.http.hosts -}}
{{- fail "http.enabled: must be true with http.publicUrl, http.previewOrigin, http.corsOrigins or http.hosts, which are for HTTP" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts: must name a host" -}}
{{- end -}}
{{- if and .Values.grpcRoute.enabled (not .Values.grpcRoute.parentRefs) -}}
{{- fail "grpcRoute.parentRefs: must name a gateway" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.from) (or .Values.ingress.enabled .Values.grpcRoute.enabled) -}}
{{- fail "networkPolicy.from: must name the pods of the Ingress controller or gateway: without it only pods of this namespace may connect" -}}
{{- end -}}
{{- end -}}
