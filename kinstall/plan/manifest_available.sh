# shellcheck shell=sh
# Whether workloads are available. A node that failed, or is off, must not keep the others from their DNS: its pods are
# not waited for.
#
# Set before: READY (a jsonpath that prints True on a line of its own for each node that is Ready), and kubectl, a
# function.
nodes=$(kubectl get nodes -o jsonpath="$READY") || exit 1
# shellcheck disable=SC2034 # a word of the calls that follow
off=$(printf '%s\n' "$nodes" | grep -cv '^True$')
[ "$(printf '%s\n' "$nodes" | grep -c '^True$')" -gt 0 ] || exit 1

# is_available MISSING NAMESPACE RESOURCE NAME LISTING: ends the program unless the workload is, but for MISSING pods.
# LISTING prints, each after `=`: generation, observed generation, wanted, available, updated, strategy.
is_available() {
  missing=$1
  # shellcheck disable=SC2046 # words
  set -- $(kubectl -n "$2" get "$3" "$4" -o jsonpath="$5")
  [ $# = 6 ] && [ "$1" != = ] && [ "$1" = "$2" ] || exit 1
  wanted=${3#=} available=${4#=} updated=${5#=}
  # Pods of OnDelete are brought up to date by whoever deletes them.
  [ "$6" != =OnDelete ] || updated=$wanted
  for pods in "${available:-0}" "${updated:-0}"; do
    [ $((pods + missing)) -ge "${wanted:-0}" ] || exit 1
  done
}
