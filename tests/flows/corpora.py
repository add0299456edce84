"""Two states of a small handbook: forty texts, then the same with prices changed, texts deleted, texts added, and two that disagree."""

from __future__ import annotations

GOODS = (
    "kettle lamp toaster heater blender scale fan iron mixer grill freezer oven radio speaker charger camera doorbell hub thermostat "
    "vacuum shaver dryer juicer grinder steamer fryer cooker printer scanner router monitor keyboard tablet projector humidifier purifier "
    "dehumidifier waffle-maker ice-maker bread-maker"
).split()

QUESTIONS = (
    "What does the kettle cost?",
    "What does the lamp cost?",
    "How long is the warranty on the toaster?",
    "How is the router returned?",
    "How do I clean the bread-maker?",
    "How many days do I have to return a drone?",
    "What does the printer cost, and how long is its warranty?",
    "How many days do I have to send a product back?",
)
"""Their answers differ between the two states, or must not."""


def before() -> dict[str, str]:
    """The first state, by name."""
    return {f"{number:02}-{good}": _text(good, 20 + number) for number, good in enumerate(GOODS)}


def after() -> dict[str, str | None]:
    """What changes: every third price, every seventh text is gone, five are new."""
    changed: dict[str, str | None] = {}
    for number, (name, good) in enumerate(zip(before(), GOODS, strict=True)):
        if number % 7 == 3:
            changed[name] = None
        elif number % 3 == 0:
            changed[name] = _text(good, 120 + number)
    changed |= {f"5{number}-{good}": _text(good, 300 + number) for number, good in enumerate(("drone", "easel", "hammock"))}
    changed["60-returns"] = "# Sending back\nYou have 30 days of time to send a product back to us for a full refund."
    changed["61-questions"] = "# Sending back\nYou have 14 days of time to send a product back to us for a full refund."
    return changed


def _text(good: str, price: int) -> str:
    return "\n".join(
        [
            f"# Buying a {good}",
            f"The {good} costs EUR {price}. It is delivered within {price % 5 + 1} working days to the door.",
            f"# Keeping the {good} in good health",
            f"To clean the {good}, unplug it and wipe it with a damp cloth. Never put the {good} under water.",
            f"# Warranty of the {good}",
            f"The warranty on the {good} is {price % 3 + 1} years. A {good} that breaks is replaced.",
            f"# Returning the {good}",
            f"The {good} is returned in its box, with the label {good.upper()}-{price} on the outside.",
        ]
    )
