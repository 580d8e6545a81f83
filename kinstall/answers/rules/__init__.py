"""What an answers file may say beyond its shape. Pure functions: a spec in, problems out.

Each module looks after one part of the file. A rule that compares places looks only at places that are valid
by themselves, so that one mistake gives one message.
"""

from __future__ import annotations

from kinstall.answers.fields import lies_in
from kinstall.answers.rules import (
    access,
    applies,
    cluster,
    components,
    local_sources,
    networking,
    nodes,
    security,
    sources,
)
from kinstall.answers.rules.view import View
from kinstall.cluster import ClusterSpec
from kinstall.findings import Problem

_RULES = (
    *cluster.RULES,
    *applies.RULES,
    *networking.RULES,
    *security.RULES,
    *nodes.RULES,
    *access.RULES,
    *sources.RULES,
    *local_sources.RULES,
    *components.RULES,
)


def check(spec: ClusterSpec, broken: frozenset[str] = frozenset()) -> list[Problem]:
    """All problems of a spec, without line numbers.

    `broken` names the places (as fields.written() writes them) that hold placeholders: nothing is said about them.
    """
    view = View(spec, broken)
    problems = [problem for rule in _RULES for problem in rule(view)]
    return [problem for problem in problems if not lies_in(problem.path, broken)]
