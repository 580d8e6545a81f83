# shellcheck shell=sh
# Undo of containerd: what its unit left running, mounted or in the network.
#
# KillMode=process leaves the shims; they are in the unit's own cgroup or, moved by runc, known by their name.
systemctl kill --kill-whom=all -s KILL containerd.service 2>/dev/null || :
for process in /proc/[0-9]*; do
  case $(readlink "$process/exe") in /usr/local/bin/containerd-shim-runc-v2*) kill -9 "${process#/proc/}" || : ;; esac
done 2>/dev/null
unmount_within /var/lib/containerd
for namespace in /run/netns/cni-*; do
  unmount_within "$namespace" too
  rm -f -- "$namespace"
done
rmdir /run/netns 2>/dev/null || :
ip -o link show type veth 2>/dev/null | while IFS=': @' read -r _ name _; do
  case $name in
  veth*) ! ip -o link show "$name" 2>/dev/null | grep -q 'master cni0' || ip link delete "$name" 2>/dev/null || : ;;
  esac
done
ip link delete cni0 2>/dev/null || :
find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io*' \) -exec rmdir {} + 2>/dev/null || :
left=0
for folder in /run/containerd /run/nri; do remove_tree "$folder" || left=1; done
[ $left = 0 ]
