"""Campaigns whose candidates are made by an agent, or by a command of the user."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evolve.campaign import build
from evolve.cli import app
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.events import Discarded, Joined, Proposed
from evolve.journal import RunRecord
from evolve.models.calls import read_calls
from evolve.models.chat import ToolCall
from evolve.models.gateway import Gateway
from evolve.models.provider import Completed, Embedded, Tokens
from evolve.mutation.agentic.transcript import Carried, read_transcript

HERE = Path(__file__).parent
KEY = "sk-planted-key"
SETTINGS: Mapping[str, Any] = {
    "benchmark": str(HERE / "small.py"),
    "seeds": ("lexical",),
    "budget": 1,
    "window": 1,
    "jobs": 1,
    "search.objectives": ("quality", "cost"),
    "search.mutators": "model",
    "search.proposer": "agent",
    "search.prompt": "full",
    "search.probe": False,  # the change of these agents has no effect
    "search.agent.steps": 40,
    "search.agent.tokens": 10_000_000,
    "evaluation.static": 6,
    "evaluation.rotating": 4,
    "evaluation.test": 2,
    "sandbox.backend": "process",
    "sandbox.pool": 0,
    "models.preflight": False,
    "models.reflector": {"model": "openai/agent", "api_base": "http://127.0.0.1:9/v1", "key_env": "PLANTED"},
}
CHANGE = "def shout(text):\n    return text.upper()"

Turns = Sequence[Mapping[str, Any]]


class AgentProvider:
    """Provider whose one model says what a function of the conversation says; keeps what it was sent."""

    def __init__(self, says: Callable[[Turns], str | ToolCall]) -> None:
        self.says = says
        self.sent: list[list[Mapping[str, Any]]] = []

    async def ready(self, settings: Any = None) -> None:
        pass

    async def chat(self, settings: Any, messages: Any, options: Any, schema: Any) -> Completed:
        self.sent.append(list(messages))
        said = self.says(messages)
        calls = (said,) if isinstance(said, ToolCall) else ()
        text = "" if calls else str(said)
        return Completed(text, "stop", Tokens(100, 10, 0.001), settings.model, calls=calls)

    async def embed(self, settings: Any, texts: Any) -> Embedded:
        raise AssertionError("nothing is embedded by a model here")

    async def price(self, settings: Any, read: int, written: int) -> float:
        return 0.001

    async def context_tokens(self, settings: Any) -> None:
        return None

    async def close(self) -> None:
        pass

    @property
    def seen(self) -> str:
        """Everything that the model was sent."""
        return "\n".join(str(message.get("content")) for sent in self.sent for message in sent)


def turns_of(messages: Turns) -> list[str]:
    """Results of the calls so far."""
    return [str(message["content"]) for message in messages[2:] if message["role"] in ("user", "tool")]


class Explorer:
    """Agent that opens every file that it is told of, and what it is not told of, then submits."""

    forbidden = ("../config.toml", "../tasks.jsonl", "../journal.jsonl", "/proc/self/environ", "tasks.jsonl")

    def __init__(self, *more: str, native: bool = True) -> None:
        self.more = more
        self.native = native

    def __call__(self, messages: Turns) -> str | ToolCall:
        results = turns_of(messages)
        if not results:
            return self._call("list", {})
        paths = re.findall(r"^(\S+) \(\d+ lines\)$", results[0], re.MULTILINE)
        wanted = [*paths, *self.forbidden]
        at = len(results) - 1
        if at < len(wanted):
            return self._call("read", {"path": wanted[at]})
        at -= len(wanted)
        if at < len(self.more):
            return self._call("python", {"code": self.more[at]})
        return self._call("submit", {"message": "Add a helper", "code": CHANGE})

    def _call(self, name: str, arguments: Mapping[str, str]) -> str | ToolCall:
        if self.native:
            return ToolCall(name, json.dumps(arguments), "c1")
        body = [f"MESSAGE: {arguments['message']}"] if "message" in arguments else []
        body += [arguments[key] for key in ("path", "code") if key in arguments]
        return "\n".join([f"```{name}", *body, "```"])


def brief(messages: Turns) -> str:
    """Agent that reads a file and submits."""
    return "```list\n```" if not turns_of(messages) else f"```submit\nMESSAGE: Add a helper\n{CHANGE}\n```"


def conducted(
    root: Path, says: Callable[[Turns], str | ToolCall] | None = None, **changes: Any
) -> tuple[AgentProvider, RunRecord]:
    provider = AgentProvider(says or brief)
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    settings = {key: value for key, value in {**SETTINGS, **dotted}.items() if value is not None}
    config = merged(CampaignConfig(), settings)
    connect = partial(Gateway, provider=provider)
    with build(
        config, root=root, name="run", unsafe_local=True, notify=lambda _: None, connect=connect
    ) as campaign:
        campaign.run(lambda _: None)
    return provider, RunRecord.open(root, "run")


def joined(record: RunRecord) -> dict[int, Joined]:
    return {event.candidate.number: event for event in record.events() if isinstance(event, Joined)}


@pytest.mark.parametrize("native", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_an_agent_sees_the_traces_of_candidate_0_and_no_test_item_key_or_other_run(
    native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", KEY)
    other = tmp_path / "other" / "programs"
    other.mkdir(parents=True)
    (other / "secret.py").write_text("# of another run")
    form = "native" if native else "fenced"
    provider, record = conducted(tmp_path, Explorer(native=native), search__agent__tools=form)
    candidate = joined(record)[1].candidate
    assert (candidate.operator, candidate.message, candidate.parents) == ("agent", "Add a helper", (0,))
    assert "def shout" in record.program(candidate.program).source
    seen = provider.seen
    for part in ("# Candidate 0, complete", "## w1-", "What read returned", "| 0 |"):
        assert part in seen
    assert record.program(joined(record)[0].candidate.program).source.split("\n")[-2] in seen
    tasks = record.tasks()
    assert tasks is not None
    test = [task.question for task in tasks.tasks if task.group == "w3"]
    assert test
    for hidden in (*test, "w3-", KEY, "PLANTED", "127.0.0.1:9", "of another run", "api_base"):
        assert hidden not in seen
    assert seen.count("There is no file '../config.toml'") >= 1


def test_the_user_is_told_that_a_bare_process_leaves_python_out(tmp_path: Path) -> None:
    told: list[str] = []
    connect = partial(Gateway, provider=AgentProvider(brief))
    config = merged(CampaignConfig(), SETTINGS)
    with build(config, root=tmp_path, name="run", unsafe_local=True, notify=told.append, connect=connect):
        pass
    assert any("The agent cannot run Python" in one for one in told)


def test_a_command_alone_implies_its_proposer(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'benchmark = "{HERE / "small.py"}"\nseeds = ["lexical"]\nbudget = 1\n')
    sizes = '[evaluation]\nstatic = 6\nrotating = 4\ntest = 0\n[sandbox]\nbackend = "process"\npool = 0\n'
    file.write_text(
        f"{file.read_text()}[search]\nobjectives = ['quality', 'cost']\nmutators = 'model'\n{sizes}"
    )
    options = [
        "--proposer-command",
        COMMAND,
        "--proposer-unsandboxed",
        "--unsafe-local",
        "--plain",
        "--trust",
    ]
    ran = CliRunner().invoke(app, ["run", str(file), "--name", "run", "--root", str(tmp_path), *options])
    assert ran.exit_code == 0, ran.output
    record = RunRecord.open(tmp_path, "run")
    assert record.config.search.proposer == "command"
    made = [event for event in record.events() if isinstance(event, Proposed | Discarded)]
    assert [event.operator for event in made] == ["command"]


def test_its_calls_are_accounted_for_and_recorded(tmp_path: Path) -> None:
    provider, record = conducted(tmp_path)
    calls = read_calls(record.calls)[0]
    assert {(call.cause, call.candidate) for call in calls} == {("reflect", 1)}
    assert len(calls) == len(provider.sent)
    proposed = next(event for event in record.events() if isinstance(event, Proposed))
    assert proposed.usd == pytest.approx(0.001 * len(calls))
    lines = read_transcript(record.path, 1)
    assert len(lines) == 2 * len(calls) + 2
    assert next(line.call for line in lines if isinstance(line, Carried)) == "list"


def test_a_trial_is_evaluated_as_usual_and_charged_to_the_candidate(tmp_path: Path) -> None:
    def says(messages: Turns) -> str:
        return f"```try\n{CHANGE}\n```" if not turns_of(messages) else "```submit\nMESSAGE: As tried\n```"

    provider, record = conducted(tmp_path, says)
    assert joined(record)[1].candidate.message == "As tried"
    (shown, *_) = turns_of(provider.sent[-1])
    assert re.search(r"Tried on \d tasks of the minibatch: mean score \d\.\d+, and the parent", shown)


@pytest.mark.slow
def test_an_agent_takes_part_with_the_rules_under_its_own_name(tmp_path: Path) -> None:
    _, record = conducted(tmp_path, lambda _: "No.", search__mutators="both", budget=3, window=1)
    operators = [event.candidate.operator for event in joined(record).values()]
    made = [name for name in operators if name != "seed"]
    assert all(name.endswith((" by rules", " by rules after agent by openai/agent")) for name in made)
    assert any(name.endswith("after agent by openai/agent") for name in made)


def numbered(messages: Turns) -> str:
    """Agent like ``brief`` whose changes differ from candidate to candidate."""
    (number,) = re.findall(r"Make candidate (\d+)", str(messages[1]["content"]))
    return brief(messages).replace("shout", f"shout_{number}")


def test_a_resumed_campaign_asks_nothing_twice(tmp_path: Path) -> None:
    _, record = conducted(tmp_path, numbered, budget=2)
    decided = {number: event.candidate.program for number, event in joined(record).items()}
    lines = [read_transcript(record.path, number) for number in (1, 2)]
    journal = record.path / "journal.jsonl"
    kept = journal.read_text().splitlines(keepends=True)
    cut = next(place for place, line in enumerate(kept) if '"type":"proposed"' in line)
    journal.write_text("".join(kept[:cut]))  # as if it had been killed before it could record the first
    (tmp_path / ".cache" / "models.sqlite").unlink()
    second, record = conducted(tmp_path, numbered, budget=2)
    assert second.sent == []
    assert {number: event.candidate.program for number, event in joined(record).items()} == decided
    assert [read_transcript(record.path, number) for number in (1, 2)] == lines


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models__reflector": None}, "--proposer agent needs a model"),
        ({"search__mutators": "rules"}, "--proposer agent needs a model"),
        ({"search__proposer": "command"}, "needs the command"),
        ({"search__proposer": "completion", "search__proposer_command": "x"}, "add --proposer command"),
        ({"cluster": "tcp://127.0.0.1:1"}, "leave --cluster out"),
        (
            {"search__proposer": "command", "search__proposer_command": "true"},
            "add --proposer-unsandboxed to run it with your rights",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        conducted(tmp_path, **changes)


COMMAND = (
    "grep -q lexical {workdir}/lineage.md && cp {workdir}/parent.py {workdir}/program.py"
    " && printf '\\n\\ndef shout(text):\\n    return text.upper()\\n' >> {workdir}/program.py"
    " && echo 'Add a helper' > {workdir}/MESSAGE"
)


def commanded(root: Path, command: str, **changes: Any) -> RunRecord:
    settings = {
        "search__proposer": "command",
        "search__proposer_command": command,
        "search__proposer_unsandboxed": True,
        "models__reflector": None,
    }
    return conducted(root, **{**settings, **changes})[1]


def test_a_command_gets_the_folder_and_leaves_a_program_and_a_message(tmp_path: Path) -> None:
    record = commanded(tmp_path, COMMAND)
    candidate = joined(record)[1].candidate
    assert (candidate.operator, candidate.message) == ("command", "Add a helper")
    assert record.program(candidate.program).source.endswith("return text.upper()\n")
    assert [line.type for line in read_transcript(record.path, 1)] == ["beginning", "result", "end"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo no >&2; exit 3", "the command ended with exit status 3: no"),
        ("true", "the command left no program.py in its folder"),
        ("echo 'x = (' > program.py", "its program was refused"),
        pytest.param(
            "cp parent.py program.py",
            "its program was refused: the same program as its parent",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "ln -s /etc/passwd program.py",
            "the command left no program.py in its folder",
            marks=pytest.mark.slow,
        ),
        pytest.param("sleep 60", "the command did not end within 0.3 s", marks=pytest.mark.slow),
    ],
)
def test_a_command_that_fails_gives_no_candidate_and_a_plain_reason(
    command: str, reason: str, tmp_path: Path
) -> None:
    record = commanded(tmp_path, command, search__agent__seconds=0.3 if "sleep" in command else 60.0)
    (discarded,) = [event for event in record.events() if isinstance(event, Discarded)]
    assert discarded.reason.startswith(reason)


def test_a_command_is_run_once_for_each_candidate(tmp_path: Path) -> None:
    log = tmp_path / "log"
    record = commanded(tmp_path, f"echo ran >> {log}; false")
    journal = record.path / "journal.jsonl"
    kept = [line for line in journal.read_text().splitlines(keepends=True) if '"discarded"' not in line]
    journal.write_text("".join(line for line in kept if '"type":"finished"' not in line))
    commanded(tmp_path, f"echo ran >> {log}; false")
    assert log.read_text() == "ran\n"


class TestConfined:
    """Bubblewrap, or Docker: the agent's Python and the user's command see the folder alone."""

    @pytest.fixture(params=["bwrap", pytest.param("docker", marks=pytest.mark.docker)])
    def backend(self, request: pytest.FixtureRequest) -> str:
        request.getfixturevalue(f"{request.param}_sandbox")  # skips where there is none
        return request.param

    @pytest.mark.slow
    def test_python_of_an_agent_finds_no_test_item_no_key_and_no_network(
        self, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLANTED", KEY)
        search = (
            "import os\n"
            "found = []\n"
            "for root, _, names in os.walk('/'):\n"
            "    if root.startswith(('/proc', '/sys', '/usr', '/dev')): continue\n"
            "    hidden = ('tasks.jsonl', 'config.toml', 'journal.jsonl')\n"
            "    found += [os.path.join(root, n) for n in names if n in hidden]\n"
            f"found += [path for path in ({str(tmp_path)!r}, {str(HERE)!r}) if os.path.exists(path)]\n"
            "print('FOUND', found, os.environ.get('PLANTED'), sorted(os.listdir('traces')))\n"
            "import socket\n"
            "try: socket.create_connection(('1.1.1.1', 53), 2); print('CONNEC' + 'TED')\n"
            "except OSError as error: print('REFUSED')\n"
        )
        provider, record = conducted(tmp_path, Explorer(search), sandbox__backend=backend)
        assert joined(record)[1].candidate.operator == "agent"
        assert "FOUND [] None ['0-fitness.md', '0-minibatch.md']" in provider.seen
        assert "REFUSED" in provider.seen
        assert "CONNECTED" not in provider.seen
        assert KEY not in provider.seen

    @pytest.mark.slow
    def test_a_command_runs_in_the_sandbox_with_the_files_that_it_names(
        self, backend: str, tmp_path: Path
    ) -> None:
        script = tmp_path / "improve.py"
        script.write_text(
            "import os, sys\n"
            "work = sys.argv[1]\n"
            f"assert not os.path.exists({str(tmp_path)!r})\n"
            "source = open(f'{work}/parent.py').read()\n"
            "source += '\\n\\ndef shout(text):\\n    return text.upper()\\n'\n"
            "open(f'{work}/program.py', 'w').write(source)\n"
            "open(f'{work}/MESSAGE', 'w').write('From the sandbox')\n"
        )
        record = commanded(
            tmp_path,
            f"{{python}} {script} {{workdir}}",
            search__proposer_unsandboxed=False,
            sandbox__backend=backend,
        )
        assert joined(record)[1].candidate.message == "From the sandbox"


def test_trace_without_an_item_shows_the_steps_of_the_agent(tmp_path: Path) -> None:
    conducted(tmp_path)
    shown = CliRunner().invoke(app, ["trace", "run", "1", "--root", str(tmp_path), "--json"])
    assert shown.exit_code == 0, shown.output
    data = json.loads(shown.output)
    assert [step["call"] for step in data["steps"]] == ["list", "submit Add a helper"]
    assert data["end"] == "submitted"
