#!/bin/sh
# The programs beside Python that tests run: shellcheck, the shells that a node may have, and HAProxy. tools.sh
#
# On Debian as root what is missing is installed. Elsewhere it is named, and the tests that need it are skipped; with
# CI=true that is a failure.
set -eu

say() { printf 'tools: %s\n' "$*" >&2; }

missing() { # each is Debian's package of the same name
    for tool in shellcheck dash bash busybox haproxy; do
        command -v "$tool" >/dev/null || printf ' %s' "$tool"
    done
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Two makes at once: the second waits, then finds the first one's work.
    if command -v flock >/dev/null && [ -z "${KINSTALL_TOOLS_LOCKED:-}" ]; then
        KINSTALL_TOOLS_LOCKED=1
        export KINSTALL_TOOLS_LOCKED
        exec flock "$(dirname "$0")" "$0" "$@"
    fi
    say "installing$wanted with apt-get"
    apt-get -qq update >&2 || say "apt-get update failed; going on with the lists that are there"
    # shellcheck disable=SC2086 # one package per word
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $wanted >&2 || say "apt-get failed"
    wanted=$(missing)
    [ -n "$wanted" ] || exit 0
fi

say "missing:$wanted. The tests that need them are skipped."
say "on Debian and Ubuntu: apt-get install$wanted; on Fedora: dnf install ShellCheck busybox dash haproxy; with Homebrew: brew install shellcheck dash"
[ -z "${CI:-}" ] || exit 1
