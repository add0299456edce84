"""Who may read what, decided by pure functions; deny is the only default."""

from context_service.policy.decide import Situation, Verdict, admitted, decide, owns, readable_scope

__all__ = ["Situation", "Verdict", "admitted", "decide", "owns", "readable_scope"]
