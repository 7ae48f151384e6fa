#!/usr/bin/env bash
# Packs Parley for release into build/package/: a zip of dist/ for static hosts and the npm tarball of the library. It
# publishes nothing.
set -euo pipefail
bash "$(dirname "${BASH_SOURCE[0]}")/build.sh"
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" build
cd "$PARLEY_ROOT"

version=$(cat VERSION)
out=$PWD/build/package
rm -rf "$out"
mkdir -p "$out"

# One time for all files and a fixed order, so that the same dist/ gives the same bytes.
copy=build/package-files/parley-$version
rm -rf build/package-files
mkdir -p build/package-files
cp -r dist "$copy"
find build/package-files -exec touch -d '2026-01-01T00:00:00Z' {} +
(cd build/package-files && find "parley-$version" -type f | LC_ALL=C sort | TZ=UTC zip -qX9 "$out/parley-$version.zip" -@)
rm -rf build/package-files

(cd web && npm run --silent build:library)
tarball=$(npm pack ./build/npm --silent --ignore-scripts --pack-destination "$out")
ls "$out/$tarball" "$out/parley-$version.zip"
