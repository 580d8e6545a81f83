#!/bin/sh
# The programs beside our Python that tests run: tools.sh
#
# The shells and downloaders that a node may have, shellcheck, HAProxy, man, and the references of what we read: OpenSSH
# and Ansible, whose ansible-inventory is in an environment of its own, .venv-ansible. (kubectl is the lab's.)
#
# On Debian as root what is missing is installed. Elsewhere it is named, and the tests that need it are skipped; with
# CI=true that is a failure, as is any other skip for want of a tool (tests/conftest.py).
set -eu
PATH=$PATH:/usr/sbin # where an ordinary user's does not have it

say() { printf 'tools: %s\n' "$*" >&2; }

missing() { # PROGRAM, or PROGRAM:PACKAGE where Debian's package has another name
    for tool in shellcheck dash bash busybox haproxy wget man:man-db ssh:openssh-client ssh-keygen:openssh-client \
        mkfs.btrfs:btrfs-progs; do
        command -v "${tool%%:*}" >/dev/null || printf ' %s' "${tool#*:}"
    done
}

here=$(dirname "$0")
# Not below with the lock held: environment.sh takes the same one.
if [ -z "${KINSTALL_TOOLS_LOCKED:-}" ] &&
    ! "$here/environment.sh" "$here/../.venv-ansible" packaging/requirements-ansible.txt; then
    say "no ansible-inventory: the tests that compare with it are skipped"
    [ -z "${CI:-}" ] || exit 1
fi

wanted=$(missing)
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Two makes at once: the second waits, then finds the first one's work.
    if command -v flock >/dev/null && [ -z "${KINSTALL_TOOLS_LOCKED:-}" ]; then
        KINSTALL_TOOLS_LOCKED=1
        export KINSTALL_TOOLS_LOCKED
        exec flock "$here" "$0" "$@"
    fi
    say "installing$wanted with apt-get"
    apt-get -qq update >&2 || say "apt-get update failed; going on with the lists that are there"
    # shellcheck disable=SC2086 # one package per word
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $wanted >&2 || say "apt-get failed"
    wanted=$(missing)
    [ -n "$wanted" ] || exit 0
fi

say "missing:$wanted. The tests that need them are skipped."
say "on Debian and Ubuntu: apt-get install$wanted; on Fedora: dnf install ShellCheck busybox dash haproxy wget man-db openssh-clients btrfs-progs; with Homebrew: brew install shellcheck dash"
[ -z "${CI:-}" ] || exit 1
