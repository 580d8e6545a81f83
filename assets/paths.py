"""Where things are on a node: Kubernetes' own places, as operators know them, and kinstall's under its own name."""

from __future__ import annotations

BIN = "/usr/local/bin"
KUBELET_BIN = f"{BIN}/kubelet"
KUBECTL_BIN = f"{BIN}/kubectl"
KUBE_PROXY_BIN = f"{BIN}/kube-proxy"
CONTAINERD_BIN = f"{BIN}/containerd"

KUBERNETES = "/etc/kubernetes"
MANIFESTS = f"{KUBERNETES}/manifests"
PKI = f"{KUBERNETES}/pki"
ETCD_PKI = f"{PKI}/etcd"
CA_CERT = f"{PKI}/ca.crt"
CA_KEY = f"{PKI}/ca.key"
FRONT_PROXY_CA_CERT = f"{PKI}/front-proxy-ca.crt"
FRONT_PROXY_CA_KEY = f"{PKI}/front-proxy-ca.key"
ETCD_CA_CERT = f"{ETCD_PKI}/ca.crt"
ETCD_CA_KEY = f"{ETCD_PKI}/ca.key"
SA_KEY = f"{PKI}/sa.key"
SA_PUB = f"{PKI}/sa.pub"
CA_KEYS = (CA_KEY, FRONT_PROXY_CA_KEY, ETCD_CA_KEY, SA_KEY)
"""The keys that can make others; a rendered tree for reading leaves them out."""

ADMIN_CONF = f"{KUBERNETES}/admin.conf"
KUBELET_CONF = f"{KUBERNETES}/kubelet.conf"
KUBE_PROXY_CONF = f"{KUBERNETES}/kube-proxy.conf"
CONTROLLER_MANAGER_CONF = f"{KUBERNETES}/controller-manager.conf"
SCHEDULER_CONF = f"{KUBERNETES}/scheduler.conf"
SUPER_ADMIN_CONF = "/run/kinstall/super-admin.conf"
"""Only while the first role bindings are made; never on a disk of the node."""

KUBELET_DIR = "/var/lib/kubelet"
KUBELET_CONFIG = f"{KUBELET_DIR}/config.yaml"
KUBELET_CURRENT_CERT = f"{KUBELET_DIR}/pki/kubelet-client-current.pem"
VOLUME_PLUGINS = f"{KUBELET_DIR}/volume-plugins"
KUBE_PROXY_CONFIG = f"{KUBERNETES}/kube-proxy.yaml"

ETCD_DATA = "/var/lib/etcd"
CONTAINERD_CONFIG = "/etc/containerd/config.toml"
CONTAINERD_CERTS = "/etc/containerd/certs.d"
CONTAINERD_ROOT = "/var/lib/containerd"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CNI_BIN = "/opt/cni/bin"
CNI_CONF = "/etc/cni/net.d"
CNI_CONFLIST = f"{CNI_CONF}/10-kinstall.conflist"
CNI_STATE = "/var/lib/cni"

RECORD = "/var/lib/kinstall/record"

UNITS = "/etc/systemd/system"
CONTAINERD_UNIT = "containerd.service"
KUBELET_UNIT = "kubelet.service"
KUBE_PROXY_UNIT = "kube-proxy.service"
ROUTES_UNIT = "kinstall-routes.service"
GATEWAY_FOLDER = f"{KUBERNETES}/gateway"
FORMER_GATEWAY_UNIT = "kinstall-gateway.service"
FORMER_GATEWAY_CONF = f"{KUBERNETES}/gateway.conf"
FIREWALL_UNIT = "kinstall-firewall.service"

LIB = "/usr/local/lib/kinstall"
CONF = "/etc/kinstall"
ROUTES_SCRIPT = f"{LIB}/routes.sh"
ROUTES_LIST = f"{CONF}/routes"
OVERLAY_UNIT = "kinstall-overlay.service"
OVERLAY_DEVICE = "kinstall-vxlan"
OVERLAY_SCRIPT = f"{LIB}/overlay.sh"
OVERLAY_LIST = f"{CONF}/overlay"
OVERLAY_NETWORK = "/etc/systemd/network/00-kinstall-overlay.network"
POD_NETWORK_MANIFEST = f"{CONF}/pod-network.yaml"
NETWORKD_DROPIN = "/etc/systemd/networkd.conf.d/10-kinstall.conf"
FORMER_GATEWAY_RULES = f"{CONF}/gateway.nft"
FIREWALL_RULES = f"{CONF}/firewall.nft"
NFTABLES_DROPIN = f"{UNITS}/nftables.service.d/10-kinstall.conf"
SYSCTL_FILE = "/etc/sysctl.d/90-kinstall.conf"
MODULES_FILE = "/etc/modules-load.d/90-kinstall.conf"


def unit_file(unit: str) -> str:
    """The path of a unit's file."""
    return f"{UNITS}/{unit}"


def manifest(component: str) -> str:
    """The path of a static pod's manifest."""
    return f"{MANIFESTS}/{component}.yaml"
