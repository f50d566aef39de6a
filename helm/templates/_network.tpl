{{/* Those at the other end of a flow, who must be named: a guess would be open to all, or to nobody. Call with (list $ "redis"). */}}
{{- define "pazpaz-ai.peers" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $peers := (index $root.Values.networkPolicy $name).peers -}}
{{- if not $peers -}}
{{- fail (printf "networkPolicy.%s.peers: say by labels or addresses where it is, or set networkPolicy.enabled: false" $name) -}}
{{- end -}}
{{- toYaml $peers -}}
{{- end -}}

{{/* TCP ports of pods. Call with a list of numbers. */}}
{{- define "pazpaz-ai.ports" -}}
{{- range . }}
- {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end -}}

{{/* One rule: from us to those. Call with (list $ "redis"). */}}
{{- define "pazpaz-ai.flow" -}}
{{- $root := index . 0 -}}
- to: # {{ index . 1 }}
    {{- include "pazpaz-ai.peers" . | nindent 4 }}
  ports:
    {{- include "pazpaz-ai.ports" (index $root.Values.networkPolicy (index . 1)).ports | nindent 4 }}
{{- end -}}

{{- define "pazpaz-ai.dns" -}}
- to: # names
    {{- include "pazpaz-ai.peers" (list . "dns") | nindent 4 }}
  ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end -}}

{{/* What the api, the worker and a backfill reach. */}}
{{- define "pazpaz-ai.egress" -}}
{{ include "pazpaz-ai.dns" . }}
{{- range $name := list "postgres" "redis" "pazpaz" }}
{{ include "pazpaz-ai.flow" (list $ $name) }}
{{- end }}
{{- include "pazpaz-ai.outside" . }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A provider's name cannot stand in a policy: its gateway if there is one, else https anywhere but at home. */}}
{{- define "pazpaz-ai.outside" -}}
{{- $config := .Values.config -}}
{{- $provider := .Values.networkPolicy.provider -}}
{{- $cohere := or (eq "cohere" ($config.MODEL_PROVIDER | default "local")) (hasPrefix "cohere/" ($config.EMBEDDING_MODEL | default "")) -}}
{{- $jwks := .Values.networkPolicy.jwks -}}
{{- if $provider.peers }}
{{ include "pazpaz-ai.flow" (list . "provider") }}
{{- if and $config.JWKS_URL (not $jwks.peers) }}
{{- fail "networkPolicy.jwks.peers: say where config.JWKS_URL is, because networkPolicy.provider.peers closes the way to it" }}
{{- end }}
{{- else if hasPrefix "http:" ($config.OPENAI_BASE_URL | default "") }}
{{- fail "networkPolicy.provider.peers: say where the model server at config.OPENAI_BASE_URL is" }}
{{- end }}
{{- if $jwks.peers }}
{{ include "pazpaz-ai.flow" (list . "jwks") }}
{{- end }}
{{- if and (not $provider.peers) (or $cohere $config.OPENAI_BASE_URL (and $config.JWKS_URL (not $jwks.peers))) }}
- to: # a provider, or PazPaz's JWKS
    - ipBlock:
        cidr: "0.0.0.0/0"
        except:
          {{- toYaml $provider.privateIPv4 | nindent 10 }}
    - ipBlock:
        cidr: "::/0"
        except:
          {{- toYaml $provider.privateIPv6 | nindent 10 }}
  ports:
    {{- include "pazpaz-ai.ports" $provider.ports | nindent 4 }}
{{- end }}
{{- end -}}
