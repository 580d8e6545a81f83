# shellcheck shell=sh disable=SC2034,SC2154
# Set before: kubectl, kubeconfig, folder (kinstall's own below /run). kubectl keeps a cache below its home: not in
# root's.
umask 077
mkdir -p "$folder/home"
HOME=$folder/home KUBECONFIG=$kubeconfig
export HOME KUBECONFIG
ask_api() { "$kubectl" --request-timeout=15s "$@"; }

# at_once NAME WORDS…: kubectl with these words; what it prints and how it ends go into files of that name.
begin_work() {
  work=$(mktemp -d "$folder/verify.XXXXXX") || exit 1
  trap 'rm -rf "$work"' EXIT
}
at_once() {
  name=$1; shift
  read_uptime; began=$uptime
  ask_api "$@" >"$work/$name" 2>&1 </dev/null; status=$?
  read_uptime; echo "$status	$began	$uptime" >"$work/$name.status"
}
# print_result NAME KIND NODE: the record of such a command, and what it printed.
print_result() {
  IFS= read -r result <"$work/$1.status"
  report "result	$2	$3	$result"
  cat "$work/$1"; echo
}

# How kubectl ended, as a record: printed NAME STATUS.
ended() { report "$1	$2"; }
