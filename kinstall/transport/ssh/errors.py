"""What goes wrong on the way to a host, as sentences."""

from __future__ import annotations

import errno
import socket

from paramiko import SSHException
from paramiko.ssh_exception import IncompatiblePeer

from kinstall.errors import Unreachable
from kinstall.transport.target import SshTarget
from kinstall.wording import LONGEST_WORDS, cut

_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def not_connected(node: str, target: SshTarget, error: OSError) -> Unreachable:
    """No TCP connection."""
    where = f"port {target.port} of {target.host}"
    if isinstance(error, socket.gaierror):
        return _final(node, f"the name {target.host} cannot be resolved", "correct the address, or this machine's DNS")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            node, f"nothing listens on {where} (connection refused)", "start sshd there, or set ssh.port"
        )
    if isinstance(error, TimeoutError):
        return Unreachable(
            node,
            f"no answer from {where} within {target.connect_timeout:g} s",
            "check the address, the power and the firewalls between (or raise ssh.connectTimeout)",
        )
    if error.errno in _NO_ROUTE:
        return Unreachable(node, f"no route to {target.host}", "check the address and this machine's network")
    return Unreachable(node, f"cannot connect to {where}: {error.strerror or error}", "check the address and the port")


def no_handshake(node: str, target: SshTarget, error: Exception, greeting: str) -> Unreachable:
    """Connected, but no key exchange. `greeting` is the server's version string ("" where none came)."""
    where, text, greeting = target.where, cut(str(error), LONGEST_WORDS), cut(greeting, LONGEST_WORDS)
    if isinstance(error, IncompatiblePeer):
        return _final(
            node,
            f"{where} ({greeting or 'unknown server'}) and kinstall have no algorithm in common: {text}",
            "kinstall does without SHA-1 signatures (ssh-rsa), DSA, CBC ciphers and group 1: allow an ed25519 or "
            "rsa-sha2 host key, curve25519 or ECDH, and AES in GCM or CTR mode in the host's sshd_config",
        )
    if "Indecipherable" in text or "Invalid SSH banner" in text or "greets without end" in text:
        return _final(node, f"{where} answers, but does not speak SSH", "correct ssh.port")
    if not greeting and ("banner" in text or isinstance(error, EOFError)):
        if "imeout" in text or "timed out" in text:
            return Unreachable(
                node,
                f"{where} takes connections but does not greet within {target.connect_timeout:g} s",
                "the host is overloaded, or something other than sshd listens there",
            )
        return Unreachable(
            node,
            f"{where} closes the connection before it greets",
            "sshd may be at its limit (MaxStartups), or the host may block this machine (fail2ban, hosts.deny)",
        )
    if isinstance(error, (EOFError, OSError)):
        return Unreachable(node, f"{where} ended the connection during the key exchange", "see the host's sshd log")
    return Unreachable(node, f"the key exchange with {where} failed: {text}", "see the host's sshd log")


def broken(node: str, target: SshTarget, error: Exception | None) -> Unreachable:
    """An established connection is gone."""
    why = ""
    if isinstance(error, ConnectionResetError):
        why = ": reset by the host"
    elif isinstance(error, SSHException) and str(error):
        why = f": {cut(str(error), LONGEST_WORDS)}"
    return Unreachable(
        node, f"the connection to {target.where} broke{why}", "check the host and the network; running again continues"
    )


def silent(node: str, target: SshTarget, seconds: float) -> Unreachable:
    return Unreachable(
        node, f"{target.where} said nothing for {seconds:g} s", "check the host; running again continues"
    )


def closed(node: str) -> Unreachable:
    return _final(node, "the connection was closed", "")


def _final(node: str, what: str, remedy: str) -> Unreachable:
    error = Unreachable(node, what, remedy)
    error.retryable = False
    return error
