# shellcheck shell=sh
# What a node can report of a failed step, as `[SOURCE] text` lines. Nothing is changed, no tool has to be there.
limited() { if command -v timeout >/dev/null 2>&1; then timeout 5 "$@"; else "$@"; fi; }

# worth_reading SOURCE: of the log on the standard input, first everything above "info", then the very last lines
# whatever they say. A unit's multi-line dumps (the kubelet prints its whole configuration) begin with blanks.
worth_reading() {
  log=$(grep -v '^[[:space:]]')
  printf '%s\n' "$log" | grep -Ev 'level=info|"level":"info"|^I[0-9][0-9][0-9][0-9] ' | tail -n 25 | sed "s/^/[$1] /"
  printf '%s\n' "$log" | tail -n 3 | sed "s/^/[$1] /"
}

full_disks() {
  df -Pk / /run /var/lib /var/lib/containerd /var/lib/kubelet /var/lib/etcd /usr/local/bin 2>/dev/null | sort -u |
    while read -r _ _ _ _ used where; do
      case $used in 9[5-9]% | 100%) echo "[disk] $where is ${used%\%} % full" ;; esac
    done
}
scarce_memory() {
  while read -r key left _; do
    [ "$key" = MemAvailable: ] && [ "$left" -lt 102400 ] && echo "[memory] $((left / 1024)) MiB of memory are available"
  done </proc/meminfo
}

# unit UNIT SOURCE
unit() {
  state=$(limited systemctl show -p ActiveState -p SubState -p Result -p ExecMainStatus -p NRestarts "$1" | tr '\n' ' ')
  echo "[$2] $state"
  limited journalctl -u "$1" -n 400 --since=-15min --no-pager -o cat | worth_reading "$2"
}

# container NAME SOURCE: the kubelet keeps its output in /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log. One
# that another node may run is only missed here where this node has its manifest.
container() {
  # shellcheck disable=SC2012
  newest=$(ls -1t /var/log/pods/*/"$1"/*.log 2>/dev/null | head -n 1)
  if [ -n "$newest" ]; then
    restarts=${newest##*/}
    echo "[$2] started, ${restarts%.log} restarts"
    tail -n 300 "$newest" | sed 's/^[^ ]* \(stdout\|stderr\) [FP] //' | worth_reading "$2"
  elif [ -e "/etc/kubernetes/manifests/$1.yaml" ]; then
    echo "[$2] no container of this name was ever started here"
  fi
}
