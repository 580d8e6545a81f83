# shellcheck shell=sh disable=SC2154 # mark and endpoint are set before
# Prints what preflight needs to know of a node. Changes nothing, starts few processes (each costs a millisecond or
# more), and copes with whatever is missing: no line is better than a wrong one. kinstall/facts/parse.py reads the lines.
# Set before: mark, what the lines between sections begin with. It is made for each run, so that no process name or path
# of the node can look like one. And endpoint: the name to look up under which nodes reach the API, or nothing.
# In braces, so that a shell that reads the program from its standard input has read all of it first.
{
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
LC_ALL=C
export LC_ALL PATH
echo 'kinstall-facts 1'

# The clock comes first, so that it is close to the moment at which the operator asked.
echo "clock $(date +%s.%N)"
echo "uid $(id -u)"
echo "architecture $(uname -m)"
read -r kernel </proc/sys/kernel/osrelease || kernel=$(uname -r)
echo "kernel $kernel"

for tool in tar gzip sha256sum stat head cat mv cp ln rm mkdir chmod chown readlink mktemp sort sed grep tr cut tail date \
  sleep env sync timeout base64 flock mount umount ip nft systemctl journalctl sysctl modprobe curl wget openssl iptables conntrack \
  ethtool ss; do
  command -v "$tool" >/dev/null && tools="$tools $tool"
done
echo "tools$tools"
command -v nft >/dev/null && echo "nft $(nft --version)"
command -v systemctl >/dev/null && echo "systemd $(systemctl --version | head -n 1)"
command -v systemd-detect-virt >/dev/null && echo "virtualisation $(systemd-detect-virt)"

# A module is there (loaded, or built in with something to show for it), can be loaded, is blocked, or is missing. A
# kernel with everything built in may have no module tree at all: then nothing is known, and nothing has to be.
if [ -e "/lib/modules/$kernel/modules.dep" ]; then tree=yes; else
  set -- /lib/modules/*/modules.dep
  if [ -e "$1" ]; then tree=other; else tree=none; fi
fi
echo "modules $tree"
for module in overlay bridge br_netfilter nf_conntrack nf_tables veth vxlan; do
  state=
  if [ -d "/sys/module/$module" ]; then state=present
  elif [ "$module" = br_netfilter ] && [ -d /proc/sys/net/bridge ]; then state=present
  elif [ "$module" = nf_conntrack ] && [ -e /proc/sys/net/netfilter/nf_conntrack_max ]; then state=present
  elif [ "$module" = overlay ] && grep -q '	overlay$' /proc/filesystems; then state=present
  elif [ $tree = yes ] && how=$(modprobe -n -v "$module"); then
    case $how in
      *install*/bin/true* | *install*/bin/false*) state=blocked ;;
      builtin*) state=present ;;
      *) state=loadable ;;
    esac
  elif [ $tree != none ]; then state=missing
  fi
  echo "module $module ${state:-unknown}"
  [ $module = nf_tables ] && nf_tables=$state
done

for setting in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables net/netfilter/nf_conntrack_max \
  vm/overcommit_memory kernel/panic; do
  [ -e "/proc/sys/$setting" ] || continue
  if [ -w "/proc/sys/$setting" ]; then echo "sysctl $setting writable"; else echo "sysctl $setting read-only"; fi
done

[ -s /var/lib/kinstall/record ] && echo 'recorded yes'

# Which etcd a control plane runs.
sed -n 's/^[- ]*image: */etcd-image /p' /etc/kubernetes/manifests/etcd.yaml | head -n 1

# Where the name of the API leads from here. A resolver that does not answer takes as long as it is given.
if [ -n "$endpoint" ] && command -v getent >/dev/null && command -v timeout >/dev/null; then
  found=$(timeout 10 getent ahosts "$endpoint")
  echo "endpoint-lookup $?"
  printf '%s\n' "$found" | head -n 200 | cut -d ' ' -f 1 | sort -u | sed -n 's/^\([0-9a-fA-F.:]\{1,45\}\)$/endpoint-address \1/p'
fi

# What an earlier or another cluster may have left.
for path in /etc/kubernetes/*.conf /etc/kubernetes/manifests/* /etc/kubernetes/pki/* /var/lib/etcd/* \
  /var/lib/kubelet/* /etc/cni/net.d/* /etc/containerd/config.toml /etc/rancher/* /var/lib/rancher/* \
  /usr/bin/kubelet /usr/bin/kubeadm /usr/bin/containerd /usr/bin/dockerd /usr/bin/crio /usr/sbin/crio \
  /usr/local/bin/kubelet /usr/local/bin/kube-proxy /usr/local/bin/containerd /usr/local/bin/dockerd \
  /usr/local/bin/k3s /usr/local/bin/crio /snap/bin/docker /snap/bin/microk8s \
  /etc/ssl/certs /etc/pki/ca-trust /etc/pki/tls/certs \
  /etc/ca-certificates /usr/share/ca-certificates /usr/local/share/ca-certificates; do
  [ -e "$path" ] && echo "path $path"
done

# Proxy settings without the user and password that they may hold, with or without a scheme before them.
hide="s#=\([\"']*\)\([A-Za-z][A-Za-z0-9+.-]*://\)*.*@#=\1\2***@#"
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  eval "value=\${$name-}"
  [ -n "$value" ] && echo "proxy $name=$value"
done | sed "$hide"
sed -n "/[Pp][Rr][Oo][Xx][Yy]=/{$hide;s/^\(export \)*/proxy /;p;}" /etc/environment
# Other files that name one: which they are, and nothing of what is in them.
grep -lsiE '^[^#;/]*(https?|all)_proxy=.?[a-z0-9]|^ *acquire::https?::proxy +"[a-z0-9]+:|^proxy *= *[a-z0-9]+:' \
  /etc/systemd/system.conf /etc/systemd/system.conf.d/*.conf /usr/lib/systemd/system.conf.d/*.conf \
  /etc/systemd/system/containerd.service.d/*.conf /etc/profile.d/*.sh /etc/apt/apt.conf /etc/apt/apt.conf.d/* \
  /etc/dnf/dnf.conf /etc/yum.conf | head -n 100 | sed 's/^/proxy-file /'

# Where the folders are that the node's daemons write to: behind all links, and as deep as they are there. A path with
# characters that would need another way of writing in /proc/mounts is left out.
set --
for folder in /etc /etc/kubernetes /run /tmp /var/lib /var/lib/containerd /var/lib/kubelet /var/lib/etcd /var/lib/kinstall \
  /usr/local/bin /opt /opt/cni/bin; do
  here=$folder
  below=
  while [ -n "$here" ] && [ ! -d "$here" ]; do
    if [ -L "$here" ]; then
      echo "dangling $folder $here"
      continue 2
    fi
    below=/${here##*/}$below
    here=${here%/*}
  done
  cd -P "$here/" || continue
  here=$PWD
  case $here in *[!A-Za-z0-9/._@:+,=~-]*) continue ;; esac
  echo "real $folder ${here%/}$below"
  set -- "$@" "$here"
done
cd /

# One process reads all small files; each of its lines is PATH:LINE.
echo "$mark files"
grep -s '' /etc/machine-id /proc/sys/kernel/hostname /etc/os-release /proc/1/comm /proc/swaps \
  /sys/devices/system/cpu/online /sys/fs/cgroup/cgroup.controllers /proc/cgroups /etc/resolv.conf \
  /run/systemd/resolve/resolv.conf /sys/class/dmi/id/product_uuid \
  /sys/fs/selinux/enforce /proc/sys/fs/inotify/max_user_instances \
  /sys/module/apparmor/parameters/enabled /sys/module/zfs/version /etc/ufw/ufw.conf /var/lib/kinstall/cluster.json
grep -s '^MemTotal' /proc/meminfo /dev/null

echo "$mark space"
df -Pk / "$@"
echo "$mark mounts"
grep -E '^[^ ]+ (/|/proc/sys|/sys/fs/cgroup(/[^/ ]*)?) ' /proc/mounts
for here; do
  shift
  while [ -n "${here%/}" ]; do
    set -- "$@" -e " $here "
    here=${here%/*}
  done
done
[ $# -eq 0 ] || grep -F "$@" /proc/mounts | head -n 1000
# What sets the kernel's settings at boot: all files, then their lines about what kinstall sets.
echo "$mark boot"
set -- /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf \
  /lib/sysctl.d/*.conf
printf '%s\n' "$@" | head -n 1000
grep -sHnE '(bridge.nf.call.ip6?tables|ip_forward|all.forwarding)[ 	]*=' "$@" /etc/ufw/sysctl.conf | head -n 1000
# Links are asked for by netlink: in a container /sys may show those of another network namespace.
echo "$mark links"
ip -o link show | head -n 5000
echo "$mark addresses"
ip -o -4 addr show | head -n 5000
echo "$mark routes"
ip -4 route show table all | head -n 10000
echo "$mark listening"
{ ss -ltnup || grep -sE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:0000 (0A|07) ' \
  /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6; } | head -n 10000
echo "$mark units"
systemctl show --no-pager -p Id -p LoadState -p ActiveState -p UnitFileState -p FragmentPath -p DropInPaths \
  kubelet.service kube-proxy.service containerd.service docker.service crio.service cri-docker.service etcd.service \
  k3s.service k3s-agent.service rke2-server.service rke2-agent.service snap.microk8s.daemon-kubelite.service \
  firewalld.service nftables.service NetworkManager.service systemd-networkd.service systemd-resolved.service \
  systemd-timesyncd.service chrony.service chronyd.service ntp.service ntpd.service ntpsec.service

# Listing chains must not load a module that is not there yet.
echo "$mark chains"
case $nf_tables in
  loadable | blocked | missing) ;;
  *) chains=$(nft list chains) && echo usable && printf '%s\n' "$chains" |
    grep -E '^table|^	chain (KUBE|DOCKER|CNI|INPUT|FORWARD)|hook (input|forward)' | head -n 400 ;;
esac
if grep -qs filter /proc/net/ip_tables_names; then
  { iptables-legacy -S || iptables -S; } | grep -E '^-P (INPUT|FORWARD)|^-N (KUBE|DOCKER)' | head -n 100
fi
echo "$mark end"
} </dev/null 2>/dev/null
