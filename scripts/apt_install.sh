#!/usr/bin/env bash
# Installs Debian packages, as root or through sudo, without asking.
#
#   scripts/apt_install.sh PACKAGE...
set -euo pipefail

root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo > /dev/null || {
    echo "not root and no sudo: install these packages first: $*" >&2
    exit 1
  }
  root=(sudo -E)
fi
"${root[@]}" apt-get update -qq >&2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
