"""The errors an operator can see: each has an exit code, a sentence of what happened and one of what to do."""

from __future__ import annotations

from collections.abc import Sequence

from kinstall.findings import Finding, Problem
from kinstall.wording import cut

EXIT_USAGE = 2
EXIT_PREFLIGHT = 3
EXIT_NODE_FAILED = 4
EXIT_CANCELLED = 5
EXIT_VERIFY = 6
EXIT_INTERNAL = 70
"""As EX_SOFTWARE of sysexits.h."""


class KinstallError(Exception):
    """Base of all expected errors. `what` says what happened, `remedy` what to do; neither holds a secret."""

    exit_code = EXIT_USAGE

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  {self.remedy}" if self.remedy else self.what


class UsageError(KinstallError):
    """A command cannot be carried out as typed."""


class InvalidAnswers(KinstallError):
    """The answers file does not describe a cluster; `problems` lists everything that is wrong with it."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {p}" for p in problems)]))
        self.source = source
        self.problems = tuple(problems)


class PreflightFailed(KinstallError):
    """The nodes are not ready for the cluster; nothing was changed."""

    exit_code = EXIT_PREFLIGHT

    def __init__(self, findings: Sequence[Finding], what: str = "preflight found errors; nothing was changed") -> None:
        super().__init__(what)
        self.findings = tuple(findings)


class NewerFormat(KinstallError):
    """What was kept, on a node or on this machine, was written by a newer kinstall: half of it would be misread."""

    def __init__(self, what: str, kept: object, known: int) -> None:
        super().__init__(
            f"{what} is of format {cut(str(kept), 40)}, and this kinstall reads up to format {known}",
            "use the kinstall that wrote it, or a newer one",
        )
        self.subject, self.kept, self.known = what, kept, known


class TransportError(KinstallError):
    """Communication with a node failed. `retryable` says whether trying again can help."""

    exit_code = EXIT_NODE_FAILED
    retryable = False

    def __init__(self, node: str, what: str, remedy: str = "") -> None:
        super().__init__(f"{node}: {what}", remedy)
        self.node = node


class Unreachable(TransportError):
    """No connection, or it broke."""

    retryable = True


class UnreadableAnswer(TransportError):
    """A node's answer has another form than that of the program that it was asked to run."""

    def __init__(self, node: str) -> None:
        what = "its answer is not that of the program that it was asked to run"
        super().__init__(node, what, "look at what its login shell prints, and who has access to it; then try again")


class NodeBusy(TransportError):
    """Another run is working on the node, or took it over."""


class AuthenticationFailed(TransportError):
    """The node, or its sudo, refused every credential that was offered."""

    exit_code = EXIT_PREFLIGHT


class HostKeyUnknown(TransportError):
    """No trusted source knows the node's host key."""

    exit_code = EXIT_PREFLIGHT


class HostKeyChanged(TransportError):
    """The node's host key is not the trusted one."""

    exit_code = EXIT_PREFLIGHT


class StepFailed(KinstallError):
    """A step on a node failed; `what` names the step and holds the cause as far as it is known."""

    exit_code = EXIT_NODE_FAILED

    def __init__(self, node: str, what: str, remedy: str = "") -> None:
        super().__init__(f"{node}: {what}", remedy)
        self.node = node


class Cancelled(KinstallError):
    """The operator stopped the run at a step boundary."""

    exit_code = EXIT_CANCELLED


class VerifyFailed(KinstallError):
    """The cluster runs, but a check of it failed."""

    exit_code = EXIT_VERIFY


class InternalError(KinstallError):
    """Something that no part of kinstall expected: a bug."""

    exit_code = EXIT_INTERNAL
