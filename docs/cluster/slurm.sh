#!/bin/bash
# A campaign in a Slurm allocation: Ray is started on its nodes and ends with it.
#   sbatch slurm.sh campaign.toml
# The same command goes on where an allocation ended. GOLF_AUDIT_ENV is an environment with
# golf-audit[cluster,reproduce] on a file system that all nodes see.
#SBATCH --job-name=golf-audit
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@300
set -euo pipefail

campaign=${1:?usage: sbatch slurm.sh CAMPAIGN.toml}
bin=${GOLF_AUDIT_ENV:-$HOME/golf-audit}/bin
port=6379
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname -I | awk '{print $1}')
export RAY_USAGE_STATS_ENABLED=0

# --block keeps each srun alive as long as its node is; they end with the allocation.
srun --nodes=1 --ntasks=1 --nodelist="$head" \
  "$bin/ray" start --head --node-ip-address="$address" --port="$port" --resources='{"h100": 1}' --block &
sleep 15
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" \
    "$bin/ray" start --address="$address:$port" --resources='{"h100": 1}' --block &
fi

# The last five minutes are for what runs to end and be written down: see --signal above.
"$bin/golf-audit" campaign "$campaign" --cluster "$address:$port" --yes &
driver=$!
trap 'kill -INT "$driver" 2>/dev/null || true' TERM
wait "$driver" || code=$?
wait "$driver" 2>/dev/null || true
exit "${code:-0}"
