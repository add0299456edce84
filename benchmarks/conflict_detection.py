"""How well contradictions are found in real texts: precision and recall by kind, against labels set by reading and against changes made.

    python -m benchmarks.conflict_detection            the figures
    python -m benchmarks.conflict_detection --wrong    what was found and nobody has judged so, and what was missed
    python -m benchmarks.conflict_detection --to-label the pairs of changed sentences that labels are set for, without running the rules

Every pair of consecutive versions of a document is compared as two documents that hold for the same readers: the connector parses them, the
chunker cuts them, and the claims of the older are held against the nearest of the newer, as the ingest does it. A found pair of passages
is right when the label of that pair of sentences says its kind; whatever else is found counts as wrong. Three measurements: the policies,
split by name into the half that the rules were tuned on and the other; the Instagram texts, labelled before the rules first ran on them;
and copies of both in which sentences were contradicted by rule (`conflict_perturbed.py`).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

from markdown_it import MarkdownIt

from benchmarks import conflict_perturbed
from benchmarks.conflict_sets import (
    COLLECTIONS,
    FRONT,
    INSTAGRAM,
    POLICIES,
    Collection,
    Pair,
    Spoken,
    Version,
    changed_sentences,
    claims,
    found_between,
    labelled,
    parse,
    parsed,
    read,
    words,
)
from context_service.model.rivalry import Relation, RivalryKind

TUNED = frozenset({"abuse", "cancellation", "refund", "security-response", "terms"})
"""Policies that the rules were tuned on; all others are held out."""

KINDS = (RivalryKind.VALUE, RivalryKind.POLARITY, RivalryKind.ENUMERATION)


def found(collection: Collection) -> dict[Pair, RivalryKind]:
    """What is found between all consecutive versions: conflicts, without the exceptions that a text tells itself."""
    everything: dict[Pair, RivalryKind] = {}
    for old, new in collection.consecutive():
        for kind, relation, text, other in found_between(claims(old), claims(new)):
            if relation is Relation.CONFLICT:
                everything[Pair(old.document, words(text), words(other))] = kind
    return everything


def unchanged_copies(collection: Collection) -> tuple[int, int]:
    """Rivalries of any relation between each version and its unchanged copy, and between each and its HTML twin; there must be none."""
    copies = twins = 0
    for document in collection.documents():
        for version in collection.versions(document):
            original = claims(version)
            copies += sum(1 for _ in found_between(original, read(parsed(version), f"{version.name} (copy)")))
            twins += sum(1 for _ in found_between(original, _twin(version)))
    return copies, twins


def _twin(version: Version) -> Spoken:
    body = MarkdownIt("commonmark").enable("table").render(FRONT.sub(b"", version.path.read_bytes()).decode())
    page = f"<html><head><title>{version.document}</title></head><body><main>{body}</main></body></html>"
    return read(parse("twin.html", page.encode(), "text/html"), f"{version.name} (HTML)")


def report(name: str, right: Mapping[Pair, str], detected: Mapping[Pair, RivalryKind]) -> None:
    """Print the figures of one set, a line each kind."""
    print(f"{name}: {len(right)} labelled pairs, {dict(Counter(right.values()))}")
    for kind in KINDS:
        positives = [pair for pair, label in right.items() if label == kind]
        hits = [pair for pair, found_kind in detected.items() if found_kind is kind]
        true = sum(any(hit.within(pair) for pair in positives) for hit in hits)
        recalled = sum(any(hit.within(pair) for hit in hits) for pair in positives)
        shares = f"precision {_share(true, len(hits))}  recall {_share(recalled, len(positives))} of {len(positives)}"
        print(f"  {kind.value:<12} found {len(hits):>3}  right {true:>3}  {shares}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "  -  "


def show_wrong(right: Mapping[Pair, str], detected: Mapping[Pair, RivalryKind]) -> None:
    """Print what was found beside the labels, and what was missed."""
    for pair, kind in detected.items():
        if not any(label == kind and pair.within(one) for one, label in right.items()):
            print(f"{kind.value}, not labelled so: {pair.document}\n   {' '.join(pair.old)}\n   {' '.join(pair.new)}")
    for pair, label in right.items():
        if label in KINDS and not any(kind == label and hit.within(pair) for hit, kind in detected.items()):
            print(f"missed {label}: {pair.document}\n   {' '.join(pair.old)}\n   {' '.join(pair.new)}")


def show_pairs(collection: Collection) -> None:
    """Print the pairs of sentences that are worth a label, with their places."""
    for old, new in collection.consecutive():
        texts = old.path.read_text(), new.path.read_text()
        for spans in changed_sentences(*texts):
            print(f"{old.name} -> {new.path.stem} {spans}")
            for text, (start, end) in zip(texts, spans, strict=True):
                print("  ", " ".join(text[start:end].split()))


def main() -> None:
    """Print every measurement."""
    missing = [str(collection.root) for collection in COLLECTIONS if not collection.root.is_dir()]
    if missing:
        sys.exit(f"{', '.join(missing)} is missing; nothing measured.")
    if "--to-label" in sys.argv:
        for collection in COLLECTIONS:
            show_pairs(collection)
        return
    if "--wrong" in sys.argv:
        for collection in COLLECTIONS:
            show_wrong(labelled(collection), found(collection))
        return
    right, detected = labelled(POLICIES), found(POLICIES)
    for name, wanted in (("policies, tuned half", True), ("policies, other half", False)):
        judged = {pair: label for pair, label in right.items() if (pair.document in TUNED) is wanted}
        report(name, judged, {pair: kind for pair, kind in detected.items() if (pair.document in TUNED) is wanted})
    report("instagram", labelled(INSTAGRAM), found(INSTAGRAM))
    for collection in COLLECTIONS:
        print("\n".join(conflict_perturbed.report(collection, conflict_perturbed.measure(collection))))
    for collection in COLLECTIONS:
        copies, twins = unchanged_copies(collection)
        print(f"{collection.name}: rivalries between a version and its unchanged copy: {copies}; and its HTML twin: {twins}")


if __name__ == "__main__":
    main()
