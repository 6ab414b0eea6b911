from __future__ import annotations

import pytest

from evolve.environments.simulator import kept


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_what_was_told_once_is_not_asked_again():
    assert kept("a", lambda: {"x": 1}) == {"x": 1}
    assert kept("a", lambda: pytest.fail("asked again")) == {"x": 1}
    assert kept("b", lambda: [2]) == [2]


def test_who_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        kept("a", lambda: 1 / 0)
    assert list(tmp_path.rglob("*")) == []


def test_what_cannot_be_read_is_told_anew(tmp_path):
    kept("a", lambda: 1)
    (tmp_path / "evolve/made/a.json").write_text('{"torn')
    assert kept("a", lambda: 2) == 2
    assert kept("a", lambda: 3) == 2
