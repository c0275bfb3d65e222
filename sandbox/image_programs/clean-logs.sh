#!/bin/bash
# Program of the chart's log groomers: deletes old logs periodically.
set -euo pipefail
trap 'exit 0' TERM
logs="${AIRFLOW_HOME:-/opt/airflow}/logs"
days="${AIRFLOW__LOG_RETENTION_DAYS:-15}"
minutes="${AIRFLOW__LOG_CLEANUP_FREQUENCY_MINUTES:-15}"
while true; do
  find "$logs" -type f -name '*.log' -mtime "+$days" -delete || true
  find "$logs" -mindepth 1 -type d -empty -mmin +60 -delete || true
  sleep "${minutes}m" & wait $!
done
