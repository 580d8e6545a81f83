"""Flags that name files: what a component sees may be named, and what only looks like a path is none."""

import pytest

from kinstall.answers.rules.owned_flags import unseen_file


@pytest.mark.parametrize(
    ("component", "flag", "value"),
    [
        ("kubeApiserver", "oidc-ca-file", "/etc/ssl/certs/ca-certificates.crt"),
        ("kubeApiserver", "oidc-ca-file", "/etc/kubernetes/pki/oidc.crt"),
        ("kubeApiserver", "oidc-issuer-url", "https://id.example.org/realms/a"),
        ("kubeApiserver", "etcd-prefix", "/registry"),
        ("kubeApiserver", "cors-allowed-origins", "//example\\.org(:|$)"),
        ("kubeApiserver", "audit-log-path", "-"),
        ("kubeApiserver", "audit-log-path", "/dev/stdout"),
        ("kubeApiserver", "runtime-config", "api/all=true"),
        ("kubeControllerManager", "authorization-always-allow-paths", "/healthz,/readyz,/livez,/metrics"),
        ("etcd", "wal-dir", "/var/lib/etcd/wal"),
        ("etcd", "log-outputs", "stderr"),
        ("kubelet", "image-credential-provider-config", "/etc/kubernetes/credentials.yaml"),
    ],
)
def test_what_a_component_sees_may_be_named(component: str, flag: str, value: str) -> None:
    """Mounted folders, the host's authorities, devices, URLs, and anything on the host for the daemons of the node."""
    assert unseen_file(component, flag, value) is None


@pytest.mark.parametrize(
    ("component", "flag", "value", "file"),
    [
        ("kubeApiserver", "audit-policy-file", "/etc/kubernetes/audit.yaml", "/etc/kubernetes/audit.yaml"),
        (
            "kubeApiserver",
            "encryption-provider-config",
            "/etc/kubernetes/pki2/enc.yaml",
            "/etc/kubernetes/pki2/enc.yaml",
        ),
        ("kubeApiserver", "tls-sni-cert-key", "/etc/kubernetes/pki/a.crt,/srv/a.key:*.example.org", "/srv/a.key"),
        ("kubeApiserver", "authentication-token-webhook-config-file", "hook.yaml", "hook.yaml"),
        ("kubeScheduler", "tls-cert-file", "/etc/kubernetes/pki/a.crt", "/etc/kubernetes/pki/a.crt"),
        ("etcd", "wal-dir", "/data/wal", "/data/wal"),
        ("etcd", "client-crl-file", "/etc/ssl/certs/crl.pem", "/etc/ssl/certs/crl.pem"),
    ],
)
def test_what_a_component_does_not_see_is_refused(component: str, flag: str, value: str, file: str) -> None:
    """With it the component would end at every start, or write its data where it is lost with the container."""
    problem = unseen_file(component, flag, value)
    assert problem and problem[0].endswith(f"does not see {file}")
