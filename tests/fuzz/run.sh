#!/usr/bin/env bash
# Runs each fuzz target for a minute over its kept corpus: run.sh FOLDER_OF_BINARIES RESULTS.xml
# FUZZ_SECONDS changes the minute. New inputs that reach new code stay in the build folder, `merge` after them:
#   FOLDER/fuzz_record -merge=1 tests/fuzz/corpus/record FOLDER/new-record
set -euo pipefail
folder=$1
results=$2
here=$(dirname "$(readlink -f "$0")")
seconds=${FUZZ_SECONDS:-60}
cases=""
failed=0
pids=()
names=(expression record recording when kallsyms page_walk vm_event_ring xentrace)
for name in "${names[@]}"; do
  mkdir -p "$folder/new-$name"
  "$folder/fuzz_$name" -max_total_time="$seconds" -print_final_stats=1 -rss_limit_mb=2048 -max_len=4096 \
    -artifact_prefix="$folder/crash-$name-" "$folder/new-$name" "$here/corpus/$name" >"$folder/$name.log" 2>&1 &
  pids+=("$!")
done
for name in "${names[@]}"; do
  if wait "${pids[0]}"; then
    cases+="<testcase classname=\"fuzz\" name=\"$name\"/>"
    grep -E 'number_of_executed_units|new_units_added' "$folder/$name.log" | sed "s/^/$name: /"
  else
    tail -n 40 "$folder/$name.log"
    cases+="<testcase classname=\"fuzz\" name=\"$name\"><failure message=\"see $folder/$name.log and crash-$name-*\"/></testcase>"
    failed=1
  fi
  pids=("${pids[@]:1}")
done
printf '<testsuite name="fuzz">%s</testsuite>\n' "$cases" >"$results"
exit $failed
