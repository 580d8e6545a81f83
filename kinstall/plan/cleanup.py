"""What Kubernetes' own programs leave on a node beyond the files that kinstall puts there, and how it is taken away.

sh fragments for the `undo` of steps: each runs after its unit was stopped, succeeds on a node where nothing is left,
and touches only what the kubelet, kube-proxy, the container runtime or a CNI plugin of this cluster made.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import NamedTuple

from kinstall.engine.diff import STATE

SAVED = f"{STATE}/saved"

KUBE_PROXY = """\
for family in ip ip6; do nft delete table $family kube-proxy 2>/dev/null || :; done
for i in iptables ip6tables; do
  command -v $i >/dev/null 2>&1 || continue
  $i-save 2>/dev/null | grep -q KUBE- || continue
  $i-save 2>/dev/null | grep -v KUBE- | $i-restore || :
done
"""

_UNMOUNT = """\
while read -r _ m _; do
  case $m in {patterns}) printf '%s\\n' "$m";; esac
done </proc/mounts | sort -r | while IFS= read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null || :; done
"""

# With containerd still running each pod is ended by name; what is left then is found by its cgroup.
KUBELET = """\
if command -v ctr >/dev/null 2>&1 && [ -S /run/containerd/containerd.sock ]; then
  for t in $(timeout 20 ctr --connect-timeout 2s -n k8s.io tasks ls -q 2>/dev/null); do
    timeout 20 ctr -n k8s.io tasks kill -a -s KILL "$t" >/dev/null 2>&1 &
  done
  wait
fi
n=0
while [ $n -lt 50 ]; do
  pids=$(find /sys/fs/cgroup -path '*kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u)
  [ -n "$pids" ] || break
  for p in $pids; do kill -9 "$p" 2>/dev/null || :; done
  n=$((n+1)); sleep 0.1
done
""" + _UNMOUNT.format(patterns="/var/lib/kubelet/*")

CONTAINERD = (
    # KillMode=process leaves the shims; they are in the unit's own cgroup or, moved by runc, known by their name.
    """\
systemctl kill --kill-whom=all -s KILL containerd.service 2>/dev/null || :
for p in /proc/[0-9]*; do
  case $(readlink $p/exe) in /usr/local/bin/containerd-shim-runc-v2*) kill -9 ${p#/proc/} || :;; esac
done 2>/dev/null
"""
    + _UNMOUNT.format(patterns="/run/containerd/*|/var/lib/containerd/*|/run/netns/cni-*")
    + """\
rm -f /run/netns/cni-*
rmdir /run/netns 2>/dev/null || :
ip -o link show type veth 2>/dev/null | while IFS=': @' read -r _ name _; do
  case $name in veth*) ip -o link show "$name" | grep -q 'master cni0' && ip link delete "$name" 2>/dev/null || :;; esac
done
ip link delete cni0 2>/dev/null || :
find /sys/fs/cgroup -depth -type d \\( -path '*/kubepods*' -o -path '*/k8s.io*' \\) -exec rmdir {} + 2>/dev/null || :
rm -rf /run/containerd /run/nri
"""
)


# The daemons' units want the network to be online, and so start what waits for it.
_ONLINE = "network-online.target systemd-networkd-wait-online.service NetworkManager-wait-online.service"


def save(sysctls: Sequence[str]) -> str:
    """Remember the sysctls and the packet filter's tables as they were before anything was started."""
    return f"""\
umask 077
mkdir -p {SAVED}
[ -e {SAVED}/sysctls ] || {{ for k in {" ".join(sysctls)}; do
  f=/proc/sys/$(printf %s "$k" | tr . /)
  [ ! -r "$f" ] || printf '%s=%s\\n' "$k" "$(cat "$f")"
done >{SAVED}/new && mv {SAVED}/new {SAVED}/sysctls; }}
[ -e {SAVED}/tables ] || nft list tables >{SAVED}/tables 2>/dev/null || :
[ -e {SAVED}/waiting ] || for u in {_ONLINE}; do
  systemctl is-active -q $u && echo $u || :
done >{SAVED}/waiting
"""


class Found(NamedTuple):
    """sh code that tests whether a node was looked at already, and that looks."""

    check: str
    run: str


_CNI_FOLDERS = "/etc/cni/net.d /opt/cni/bin"


def network_found(host_paths: Sequence[str]) -> Found:
    """Remember what is there before a pod network of somebody else's comes: the links, the files in the CNI's folders,
    and which of the paths that its pods mount are missing, with the folders above them."""
    wanted = " ".join(quote(path) for path in host_paths) or "''"
    return Found(
        f"""\
[ -e {SAVED}/links ] && for p in {wanted}; do
  [ -z "$p" ] || grep -qxF -- "$p" {SAVED}/seen || exit 1
done""",
        f"""\
umask 077
mkdir -p {SAVED}
touch {SAVED}/seen {SAVED}/absent
[ -e {SAVED}/cni ] || {{
  find {_CNI_FOLDERS} -mindepth 1 -maxdepth 1 >{SAVED}/new 2>/dev/null || :
  mv {SAVED}/new {SAVED}/cni
}}
for p in {wanted}; do
  if [ -z "$p" ] || grep -qxF -- "$p" {SAVED}/seen; then continue; fi
  if [ ! -e "$p" ]; then
    echo "tree $p" >>{SAVED}/absent
    d=${{p%/*}}
    while [ -n "$d" ] && [ ! -e "$d" ]; do echo "folder $d" >>{SAVED}/absent; d=${{d%/*}}; done
  fi
  printf '%s\\n' "$p" >>{SAVED}/seen
done
[ -e {SAVED}/links ] || {{ ip -o link show | cut -d: -f2 | cut -d@ -f1 | tr -d ' ' >{SAVED}/new
  mv {SAVED}/new {SAVED}/links; }}""",
    )


# Names that these networks alone give to their chains.
_NETWORKS_CHAINS = "FLANNEL-|cali-|CILIUM_"


def network_gone(pods: str) -> str:
    """Take away what a pod network of somebody else's left, as far as it can be told from everything else.

    That are links that came since and have an address of `pods` (CIDR), routes to there, files in the CNI's folders and
    in paths that the manifest mounts which came since, and chains of the networks that are known by name. Tables of
    nftables, `ip rule`s and eBPF programs stay: they say nothing of where they come from.
    """
    return f"""\
[ -e {SAVED}/links ] || exit 0
ip -4 -o address show to {pods} 2>/dev/null | while read -r _ name _; do
  if grep -qxF -- "$name" {SAVED}/links; then continue; fi
  # A pod's link goes with its network namespace, which may take a while.
  ip -o link show master "$name" type veth 2>/dev/null | while IFS=': @' read -r _ port _; do
    ip link delete "$port" 2>/dev/null || :
  done
  ip link delete "$name" 2>/dev/null || :
done
ip -4 route flush root {pods} 2>/dev/null || :
for i in iptables ip6tables; do
  command -v $i >/dev/null 2>&1 || continue
  $i-save 2>/dev/null | grep -qE '{_NETWORKS_CHAINS}' || continue
  $i-save 2>/dev/null | grep -vE '{_NETWORKS_CHAINS}' | $i-restore || :
done
for d in {_CNI_FOLDERS}; do
  grep -qxF $d {SAVED}/seen || continue
  for f in $d/* $d/.[!.]*; do
    [ -e "$f" ] || [ -h "$f" ] || continue
    grep -qxF -- "$f" {SAVED}/cni || rm -rf --one-file-system -- "$f"
  done
done
while read -r what p; do
  case $what in
  tree)
    while read -r _ m _; do
      case $m in "$p" | "$p"/*) printf '%s\\n' "$m" ;; esac
    done </proc/mounts | sort -r | while IFS= read -r m; do umount -l "$(printf '%b' "$m")" 2>/dev/null || :; done
    rm -rf --one-file-system -- "$p"
    ;;
  folder) rmdir -- "$p" 2>/dev/null || : ;;
  esac
done <{SAVED}/absent
"""


# The kubelet's and the plugins' chains go, and so do the tables that only they had filled.
RESTORE = f"""\
for i in iptables ip6tables; do
  command -v $i >/dev/null 2>&1 || continue
  $i-save 2>/dev/null | grep -qE 'KUBE-|CNI-' || continue
  $i-save 2>/dev/null | grep -vE 'KUBE-|CNI-' | $i-restore || :
done
if [ -e {SAVED}/tables ]; then
  nft list tables 2>/dev/null | while IFS= read -r t; do
    case ${{t##* }} in nat|filter|mangle) ;; *) continue;; esac
    grep -qxF "$t" {SAVED}/tables && continue
    # Only a table of empty chains is taken away: any other line in it is somebody's rule.
    rules=$(nft list $t 2>/dev/null | grep -vE '^(table |#|\\}})|^[[:space:]]*(chain .*|type .* hook .*|\\}})?$') || :
    [ -n "$rules" ] || nft delete $t || :
  done
fi
if [ -e {SAVED}/sysctls ]; then
  while IFS='=' read -r k v; do
    f=/proc/sys/$(printf %s "$k" | tr . /)
    [ "$(cat "$f" 2>/dev/null)" = "$v" ] || printf '%s\\n' "$v" >"$f" 2>/dev/null || :
  done <{SAVED}/sysctls
fi
if [ -e {SAVED}/waiting ]; then
  for u in {_ONLINE}; do
    ! systemctl is-active -q $u || grep -qx $u {SAVED}/waiting || systemctl stop $u || :
  done
fi
rm -rf {SAVED}
"""
