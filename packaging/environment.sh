#!/bin/sh
# Makes a virtual environment from a requirements file with hashes: environment.sh DIRECTORY REQUIREMENTS
#
# The environment is made again when the file changes, when its Python is gone, or when an earlier attempt was
# interrupted: only a finished one carries the digest of what it was made from.
set -eu

venv=$1 requirements=$2
root=$(cd "$(dirname "$0")/.." && pwd)
stamp="$venv/.made-from"

say() { printf 'environment: %s\n' "$*" >&2; }

digest() { # macOS has shasum, Linux sha256sum
    if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -c1-64
}

is_complete() {
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null
}

suitable() { # a Python >= 3.11 that can make environments: Debian keeps ensurepip in a package of its own
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if suitable "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

wanted="$(digest "$root/$requirements") $root"
is_complete && exit 0

# Two makes at once: the second waits, then finds the first one's work.
if command -v flock >/dev/null && [ -z "${KINSTALL_ENVIRONMENT_LOCKED:-}" ]; then
    KINSTALL_ENVIRONMENT_LOCKED=1
    export KINSTALL_ENVIRONMENT_LOCKED
    exec flock "$root/packaging" "$0" "$@"
fi

if ! python=$(find_python); then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "no Python 3.11 or later that can make environments; installing python3-venv and python3-pip with apt-get"
        apt-get -qq update >&2
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-venv python3-pip >&2
        python=$(find_python) || python=
    fi
fi
if [ -z "${python:-}" ]; then
    say "a Python 3.11 or later with the modules venv and ensurepip is needed"
    say "on Debian and Ubuntu: apt-get install python3-venv python3-pip; or name one: make PYTHON=/path/to/python3"
    exit 1
fi

say "making $venv with $("$python" -V) from $requirements (downloads about 40 MB, takes a minute) …"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --progress-bar off \
    --require-hashes -r "$root/$requirements" >&2

# The project itself is imported from the checkout, by a path entry instead of a build.
"$venv/bin/python" - "$root" <<'PYTHON'
import sys, sysconfig
from pathlib import Path

root = sys.argv[1]
(Path(sysconfig.get_path("purelib")) / "kinstall-checkout.pth").write_text(root + "\n")
script = Path(sysconfig.get_path("scripts")) / "kinstall"
script.write_text(
    f'#!/bin/sh\n"exec" "{sys.executable}" "$0" "$@"\n'  # sh's line, a string to Python: no limit to the path's length
    "import sys\n\nfrom kinstall.cli.main import main\n\nsys.exit(main())\n"
)
script.chmod(0o755)
PYTHON
printf '%s' "$wanted" >"$stamp"
say "done"
