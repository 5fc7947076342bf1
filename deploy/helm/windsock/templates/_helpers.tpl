{{- define "windsock.fullname" -}}
{{- if contains "windsock" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-windsock" (.Release.Name | trunc 31 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "windsock.labels" -}}
{{ include "windsock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "windsock.selector" -}}
app.kubernetes.io/name: windsock
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "windsock.account" -}}
{{ .Values.serviceAccount.name | default (ternary (include "windsock.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "windsock.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- /* The name of the installation, as windsock reads it: the label of every series. */}}
{{- define "windsock.cluster" -}}
{{- $config := fromYaml .Values.config }}
{{- if hasKey $config "Error" }}{{ fail (printf "config: expected the text of windsock.yaml: %s" $config.Error) }}{{ end }}
{{- $config.cluster | default "airflow" }}
{{- end }}

{{- define "windsock.pod" -}}
serviceAccountName: {{ include "windsock.account" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{- define "windsock.container" -}}
image: {{ include "windsock.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- include "windsock.confined" . | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/windsock, readOnly: true}
  - {name: state, mountPath: /var/lib/windsock}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "windsock.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "windsock.volumes" -}}
- name: config
  configMap: {name: {{ include "windsock.fullname" . }}}
- name: state
  emptyDir: {sizeLimit: 1Gi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- /* What the reader and the doctor know: the database, and what windsock.yaml takes from the environment. */}}
{{- define "windsock.secrets" -}}
{{- with .Values.secrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
env:
  - {name: STATE_DIRECTORY, value: /var/lib/windsock}
  {{- if .Values.reader.enabled }}
  - {name: WINDSOCK__METADATA__URL, value: "${WINDSOCK_DATABASE_URL}"}
  - name: WINDSOCK_DATABASE_URL
    valueFrom:
      secretKeyRef: {{- toYaml (dict "name" .Values.reader.database.secret "key" .Values.reader.database.key) | nindent 8 }}
  {{- end }}
  {{- with .Values.reader.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "windsock.probes" -}}
startupProbe: {httpGet: {path: /-/healthy, port: web}, periodSeconds: 2, failureThreshold: 60}
livenessProbe: {httpGet: {path: /-/healthy, port: web}, periodSeconds: 10, timeoutSeconds: 5}
readinessProbe: {httpGet: {path: /-/ready, port: web}, periodSeconds: 5, timeoutSeconds: 5}
{{- end }}

{{- /* OpenLineage's transport that tells each reader; one that is gone keeps nothing from the others, and no
task for long: the client's own five tries are 9 s for each event. */}}
{{- define "windsock.transport" -}}
{{- $name := printf "%s-reader" (include "windsock.fullname" .) }}
{{- $transports := list }}
{{- range $pod := until (int .Values.reader.replicas) }}
{{- $url := printf "http://%s-%d.%s.%s:%d" $name $pod $name $.Release.Namespace (int $.Values.reader.openlineage.port) }}
{{- $short := dict "timeout" 3 "retry" (dict "total" 1) }}
{{- $transports = append $transports (merge (dict "type" "http" "url" $url "compression" "gzip") $short) }}
{{- end }}
{{- dict "type" "composite" "continue_on_failure" true "transports" $transports | toJson }}
{{- end }}

{{- define "windsock.annotations" -}}
checksum/config: {{ .Values.config | sha256sum }}
{{- with .Values.restartedAt }}
windsock/restarted-at: {{ . | quote }}
{{- end }}
{{- end }}
