"""Keys are kept out of messages."""

from __future__ import annotations

import pytest

from evolve.models.redaction import redacted

ENVIRON = {
    "MY_API_KEY": "abcdefgh-12345",
    "SOME_TOKEN": "tok",
    "HOME": "/home/someone",
    "DB_PASSWORD": "hunter2hunter2",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key abcdefgh-12345 refused", "key [key] refused"),
        ("password hunter2hunter2.", "password [key]."),
        ("a token is a tok", "a token is a tok"),  # too short to be one
        ("in /home/someone", "in /home/someone"),
        ("Incorrect key: sk-proj-Ab3_x9.", "Incorrect key: [key]."),
        ("sk-ant-api03-****wxyz", "[key]"),
        ("Authorization: Bearer xyz.abc", "Authorization: Bearer [key]"),
        ("risk-free desk-tops", "risk-free desk-tops"),
        ("AIzaSyA1234567890abcdefghijk", "[key]"),
    ],
)
def test_redacted(text: str, expected: str) -> None:
    assert redacted(text, ENVIRON) == expected
