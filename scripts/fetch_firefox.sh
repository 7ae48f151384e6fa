#!/usr/bin/env bash
# Prints the path of a Firefox for the tests on request, and on Debian installs firefox-esr where there is none.
# PARLEY_FIREFOX names another one.
#
#   scripts/fetch_firefox.sh
set -euo pipefail
if [ -n "${PARLEY_FIREFOX:-}" ]; then
  command -v "$PARLEY_FIREFOX"
  exit
fi
find_firefox() { command -v firefox-esr || command -v firefox; }
if ! find_firefox > /dev/null; then
  command -v apt-get > /dev/null || {
    echo "no Firefox here: install it, or name it in PARLEY_FIREFOX" >&2
    exit 1
  }
  bash "$(dirname "${BASH_SOURCE[0]}")/apt_install.sh" firefox-esr
fi
find_firefox
