"""A cluster's kubeconfig merged into another: what was there stays and means the same, names stay unique."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kinstall.cli.main import main
from kinstall.errors import UsageError
from kinstall.operations.kubeconfig import merge, merge_into


def conf(
    cluster: str = "demo", ca: str = "Q0EtZGVtbw==", key: str = "a2V5", server: str = "192.0.2.11"
) -> dict[str, Any]:
    """What kinstall writes for a cluster."""
    user = "kubernetes-admin"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"certificate-authority-data": ca, "server": f"https://{server}:6443"}}
        ],
        "users": [{"name": user, "user": {"client-certificate-data": "Y2VydA==", "client-key-data": key}}],
        "contexts": [{"name": f"{user}@{cluster}", "context": {"cluster": cluster, "user": user}}],
        "current-context": f"{user}@{cluster}",
    }


def resolved(data: dict[str, Any], context: str) -> tuple[Any, Any]:
    """The cluster and the credentials that a context leads to."""
    link = next(each["context"] for each in data["contexts"] if each["name"] == context)
    (cluster,) = [each["cluster"] for each in data["clusters"] if each["name"] == link["cluster"]]
    (user,) = [each["user"] for each in data["users"] if each["name"] == link["user"]]
    return cluster, user


def test_into_nothing_it_is_the_same_file() -> None:
    """Without a kubeconfig the result is the cluster's own, and its context the current one."""
    merged = merge(None, conf())
    assert merged.data == conf() and merged.current and merged.changed


def test_another_cluster_keeps_what_its_names_mean() -> None:
    """kubeadm calls every user kubernetes-admin: ours gets another name, and both contexts lead where they should."""
    theirs = conf("other", ca="b3RoZXI=", key="b3RoZXJrZXk=")
    merged = merge(theirs, conf())
    assert not merged.current and merged.data["current-context"] == "kubernetes-admin@other"
    assert resolved(merged.data, "kubernetes-admin@other") == resolved(theirs, "kubernetes-admin@other")
    assert resolved(merged.data, merged.context) == resolved(conf(), "kubernetes-admin@demo")
    assert merged.context == "kubernetes-admin@demo"


def test_another_cluster_of_the_same_name_stays_too() -> None:
    """Names stay unique: the second demo becomes demo-2, with a context of its own."""
    first = conf(ca="Zmlyc3Q=", key="Zmlyc3Q=")
    merged = merge(first, conf())
    for key in ("clusters", "users", "contexts"):
        names = [each["name"] for each in merged.data[key]]
        assert len(names) == len(set(names)) == 2, key
    assert resolved(merged.data, "kubernetes-admin@demo") == resolved(first, "kubernetes-admin@demo")
    assert resolved(merged.data, merged.context) == resolved(conf(), "kubernetes-admin@demo")
    third = merge(merged.data, conf(ca="dGhpcmQ=", key="dGhpcmQ="))
    assert resolved(third.data, third.context)[1]["client-key-data"] == "dGhpcmQ="
    assert len({each["name"] for each in third.data["users"]}) == 3


def test_the_same_cluster_again_changes_nothing_or_brings_it_up_to_date() -> None:
    """The CA says that it is the same one; a renewed certificate and a moved endpoint take the place of the old."""
    other = merge(conf("other", ca="b3RoZXI="), conf())
    again = merge(other.data, conf())
    assert not again.changed and again.data == other.data and again.context == other.context
    renewed = merge(other.data, conf(key="cmVuZXdlZA==", server="192.0.2.99"))
    assert renewed.changed and len(renewed.data["contexts"]) == 2
    cluster, user = resolved(renewed.data, other.context)
    assert user["client-key-data"] == "cmVuZXdlZA==" and cluster["server"] == "https://192.0.2.99:6443"


def test_what_a_person_added_stays() -> None:
    """Namespaces, proxies, preferences, extensions and other users are neither dropped nor reordered."""
    theirs = conf("other", ca="b3RoZXI=")
    theirs["preferences"] = {"colors": True}
    theirs["contexts"][0]["context"]["namespace"] = "shop"
    theirs["users"].append({"name": "sso", "user": {"exec": {"command": "login"}}})
    merged = merge(theirs, conf())
    own = next(each for each in merged.data["contexts"] if each["name"] == merged.context)
    own["context"]["namespace"] = "work"
    again = merge(merged.data, conf(key="bmV3"))
    assert again.data["preferences"] == {"colors": True}
    assert again.data["contexts"][0] == theirs["contexts"][0] and again.data["users"][1] == theirs["users"][1]
    assert next(e for e in again.data["contexts"] if e["name"] == again.context)["context"]["namespace"] == "work"


def test_a_file_is_replaced_whole_with_a_backup(tmp_path: Path) -> None:
    """0600 whatever it was before, through a link, the old content beside it; a second merge writes nothing."""
    real = tmp_path / "real"
    real.write_text(yaml.safe_dump(conf("other", ca="b3RoZXI=")))
    real.chmod(0o644)
    link = tmp_path / "config"
    link.symlink_to(real)
    before = real.read_bytes()
    written = merge_into(link, yaml.safe_dump(conf()).encode())
    assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o600
    assert written.backup and written.backup.read_bytes() == before and written.backup.stat().st_mode & 0o777 == 0o600
    stands = real.stat()
    again = merge_into(link, yaml.safe_dump(conf()).encode())
    assert not again.changed and again.backup is None and real.stat().st_mtime_ns == stands.st_mtime_ns
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["config", "real", written.backup.name])


SPELLINGS = (
    *("08", "09", "1e3", "685e28", "1.5e3", "0o17", "0X1f", "y", "Y", "n", "N", "yes", "null", "~", "1:30", "0x1F"),
    *("2024-01-01", ".5", "1_000", "=", "<<", "on", "", "-", "é", "a: b", "a #b", "'", '\\"'),
)
THEIRS = "\n".join(
    [
        "# mine, do not touch",
        "kind: Config",
        "apiVersion: v1   # as kubectl writes it",
        "preferences: {}",
        "contexts:",
        *(
            f'  - name: "{each}"  # number {number}\n    context: {{cluster: "{each}", namespace: "{each}", user: sso}}'
            for number, each in enumerate(SPELLINGS)
        ),
        "",
        "# the clusters come last",
        'current-context: "685e28"',
        "users:",
        "- name: sso",
        "  user:",
        "    exec: {command: login, env: [{name: EXPIRY, value: 2024-01-01T10:00:00Z}]}",
        "    token: !!str 1e3",
        "    text: |",
        "      several",
        "      lines",
        "",
        "clusters:",
        *(f'- {{name: "{each}", cluster: {{server: "https://{number}"}}}}' for number, each in enumerate(SPELLINGS)),
        "...",
        "",
    ]
)


def test_a_merge_only_adds_lines(tmp_path: Path) -> None:
    """Whatever YAML 1.1 or 1.2 could take for another type, comments, order, blank lines: every line is still there as
    it was, in the same order, and the lines in between are the three new entries."""
    path = tmp_path / "config"
    path.write_text(THEIRS)
    written = merge_into(path, yaml.safe_dump(conf()).encode())
    left = iter(path.read_text().splitlines())
    added = []
    for line in THEIRS.splitlines():
        while (found := next(left)) != line:
            added.append(found)
    assert list(left) == []
    assert [line.strip() for line in added if "name:" in line] == [
        '- name: "kubernetes-admin@demo"',
        '- name: "kubernetes-admin"',
        '- name: "demo"',
    ]
    assert len(added) == 12 and not written.current
    assert resolved(yaml.safe_load(path.read_text()), written.context) == resolved(conf(), "kubernetes-admin@demo")
    again = merge_into(path, yaml.safe_dump(conf(key="bmV3", server="moved")).encode())
    assert again.changed and again.context == written.context
    data = yaml.safe_load(path.read_text())
    assert resolved(data, again.context) == resolved(conf(key="bmV3", server="moved"), "kubernetes-admin@demo")
    assert data["users"][0] == yaml.safe_load(THEIRS)["users"][0]


@pytest.mark.parametrize(
    "theirs",
    [
        "",
        "# nothing yet\n",
        '---\napiVersion: v1\nkind: Config\nclusters: []\ncontexts:\nusers: null\ncurrent-context: ""\n',
        '{"apiVersion": "v1", "clusters": [{"name": "x", "cluster": {"server": "https://x"}}], "users": []}',
        "{}",
        "users: [{name: a, user: {token: b}}]  # one line",
        "clusters:\n- cluster: &one {server: https://x}\n  name: x\n- cluster: *one\n  name: y",
        "users:\r\n- name: a\r\n  user: {token: b}\r\n",
        "\ufeffkind: Config\n",
    ],
)
def test_every_form_of_a_kubeconfig(tmp_path: Path, theirs: str) -> None:
    """Empty, JSON, one line, aliases, no last line end, Windows' line ends: entries are added, the rest is there."""
    path = tmp_path / "config"
    path.write_bytes(theirs.encode())
    written = merge_into(path, yaml.safe_dump(conf()).encode())
    data, before = yaml.safe_load(path.read_bytes()), yaml.safe_load(theirs) or {}
    assert resolved(data, written.context) == resolved(conf(), "kubernetes-admin@demo")
    for key in ("clusters", "users", "contexts"):
        assert data[key][:-1] == (before.get(key) or [])
    assert written.current and data["current-context"] == written.context
    assert not merge_into(path, yaml.safe_dump(conf()).encode()).changed


def test_an_entry_behind_an_alias_is_not_changed(tmp_path: Path) -> None:
    """What stands for several entries cannot be brought up to date in place: a message, and the file as it was."""
    ours = conf()
    theirs = (
        f"common: &user {json.dumps(ours['users'][0]['user'])}\nclusters: {json.dumps(ours['clusters'])}\n"
        f"contexts: {json.dumps(ours['contexts'])}\nusers: [{{name: kubernetes-admin, user: *user}}]\n"
    )
    path = tmp_path / "config"
    path.write_text(theirs)
    with pytest.raises(UsageError, match="cannot be changed in place"):
        merge_into(path, yaml.safe_dump(conf(key="bmV3")).encode())
    assert path.read_text() == theirs


def test_kubectls_rule_for_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$KUBECONFIG names several: the first that exists is written, else the last; names of all of them are taken; a
    cluster that one of them has already is brought up to date there, and --file goes before all."""
    files = [tmp_path / name for name in ("one", "two", "three")]
    monkeypatch.setenv("KUBECONFIG", f"{files[0]}::{files[1]}:{files[0]}:{files[2]}")
    ours = yaml.safe_dump(conf()).encode()
    assert merge_into(None, ours).path == files[2]
    files[2].unlink()
    files[1].write_text(yaml.safe_dump(conf("other", ca="b3RoZXI=")))
    files[2].write_text(yaml.safe_dump(conf("demo", ca="dGhpcmQ=")))
    written = merge_into(None, ours)
    assert (written.path, written.current) == (files[1], False)
    assert written.context == "kubernetes-admin@demo-2"
    files[0].write_text("")
    again = merge_into(None, yaml.safe_dump(conf(key="bmV3")).encode())
    assert (again.path, again.context, files[0].read_text()) == (files[1], written.context, "")
    assert merge_into(tmp_path / "chosen", ours).path == tmp_path / "chosen"


def test_without_kubeconfig_it_is_the_usual_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.kube/config, whose folder is made for its owner only."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert merge_into(None, yaml.safe_dump(conf()).encode()).path == tmp_path / ".kube" / "config"
    assert (tmp_path / ".kube").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["[1, 2]", "clusters: 7", "{", "kind: Pod", "contexts: [a]", "users: [{user: 3}]"])
def test_what_is_not_a_kubeconfig_is_left_alone(tmp_path: Path, content: str) -> None:
    """A sentence, and the file as it was."""
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(UsageError, match="is not a kubeconfig"):
        merge_into(path, yaml.safe_dump(conf()).encode())
    assert path.read_text() == content and len(list(tmp_path.iterdir())) == 1


def test_kubectls_lock_is_respected(tmp_path: Path) -> None:
    """A kubectl that writes the file at the same moment would lose one of both changes."""
    (tmp_path / "config.lock").touch()
    with pytest.raises(UsageError, match=r"config\.lock is there"):
        merge_into(tmp_path / "config", yaml.safe_dump(conf()).encode())
    assert (tmp_path / "config.lock").exists() and not (tmp_path / "config").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It tells the line to go on with and never shows a key; --merge says under which context the cluster stands."""
    answers = tmp_path / "answers.yaml"
    answers.write_text("nodes: [{name: a, address: 192.0.2.11, role: control-plane}]\nclusterName: demo\n")
    state = tmp_path / "state"
    words = ["kubeconfig", str(answers), "--state", str(state)]
    assert main(words) == 2
    assert "kinstall replay" in capsys.readouterr().err
    state.mkdir(mode=0o700)
    (state / "admin.conf").write_text(yaml.safe_dump(conf()))
    assert main(words) == 0
    assert capsys.readouterr().out == f"export KUBECONFIG={state}/admin.conf\n"
    merged = ["--merge", "--file", str(tmp_path / "kube" / "config")]
    assert main(words + merged) == 0
    assert "as context kubernetes-admin@demo" in capsys.readouterr().out
    assert main(words + merged) == 0
    out = capsys.readouterr().out
    assert "already in" in out and "a2V5" not in out
