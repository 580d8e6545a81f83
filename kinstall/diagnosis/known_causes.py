"""What daemons' last words mean: patterns, sentences, remedies. Data; kinstall/diagnosis/explain.py reads it.

The first pattern of the table that any line of the evidence fits is the cause, so causes are above what follows
from them. Wordings are those of Kubernetes 1.37, containerd 2.4, etcd 3.7, curl and wget.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """`pattern` finds the line (ignoring case); `what` and `remedy` may use its named groups."""

    pattern: re.Pattern[str]
    what: str
    remedy: str


def _known(pattern: str, what: str, remedy: str) -> Known:
    return Known(re.compile(pattern, re.IGNORECASE), what, remedy)


_FETCH = r"(?:could not fetch (?P<url>\S+) \(exit \d+\): )?"

KNOWN: tuple[Known, ...] = (
    # The machine.
    _known(
        r"no space left on device|ENOSPC|curl: \(23\)",
        "the disk is full",
        "make room (`df -h` shows where), then run the command again",
    ),
    _known(
        r"\[disk\] (?P<where>\S+) is (?P<percent>\d+) % full",
        "{where} is {percent} % full",
        "make room there, then run the command again",
    ),
    _known(
        r"certificate has expired or is not yet valid: "
        r"current time (?P<now>\S+) is before (?P<then>[^\s\"\\,:]+:[\d:]+Z?)",
        "a certificate is not valid yet: the clock says {now}, the certificate begins at {then}",
        "set the clock (`timedatectl set-ntp true`), on this machine too",
    ),
    _known(
        r"certificate has expired or is not yet valid: "
        r"current time (?P<now>\S+) is after (?P<then>[^\s\"\\,:]+:[\d:]+Z?)",
        "a certificate has expired: the clock says {now}, the certificate ended at {then}",
        "set the clock if it is wrong; if it is right, run `kinstall replay` again, which renews certificates",
    ),
    _known(
        r"(listen \w+ (?P<where>\S+): )?bind: address already in use|port (?P<port>\d+) is (already )?in use",
        "a port is taken by another process{where: (%s)}{port: (%s)}",
        "stop what listens there (`ss -ltnp` shows it)",
    ),
    _known(
        r"bind: cannot assign requested address",
        "the node's address is on none of its interfaces",
        "compare nodes[].nodeIP (or address) with `ip address`",
    ),
    # Downloads.
    _known(
        r"checksum of (?P<url>\S+) is (?P<got>[0-9a-f]{12})[0-9a-f]*, not (?P<want>[0-9a-f]{12})",
        "what {url} served is not the file that the digest names (its digest is {got}…, not {want}…)",
        "check downloads.sha256 in the answers, and whether the mirror is stale or a proxy changed the file",
    ),
    _known(
        rf"{_FETCH}curl: \(6\) could not resolve host: (?P<host>\S+)|"
        r"wget: (?:unable to|bad address) .*'(?P<name>[^']+)'",
        "the name {host}{name} does not resolve on the node",
        "give the node a name server, or set downloads to a mirror's IP address",
    ),
    _known(
        rf"{_FETCH}curl: \(7\) failed to connect to (?P<host>\S+) port (?P<port>\d+)",
        "nothing answers at {host} port {port}{url: (for %s)}",
        "check that the mirror runs and that no firewall is in between",
    ),
    _known(
        rf"{_FETCH}curl: \(22\).*(?P<code>40[34])|ERROR (?P<wget>40[34]):",
        "the download site does not have the file{url: %s} (HTTP {code}{wget})",
        "check the version and the downloads address in the answers",
    ),
    _known(
        rf"{_FETCH}curl: \(22\).*(?P<code>\d{{3}})$",
        "the download site answered HTTP {code}{url: for %s}",
        "look at the mirror's log; run the command again once it works",
    ),
    _known(
        r"curl: \(28\)",
        "the download was too slow: no connection in time, or under 1 kB/s for 30 s",
        "check the network path (MTU, firewall), or name a nearer mirror in downloads",
    ),
    _known(
        r"curl: \((?:35|60|77)\)",
        "the download site's certificate is not trusted or TLS failed",
        "install ca-certificates on the node, check its clock, and look for a proxy that intercepts TLS",
    ),
    _known(r"curl: \((?:18|52|56)\)", "the connection broke during a download", "run the command again"),
    _known(
        r"could not fetch (?P<url>\S+) \(exit 8\)",
        "the download site does not have {url}",
        "check the version and the downloads address in the answers",
    ),
    _known(
        r"could not fetch (?P<url>\S+) \(exit (?P<code>\d+)\)",
        "{url} could not be fetched (exit {code})",
        "try it on the node: `curl -I URL`",
    ),
    # containerd.
    _known(
        r"invalid plugin key URI \"?(?P<key>[^\"\s]+)",
        "containerd's configuration names the plugin {key}, which is not how containerd 2 writes it",
        "use io.containerd.cri.v1.images or io.containerd.cri.v1.runtime",
    ),
    _known(
        r"failed to (?:unmarshal|load) TOML(?: from \S+?)?(?: at row (?P<row>\d+) column \d+)?: (?P<why>[^\"]+)",
        "containerd's configuration cannot be read{row:, line %s}: {why}",
        "restore /etc/containerd/config.toml with `kinstall replay`, or correct components.containerd",
    ),
    _known(
        r"server gave HTTP response to HTTPS client",
        "the registry speaks plain HTTP, and containerd asked it over HTTPS",
        "write the mirror's endpoint with http:// (images.mirrors)",
    ),
    _known(
        r"(?:/v2/|manifests).*x509: certificate signed by unknown authority",
        "the registry's certificate is signed by a CA that the node does not know",
        "name its certificate under images.mirrors (caFile), or use a mirror that nodes trust",
    ),
    _known(
        r"(?:image|pull|resolve|manifests).*lookup (?P<host>\S+?)(?: on \S+)?: "
        r".*(?:no such host|server misbehaving|i/o timeout|connection refused)",
        "the registry's name {host} does not resolve on the node, so images cannot be pulled",
        "give the node a name server, or name a mirror by its address (images.mirrors)",
    ),
    _known(
        r"(?:image|pull|resolve|manifests).*dial tcp (?P<host>[\d.:]+): (?:connect: connection refused|i/o timeout)",
        "the registry {host} does not answer, so images cannot be pulled",
        "check that it runs and that no firewall is in between (images.mirrors)",
    ),
    _known(
        r"(?:pull|resolve)[^:]*image[^:]*:? .*?(?P<image>[\w.:/@-]+:[\w.-]+): not found|manifest unknown",
        "the registry does not have the image {image}",
        "push it there, or name a tag or a digest that exists (images in the answers)",
    ),
    _known(
        r"unexpected commit digest (?P<found>sha256:[0-9a-f]{64}), expected (?P<wanted>sha256:[0-9a-f]{64})",
        "the registry sends {found} where {wanted} was asked for",
        "something between the nodes and the registry, or the registry itself, changes what it sends: look at the "
        "mirror (images.mirrors)",
    ),
    _known(
        r"(?:pull|authoriz|resolve).*(?:401 Unauthorized|403 Forbidden|pull access denied|insufficient_scope"
        r"|no basic auth credentials|no supported auth scheme|failed to find supported auth scheme)",
        "the registry refuses to serve the image",
        "check user and password under images.mirrors, and the image's name",
    ),
    _known(
        r"exec: \"runc\": executable file not found",
        "containerd does not find runc",
        "run `kinstall replay`, which puts it into /usr/local/bin",
    ),
    _known(
        r"libseccomp\.so\S*: cannot open shared object",
        "runc needs the library libseccomp",
        "install libseccomp2 (libseccomp) on the node",
    ),
    _known(
        r"write oom_score_adj.*permission denied|set_?oom_?score.*permission denied|oom_score_adj: permission denied",
        "the container may not lower its OOM score",
        "set components.containerd.restrictOomScoreAdj: true, and kubelet's config.oomScoreAdj: 0",
    ),
    _known(
        r"expected cgroupsPath to be of format \"?slice:prefix:name|cgroup.?driver.*(?:differ|mismatch|different)",
        "kubelet and containerd use different cgroup drivers",
        "make components.kubelet.config.cgroupDriver and components.containerd.systemdCgroup agree",
    ),
    _known(
        r"overlayfs.*(?:invalid argument|not supported|d_type)|failed to mount .*overlay.*: invalid argument",
        "container images cannot be unpacked: overlayfs does not work on the file system of /var/lib/containerd",
        "mount a local ext4 or xfs there",
    ),
    # kubelet.
    _known(
        r"not run on a host using cgroup v1|cgroup v1 support is unsupported",
        "the kubelet does not start on cgroup v1",
        "boot with systemd.unified_cgroup_hierarchy=1, or set components.kubelet.config.failCgroupV1: false",
    ),
    _known(
        r"running with swap on is not supported",
        "the kubelet does not start while swap is on",
        "run `swapoff -a` and remove swap from /etc/fstab, or set components.kubelet.config.failSwapOn: false",
    ),
    _known(
        r"unknown flag: (?P<flag>\S+?)\"?$|unknown flag: (?P<flags>[\w-]+)",
        "{source} does not know the flag {flag}{flags}",
        "remove it from components.….extraArgs, or use a Kubernetes release that has it",
    ),
    _known(
        r"strict decoding error: (?P<why>unknown field \\?\"[^\"\\]+)",
        'the configuration of {source} has an {why}"',
        "correct it in components.….config",
    ),
    _known(
        r"failed to load kubelet config.*error:? (?P<why>[^\"]+)"
        r"|failed to validate kubelet configuration, error: (?P<bad>[^\"]+)",
        "the kubelet's configuration is refused: {why}{bad}",
        "correct components.kubelet.config",
    ),
    _known(
        r"failed validate: (?P<why>KubeProxyConfiguration.+?)\"?$",
        "kube-proxy's configuration is refused: {why}",
        "correct components.kubeProxy.config or networking.proxyMode",
    ),
    _known(
        r"nf_conntrack_max: (?:permission denied|read-only)|conntrack parameters.*(?:permission denied|read-only)",
        "kube-proxy may not write net.netfilter.nf_conntrack_max here",
        "set components.kubeProxy.config.conntrack.maxPerCore: 0",
    ),
    _known(
        r"exec: \\?\"nft\\?\": executable file not found|could not find nftables binary"
        r"|nftables.*not (?:supported|available)",
        "kube-proxy's nftables mode does not work here: nft is missing or the kernel is too old",
        "install nftables 1.0.1 or newer (kernel 5.13), or set networking.proxyMode: iptables",
    ),
    _known(
        r"node \"[\w.-]+\" is not allowed to (?:modify|set) ",
        "the API refuses what the kubelet asks for: node name and certificate do not belong together",
        "use one name for the node, or reset it and replay",
    ),
    # etcd.
    _known(
        r"cluster ID mismatch|member (?:count is unequal|\S+ has already been bootstrapped)|mismatch.*cluster.?id",
        "etcd finds data or peers of another cluster",
        "reset the control plane that was part of the other cluster, so that /var/lib/etcd is empty",
    ),
    _known(
        r"couldn't find local name \\?\"(?P<name>[^\"\\]+)|--initial-cluster has .* but missing",
        "etcd's own member {name} is not in its --initial-cluster, or under another address",
        "compare components.etcd.extraArgs with the node's name and address",
    ),
    _known(
        r"rejected connection on peer endpoint.*tls|prober found.*x509",
        "etcd's members do not trust one another's certificates",
        "run `kinstall replay`; if that does not help, the nodes have certificates of different CAs",
    ),
    _known(
        r"db file is flocked by another process",
        "another etcd has /var/lib/etcd open",
        "stop the other etcd (`systemctl disable --now etcd`)",
    ),
    # CNI.
    _known(
        r"failed to find plugin \\?\"(?P<plugin>[\w-]+)\\?\" in path",
        "the CNI plugin {plugin} is not in /opt/cni/bin",
        "run `kinstall replay`, which puts it there",
    ),
    _known(
        r"no IP addresses available in range set: (?P<range>\S+)",
        "the node's pod range is used up ({range})",
        "delete pods that are not needed, or remove what earlier pods left in /var/lib/cni/networks",
    ),
    _known(
        r"already has an IP address different from (?P<ip>\S+)",
        "the bridge of another cluster is still there; pods' gateway would be {ip}",
        "remove it: `ip link delete cni0`",
    ),
    _known(
        r"failed to setup network for sandbox \S+: (?P<why>.{3,200})",
        "pods get no network: {why}",
        "look at /etc/cni/net.d and what other CNI plugins left (`ip link`, /var/lib/cni)",
    ),
    # CoreDNS.
    _known(
        r"Loop \(\S+ -> \S+\) detected",
        "CoreDNS asks itself in a loop: the node's resolv.conf names its own loopback address",
        "name a real server in /etc/resolv.conf, or let systemd-resolved run",
    ),
    _known(
        r"no valid upstream addresses found",
        "CoreDNS is configured to forward, but the node has no name server",
        "give the nodes a name server or run `kinstall replay`, which then removes the forward",
    ),
    # What follows from other things.
    _known(
        r"x509: certificate is valid for (?P<has>.{3,200}?), not (?P<host>[\w.:-]+)",
        "a server's certificate does not name {host}, under which it was reached (it names {has})",
        "put {host} into security.extraSANs or use one of its names as controlPlaneEndpoint",
    ),
    _known(
        r"x509: certificate signed by unknown authority",
        "a certificate is signed by a CA other than the one that is trusted",
        "files of another cluster are left: reset the node, or use the state folder the cluster was made with",
    ),
    _known(
        r"(?:dial tcp \S*:2379|127\.0\.0\.1:2379).*(?:connection refused|context deadline)|error while dialing.*:2379",
        "the API server does not reach etcd",
        "look at etcd's last words: `ls /var/log/pods/*etcd*/etcd/`",
    ),
    _known(
        r"open (?P<path>/(?:etc/(?:kubernetes|containerd|cni|kinstall)|var/lib/(?:kubelet|etcd))/\S+?): "
        r"(?P<why>permission denied|no such file or directory)",
        "{source} cannot open {path}: {why}",
        "run `kinstall replay`, which restores it",
    ),
    _known(r"read-only file system", "a folder that must be written is read-only", "remount it writable"),
    _known(
        r"(?:oom-?kill|out of memory|Result=oom-kill)",
        "the kernel killed a process because memory ran out",
        "give the machine more memory",
    ),
    _known(
        r"Result=start-limit-hit|start request repeated too quickly",
        "systemd gave up restarting {source}",
        "look at `journalctl -u {source}`",
    ),
    _known(
        r"\[memory\] (?P<left>\d+) MiB",
        "only {left} MiB of memory are left on the node",
        "give the machine more memory",
    ),
    _known(
        r"nodes? \\?\"(?P<node>[\w.-]+)\\?\" not found",
        "the node {node} has not registered with the API",
        "look at `journalctl -u kubelet` there",
    ),
    _known(
        r"no container of this name was ever started here",
        "the kubelet has not started {source}",
        "look at `journalctl -u kubelet` there: image, manifest or runtime",
    ),
    _known(
        r"(?:dial tcp (?P<host>\S+:6443)|server (?P<server>\S+:6443)).*refused",
        "the API server at {host}{server} does not answer",
        "look at its last words: `ls /var/log/pods/*kube-apiserver*/*/`",
    ),
    _known(
        r"dial tcp (?P<host>\S+?): (?:i/o timeout|connect: (?:no route to host|network is unreachable))",
        "{host} cannot be reached from the node",
        "check addresses, routes and firewalls between the nodes",
    ),
    _known(
        r"cni plugin not initialized|no network config found in /etc/cni/net\.d",
        "containerd has no CNI configuration yet",
        "`kinstall replay` writes it; with podNetwork manifest its pods do: `kubectl get pods -A` shows their state",
    ),
)
