#!/usr/bin/env bash
# Installs Node 24 and npm 11 under PREFIX/node through npm, and leaves the system's own Node as it is.
#
#   install_node.sh PREFIX        afterwards:  PATH=PREFIX/node/bin:$PATH
#
# Node 24 is the first whose relaxed SIMD gives the sums that browsers give; Debian's own is older.
set -euo pipefail

prefix=$(mkdir -p "${1:?usage: $0 PREFIX}/node" && cd "$1" && pwd)/node
stamp=$prefix/.installed-node-24
[ -f "$stamp" ] && exit 0

case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *)
    echo "no Node 24 package for $(uname -m): put node 24 or newer on PATH" >&2
    exit 1
    ;;
esac
command -v npm > /dev/null || bash "$(dirname "${BASH_SOURCE[0]}")/apt_install.sh" npm

echo '{"private": true}' > "$prefix/package.json"
npm install --prefix "$prefix" --ignore-scripts --no-audit --no-fund --loglevel=error \
  "node-linux-$arch@24" npm@11 > /dev/null
mkdir -p "$prefix/bin"
ln -sf "../node_modules/node-linux-$arch/bin/node" "$prefix/bin/node"
for program in npm npx; do
  cat > "$prefix/bin/$program" <<WRAPPER
#!/bin/sh
PATH="$prefix/bin:\$PATH" exec "$prefix/bin/node" "$prefix/node_modules/npm/bin/$program-cli.js" "\$@"
WRAPPER
  chmod +x "$prefix/bin/$program"
done
"$prefix/bin/node" --version > /dev/null
touch "$stamp"
