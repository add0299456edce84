"""What customers call otherwise is found by the words of the texts."""

from __future__ import annotations

from pathlib import Path

from tests.flows.small import SmallCompany, ask, documents

TEXTS = {f"lamp-{number}": f"The lamp of series {number} shines for {number} hours." for number in range(12)}
TEXTS["attorney"] = "A power of attorney lets somebody else close an account."


def test_a_declared_word_finds_the_text_that_says_it_otherwise(tmp_path: Path) -> None:
    company = SmallCompany.write(tmp_path, TEXTS)
    company.ingest()
    with company.open() as app:
        assert documents(ask(app, "Do you take a POA?"))[0] != "notes:attorney.txt"
    settings = company.folder / "context.yaml"
    settings.write_text(f"{settings.read_text()}glossary: {{POA: [power of attorney]}}\n")
    with company.open() as app:
        assert documents(ask(app, "Do you take a POA?"))[0] == "notes:attorney.txt"
