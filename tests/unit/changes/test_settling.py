from __future__ import annotations

from brigade.changes.settling import Settling, Stat

SMALL, LARGE = Stat(1, 1), Stat(2, 2)


def test_a_file_is_due_when_it_has_rested():
    settling = Settling(2.0)
    settling.see("a", SMALL, 10.0)
    assert not settling.due(11.9)
    assert settling.due(12.0) == {"a": SMALL}
    assert not settling.due(100.0)


def test_a_file_that_changes_begins_anew_and_holds_nobody_up():
    settling = Settling(2.0)
    settling.see("busy", SMALL, 0.0)
    settling.see("calm", SMALL, 1.0)
    settling.see("busy", LARGE, 1.5)
    assert settling.due(3.0) == {"calm": SMALL}
    assert settling.due(3.5) == {"busy": LARGE}


def test_events_of_a_file_that_looks_the_same_do_not_prolong_its_rest():
    settling = Settling(2.0)
    settling.see("a", SMALL, 0.0)
    settling.see("a", SMALL, 1.9)
    assert settling.due(2.0) == {"a": SMALL}


def test_a_file_that_is_gone_is_not_due():
    settling = Settling(2.0)
    settling.see("a", SMALL, 0.0)
    settling.forget("a")
    settling.forget("never seen")
    assert not settling.due(9.0)
