"""How single values are written: each function takes a text and gives a complaint, or None where it is right.

A complaint is (what is wrong, how to fix it). Where a text may hold a secret, no complaint repeats it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from kinstall.cluster import ports
from kinstall.cluster.subnets import host_range, is_address, parse_address, parse_range, special_name

Complaint = tuple[str, str]

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REPOSITORY_PART = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}")
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]*")
"""The characters of RFC 3986. Others (quotes, backslashes) would mean something in the files that hold a URL."""
_IPV4_OR_NAME = "IPv6 is not supported yet: write an IPv4 address or a name"
_LONGEST_QUESTION = 100
MOST_JUMPS = 8
NO_PATH: Complaint = ("there is no path", "write the path of a key, or leave the line out")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_IMAGE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def dns_label(text: str) -> Complaint | None:
    """RFC 1123 label: at most 63 lower-case letters, digits and dashes."""
    if _LABEL.fullmatch(text):
        return None
    return f"{text!r} is not a valid name", "use lower-case letters, digits and inner dashes, at most 63 characters"


def dns_name(text: str, limit: int = 253) -> Complaint | None:
    """RFC 1123 subdomain: labels with dots between."""
    if len(text) <= limit and all(_LABEL.fullmatch(part) for part in text.split(".")):
        return None
    return (
        f"{text!r} is not a valid name",
        f"use lower-case letters, digits, inner dashes and dots, at most {limit} characters",
    )


def cidr(text: str) -> Complaint | None:
    """An aligned IPv4 range that holds ordinary addresses."""
    if wrong := network(text):
        return wrong
    name = special_name(parse_range(text))
    return (f"{text} overlaps the {name} range", "take a private range, for example 10.244.0.0/16") if name else None


def network(text: str) -> Complaint | None:
    """An aligned IPv4 range."""
    if "," in text:
        return f"{text!r} is more than one range", "dual stack is not supported yet: write one IPv4 range"
    if ":" in text:
        return f"{text!r} is an IPv6 range", "IPv6 is not supported yet: write an IPv4 range"
    address, slash, size = text.partition("/")
    if not slash:
        return f"{text!r} has no prefix length", f"write {address}/16, for example"
    try:
        if not size.isdecimal():
            raise ValueError
        aligned = parse_range(text, aligned=False)
    except ValueError:
        return f"{text!r} is not a valid IPv4 range", "write one like 10.244.0.0/16"
    if parse_address(address) != aligned.network_address:
        return f"{text} has bits set beyond its prefix length", f"the aligned range is {aligned}"
    return None


def node_address(text: str) -> Complaint | None:
    """An IPv4 address that a machine can have."""
    if "/" in text:
        return f"{text!r} is a range", "write the address alone, without a prefix length"
    if text.startswith("[") or text.count(":") > 1:
        return f"{text!r} is an IPv6 address", "IPv6 is not supported yet: write the machine's IPv4 address"
    if ":" in text:
        return f"{text!r} is not an IPv4 address", "write the address alone; a port goes in ssh.port"
    network = host_range(text)
    if not network:
        return f"{text!r} is not a valid IPv4 address", "write the address under which the other nodes reach this one"
    name = special_name(network) or ("broadcast" if text == "255.255.255.255" else "")
    if name:
        return (
            f"{text} is in the {name} range",
            "write the address under which the other nodes reach this one",
        )
    return None


def port(value: int) -> Complaint | None:
    return None if 1 <= value <= 65535 else (f"{value} is not a valid TCP port", "write a number from 1 to 65535")


def host_port(text: str, *, port_optional: bool = False) -> Complaint | None:
    """`host:port`, the host an IPv4 address or a DNS name."""
    if "://" in text:
        return "a URL is not allowed here", "write host:port"
    if text.startswith("[") or text.count(":") > 1:
        return f"{text!r} is an IPv6 address", _IPV4_OR_NAME
    host, colon, number = text.partition(":")
    wrong = node_address(host) if _DIGITS_AND_DOTS.fullmatch(host) else dns_name(host)
    if wrong:
        return wrong
    if not colon and not port_optional:
        return f"{text!r} has no port", f"write {host}:{ports.API_SERVER}, for example"
    if colon and not (_PORT.fullmatch(number) and int(number) <= 65535):
        return f"{text!r} has no valid port", "a port is a number from 1 to 65535"
    return None


def san(text: str) -> Complaint | None:
    """A name (with `*.` in front, perhaps) or an IPv4 or IPv6 address for a certificate."""
    if is_address(text):
        return None
    if ":" not in text and not _DIGITS_AND_DOTS.fullmatch(text) and not dns_name(text.removeprefix("*.")):
        return None
    if is_address(text.removeprefix("[").removesuffix("]")):
        return f"{text!r} has brackets, which a certificate's address does not have", "remove them"
    return f"{text!r} is neither a DNS name nor an IP address", "write one of them, without scheme and port"


def url(text: str) -> Complaint | None:
    """The URL of a site. Never repeated: credentials may be in it."""
    if text != text.strip() or re.search(r"\s", text):
        return "the address contains a space", "remove it"
    if not _URL.fullmatch(text):
        return "the address contains a character that a URL cannot have", "write it with a % and two hexadecimal digits"
    try:
        parts = urlsplit(text)
        credentials = parts.username is not None or parts.password is not None
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "this is not a valid URL", "write https://host/path"
    if parts.scheme not in ("http", "https"):
        return "the address does not begin with https:// or http://", "write https://host/path"
    if credentials:
        return "the address contains credentials", "remove them: an answers file holds no secrets"
    if ":" in host:
        return "the address has an IPv6 host", _IPV4_OR_NAME
    if not host or (not _DIGITS_AND_DOTS.fullmatch(host) and dns_name(host)):
        return "the address has no valid host", "write https://host/path"
    if "?" in text or "#" in text:
        return "the address has a query or fragment", "write https://host/path"
    if text.endswith("/"):
        return "the address ends in /", "leave the last / out"
    return None


def secret_reference(text: str) -> Complaint | None:
    """`env:NAME`, `file:PATH`, `prompt:` or `prompt:TEXT`. The text is never repeated."""
    kind, colon, rest = text.partition(":")
    if colon and kind == "env":
        if _ENVIRONMENT.fullmatch(rest):
            return None
        return "env: needs the name of a variable", "write env:NAME, with letters, digits and _"
    if colon and kind == "file":
        return None if rest.strip() else ("file: needs a path", "write file:PATH")
    if colon and kind == "prompt":
        short = len(rest) <= _LONGEST_QUESTION
        return None if short else ("the question after prompt: is too long", f"at most {_LONGEST_QUESTION} characters")
    return (
        "a secret must not be written into an answers file",
        "write a reference: env:NAME, file:PATH or prompt:QUESTION (asked when it is needed)",
    )


def key_file(text: str) -> Complaint | None:
    """A path. Never repeated: someone may put the key itself here."""
    if "PRIVATE KEY" in text or "\n" in text:
        return "a key must not be written into an answers file", "write the path of the file that holds it"
    if text != text.strip():
        return "the path begins or ends with a space", "remove it"
    return None


def agent(text: str) -> Complaint | None:
    """An agent's socket: a path, `none`, `SSH_AUTH_SOCK` or the `$NAME` of a variable."""
    if text in ("none", "SSH_AUTH_SOCK") or text.startswith(("/", "~")):
        return None
    if re.fullmatch(r"\$(\w+|\{\w+\})", text):
        return None
    return "this is not an agent's socket", "write its path (with / or ~ at the beginning), none or SSH_AUTH_SOCK"


def local_path(text: str, *, braces: bool = False) -> Complaint | None:
    """A path on the operator's machine; with `braces`, {arch} in it is replaced by an architecture."""
    if "://" in text:
        return "this is an address", "write a path on this machine"
    if not text.isprintable() or text != text.strip():
        return "the path contains a line break, or has spaces around it", "write the path alone"
    if text.endswith("/"):
        return "the path ends in /", "leave the last / out"
    rest = text.replace("{arch}", "") if braces else text
    if "{" in rest or "}" in rest:
        return "the path contains braces", "only {arch} is replaced" if braces else "write the path itself"
    return None


def fingerprint(text: str) -> Complaint | None:
    """An SSH host key's SHA-256 fingerprint as ssh-keygen prints it."""
    if _FINGERPRINT.fullmatch(text):
        return None
    if text.upper().startswith("MD5:") or re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){15}", text):
        return "an MD5 fingerprint is not safe", "write the one that `ssh-keygen -lf KEY.pub` prints: SHA256:…"
    if text.startswith(("ssh-", "ecdsa-")):
        return (
            "this is a public key, not its fingerprint",
            "write the one that `ssh-keygen -lf KEY.pub` prints: SHA256:…",
        )
    return (
        "this is not a host key's fingerprint",
        "write SHA256: and 43 base64 characters, as `ssh-keygen -lf` prints it",
    )


def user(text: str) -> Complaint | None:
    """A login name. Never repeated: someone may write `name:password`."""
    return None if _USER.fullmatch(text) else ("this is not a valid login name", "write the name alone")


def registry_user(text: str) -> Complaint | None:
    """A registry's user or robot account; empty is right. Never repeated: someone may write `name:password`."""
    if ":" not in text and text.isprintable() and " " not in text:
        return None
    return "this is not a valid user name", "write the name alone, without : and spaces"


def jumps(text: str) -> Complaint | None:
    """`[user@]host[:port]`, several with commas between. A user is never repeated: see user()."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MOST_JUMPS:
        return "too many jump hosts", f"write at most {MOST_JUMPS}"
    return next((wrong for part in parts if (wrong := _jump(part))), None)


def _jump(text: str) -> Complaint | None:
    name, at, rest = text.rpartition("@")
    if at and (wrong := user(name)):
        return wrong
    return host_port(rest, port_optional=True)


def jump_host(text: str) -> Complaint | None:
    """A jump host's name or IPv4 address, without user and port."""
    if "@" in text or (":" in text and text.count(":") == 1):
        return "more than a host's name", "write user and port under keys of their own"
    return host_port(text, port_optional=True)


def label_key(text: str) -> Complaint | None:
    """A label's or taint's key: an optional DNS name and a slash, then a name of at most 63 characters."""
    prefix, slash, name = text.rpartition("/")
    if slash and dns_name(prefix):
        return f"the key {text!r} has an invalid prefix", "the part before the / must be a DNS name"
    if not _NAME_PART.fullmatch(name):
        return (
            f"{text!r} is not a valid key",
            "use at most 63 letters, digits and inner . _ -, after an optional DNS name and /",
        )
    return None


def label_value(text: str) -> Complaint | None:
    if not text or _NAME_PART.fullmatch(text):
        return None
    return f"{text!r} is not a valid value", "use at most 63 letters, digits and inner . _ -"


def tag(text: str) -> Complaint | None:
    """An image's tag alone."""
    if _TAG.fullmatch(text):
        return None
    return f"{text!r} is not a valid image tag", "write the tag alone, without image name and digest"


def image(text: str) -> Complaint | None:
    """An image's tag or a full reference; each may end in @sha256:…, and a full reference may have that instead of a
    tag. A reference is never repeated: credentials may be in it."""
    name, at, digest = text.partition("@")
    if at and (wrong := image_digest(digest)):
        return wrong
    home, slash, last = name.rpartition("/")
    if not slash:
        return tag(name)
    if name.startswith("["):
        return "the image's registry is an IPv6 address", _IPV4_OR_NAME
    base, colon, own_tag = last.partition(":")
    if repository(f"{home}/{base}") or (tag(own_tag) if colon else not at):
        remedy = "write the tag alone, or host/path:tag; with @sha256:… behind it, the tag may be left out"
        return "this is not an image with a tag or a digest", remedy
    return None


def image_digest(text: str) -> Complaint | None:
    """`sha256:` and 64 hexadecimal digits in lower case, as registries write it."""
    if _IMAGE_DIGEST.fullmatch(text):
        return None
    return (
        "this is not an image's digest",
        "write sha256: and 64 hexadecimal digits in lower case, as `docker buildx imagetools inspect IMAGE` shows it",
    )


def repository(text: str) -> Complaint | None:
    """`host[:port][/path]`, the prefix of image names. Never repeated: credentials may be in it."""
    if "@" in text:
        return "credentials and digests are not allowed here", "write host/path alone"
    if "://" in text:
        return "the prefix has a scheme", "write host/path alone; images.mirrors can say http://"
    host, *path = text.split("/")
    if host.startswith("["):
        return "the registry is an IPv6 address", _IPV4_OR_NAME
    if registry(host) or not all(_REPOSITORY_PART.fullmatch(part) for part in path):
        return (
            "this is not a valid prefix of image names",
            "write one like registry.example.com/kubernetes, without a last /",
        )
    return None


def registry(text: str) -> Complaint | None:
    """`host[:port]` of a registry."""
    if text.startswith("["):
        return f"{text!r} is an IPv6 address", _IPV4_OR_NAME
    if text != "localhost" and host_port(text, port_optional=True):
        return f"{text!r} is not a registry's host", "write it as in image names: registry.k8s.io, or host:port"
    return None


def sha256(text: str) -> Complaint | None:
    if _SHA256.fullmatch(text):
        return None
    return (
        f"a SHA-256 digest has 64 hexadecimal digits, this has {len(text)} characters",
        "copy it from a trusted place",
    )
