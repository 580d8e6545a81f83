"""What a check of the running cluster is: a record with its name, what it asks and how it judges the answer.

A `LookCheck` is judged from one look at the nodes and the API. A `PodCheck` from what a check pod, or kubectl about
one, answers. An `ActiveCheck` does something and sees what comes of it. All are listed in `checks/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from kinstall.cluster import ClusterSpec, Node
from kinstall.engine.events import Outcome
from kinstall.verify.ground import Ground
from kinstall.verify.objects import Object
from kinstall.verify.program import Call
from kinstall.verify.records import Record, first_of, of_kind
from kinstall.verify.results import CheckResult
from kinstall.verify.workspace import Workspace


class Subject(Enum):
    """Whom a check gives a result for."""

    CLUSTER = "cluster"
    CONTROL_PLANES = "each control plane"
    NODES = "each node"
    LAST_NODE = "the last node"

    def names(self, spec: ClusterSpec) -> list[str]:
        """The nodes; an empty name for the cluster as a whole."""
        match self:
            case Subject.CLUSTER:
                return [""]
            case Subject.CONTROL_PLANES:
                return [node.name for node in spec.control_planes]
            case Subject.NODES:
                return [node.name for node in spec.nodes]
            case Subject.LAST_NODE:
                return [spec.nodes[-1].name]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check: `message` is what was seen, the cause or the reason; `seconds` what it took.

    `may_pass`: time may fix this failure, as with a pod that is still starting. `node`: where only the check knows it.
    """

    outcome: Outcome
    message: str
    seconds: float = 0.0
    may_pass: bool = False
    node: str = ""


ODD = (AttributeError, TypeError, KeyError, IndexError, ValueError, OverflowError)
"""What comes of objects that have another form than Kubernetes'."""


def sound(judge: Callable[[], Verdict]) -> Verdict:
    """What `judge` says. The objects come from a control plane, which may be an intruder's: what has another form than
    Kubernetes' is a failed check of the cluster, and no bug of kinstall's."""
    try:
        return judge()
    except ODD:
        return failed("the API's answer has another form than Kubernetes'")


def passed(message: str, seconds: float = 0.0, node: str = "") -> Verdict:
    return Verdict(Outcome.OK, message, seconds, node=node)


def failed(message: str, seconds: float = 0.0, *, may_pass: bool = False, node: str = "") -> Verdict:
    return Verdict(Outcome.FAILED, message, seconds, may_pass, node)


def skipped(message: str) -> Verdict:
    return Verdict(Outcome.SKIPPED, message)


@dataclass(frozen=True, slots=True)
class Check:
    """What all checks have. `subject`: whom there is a result for, and so a line in the table."""

    name: str
    subject: Subject

    def result(self, verdict: Verdict, node: str = "") -> CheckResult:
        return CheckResult(self.name, verdict.outcome, verdict.message, verdict.seconds, verdict.node or node)


# Checks of a look


@dataclass(frozen=True, slots=True)
class NodeReply:
    """One node's answer; `error` where it gave none. `down`: unit → how it ended and why, for those that do not run."""

    records: tuple[Record, ...] = ()
    seconds: float = 0.0
    error: str = ""
    down: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookView:
    """What a look saw. `replies`: node → its answer. `objects`: what the API lists of nodes, of kube-system, of
    namespaces; None where it did not answer, for the reason in `no_objects`. `causes`: the answer to `follow_up`."""

    spec: ClusterSpec
    replies: Mapping[str, NodeReply]
    objects: Sequence[Object] | None
    no_objects: str = ""
    causes: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class LookQuestion:
    """To whom a look's program goes. `front`: whether it is the control plane that is asked for the objects too."""

    spec: ClusterSpec
    node: Node
    front: bool


@dataclass(frozen=True, slots=True)
class LookCheck(Check):
    """`judge` gets the node's name. What it needs beyond units and objects it `asks` of each node."""

    judge: Callable[[LookView, str], Verdict]
    asks: Callable[[LookQuestion], Sequence[Call]] = lambda question: ()
    follow_up: Callable[[LookView], Sequence[Call]] | None = None
    """After a failure, what is asked of the control plane for its cause; then it is judged again."""


# Checks with pods


class Place(Enum):
    """Where a check's calls run, or which command's answer it judges."""

    POD = "in the node's pod on the pod network"
    HOST = "in the node's pod on the host's network"
    EXEC = "kubectl exec itself"
    LOGS = "kubectl logs"


@dataclass(frozen=True, slots=True)
class PodQuestion:
    """`node`: the node whose pod asks. `has_resolver`: whether CoreDNS forwards names to a resolver of the hosts."""

    spec: ClusterSpec
    ground: Ground
    node: str
    has_resolver: bool


@dataclass(frozen=True, slots=True)
class PodView(PodQuestion):
    """What one kubectl command printed: its `result kind node status began ended` record, and those of the pod."""

    head: Record
    inside: tuple[Record, ...]

    @property
    def began(self) -> bool:
        """Whether the program in the pod was started."""
        return first_of(self.inside, "inside") is not None

    def answers(self, kind: str) -> tuple[Record, ...]:
        return of_kind(self.inside, kind)

    def answer(self, kind: str) -> Record | None:
        return first_of(self.inside, kind)

    @property
    def seconds(self) -> float:
        return self.head.seconds(4, 5)


@dataclass(frozen=True, slots=True)
class PodCheck(Check):
    """`rests_on`: names of look checks whose failure on the same node is the cause of this one's."""

    place: Place
    judge: Callable[[PodView], Verdict]
    asks: Callable[[PodQuestion], Sequence[Call]] = lambda question: ()
    rests_on: tuple[str, ...] = ()


# Checks that do something


@dataclass(frozen=True, slots=True)
class ActiveCheck(Check):
    """`run` raises TransportError where the control plane is lost, and Cancelled."""

    run: Callable[[Workspace], Verdict]
