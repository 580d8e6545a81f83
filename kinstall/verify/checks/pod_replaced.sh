# shellcheck shell=sh disable=SC2034,SC2154
# delete_pod NAMESPACE POD: and wait until it is gone.
delete_pod() {
  ask_api -n "$1" delete pod "$2" --timeout=20s 2>&1
  ended deleted $?
}
