# shellcheck shell=sh
# Undo of the kubelet: the pods end, and their volumes are unmounted.
#
# With containerd still running each pod is ended by name; what is left then is found by its cgroup.
if command -v ctr >/dev/null 2>&1 && [ -S /run/containerd/containerd.sock ]; then
  for task in $(timeout 20 ctr --connect-timeout 2s -n k8s.io tasks ls -q 2>/dev/null); do
    timeout 20 ctr -n k8s.io tasks kill -a -s KILL "$task" >/dev/null 2>&1 &
  done
  wait
fi
tries=0
while [ $tries -lt 50 ]; do
  pids=$(find /sys/fs/cgroup -path '*kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u)
  [ -n "$pids" ] || break
  for pid in $pids; do kill -9 "$pid" 2>/dev/null || :; done
  tries=$((tries + 1))
  sleep 0.1
done
unmount_within /var/lib/kubelet
