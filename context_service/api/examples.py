"""Requests to try in the documentation."""

from __future__ import annotations

from fastapi.openapi.models import Example

QUESTIONS: dict[str, Example] = {
    "known customer": {
        "summary": "A customer whom the CRM knows",
        "value": {
            "query": "Can I still return my doorbell and get my money back?",
            "customer": {"id": "C-1001"},
            "workflow": "refund",
            "channel": "chat",
            "conversation_id": "chat-2231",
        },
    },
    "attributes": {
        "summary": "A caller of whom only some facts are known",
        "description": "Where a fact that decides is missing, the decision is `needs_information` and `asks_for` names it.",
        "value": {
            "query": "How many days do I have to send it back?",
            "customer": {"attributes": {"plan": "plus"}},
            "workflow": "refund",
            "channel": "voice",
        },
    },
    "another day": {
        "summary": "What will hold on a certain day",
        "value": {
            "query": "What does a late payment cost?",
            "customer": {"id": "C-1001"},
            "workflow": "billing",
            "effective_on": "2031-02-01",
        },
    },
}
