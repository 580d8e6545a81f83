"""How kubectl is called on a control plane: said once. Words of sh code."""

from __future__ import annotations

from assets import paths

KUBECTL = f"HOME=/run/kinstall/home {paths.KUBECTL_BIN}"
"""It keeps a cache below its home: not in root's."""

ADMIN = f"{KUBECTL} --kubeconfig={paths.ADMIN_CONF}"

FIELD_MANAGER = "kinstall"
"""The owner of what is applied on the server side."""

# The server refuses unknown fields in any case; asking it for its schema first takes longer than the rest.
APPLY = f"apply --server-side --force-conflicts --field-manager={FIELD_MANAGER} --validate=false"
