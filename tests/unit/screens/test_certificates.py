"""The table of certificates: made from the list that the certificates themselves are made from."""

from __future__ import annotations

from datetime import date

from assets.credentials.pki import Leaf, Signer
from kinstall.answers.fields import keys_of
from kinstall.cluster import Security
from screens.draft.draft import Draft
from screens.security.certificates import rows, table
from screens.security.screen import MODES

NODES = """
nodes:
- {name: cp1, address: 10.90.0.11, role: control-plane}
- {name: w1, address: 10.90.0.12, role: worker}
"""
TODAY = date(2026, 11, 25)


def test_every_certificate_is_there_with_its_end() -> None:
    """All authorities and all kinds of leaves of this mode; days are counted from today."""
    found = {row.name: row for row in rows(Draft.parse(f"security: {{caDays: 400, leafDays: 90}}{NODES}").spec, TODAY)}
    assert set(found) == {*Signer, *Leaf} - {Leaf.GATEWAY}
    assert found["ca"].until == date(2027, 12, 30) and found["apiserver"].until == date(2027, 2, 23)
    assert found["kubelet"].count == 2 and found["apiserver"].count == 1


def test_the_gateway_has_one_in_mode_http() -> None:
    """The table follows the answers."""
    text = f"security: {{mode: http, trustedNetworks: [10.0.0.0/24], acknowledgeInsecure: true}}{NODES}"
    assert Leaf.GATEWAY in {row.name for row in rows(Draft.parse(text).spec, TODAY)}


def test_names_that_are_added_are_counted() -> None:
    """What the API server's certificate is for grows with extraSANs."""
    plain, more = (
        {row.name: row.purpose for row in rows(Draft.parse(text + NODES).spec, TODAY)}["apiserver"]
        for text in ("", "security: {extraSANs: [demo.example.org]}")
    )
    assert plain == "5 names, 3 addresses" and more == "6 names, 3 addresses"


def test_half_typed_answers_have_a_table_too() -> None:
    """No node yet, a broken range, an endless authority: the rest is shown."""
    assert "admin" in table(rows(Draft.new().spec, TODAY), 80)
    broken = Draft.parse(
        f"controlPlaneEndpoint: 'x:y'\nnetworking: {{serviceSubnet: x}}\nsecurity: {{caDays: 99999999}}{NODES}"
    )
    assert "  –" in table(rows(broken.spec, TODAY), 80)


def test_an_authority_of_ones_own_has_its_own_end() -> None:
    """What somebody else made is named, and no end is claimed for it."""
    text = f"security: {{ownCA: {{etcd: {{certificate: /keys/etcd.crt, key: /keys/etcd.key}}}}}}{NODES}"
    found = {row.name: row for row in rows(Draft.parse(text).spec, TODAY)}
    assert found["etcd/ca"].until is None and found["etcd/ca"].purpose == "your own: /keys/etcd.crt"
    assert found["ca"].until is not None


def test_a_row_fits_its_width() -> None:
    """80 columns are enough."""
    assert max(map(len, table(rows(Draft.parse(NODES).spec, TODAY), 76).splitlines())) <= 76


def test_each_mode_says_what_it_protects_and_gives_up() -> None:
    """A mode that is added has to say it, too."""
    (mode,) = (key for key in keys_of(Security) if key.attribute == "mode")
    assert set(MODES) == set(mode.choices) and all(all(texts) for texts in MODES.values())
