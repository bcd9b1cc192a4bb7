"""Comparing JSON values in a language where ``1 == 1.0 == True``."""

from __future__ import annotations

from typing import Any


def exact(value: Any) -> Any:
    """A twin of a JSON value in which 1, 1.0, -0.0 and true are four different things."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__, repr(value))
