#!/usr/bin/env bash
# Compares Parley with llama.cpp on one model in every quantized type that both read, each used for every matrix.
#
#   scripts/check_types.sh --package DIR FILE.gguf [CHECK_LLAMA_CPP OPTION...]
#
# FILE's rows must be multiples of 256, the K types' block: GPT-2's own sizes fit, and so does what bench/random_gpt2.py makes
# with --size 16M. PYTHON names an interpreter with PyPI's gguf; DIR and the options are scripts/check_llama_cpp.mjs's.
set -euo pipefail
if [ $# -lt 3 ] || [ "$1" != --package ]; then
  sed -n '2,/^set/{/^#/p}' "$0" >&2
  exit 2
fi
package=$2 file=$3
shift 3
scripts=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
status=0
for type in Q4_0 Q4_1 Q5_0 Q5_1 IQ4_NL Q2_K Q3_K Q4_K Q5_K Q6_K Q8_0; do
  "${PYTHON:-python3}" "$scripts/requantize.py" --every "$file" "$work/model.gguf" "$type"
  node "$scripts/check_llama_cpp.mjs" --package "$package" "$@" "$work/model.gguf" > "$work/log" || {
    grep DIFFERENT "$work/log" || true
    status=1
  }
  { grep ' margins of ' "$work/log" || true; } | sed "s/^/$type: /"
  echo "$type: $(tail -n 1 "$work/log")"
done
exit $status
