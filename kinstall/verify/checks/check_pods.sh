# shellcheck shell=sh disable=SC2034,SC2154
# create_objects STALE…: what comes on the standard input; first deletes namespaces that an interrupted verify left.
create_objects() {
  [ $# = 0 ] || ask_api delete namespace --wait=false --ignore-not-found "$@" 2>&1
  ask_api create -f - 2>&1
  ended created $?
}
