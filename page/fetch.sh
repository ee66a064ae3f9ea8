#!/bin/sh
# fetch.sh NPM FOLDER: the libraries that FOLDER/package-lock.json pins, into FOLDER/node_modules.
cd "$2" || exit 1
"$1" ci --ignore-scripts --no-audit --no-fund --loglevel=error && exit 0
echo "stakeout: npm could not fetch the libraries of the report's page (page/package-lock.json): it needs its registry," \
  "or a filled cache, when the project is built for the first time" >&2
exit 1
