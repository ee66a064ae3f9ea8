#!/usr/bin/env bash
# clang-format and clang-tidy over our C and C++ sources; results as JUnit XML in the file named.
set -euo pipefail
cd "$(dirname "$0")/.."
results=$1
jobs=$(nproc)
failed=0

cases=""
case_of() { # name, status, message
  if [[ $2 == 0 ]]; then
    cases+="<testcase classname=\"lint\" name=\"$1\"/>"
  else
    cases+="<testcase classname=\"lint\" name=\"$1\"><failure message=\"$3\"/></testcase>"
    failed=1
  fi
}

status=0
git ls-files -z -- '*.h' '*.cpp' '*.c' ':!tests/faults' ':!tests/scripts' ':!demo/guard.c' | xargs -0 clang-format-19 --dry-run -Werror || status=1
case_of clang-format $status "run ./dev format"

status=0
git ls-files -z -- 'base/*.cpp' 'loader/*.cpp' 'watchpoints/*.cpp' 'keeper/*.cpp' 'recording/*.cpp' 'report/*.cpp' 'export/*.cpp' 'scripts/*.cpp' 'tools/*.cpp' 'xen-bridge/*.cpp' |
  xargs -0 -n 4 -P "$jobs" clang-tidy-19 -p build --quiet 2>/dev/null || status=1
case_of clang-tidy $status "see the messages above"

printf '<testsuite name="lint">%s</testsuite>\n' "$cases" >"$results"
exit $failed
