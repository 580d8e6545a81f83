# shellcheck shell=sh disable=SC2034,SC2154
# wait_for NAMESPACE SECONDS WORKLOAD…: until they are rolled out; then its pods, services and events as JSON.
wait_for() {
  namespace=$1 seconds=$2; shift 2
  ask_api -n "$namespace" rollout status "$@" --timeout="${seconds}s" >/dev/null 2>&1
  report objects
  ask_api -n "$namespace" get pods,services,events -o json 2>/dev/null
  report 'done'
}
