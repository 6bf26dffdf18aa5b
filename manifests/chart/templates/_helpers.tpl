{{/* Name of the operator's objects. */}}
{{- define "meshery-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of the operator's pods, by which they are selected: those of the chart of Meshery's Go operator, since a selector is immutable. */}}
{{- define "meshery-operator.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of all objects. */}}
{{- define "meshery-operator.labels" -}}
{{ include "meshery-operator.selector" . }}
app.kubernetes.io/part-of: meshery
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of what MeshSync uses. */}}
{{- define "meshery-operator.meshsync.labels" -}}
{{ merge (dict "app.kubernetes.io/name" "meshsync") (include "meshery-operator.labels" . | fromYaml) | toYaml }}
{{- end -}}

{{/* The image of the operator. */}}
{{- define "meshery-operator.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The security context of pods of the chart, as a map in YAML: OpenShift chooses users and groups. */}}
{{- define "meshery-operator.podSecurityContext" -}}
{{- $context := default dict .Values.podSecurityContext -}}
{{- .Values.openshift | ternary (omit $context "runAsUser" "runAsGroup" "fsGroup") $context | toYaml -}}
{{- end -}}

{{/* Metacontrollers of the cluster that are not of this release, as a list in JSON: their containers run an image of that name. */}}
{{- define "meshery-operator.metacontrollers" -}}
{{- $found := list -}}
{{- range $kind := list "StatefulSet" "Deployment" -}}
{{- range $object := (lookup "apps/v1" $kind "" "").items -}}
{{- if not (include "meshery-operator.isOfRelease" (dict "object" $object "release" $.Release)) -}}
{{- range $object.spec.template.spec.containers -}}
{{- if regexMatch "(^|/)metacontroller([:@]|$)" .image -}}
{{- $found = append $found (printf "%s %s/%s" $kind $object.metadata.namespace $object.metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | toJson -}}
{{- end -}}

{{/* Whether an object of the cluster has the marks of a release of Helm: "true" or nothing, for a dict of both. One that is missing has none. */}}
{{- define "meshery-operator.isOfRelease" -}}
{{- $marks := dig "metadata" "annotations" dict (default dict .object) -}}
{{- if and (eq (get $marks "meta.helm.sh/release-name") .release.Name) (eq (get $marks "meta.helm.sh/release-namespace") .release.Namespace) -}}
true
{{- end -}}
{{- end -}}

{{/* Name of the objects of the Broker of the chart. */}}
{{- define "meshery-operator.nats" -}}
{{ trimSuffix "-broker" (index .Values "meshery-broker").fullnameOverride }}-nats
{{- end -}}

{{/* The command that updates the CRDs and marks them as those of the usual release, as the manager of fields that Helm 4 is. */}}
{{- define "meshery-operator.updateCrds" -}}
helm show crds <this chart> --version {{ .Chart.Version }} | kubectl apply --server-side --force-conflicts --field-manager=helm -f -
{{- end -}}

{{/* The environment of the operator, as a list in YAML: a variable of the values replaces one of the chart. */}}
{{- define "meshery-operator.env" -}}
{{- $given := list -}}
{{- if kindIs "slice" .Values.env -}}
{{- $given = .Values.env -}}
{{- else -}}
{{- range $name, $value := .Values.env -}}
{{- $given = append $given (dict "name" $name "value" (kindIs "string" $value | ternary $value (toJson $value))) -}}
{{- end -}}
{{- end -}}
{{- $own := list
  (dict "name" "PORT" "value" "8080")
  (dict "name" "MONITORING_PORT" "value" "8081")
  (dict "name" "LOG_LEVEL" "value" "info")
  (dict "name" "POD_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace"))) -}}
{{- $name := include "meshery-operator.fullname" . -}}
{{- if ne $name "meshery-operator" -}}
{{- $own = append $own (dict "name" "DEPLOYMENT_NAME" "value" $name) -}}
{{- end -}}
{{- if .Values.openshift -}}
{{- $own = append $own (dict "name" "SECURITY_CONTEXT" "value" "platform") -}}
{{- end -}}
{{- if .Values.hooks.tokenSecretName -}}
{{- $own = append $own (dict "name" "HOOK_TOKEN_FILES" "value" "/etc/meshery-operator/token/token,/etc/meshery-operator/token/next") -}}
{{- end -}}
{{- with .Values.hooks.tls -}}
{{- if .secretName -}}
{{- $own = append $own (dict "name" "TLS_CERT_FILE" "value" "/etc/meshery-operator/tls/tls.crt") -}}
{{- $own = append $own (dict "name" "TLS_KEY_FILE" "value" "/etc/meshery-operator/tls/tls.key") -}}
{{- end -}}
{{- if .clientSecretName -}}
{{- $own = append $own (dict "name" "TLS_CLIENT_CA_FILE" "value" "/etc/meshery-operator/tls/ca.crt") -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $given -}}{{- $names = append $names .name -}}{{- end -}}
{{- $kept := list -}}
{{- range $own -}}{{- if not (has .name $names) -}}{{- $kept = append $kept . -}}{{- end -}}{{- end -}}
{{- concat $kept $given | toYaml -}}
{{- end -}}
