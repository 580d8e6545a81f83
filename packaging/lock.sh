#!/bin/sh
# Writes the lock files: requirements with hashes for every platform, without the address of any index. lock.sh PYTHON
set -eu
cd "$(dirname "$0")/.."

echo "lock: fetching the resolver (uv) …" >&2
"$1" -m pip install --quiet --disable-pip-version-check uv

lock() { # NAME SOURCE OPTION …
    name=$1
    shift
    echo "lock: resolving packaging/$name …" >&2
    .venv/bin/uv pip compile "$@" --quiet --upgrade --universal \
        --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
        --output-file "packaging/$name"
}
lock requirements.txt pyproject.toml
lock requirements-dev.txt pyproject.toml --extra dev
lock requirements-bench.txt packaging/peers.in
lock requirements-ansible.txt packaging/ansible.in
lock requirements-pyz.txt packaging/pyz.in
