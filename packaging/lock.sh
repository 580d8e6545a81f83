#!/bin/sh
# Writes the lock files: requirements with hashes for every platform, without the address of any index. lock.sh PYTHON
set -eu
cd "$(dirname "$0")/.."

echo "lock: fetching the resolver (uv) …" >&2
"$1" -m pip install --quiet --disable-pip-version-check uv

lock() { # NAME [EXTRA]
    echo "lock: resolving packaging/$1 …" >&2
    .venv/bin/uv pip compile pyproject.toml ${2:+--extra "$2"} --quiet --upgrade --universal \
        --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
        --output-file "packaging/$1"
}
lock requirements.txt
lock requirements-dev.txt dev
lock requirements-bench.txt bench
