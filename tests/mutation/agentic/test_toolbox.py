"""Tools that read: bounded results, plain errors, and Python that sees the files and nothing else."""

from __future__ import annotations

import pytest

from evolve.mutation.agentic.calls import AgentCall
from evolve.mutation.agentic.sandboxed import ProposerSandbox
from evolve.mutation.agentic.toolbox import Toolbox
from evolve.mutation.agentic.workspace import Workspace
from evolve.sandboxes.protocol import Limits, Sandbox

FILES = {
    "parent.py": "x = 1\ny = 2\nz = 3\n",
    "traces/0-fitness.md": "\n".join(f"line {n}: the kettle came from Lisbon" for n in range(400)),
    "traces/1-fitness.md": "nothing",
}


@pytest.fixture
def tools() -> Toolbox:
    return Toolbox(Workspace(FILES, ("traces/9-fitness.md",)), None, characters=1_000)


def test_list(tools: Toolbox) -> None:
    assert tools.result(AgentCall("list")).split("\n")[0] == "parent.py (4 lines)"
    assert tools.result(AgentCall("list", "traces")).count("\n") == 1
    assert (
        tools.result(AgentCall("list", "tests"))
        == "There is nothing at 'tests'. There are: parent.py, traces."
    )


def test_read_has_ranges_and_a_cap(tools: Toolbox) -> None:
    assert tools.result(AgentCall("read", "parent.py", 2, 3)) == "y = 2\nz = 3\n[4 lines in all]"
    long = tools.result(AgentCall("read", "traces/0-fitness.md"))
    assert len(long) <= 1_000
    assert long.endswith("-400 ...]")
    assert "after its end" in tools.result(AgentCall("read", "parent.py", 50))


@pytest.mark.parametrize("path", ["/etc/passwd", "../config.toml", "tasks.jsonl", "traces/../../x"])
def test_there_is_no_way_out_of_the_workspace(tools: Toolbox, path: str) -> None:
    assert tools.result(AgentCall("read", path)).startswith("There is no file")


def test_errors_say_what_there_is(tools: Toolbox) -> None:
    assert "Similar: parent.py" in tools.result(AgentCall("read", "parents.py"))
    assert "left out" in tools.result(AgentCall("read", "traces/9-fitness.md"))
    assert "no sandbox confines it" in tools.result(AgentCall("python", text="print(1)"))


def test_search_by_pattern_and_by_words(tools: Toolbox) -> None:
    assert tools.result(AgentCall("search", text="^y =")) == "parent.py:2: y = 2"
    assert tools.result(AgentCall("search", "traces", text="lisbon KETTLE 399")).startswith(
        "traces/0-fitness.md:400:"
    )
    assert tools.result(AgentCall("search", text="(")) == "No line has '('."
    assert "more lines" in Toolbox(Workspace(FILES), None).result(AgentCall("search", text="kettle"))


@pytest.mark.timeout(20)
def test_a_pattern_that_takes_for_ever_is_taken_as_words(tools: Toolbox) -> None:
    box = Toolbox(Workspace({"a": "a" * 2_000 + "!"}), None)
    assert box.result(AgentCall("search", text="(a+)+$")) == "No line has '(a+)+$'."


class TestPython:
    """Python in a sandbox that confines it: bubblewrap and, where there is one, Docker."""

    @pytest.fixture
    def confined(self, confining_sandbox: Sandbox) -> Toolbox:
        sandbox = ProposerSandbox(confining_sandbox, Limits())
        return Toolbox(Workspace(FILES), sandbox, characters=2_000, seconds=10)

    def test_it_reads_the_files_and_prints(self, confined: Toolbox) -> None:
        code = "import os\nprint(sorted(os.listdir()), open('parent.py').readline())"
        assert confined.result(AgentCall("python", text=code)) == "['parent.py', 'traces'] x = 1\n\n"

    def test_the_files_are_read_only_there_and_stay_as_they_are(self, confined: Toolbox) -> None:
        said = confined.result(AgentCall("python", text="open('parent.py', 'w')"))
        assert "PermissionError" in said
        assert said.endswith("[exit status 1]")

    def test_it_has_no_network_no_keys_and_no_files_of_the_host(
        self, confined: Toolbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLANTED_KEY", "sk-planted")
        code = (
            "import os, socket\n"
            "print('sk-planted' in str(dict(os.environ)))\n"
            f"print(os.path.exists({__file__!r}))\n"
            "try:\n    socket.create_connection(('127.0.0.1', 9), 2)\n"
            "except OSError as error:\n    print(type(error).__name__)\n"
        )
        said = confined.result(AgentCall("python", text=code))
        assert said.split()[:2] == ["False", "False"]
        assert said.split()[2] in ("ConnectionRefusedError", "PermissionError", "OSError")

    def test_output_and_time_are_capped(self, confined: Toolbox) -> None:
        assert len(confined.result(AgentCall("python", text="print('x' * 10_000_000)"))) <= 2_100
        slow = Toolbox(confined.workspace, confined.sandbox, seconds=0.5)
        said = slow.result(AgentCall("python", text="print('begun', flush=True)\nwhile True: pass"))
        assert said == "begun\n\n[ended after 0.5 s]"
