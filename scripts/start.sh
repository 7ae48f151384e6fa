#!/usr/bin/env bash
# Sets up, builds and serves Parley on this machine; serve.mjs does the serving, until Ctrl-C.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: scripts/start.sh [--port N] [--host H]

Installs what is missing (Debian 12 and newer), builds Parley and serves it.

  --port N   port to listen on (8080)
  --host H   address to listen on (127.0.0.1: this machine only)
  --help     print this
HELP
}

port=8080
host=127.0.0.1
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --port | --host)
      [ $# -ge 2 ] || {
        echo "start.sh: $1 needs a value" >&2
        exit 2
      }
      if [ "$1" = --port ]; then port=$2; else host=$2; fi
      shift 2
      ;;
    *)
      echo "start.sh: unknown option $1" >&2
      usage >&2
      exit 2
      ;;
  esac
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -gt 65535 ]; then
  echo "start.sh: --port $port: not a port" >&2
  exit 2
fi

# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" build
# A port in use is found before the build, which may take minutes the first time.
node "$PARLEY_ROOT/scripts/serve.mjs" --port "$port" --host "$host" --probe
bash "$PARLEY_ROOT/scripts/build.sh"
exec node "$PARLEY_ROOT/scripts/serve.mjs" --port "$port" --host "$host"
