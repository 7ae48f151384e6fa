#!/usr/bin/env bash
# Installs Emscripten 3.1.69 (LLVM 19) and Catch2's sources under PREFIX from Debian's own archive, on Debian 12 and 13.
# It leaves everything else (Node, native compilers, browsers) to setup.sh.
#
#   install_emscripten_debian.sh PREFIX        afterwards:  . PREFIX/env.sh
#
# Debian 13 ships what is needed. Debian 12 ships an Emscripten with LLVM 14, which lacks the relaxed-SIMD dot product;
# so its packages are taken from Debian 13's archive and unpacked, not installed. Emscripten itself is scripts and a
# sysroot and runs anywhere; Binaryen's programs need a newer libc, which is unpacked beside them and reached through
# its own loader. LLVM 19 is in both releases.
set -euo pipefail

prefix=$(mkdir -p "${1:?usage: $0 PREFIX}" && cd "$1" && pwd)
stamp=$prefix/.installed-emscripten-3.1.69
[ -f "$stamp" ] && exit 0

apt_install=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/apt_install.sh

# A private apt that sees Debian 13's archive through this machine's own mirror, with its state under PREFIX.
trixie=$prefix/apt
mkdir -p "$trixie"/{lists/partial,cache/archives/partial,etc} "$prefix/deb" "$prefix/src"
mirror=$(grep -rhoE '^(URIs: |deb .*)https?://[^ ]+/debian/?( |$)' \
  /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | head -1 || true)
[ -n "$mirror" ] || {
  echo "no Debian mirror found in /etc/apt/sources.list or sources.list.d" >&2
  exit 1
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
printf 'deb [signed-by=%s] %s trixie main\ndeb-src [signed-by=%s] %s trixie main\n' \
  "$keyring" "$mirror" "$keyring" "$mirror" > "$trixie/etc/sources.list"
apt_trixie() {
  apt-get -qq -o Dir::Etc::sourcelist="$trixie/etc/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$trixie/lists" -o Dir::Cache="$trixie/cache" -o Debug::NoLocking=1 \
    -o APT::Sandbox::User=root "$@"
}
apt_trixie update
(
  cd "$prefix/src"
  apt_trixie source --download-only catch2
  rm -rf catch2
  mkdir catch2
  tar -xf catch2_*.orig.tar.* -C catch2 --strip-components=1
)

# VERSION_ID comes from os-release.
# shellcheck source=/dev/null
. /etc/os-release
if [ "${VERSION_ID:-0}" -ge 13 ]; then
  bash "$apt_install" emscripten clang-19 lld-19 llvm-19
  emscripten=/usr/share/emscripten
  config=
else
  bash "$apt_install" clang-19 lld-19 llvm-19
  (cd "$prefix/deb" && apt_trixie download emscripten binaryen libc6 libstdc++6 libgcc-s1 node-acorn)
  mkdir -p "$prefix/root"
  for deb in "$prefix"/deb/*.deb; do dpkg -x "$deb" "$prefix/root"; done
  rm -rf "$prefix/deb" "$trixie/cache"

  loader=$(find "$prefix/root" -name 'ld-linux*.so*' -type f | head -1)
  libc=$(find "$prefix/root" -name 'libc.so.6' | head -1)
  libstdcxx=$(find "$prefix/root" -name 'libstdc++.so.6' | head -1)
  mkdir -p "$prefix/binaryen/bin"
  for tool in "$prefix"/root/usr/bin/wasm*; do
    wrapper=$prefix/binaryen/bin/$(basename "$tool")
    printf '#!/bin/sh\nexec "%s" --library-path "%s:%s" "%s" "$@"\n' \
      "$loader" "${libc%/*}" "${libstdcxx%/*}" "$tool" > "$wrapper"
    chmod +x "$wrapper"
  done
  emscripten=$prefix/root/usr/share/emscripten
  rm -rf "$emscripten/node_modules"
  ln -s "$prefix/root/usr/share/nodejs" "$emscripten/node_modules"
  config=$prefix/emscripten.config
  node=$prefix/node/bin/node
  [ -x "$node" ] || node=$(command -v node)
  cat > "$config" <<CONFIG
EMSCRIPTEN_ROOT = '$emscripten'
LLVM_ROOT = '/usr/lib/llvm-19/bin'
BINARYEN_ROOT = '$prefix/binaryen'
NODE_JS = '$node'
LLVM_ADD_VERSION = ''
CLANG_ADD_VERSION = ''
FROZEN_CACHE = False
CACHE = '$prefix/cache'
CONFIG
fi

{
  [ -z "$config" ] || printf 'export EM_CONFIG="%s"\n' "$config"
  printf 'export PARLEY_TOOLCHAIN="%s" PARLEY_EMSCRIPTEN="%s" PARLEY_CATCH2_SOURCE="%s"\n' \
    "$prefix" "$emscripten" "$prefix/src/catch2"
  # PATH is meant to be expanded by whoever sources the file.
  # shellcheck disable=SC2016
  printf 'export PATH="%s/node/bin:%s:$PATH"\n' "$prefix" "$emscripten"
} > "$prefix/env.sh"
touch "$stamp"
