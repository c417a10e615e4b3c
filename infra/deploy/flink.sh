#!/usr/bin/env bash
# Runs the job in $JOB within Flink's SQL client, from the newest checkpoint in $CHECKPOINTS if there is one.
set -euo pipefail

newest=$(find "$CHECKPOINTS" -path '*/chk-*/_metadata' -printf '%T@ %h\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-)
work=$(mktemp -d)
{
  cat <<SETTINGS
SET 'execution.target' = 'local';
SET 'parallelism.default' = '1';
SET 'table.dml-sync' = 'true';
SET 'rest.bind-address' = '0.0.0.0';
SET 'rest.bind-port' = '8081';
SET 'execution.checkpointing.dir' = 'file://$CHECKPOINTS';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';
SET 'restart-strategy.type' = 'fixed-delay';
SET 'restart-strategy.fixed-delay.attempts' = '2147483647';
SET 'restart-strategy.fixed-delay.delay' = '1 s';
SETTINGS
  if [ -n "$newest" ]; then
    echo "SET 'execution.state-recovery.path' = 'file://$newest';"
    echo "SET 'execution.state-recovery.claim-mode' = 'CLAIM';"
  fi
  cat "$JOB"
} > "$work/job.sql"

exec "${FLINK_HOME:-/opt/flink}/bin/sql-client.sh" -j "$CONNECTOR" -f "$work/job.sql"
