#!/usr/bin/env bash
# Makes dist/, ready for any static host: the four wasm builds, the page, the bundled model, licences. It tests nothing.
#
#   scripts/build.sh        does nothing, quickly, when no input has changed since the last time
#
# The wasm builds are collected as build/wasm/BUILD/parley.{mjs,wasm}; web/ names their directory in dist/ by their hash
# (the build id) and takes models/ in. MODEL_HOSTS replaces the hosts that the page may fetch models from, PARLEY_HUB the
# Hugging Face hub by a mirror of it.
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" build
cd "$PARLEY_ROOT"
mkdir -p build
exec 8> build/.build.lock
flock 8 2> /dev/null || true

# quietly LOG COMMAND...: what the command prints is in LOG, and shown when it fails.
quietly() {
  "${@:2}" > "$1" 2>&1 || {
    cat "$1" >&2
    return 1
  }
}

builds=(simd128 simd128-threads relaxed relaxed-threads)
for build in "${builds[@]}"; do
  preset=wasm-$build
  [ -f "build/$preset/build.ninja" ] || quietly "build/$preset.log" cmake --fresh --preset "$preset" -G Ninja -DCMAKE_UNITY_BUILD=ON
  [ -f "build/wasm/$build/parley.wasm" ] || echo "building WebAssembly ($build): a few minutes the first time" >&2
  quietly "build/$preset.log" cmake --build --preset "$preset" --target parley_wasm
  mkdir -p "build/wasm/$build"
  for file in parley.mjs parley.wasm; do
    cmp -s "build/$preset/src/wasm/$file" "build/wasm/$build/$file" ||
      cp "build/$preset/src/wasm/$file" "build/wasm/$build/$file"
  done
done

# Everything that ends up in dist/ or decides how; dist/ is made again when any of it has changed.
inputs_hash() {
  {
    echo "${MODEL_HOSTS-default} ${PARLEY_HUB-default}"
    find build/wasm models web VERSION LICENSE CHANGELOG.md biome.json scripts/build.sh scripts/headers.mjs \
      scripts/third_party_notices.mjs scripts/notices_wasm.txt \
      \( -name node_modules -o -path web/dist -o -path web/test-results -o -name '*.tsbuildinfo' \) -prune \
      -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum
}
stamp=build/.dist-inputs
inputs=$(inputs_hash)
[ -f dist/index.html ] && [ "$inputs" = "$(cat "$stamp" 2> /dev/null)" ] && exit 0

rm -f "$stamp"
staging=build/dist
rm -rf "$staging"
quietly build/page.log npm --prefix web run --silent build -- --outDir "../$staging" --emptyOutDir
cp LICENSE "$staging/LICENSE.txt"
node scripts/third_party_notices.mjs > "$staging/THIRD_PARTY_NOTICES.txt"
cp VERSION "$staging/VERSION"
rm -rf dist
mv "$staging" dist
echo "$inputs" > "$stamp"
echo "dist/ is Parley $(cat VERSION), $(du -sh dist | cut -f1)"
