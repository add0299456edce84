"""How old a text is, measured against its source's own promise."""

from context_service.freshness.states import freshness, treatment, worse

__all__ = ["freshness", "treatment", "worse"]
