"""`kinstall trust --output json`, with a real sshd as jump host in front of a node that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinstall.cli import main
from kinstall.errors import EXIT_PREFLIGHT
from tests.unit.sshd import Farm, farm

__all__ = ["farm"]


def test_programs_get_every_key_and_are_asked_nothing(
    farm: Farm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One document: an unknown key has cause and remedy, and is stored once its fingerprint is named."""
    sshd = farm.start()
    hop = {"address": "localhost", "port": sshd.port, "user": "root"}
    node = {"name": "n1", "address": "192.0.2.1", "role": "control-plane"}
    ssh = {"identityFile": str(sshd.key), "proxyJump": [hop], "connectTimeout": 3}
    file = tmp_path / "answers.yaml"
    file.write_text(json.dumps({"ssh": ssh, "nodes": [node]}))
    words = ["trust", str(file), "--state", str(tmp_path / "state"), "--output", "json"]

    assert main.main(words) == EXIT_PREFLIGHT
    ran = capsys.readouterr()
    (unknown,) = (key for key in json.loads(ran.out)["keys"] if key["status"] == "unknown")
    assert (unknown["port"], unknown["fingerprint"], ran.err) == (sshd.port, sshd.fingerprint(), "")
    assert "no trusted source" in unknown["message"] and unknown["remedy"]
    assert not (tmp_path / "state").exists()

    name = f"jump host localhost:{sshd.port}"
    main.main([*words, "--fingerprint", f"{name}={sshd.fingerprint()}"])
    keys = {key["node"]: key["status"] for key in json.loads(capsys.readouterr().out)["keys"]}
    assert keys[name] == "known" and keys["n1"] == "unreachable"
