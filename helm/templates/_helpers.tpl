{{/* The release's name with the chart's in it once; short enough for "-migrate" and "-worker" behind it. */}}
{{- define "pazpaz-ai.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains "pazpaz-ai" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-pazpaz-ai" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a selector may name: it can never change. Call with (list $ "api"). */}}
{{- define "pazpaz-ai.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: pazpaz-ai
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels of a thing. Call with (list $ "api"). */}}
{{- define "pazpaz-ai.labels" -}}
{{- $root := index . 0 -}}
{{ include "pazpaz-ai.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "pazpaz-ai.image" -}}
{{- $repository := required "image.repository: name the image you built" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* What every pod has. Nothing here talks to Kubernetes, so none gets a token. */}}
{{- define "pazpaz-ai.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{/* What every container has. */}}
{{- define "pazpaz-ai.container" -}}
image: {{ include "pazpaz-ai.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* An empty /tmp, the only place that can be written. */}}
{{- define "pazpaz-ai.tmp" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{/* One variable out of the Secret. Call with (list $ "REDIS_URL") or (list $ "DATABASE_URL" "WORKER_DATABASE_URL"). */}}
{{- define "pazpaz-ai.secret" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ required "secret.name: name the Secret you made" $root.Values.secret.name | quote }}
      key: {{ last . }}
{{- end -}}

{{/* What `?ssl=verify-full` in an address checks the server with. Call with (list $ the folder that has the entry). */}}
{{- define "pazpaz-ai.databaseCa" -}}
{{- with (index . 0).Values.secret.databaseCa -}}
- name: PGSSLROOTCERT
  value: {{ index $ 1 }}/{{ . }}
{{- end -}}
{{- end -}}

{{/* What the api and the worker are told, but for their logins. What is no string goes in as JSON, as the service reads it. */}}
{{- define "pazpaz-ai.env" -}}
{{ include "pazpaz-ai.secret" (list . "REDIS_URL") }}
{{- if .Values.secret.hs256 }}
{{ include "pazpaz-ai.secret" (list . "SECRET_KEY") }}
{{- end }}
{{- if and .Values.secret.jwks .Values.config.JWKS_URL }}
{{- fail "two sets of PazPaz's token keys: set secret.jwks or config.JWKS_URL" }}
{{- end }}
{{- if .Values.secret.jwks }}
- name: JWKS_FILE
  value: /keys/monolith/{{ .Values.secret.jwks }}
{{- end }}
{{- if or .Values.secret.jwks .Values.config.JWKS_URL }}
{{- $_ := required "config.TOKEN_ISSUER: say who issues the tokens of this JWKS" .Values.config.TOKEN_ISSUER }}
{{- else if not .Values.secret.hs256 }}
{{- fail "no token mode: set secret.hs256, secret.jwks or config.JWKS_URL" }}
{{- end }}
{{ include "pazpaz-ai.secret" (list . "KEY_ENCRYPTION_KEY") }}
{{- if .Values.secret.operatorToken }}
{{ include "pazpaz-ai.secret" (list . "OPERATOR_TOKEN") }}
{{- end }}
{{- if .Values.receipts.claim }}
- name: ERASURE_RECEIPTS_DIR
  value: /receipts
{{- end }}
{{ include "pazpaz-ai.databaseCa" (list . "/keys/monolith") }}
{{- with .Values.secret.providerCa }}
- name: PROVIDER_CA_FILE
  value: /keys/monolith/{{ . }}
{{- end }}
{{- with .Values.secret.oldKeys }}
- name: KEY_ENCRYPTION_KEYS_OLD_FILE
  value: /keys/monolith/{{ . }}
{{- end }}
{{- if or (eq "cohere" (.Values.config.MODEL_PROVIDER | default "local")) (hasPrefix "cohere/" (.Values.config.EMBEDDING_MODEL | default "")) }}
{{ include "pazpaz-ai.secret" (list . "COHERE_API_KEY") }}
{{- end }}
{{- if .Values.secret.openaiKey }}
{{ include "pazpaz-ai.secret" (list . "OPENAI_API_KEY") }}
{{- end }}
- name: SIGNING_KEYS_DIR
  value: /keys/signing
- name: MONOLITH_KEYS_FILE
  value: /keys/monolith/{{ .Values.secret.monolithKeys }}
{{- $_ := required "config.MONOLITH_URL: say where PazPaz is" .Values.config.MONOLITH_URL }}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end -}}

{{/* Seconds from SIGTERM to the last word: until nobody sends new questions, then QUESTION_SECONDS, and the server two more. */}}
{{- define "pazpaz-ai.drain" -}}
{{- add (ceil (.Values.config.DRAIN_SECONDS | default 0)) 2 (ceil (.Values.config.QUESTION_SECONDS | default 45)) -}}
{{- end -}}

{{/* Which nodes a part runs on: apart from its like, where that can be. Call with (list $ "api"). */}}
{{- define "pazpaz-ai.placement" -}}
{{- $root := index . 0 -}}
{{- $part := index $root.Values (index . 1) -}}
topologySpreadConstraints: # counted by revision, so that a rolling update does not lean on the pods it replaces
  {{- range $key, $unsatisfiable := dict "kubernetes.io/hostname" $part.spread.nodes "topology.kubernetes.io/zone" $part.spread.zones }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $unsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "pazpaz-ai.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "pazpaz-ai.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- /* Whole folders: a subPath would never see a rotation. */}}
- name: signing-keys
  mountPath: /keys/signing
  readOnly: true
- name: monolith-keys
  mountPath: /keys/monolith
  readOnly: true
{{- if .Values.receipts.claim }}
- name: receipts
  mountPath: /receipts
{{- end }}
{{- end -}}

{{- define "pazpaz-ai.volumes" -}}
{{ include "pazpaz-ai.tmp" . }}
- name: signing-keys
  secret:
    secretName: {{ required "secret.signingKeys: name the Secret with the folder of our keys" .Values.secret.signingKeys | quote }}
    defaultMode: 0440
- name: monolith-keys
  secret:
    secretName: {{ .Values.secret.name | quote }}
    defaultMode: 0440
    items:
      - key: {{ .Values.secret.monolithKeys | quote }}
        path: {{ .Values.secret.monolithKeys | quote }}
      {{- range compact (list .Values.secret.jwks .Values.secret.oldKeys .Values.secret.providerCa .Values.secret.databaseCa) }}
      - key: {{ . | quote }}
        path: {{ . | quote }}
      {{- end }}
{{- with .Values.receipts.claim }}
- name: receipts
  persistentVolumeClaim:
    claimName: {{ . | quote }}
{{- end }}
{{- end -}}
