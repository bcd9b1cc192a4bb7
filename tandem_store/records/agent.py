"""The agents of an automation, and what they may use."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tandem_store.records.base import Record, Written


class RunAsCurrentActor(Record):
    """The connection is used in the name of the person who runs the automation."""

    type: Literal["current_actor"] = "current_actor"


class RunAsServicePrincipal(Record):
    """The connection is used in the name of a service."""

    type: Literal["service_principal"] = "service_principal"
    #: The id of the service.
    principal_id: str


class RunAsAutomationPrincipal(Record):
    """The connection is used in the name of an automation."""

    type: Literal["automation_principal"] = "automation_principal"
    #: The id of the automation.
    automation_id: str


class RunAsSharedConnection(Record):
    """The connection is shared under a grant."""

    type: Literal["shared_connection"] = "shared_connection"
    #: The id of the grant.
    grant_id: str


#: In whose name a connection is used; ``type`` says which.
RunAs = Annotated[
    RunAsCurrentActor | RunAsServicePrincipal | RunAsAutomationPrincipal | RunAsSharedConnection,
    Field(discriminator="type"),
]


class AutomationMcpConnectionGrant(Record):
    """A connection to an MCP server that an agent may use."""

    #: The name of the server.
    server: str
    #: The connection to that server.
    connection_id: str | None = None
    #: In whose name it is used.
    run_as: RunAs | None = None
    #: Which generation of the connection was granted (by engine 0.7.2).
    connection_generation: str | None = None


class AutomationAgentToolPolicy(Record):
    """The tools that an agent or node may use."""

    #: Tools that are allowed.
    allowlist: list[str] = Field(default_factory=list)
    #: Tools that are refused.
    denylist: list[str] = Field(default_factory=list)


class AutomationAgentMcpPolicy(Record):
    """The MCP servers that an agent or node may use."""

    #: Servers that are allowed.
    allowed_servers: list[str] = Field(default_factory=list)
    #: Tools that are allowed; ``None`` allows all tools of the allowed servers.
    allowed_tools: list[str] | None = None
    #: Connections that are allowed.
    allowed_connections: Annotated[list[AutomationMcpConnectionGrant], Written.UNLESS_EMPTY] = (
        Field(default_factory=list)
    )


class AutomationAgentProfile(Record):
    """An agent of an automation."""

    #: The id that flow nodes refer to.
    agent_id: str
    #: The template that it was made from.
    template_id: str | None = None
    #: The name that people see.
    display_name: str
    #: The address of its picture.
    avatar_url: str | None = None
    #: Free-form JSON: which model it uses.
    model_policy: Any = None
    #: The names of its skills.
    skills: list[str] = Field(default_factory=list)
    #: The tools that it may use.
    tool_policy: AutomationAgentToolPolicy
    #: The MCP servers that it may use.
    mcp_policy: AutomationAgentMcpPolicy
    #: When it has to ask for approval; free text.
    approval_policy: str | None = None
