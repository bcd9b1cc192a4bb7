"""Comparing JSON values in a language where ``1 == 1.0 == True``."""

from __future__ import annotations

from typing import Any


def apart(value: Any) -> Any:
    """The value with each scalar replaced by its type and spelling, so that -0.0 differs from 0."""
    if isinstance(value, dict):
        return {key: apart(one) for key, one in value.items()}
    if isinstance(value, list):
        return [apart(one) for one in value]
    return (type(value).__name__, repr(value))
