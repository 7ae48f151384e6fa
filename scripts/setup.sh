#!/usr/bin/env bash
# Installs what building or testing Parley needs and is not there yet; it builds nothing.
#
#   scripts/setup.sh [build|test]      build: what start.sh and build.sh need; test (the default): everything
#   . scripts/setup.sh build           the same, and puts the toolchain on PATH of the script that sources it
#
# On Debian 12 and newer it takes packages from apt (as root or through sudo) and the rest into PARLEY_TOOLCHAIN
# (~/.cache/parley/toolchain). Elsewhere it uses cmake, node and emcc from PATH and says exactly what is missing.

PARLEY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PARLEY_TOOLCHAIN=${PARLEY_TOOLCHAIN:-$HOME/.cache/parley/toolchain}

setup_is_debian() (
  [ -r /etc/os-release ] || exit 1
  # shellcheck source=/dev/null
  . /etc/os-release
  [ "${ID:-}" = debian ] && [ "${VERSION_ID:-0}" -ge 12 ]
)

# Prints the apt packages whose programs or files are not there. The table: what to look for, package, for whom.
setup_missing_packages() {
  local probe package level
  while read -r probe package level; do
    [ "$level" = test ] && [ "$1" != test ] && continue
    case $probe in
      /*) [ -e "$probe" ] ;;
      *) command -v "$probe" > /dev/null ;;
    esac || echo "$package"
  done <<'TABLE'
cmake cmake build
ninja ninja-build build
python3 python3 build
flock util-linux build
xz xz-utils build
zip zip build
/usr/include/eigen3/Eigen/Core libeigen3-dev build
/usr/include/nlohmann/json.hpp nlohmann-json3-dev build
/etc/ssl/certs/ca-certificates.crt ca-certificates build
g++ g++ test
git git test
unzip unzip test
shellcheck shellcheck test
clang++-19 clang-19 test
clang-format-19 clang-format-19 test
clang-tidy-19 clang-tidy-19 test
/usr/lib/llvm-19/lib/clang/19/lib/linux libclang-rt-19-dev test
chromium chromium test
/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf fonts-noto-core test
/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc fonts-noto-cjk test
TABLE
}

setup_debian() {
  local packages
  mapfile -t packages < <(setup_missing_packages "$1")
  if [ ${#packages[@]} -gt 0 ]; then
    echo "installing ${packages[*]}" >&2
    bash "$PARLEY_ROOT/scripts/apt_install.sh" "${packages[@]}" || return
  fi
  bash "$PARLEY_ROOT/scripts/install_node.sh" "$PARLEY_TOOLCHAIN" || return
  if [ ! -f "$PARLEY_TOOLCHAIN/.installed-emscripten-3.1.69" ]; then
    echo "installing Emscripten into $PARLEY_TOOLCHAIN (about a minute)" >&2
    bash "$PARLEY_ROOT/scripts/install_emscripten_debian.sh" "$PARLEY_TOOLCHAIN" || return
  fi
}

# Says what is missing on a system whose packages this script does not know.
setup_elsewhere() {
  local missing=() programs=(cmake ninja python3 node npm emcc zip) program
  [ "$1" = test ] && programs+=(g++ git unzip shellcheck clang++-19 clang-format-19 clang-tidy-19)
  for program in "${programs[@]}"; do
    command -v "$program" > /dev/null || missing+=("$program")
  done
  if [ "$1" = test ] && ! command -v chromium > /dev/null && [ -z "${PARLEY_CHROMIUM:-}" ]; then
    missing+=("chromium (or its path in PARLEY_CHROMIUM)")
  fi
  if command -v node > /dev/null && [ "$(node -p 'parseInt(process.versions.node)')" -lt 24 ]; then
    missing+=("node 24 or newer (found $(node --version))")
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    echo "missing on this system:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    return 1
  fi
}

# Installs web/'s packages as its lock file pins them, when that file has changed since the last time.
setup_web() (
  cd "$PARLEY_ROOT/web"
  local stamp=node_modules/.parley-lock
  cmp -s package-lock.json "$stamp" && return
  echo "installing web/node_modules" >&2
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
  cp package-lock.json "$stamp"
)

setup_environment() {
  if [ -f "$PARLEY_TOOLCHAIN/env.sh" ]; then
    # shellcheck source=/dev/null
    . "$PARLEY_TOOLCHAIN/env.sh"
  fi
}

setup_all() {
  case $1 in
    build | test) ;;
    *)
      echo "usage: setup.sh [build|test]" >&2
      return 2
      ;;
  esac
  if setup_is_debian; then
    setup_debian "$1" || return
    setup_environment
  else
    setup_environment
    setup_elsewhere "$1" || return
  fi
  setup_web
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  mkdir -p "$PARLEY_ROOT/build"
  exec 9> "$PARLEY_ROOT/build/.setup.lock"
  flock 9 2> /dev/null || true
  setup_all "${1:-test}"
else
  bash "$PARLEY_ROOT/scripts/setup.sh" "${1:-test}" || exit
  setup_environment
fi
