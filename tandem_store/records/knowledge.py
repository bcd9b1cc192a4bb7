"""Which earlier knowledge an automation or a node may use."""

from __future__ import annotations

from pydantic import Field

from tandem_store.records.base import U64, Named, Record
from tandem_store.records.enums import KnowledgeScope, ReuseMode, TrustLevel


class KnowledgeSpaceRef(Record):
    """A space in which knowledge is stored."""

    #: Who the space belongs to.
    scope: Named[KnowledgeScope] = KnowledgeScope.PROJECT
    #: The project, if the scope is a project.
    project_id: str | None = None
    #: The namespace within the space.
    namespace: str | None = None
    #: The id of the space.
    space_id: str | None = None


class KnowledgeBinding(Record):
    """How knowledge is read and promoted.

    An absent binding and an empty one differ: absent means enabled (``default_binding``), while
    ``{}`` means disabled.
    """

    #: Whether knowledge is used at all.
    enabled: bool = False
    #: When it is consulted.
    reuse_mode: Named[ReuseMode] = ReuseMode.PREFLIGHT
    #: The least trusted level that is used.
    trust_floor: Named[TrustLevel] = TrustLevel.PROMOTED
    #: Spaces to read from.
    read_spaces: list[KnowledgeSpaceRef] = Field(default_factory=list)
    #: Spaces to promote into.
    promote_spaces: list[KnowledgeSpaceRef] = Field(default_factory=list)
    #: The namespace in which knowledge is searched and stored.
    namespace: str | None = None
    #: What it is about.
    subject: str | None = None
    #: Milliseconds until knowledge is out of date.
    freshness_ms: U64 | None = None


def default_binding() -> KnowledgeBinding:
    """Return what an absent ``knowledge`` means: enabled, before the run, promoted only."""
    return KnowledgeBinding(enabled=True)
