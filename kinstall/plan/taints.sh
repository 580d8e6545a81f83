# shellcheck shell=sh
# The Nodes' taints, looked at and changed with kubectl, which is a function here.
#
# Set before: LISTING, a jsonpath that prints a line per Node: its name, then each taint (KEY=VALUE:EFFECT) and a blank.
# The API server lets nothing else into a taint than the characters of labels, and a kubelet may not change its Node's.
# What it prints is only compared with: every word that kubectl is given comes from the operator.
newline='
'
nodes=$(kubectl get nodes -o jsonpath="$LISTING") && [ -n "$nodes" ] || exit 1

# read_node NODE WANTED: puts its taints into $present. A Node that is not there yet needs none only if none are wanted.
read_node() {
  rest=${nodes#*"$newline$1 "}
  present=" ${rest%%"$newline"*}"
  [ "$rest" = "$nodes" ] || return 0
  present=
  [ -z "$2" ] && return
  echo "there is no Node $1"
  exit 1
}

has() { case $present in *" $1 "*) ;; *) return 1 ;; esac; } # TAINT

# check_node NODE WANTED: ends the program unless the Node has the taints of the list.
check_node() {
  read_node "$1" "$2"
  for taint in $2; do has "$taint" || exit 1; done
}

# change_node NODE WANTED GONE: sets what is missing of one list, and takes away what is there of the other.
change_node() {
  read_node "$1" "$2"
  node=$1 wanted=$2 gone=$3
  set --
  for taint in $wanted; do has "$taint" || set -- "$@" "$taint"; done
  for taint in $gone; do ! has "$taint" || set -- "$@" "$taint-"; done
  [ $# = 0 ] || kubectl taint node "$node" --overwrite "$@"
}
