# shellcheck shell=sh
# What the API reports. Set before: KUBECONFIG, the file to ask it with.
ask_api() { limited kubectl --kubeconfig "$KUBECONFIG" --request-timeout=4s "$@" 2>&1; }

api() {
  [ -e "$KUBECONFIG" ] && command -v kubectl >/dev/null 2>&1 || return
  ask_api get --raw '/readyz?verbose' | grep -v '^\[+\]' | tail -n 12 | sed 's/^/[api] /'
  ask_api get nodes -o wide | tail -n 12 | sed 's/^/[nodes] /'
  waiting=$(ask_api get pods -A -o wide | grep -Ev ' ([0-9]+)/\1 +Running | Completed ' | tail -n 15)
  printf '%s\n' "$waiting" | sed 's/^/[pods] /'
  printf '%s\n' "$waiting" | grep -v '^NAMESPACE' | head -n 2 | while read -r namespace pod _; do
    [ -n "$pod" ] && ask_api -n "$namespace" logs "$pod" --tail=8 --all-containers | sed "s/^/[$pod] /"
  done
  ask_api get events -A --field-selector type=Warning --sort-by=.lastTimestamp | tail -n 20 | sed 's/^/[events] /'
}
