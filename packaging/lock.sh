#!/bin/sh
# Writes the lock files: requirements with hashes for every platform, without the address of any index. lock.sh PYTHON
set -eu
cd "$(dirname "$0")/.."

echo "lock: fetching the resolver (uv) …" >&2
"$1" -m pip install --quiet --disable-pip-version-check uv

lock() { # NAME EXTRA …
    name=$1 extras=
    shift
    for extra in "$@"; do extras="$extras --extra $extra"; done
    echo "lock: resolving packaging/$name …" >&2
    .venv/bin/uv pip compile pyproject.toml $extras --quiet --upgrade --universal \
        --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
        --output-file "packaging/$name"
}
lock requirements.txt
lock requirements-dev.txt dev
lock requirements-bench.txt dev bench
