"""Whatever text is written as YAML, every reader reads that text, and nothing around it changes."""

import json
import random
import subprocess
from typing import Any

import pytest
import yaml

from assets.yaml_writer import document, documents
from kinstall.answers import load
from kinstall.answers.document import read

# What YAML 1.1, YAML 1.2 or Go's reader takes for a number, a truth value, a time, nothing, or a part of YAML's own.
LOOKALIKES = (
    *("08", "09", "0", "-0", "+1", "0123", "1_000", "1__0", "_1", "1,000", "12345678901234567890", "-", "+", "."),
    *("1e3", "1E3", "685e28", "1.5e3", "1e", "1e+3", "1.", ".5", "-.5", "+.5e-3", "1.5", "1.30", "0.0", "1.e3", "e3"),
    *("0o17", "0O17", "0o8", "0x1F", "0X1f", "0x", "0x1p-2", "0x1.8p1", "0b11", "0B1", "0b2", "-0x1f", "+0b1", "0_8"),
    *("y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE"),
    *("on", "On", "ON", "off", "Off", "OFF", "null", "Null", "NULL", "~", "", "=", "<<", "nil", "none", "None"),
    *("2024-01-01", "2024-1-1", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00", "2024-01-01t10:00:00.5+01:00"),
    *("2001-12-14 21:59:43.10 -5", "10:20", "190:20:30", "-1:30", "1:2.5", "12:30:45.6", "00:00", "192.0.2.11:6443"),
    *(".inf", ".Inf", ".INF", "-.inf", "+.inf", "inf", "-inf", "+Inf", "Infinity", ".nan", ".NaN", "NaN", "nan"),
    *(
        "- a",
        "-",
        "--- a",
        "---",
        "...",
        "? a",
        "?a",
        ": a",
        ":a",
        "a: b",
        "a:",
        "a :b",
        "a #b",
        "#a",
        "a# b",
        "@a",
        "`a",
    ),
    *(
        "&a",
        "*a",
        "!a",
        "!!int 3",
        "|",
        ">",
        "| a",
        "%a",
        "%YAML 1.2",
        "{a}",
        "{",
        "}",
        "[a]",
        "[",
        "]",
        ",",
        "a, b",
        "''",
    ),
    *("a, b", "''", '"', '"a', "'", "'a", "a'b", 'a"b', "\\", "\\n", "a\\", " a", "a ", " ", "  ", "\t", "a\tb", "\ta"),
    *(
        "\n",
        "a\n",
        "\na",
        "a\nb",
        "a\n\n",
        " a\nb",
        "a\n b",
        "a \nb",
        "a\n \nb",
        "a\n- b: c\n",
        "a\n...\nb",
        "a\n---\nb",
    ),
    *(
        "\r",
        "a\rb",
        "a\r\nb",
        "\0",
        "a\x07b",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "a\x85b",
        "a\nb\x85c",
        "\x9b",
        "\xa0",
        "a\xa0",
    ),
    *(
        "\u2028",
        "a\u2028b",
        "a\nb\u2029c",
        "\ufeff",
        "\ufeffa",
        "a\ufeff",
        "é",
        "日本語",
        "\U0001f600",
        "\ud7ff",
        "\uffff",
    ),
)
_ALPHABET = "019aeEoOxXbB_.,:-+~=<>#&*!|%@`{}[]?\"'\\ \n\t\r\x00\x1b\x85\u2028\ufeffyYnN\xe9\U0001f600/"


def made_up(count: int) -> list[str]:
    """Short texts of characters that mean something to YAML, the same ones each time."""
    chosen = random.Random(1)
    return ["".join(chosen.choices(_ALPHABET, k=chosen.randint(1, 8))) for _ in range(count)]


def in_every_place(text: str) -> dict[str, Any]:
    """As a value, a key, in lists and below others, with something after it that must not become part of it."""
    return {
        "value": text,
        text: "as a key",
        "list": [text, {"first": text, "second": "x"}, [text]],
        "map": {"deep": {text: {"deeper": text}}},
        "after": "end",
    }


@pytest.mark.parametrize("text", LOOKALIKES, ids=ascii)
def test_a_text_stays_a_text_in_every_place(text: str) -> None:
    """Read by PyYAML, alone and between other documents; and by the reader of the answers, from an answers file."""
    value = in_every_place(text)
    assert yaml.safe_load(document(value)) == value
    assert list(yaml.safe_load_all(documents([value, {"x": text}, value]))) == [value, {"x": text}, value]
    if text.isprintable():
        assert read(load.as_text(value)).data == value


def test_made_up_texts_stay_texts() -> None:
    """Thousands of them, of what means something to YAML."""
    for text in made_up(4000):
        value = in_every_place(text)
        assert yaml.safe_load(document(value)) == value, ascii(text)


@pytest.mark.parametrize(
    "text", ["v1.37.2", "10.244.0.0/16", "192.0.2.11", "100m", "2m0s", "--flag=value", "apps/v1", "a-b"]
)
def test_what_cannot_be_mistaken_has_no_quotes(text: str) -> None:
    """The files are for people to read."""
    assert document({"key": text}) == f"key: {text}\n"


def test_kubectl_reads_the_same_texts(kubectl: str) -> None:
    """As values and as keys of an object, among them all that looks like something else to YAML 1.1 or 1.2."""
    texts = list(dict.fromkeys([*LOOKALIKES, *made_up(4000)]))
    data = {f"v{number}": text for number, text in enumerate(texts)}
    lists = [[text, {text: text}] for text in texts]
    metadata = {"name": "a", "annotations": {"first": "x"}}
    content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data, "lists": lists}
    ran = subprocess.run(
        [kubectl, "label", "--local", "-f", "-", "a=b", "-o", "json"],
        input=document(content).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    seen = json.loads(ran.stdout)
    assert {ascii(texts[int(k[1:])]): v for k, v in seen["data"].items() if data[k] != v} == {}
    assert seen["lists"] == lists
