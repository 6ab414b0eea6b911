"""The command line. Nothing heavy is imported here: each command imports what it needs."""

from evolve.cli.app import NamesCommand, app
from evolve.cli.bench import bench
from evolve.cli.benchmarks import benchmark_commands
from evolve.cli.campaigns import run
from evolve.cli.installation import doctor, init, seed_commands
from evolve.cli.models import model_commands
from evolve.cli.plugins import export, improve, rollback
from evolve.cli.programs import check, evaluate
from evolve.cli.results import export_results
from evolve.cli.runs import (
    compare,
    dashboard,
    diff,
    explain,
    front,
    lineage,
    list_runs,
    notes,
    progress,
    remove_runs,
    rename_run,
    report,
    show_candidate,
    trace,
)
from evolve.cli.serving import serve
from evolve.cli.steering import add, hint, pause, resume, stop

__all__ = ["app", "main"]

for _command in (run, evaluate, check, bench):
    app.command(cls=NamesCommand)(_command)
for _command in (add, hint, pause, resume, stop):
    app.command()(_command)
app.command("runs")(list_runs)
app.command("rm")(remove_runs)
app.command("mv")(rename_run)
app.command("show")(show_candidate)
app.command()(front)
app.command()(progress)
app.command()(compare)
app.command()(lineage)
app.command()(notes)
app.command()(diff)
app.command()(trace)
app.command()(explain)
app.command()(report)
app.command()(dashboard)
app.command()(export)
app.command("export-results")(export_results)
for _command in (serve, improve):
    app.command(cls=NamesCommand)(_command)
app.command()(rollback)
app.add_typer(benchmark_commands, name="benchmarks")
app.add_typer(model_commands, name="models")
app.add_typer(seed_commands, name="seeds")
app.command()(init)
app.command()(doctor)


def main() -> None:
    """The command ``evolve``. Exit codes: 0 done, 1 the program or campaign failed, 2 usage, 130 Ctrl-C."""
    app(prog_name="evolve")
