"""An agent's campaign that is killed in the middle of its work on a candidate, and resumed: real SIGKILL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from evolve.events import Joined
from evolve.journal import RunRecord
from evolve.mutation.agentic.transcript import read_transcript
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Asked
from tests.server.server import KEY, ModelServer

pytestmark = pytest.mark.slow  # each process imports everything, litellm too

HERE = Path(__file__).parent
CONFIG = """
benchmark = "{benchmark}"
seeds = ["lexical"]
budget = 2
window = 1
jobs = 1

[search]
objectives = ["quality", "cost"]
mutators = "model"
proposer = "agent"
prompt = "full"
probe = false

[search.agent]
tools = "{form}"

[evaluation]
static = 6
rotating = 4
test = 2

[sandbox]
backend = "process"

[models]
preflight = false

[models.reflector]
model = "openai/gpt-4o"
api_base = "{url}"
key_env = "{key}"
"""
STEPS = ("list", "read", "try", "submit")


class Agent:
    """Says one call after the other; kills the process that asks, when it asks for a certain reply."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.kill_at: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.asked: list[str] = []
        self._guard = threading.Lock()

    def __call__(self, asked: Asked) -> Any:
        messages = asked.body["messages"]
        with self._guard:
            self.asked.append(str(messages))
            if self.kill_at == len(self.asked) and self.process is not None:
                os.kill(self.process.pid, signal.SIGKILL)
        (number,) = re.findall(r"Make candidate (\d+)", str(messages[1]["content"]))
        step = STEPS[min(sum(one["role"] == "assistant" for one in messages), len(STEPS) - 1)]
        code = f"def shout_{number}(text):\n    return text.upper()"
        body = {
            "list": "traces",
            "read": "traces/0-fitness.md 1-9",
            "try": code,
            "submit": f"MESSAGE: Shout\n{code}",
        }
        return f"```{step}\n{body[step]}\n```"


def run(folder: Path, agent: Agent) -> int:
    command = [sys.executable, "-m", "evolve", "run", str(folder / "config.toml"), "--name", "run"]
    command += ["--root", str(folder / "runs"), "--unsafe-local", "--plain", "--trust"]
    with (folder / "output").open("ab") as output:
        agent.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=HERE.parents[1])
        return agent.process.wait(timeout=100)


def outcome(folder: Path) -> list[object]:
    """Everything that a campaign decided, and what its agents did, without times."""
    record = RunRecord.open(folder / "runs", "run")
    joined = [event.candidate for event in record.events() if isinstance(event, Joined)]
    transcripts = [read_transcript(record.path, number) for number in (1, 2)]
    lines = [line.model_dump(exclude={"seconds", "key"}) for lines in transcripts for line in lines]
    return [*[(one.number, one.program, one.message, one.operator) for one in joined], *lines]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("form", "kills"), [("native", (3, 7)), ("fenced", (7,))])
def test_a_killed_agent_goes_on_and_no_answered_question_is_asked_again(
    form: str, kills: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    agent = Agent(form)
    with ModelServer({"gpt-4o": agent}) as server:
        for name in ("whole", "killed"):
            folder = tmp_path / name
            folder.mkdir()
            values = {"benchmark": HERE / "small.py", "url": server.url, "key": KEY_VARIABLE, "form": form}
            (folder / "config.toml").write_text(CONFIG.format(**values))
        assert run(tmp_path / "whole", agent) == 0, (tmp_path / "whole" / "output").read_text()
        whole, agent.asked = agent.asked, []
        assert len(whole) == 2 * len(STEPS)
        unanswered = []
        for kill_at in kills:
            agent.kill_at = kill_at
            assert run(tmp_path / "killed", agent) == -signal.SIGKILL
            unanswered.append(agent.asked.pop())
        agent.kill_at = None
        assert run(tmp_path / "killed", agent) == 0, (tmp_path / "killed" / "output").read_text()
    assert agent.asked == whole
    assert len(set(agent.asked)) == len(agent.asked)
    assert unanswered == [whole[number - 1] for number in kills]
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")
