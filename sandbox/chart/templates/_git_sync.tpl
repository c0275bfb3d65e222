{{/* git-sync as init container or sidecar, with the variables of versions 3 and 4. Arguments: list root init. */}}
{{- define "contract.gitSync" -}}
{{- $g := (first .).Values.dags.gitSync }}
{{- $init := last . }}
{{- $env := dict "GIT_SYNC_REV" $g.rev "GITSYNC_REF" $g.ref "GIT_SYNC_BRANCH" $g.branch "GITSYNC_PERIOD" $g.period
  "GIT_SYNC_REPO" $g.repo "GITSYNC_REPO" $g.repo "GIT_SYNC_DEPTH" $g.depth "GITSYNC_DEPTH" $g.depth
  "GIT_SYNC_ROOT" "/git" "GITSYNC_ROOT" "/git" "GIT_SYNC_DEST" "repo" "GITSYNC_LINK" "repo"
  "GIT_SYNC_ADD_USER" "true" "GITSYNC_ADD_USER" "true"
  "GIT_SYNC_MAX_SYNC_FAILURES" $g.maxFailures "GITSYNC_MAX_FAILURES" $g.maxFailures }}
{{- if $init }}
{{- $env = merge $env (dict "GIT_SYNC_ONE_TIME" "true" "GITSYNC_ONE_TIME" "true") }}
{{- else }}
{{- $env = merge $env (dict "GIT_SYNC_HTTP_BIND" ":1234" "GITSYNC_HTTP_BIND" ":1234") }}
{{- end }}
{{- if $g.sshKeySecret }}
{{- $known := $g.knownHosts | empty | ternary "false" "true" }}
{{- $env = merge $env (dict "GIT_SYNC_SSH" "true" "GITSYNC_SSH" "true" "GIT_KNOWN_HOSTS" $known "GITSYNC_SSH_KNOWN_HOSTS" $known
  "GIT_SSH_KEY_FILE" "/etc/git-secret/ssh" "GITSYNC_SSH_KEY_FILE" "/etc/git-secret/ssh") }}
{{- if $g.knownHosts }}
{{- $file := "/etc/git-secret/known_hosts" }}
{{- $env = merge $env (dict "GIT_SSH_KNOWN_HOSTS_FILE" $file "GITSYNC_SSH_KNOWN_HOSTS_FILE" $file) }}
{{- end }}
{{- end }}
- name: git-sync{{ $init | ternary "-init" "" }}
  {{- with (first .).Values.images.gitSync }}
  image: {{ .repository }}:{{ .tag }}
  {{- end }}
  {{- include "contract.container" (list (first .) $g) | nindent 2 }}
  env:
    {{- range $name, $value := $env }}
    - {name: {{ $name }}, value: {{ $value | toString | quote }}}
    {{- end }}
    {{- if and $g.credentialsSecret (not $g.sshKeySecret) }}
    {{- range list "GIT_SYNC_USERNAME" "GITSYNC_USERNAME" "GIT_SYNC_PASSWORD" "GITSYNC_PASSWORD" }}
    - {name: {{ . }}, valueFrom: {secretKeyRef: {name: {{ $g.credentialsSecret }}, key: {{ . }}}}}
    {{- end }}
    {{- end }}
    {{- with $g.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if not $init }}
  startupProbe: {httpGet: {path: /, port: 1234}, periodSeconds: 5, failureThreshold: 10}
  {{- end }}
  volumeMounts:
    - {name: dags, mountPath: /git}
    {{- if $g.sshKeySecret }}
    - {name: git-sync-ssh-key, mountPath: /etc/git-secret/ssh, readOnly: true, subPath: gitSshKey}
    {{- if $g.knownHosts }}
    - {name: config, mountPath: /etc/git-secret/known_hosts, readOnly: true, subPath: known_hosts}
    {{- end }}
    {{- end }}
    {{- with $g.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
