"""A few planted bugs; `make chaos` plants them all."""

import pytest

from tests.end_to_end.fleet import TOP
from tests.faults.mutant import Mutant
from tests.faults.mutants import MUTANTS, caught_by

QUICK = (
    "the floor not checked",
    "no inode check after a write",
    "a jump refused for ever",
    "no quarantine",
    "the token not compared",
    "any record trusted",
)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.name in QUICK], ids=lambda m: m.name)
def test_the_simulator_alone_catches_a_planted_bug(mutant: Mutant) -> None:
    assert (caught_by(mutant) or "").startswith("simulator, seed ")


def test_each_planted_bug_can_still_be_planted() -> None:
    for mutant in (change for one in MUTANTS for change in (one, *one.also)):
        assert (TOP / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1, mutant.name
    assert len(MUTANTS) >= 40
