{{/* Names as with useStandardNaming. */}}
{{- define "contract.name" -}}
{{ contains "airflow" .Release.Name | ternary .Release.Name (printf "%s-airflow" .Release.Name) }}
{{- end }}

{{/* Components of this executor, each with its specific values. */}}
{{- define "contract.components" -}}
{{- $v := .Values }}
{{- $local := eq $v.executor "LocalExecutor" }}
{{- $job := "airflow jobs check --local --job-type" }}
api-server: {airflow: api-server, jwt: true, values: {{ toJson $v.apiServer }}, ports: [{name: api-server, containerPort: 8080}]}
dag-processor: {airflow: dag-processor, check: {{ $job }} DagProcessorJob, logs: true, git: true, values: {{ toJson $v.dagProcessor }}}
scheduler:
  {airflow: scheduler, check: {{ $job }} SchedulerJob, jwt: true, logs: true, git: {{ $local }}, values: {{ toJson $v.scheduler }}
  {{- if $local }}, claim: {{ toJson $v.workers.celery.persistence }}, headless: true, from: [api-server], ports: [{name: worker-logs, containerPort: 8793}]{{ end }}}
triggerer:
  {airflow: triggerer, check: {{ $job }} TriggererJob, logs: true, git: true, values: {{ toJson $v.triggerer }}, claim: {{ toJson $v.triggerer.persistence }},
  headless: true, from: [api-server], ports: [{name: triggerer-logs, containerPort: 8794}]}
{{- if eq $v.executor "CeleryExecutor" }}
worker:
  {airflow: celery worker, logs: true, git: true, values: {{ toJson $v.workers.celery }}, claim: {{ toJson $v.workers.celery.persistence }},
  headless: true, from: [api-server], ports: [{name: worker-logs, containerPort: 8793}],
  check: python -m celery --app airflow.providers.celery.executors.celery_executor.app inspect ping -d celery@$(python -c 'import socket; print(socket.gethostname())')}
{{- end }}
{{- if $v.redis.enabled }}
redis:
  {values: {{ toJson $v.redis }}, claim: {{ toJson $v.redis.persistence }}, stateful: true, from: [worker, scheduler, flower], ports: [{name: redis-db, containerPort: 6379}],
  command: [redis-server], args: [--requirepass, $(REDIS_PASSWORD)], data: {name: redis-db, mountPath: /data}}
{{- end }}
{{- if $v.statsd.enabled }}
statsd:
  {values: {{ toJson $v.statsd }}, from: [], args: [--statsd.mapping-config=/etc/statsd-exporter/mappings.yml],
  data: {name: config, mountPath: /etc/statsd-exporter, readOnly: true},
  ports: [{name: statsd-ingest, protocol: UDP, containerPort: 9125}, {name: statsd-scrape, containerPort: 9102}]}
{{- end }}
{{- end }}

{{/* Selector of a component's pods. Arguments: list root component. */}}
{{- define "contract.selector" -}}
{tier: airflow, component: {{ last . }}, release: {{ (first .).Release.Name }}}
{{- end }}

{{/* Arguments: list root component name-suffix annotations. */}}
{{- define "contract.metadata" -}}
{{- $root := first . }}
{{- $chart := dict "chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) "heritage" $root.Release.Service }}
{{- toJson (dict "name" (printf "%s-%s" (include "contract.name" $root) (index . 2)) "annotations" (last . | default dict)
  "labels" (merge (dict) (include "contract.selector" (list $root (index . 1)) | fromYaml) $chart $root.Values.labels)) }}
{{- end }}

{{/* Fields of every pod. Arguments: list root component values. */}}
{{- define "contract.pod" -}}
{{- $v := (first .).Values }}
{{- $own := last . }}
serviceAccountName: {{ include "contract.name" (first .) }}-{{ index . 1 }}
enableServiceLinks: {{ $v.enableServiceLinks }}
{{- if and (eq (index . 1) "scheduler") (ne $v.executor "LocalExecutor") (not (dig "serviceAccount" "automountServiceAccountToken" true $own)) }}
automountServiceAccountToken: false
{{- end }}
securityContext: {{ ($own.securityContexts).pod | default $v.securityContexts.pod | toJson }}
imagePullSecrets: {{ toJson $v.imagePullSecrets }}
{{- with $own.terminationGracePeriodSeconds }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{ $key }}: {{ get $own $key | default (get $v $key) | toJson }}
{{- end }}
{{- end }}

{{/* Arguments: list root values. */}}
{{- define "contract.container" -}}
imagePullPolicy: IfNotPresent
securityContext: {{ ((last .).securityContexts).container | default (first .).Values.securityContexts.containers | toJson }}
resources: {{ (last .).resources | default dict | toJson }}
{{- end }}

{{/* Environment of every container that runs Airflow. Arguments: dict root jwt env. */}}
{{- define "contract.env" -}}
{{- $v := .root.Values }}
{{- range $v.env }}
- {name: {{ .name }}, value: {{ quote .value }}}
{{- end }}
{{- with $v.extraEnv }}
{{ tpl . $.root | trim }}
{{- end }}
- {name: AIRFLOW_HOME, value: /opt/airflow}
{{- $secrets := list
  (list "AIRFLOW__CORE__FERNET_KEY" $v.fernetKeySecretName "fernet-key")
  (list "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" $v.data.metadataSecretName "connection")
  (list "AIRFLOW_CONN_AIRFLOW_DB" $v.data.metadataSecretName "connection")
  (list "AIRFLOW__API__SECRET_KEY" $v.apiSecretKeySecretName "api-secret-key") }}
{{- $kept := list }}
{{- range $secrets }}{{ if get $v.enableBuiltInSecretEnvVars (first .) }}{{ $kept = append $kept . }}{{ end }}{{ end }}
{{- $secrets = $kept }}
{{- if .jwt }}{{ $secrets = append $secrets (list "AIRFLOW__API_AUTH__JWT_SECRET" $v.jwtSecretName "jwt-secret") }}{{ end }}
{{- if eq $v.executor "CeleryExecutor" }}{{ $secrets = append $secrets (list "AIRFLOW__CELERY__BROKER_URL" $v.data.brokerUrlSecretName "connection") }}{{ end }}
{{- $results := $v.data.resultBackendSecretName }}
{{- if and $results (eq $v.executor "CeleryExecutor") }}{{ $secrets = append $secrets (list "AIRFLOW__CELERY__RESULT_BACKEND" $results "connection") }}{{ end }}
{{- range $v.secret }}{{ $secrets = append $secrets (list .envName .secretName (.secretKey | default "value")) }}{{ end }}
{{- range $secrets }}
- {name: {{ first . }}, valueFrom: {secretKeyRef: {name: {{ index . 1 }}, key: {{ last . }}}}}
{{- end }}
{{- with .env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments: list root logs git. */}}
{{- define "contract.mounts" -}}
- {name: config, mountPath: /opt/airflow/airflow.cfg, subPath: airflow.cfg, readOnly: true}
- {name: config, mountPath: /opt/airflow/config/airflow_local_settings.py, subPath: airflow_local_settings.py, readOnly: true}
{{- if index . 1 }}
- {name: logs, mountPath: /opt/airflow/logs}
{{- end }}
{{- if last . }}
- {name: dags, mountPath: /opt/airflow/dags, readOnly: true}
{{- end }}
{{- with (first .).Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments: list root logs git. */}}
{{- define "contract.volumes" -}}
{{- $root := first . }}
{{- $v := $root.Values }}
- {name: config, configMap: {name: {{ include "contract.name" $root }}-config}}
{{- if index . 1 }}
{{- $claim := dict "persistentVolumeClaim" (dict "claimName" ($v.logs.persistence.existingClaim | default (printf "%s-logs" $root.Release.Name))) }}
- {{ $v.logs.persistence.enabled | ternary $claim (dict "emptyDir" dict) | merge (dict "name" "logs") | toJson }}
{{- end }}
{{- if last . }}
- {name: dags, emptyDir: {}}
{{- with $v.dags.gitSync.sshKeySecret }}
- {name: git-sync-ssh-key, secret: {secretName: {{ . }}, defaultMode: 288}}
{{- end }}
{{- end }}
{{- with $v.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments: list name persistence. */}}
{{- define "contract.claim" -}}
{{- $spec := dict "accessModes" (list "ReadWriteOnce") "resources" (dict "requests" (dict "storage" (last .).size)) }}
{{- with (last .).storageClassName }}{{ $_ := set $spec "storageClassName" . }}{{ end }}
{{- toJson (list (dict "metadata" (dict "name" (first .)) "spec" $spec)) }}
{{- end }}
