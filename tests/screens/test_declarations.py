"""Every field of the answers has a place on a screen, or a reason why not."""

from __future__ import annotations

from kinstall.answers.fields import describe_keys
from screens.fields.placement import NOT_ASKED, SCREENS, placed, screen_of


def test_every_key_is_on_a_screen_or_says_why_not() -> None:
    """A field that is declared is asked for without a line of code; inside maps and lists its row shows all."""
    rows = {field.written for field in placed()}
    missing = []
    for key in describe_keys():
        top = key.path.partition("[]")[0].partition(".NAME")[0]
        if top in rows or top in NOT_ASKED or any(row.startswith(f"{top}.") for row in rows):
            continue
        missing.append(key.path)
    assert missing == []


def test_every_row_has_a_screen_that_exists() -> None:
    """A section that names no screen would be asked for nowhere."""
    assert [field.written for field in placed() if field.screen not in SCREENS] == []
    assert {field.screen for field in placed()} == set(SCREENS)


def test_no_reason_is_given_for_what_is_asked() -> None:
    """Reasons are for keys that there are, and that have no row."""
    known, rows = {key.path for key in describe_keys()}, {field.written for field in placed()}
    assert set(NOT_ASKED) <= known and not set(NOT_ASKED) & rows and all(NOT_ASKED.values())


def test_problems_lead_to_screens() -> None:
    """Also from inside a map or a list; an unknown key has none."""
    assert screen_of("security.extraSANs[1]") == "security"
    assert screen_of('images.mirrors["registry.k8s.io"].endpoint') == "images"
    assert screen_of("nodes[3].labels") == "nodes"
    assert screen_of("kubernetesVersion") == "images" and screen_of("color") == ""


def test_labels_are_words() -> None:
    """The key's own words, with the names of the field written as people write them."""
    labels = {field.written: field.label for field in placed()}
    assert labels["networking.nodeCIDRMaskSize"] == "Node CIDR mask size"
    assert labels["security.extraSANs"] == "Extra SANs"
    assert labels["components.kubelet.extraArgs"] == "Kubelet extra args"
    assert labels["controlPlaneEndpoint"] == "API endpoint"
