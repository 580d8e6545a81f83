# shellcheck shell=sh disable=SC2034,SC2154
# remove_namespace NAMESPACE SECONDS MORE_SECONDS: with all that is in it, and wait until it is gone. Its controller
# begins 5 s after the namespace was deleted; pods that are gone by then cost it no second turn. A pod on a node that is
# down never says that it ended: after SECONDS it is removed without that, and its kubelet ends what is left of it once
# it is back.
remove_namespace() {
  ask_api delete namespace "$1" --ignore-not-found --wait=false 2>&1
  ask_api -n "$1" delete pods --all --grace-period=1 --wait=false >/dev/null 2>&1
  "$kubectl" wait --for=delete "namespace/$1" --timeout="$2s" >/dev/null 2>&1 || {
    ask_api -n "$1" delete pods --all --force --grace-period=0 --wait=false >/dev/null 2>&1
    "$kubectl" wait --for=delete "namespace/$1" --timeout="$3s" 2>&1
  }
  ended removed $?
}
