"""Agentic mutators of a campaign: a model with tools, or a command of the user."""

from __future__ import annotations

from evolve.campaign.probing import probe_of
from evolve.campaign.proposing import RecordedValidation, TrialEvaluator
from evolve.campaign.reflectors import is_served_here, prompt_room, style_of
from evolve.config import CampaignConfig, RoleConfig
from evolve.errors import UsageError
from evolve.evaluation_setup import EvaluationSetup
from evolve.journal import RunRecord
from evolve.models.chat import ChatModel
from evolve.mutation.agentic.command import CommandMutator
from evolve.mutation.agentic.mutator import AgenticMutator, AgentSettings
from evolve.mutation.agentic.sandboxed import ProposerSandbox
from evolve.mutation.agentic.session import Caps
from evolve.mutation.agentic.wording import agent_texts
from evolve.mutation.reflection.compact import compact_system
from evolve.mutation.reflection.context import texts_of
from evolve.mutation.reflection.prompt import system_text


def agentic(
    config: CampaignConfig, setup: EvaluationSetup, role: RoleConfig, model: ChatModel, run: RunRecord
) -> AgenticMutator:
    """The mutator in which ``model`` works as an agent."""
    search, smoke = config.search, setup.subsets.smoke
    agent, limits = search.agent, config.sandbox.limits()
    texts, about = texts_of(search.prompts_dir), setup.benchmark.card.get("task", "")
    contract = system_text(limits, about, texts)
    compact = style_of(config, role, model) == "compact"
    sandbox = ProposerSandbox(setup.sandbox, limits)
    form = "fenced" if agent.tools == "auto" and is_served_here(role) else agent.tools
    return AgenticMutator(
        model,
        system=compact_system(limits, about, texts["compact"]) if compact else contract,
        contract=contract,
        record=RecordedValidation(run, setup.subsets, setup.evaluator.conditions),
        try_out=lambda program: setup.evaluator.smoke(program, smoke),
        probe=probe_of(config, setup),
        evaluate=TrialEvaluator(setup.evaluator, pooled=setup.benchmark.scope == "pooled"),
        sandbox=sandbox if sandbox.confines else None,
        run=run.path,
        settings=AgentSettings(
            caps=Caps(agent.steps, agent.tokens, agent.usd, agent.seconds),
            try_tasks=agent.try_tasks,
            python_seconds=agent.python_seconds,
            form=form,
            prompt_tokens=prompt_room(agent.prompt_tokens, role, model),
            freeze=search.freeze,
        ),
        texts=agent_texts(search.prompts_dir),
    )


def commanded(config: CampaignConfig, setup: EvaluationSetup, run: RunRecord) -> CommandMutator:
    """The mutator that runs the user's command.

    Raises:
        UsageError: it should run in a sandbox, and the backend in use confines nothing.
    """
    search, smoke, limits = config.search, setup.subsets.smoke, config.sandbox.limits()
    assert search.proposer_command is not None  # checked when the campaign is built
    sandbox = ProposerSandbox(setup.sandbox, limits)
    if not sandbox.confines and not search.proposer_unsandboxed:
        raise UsageError(
            "--proposer-command runs in the campaign's sandbox, and a bare process confines nothing. Use "
            "--sandbox docker or bwrap, or add --proposer-unsandboxed to run it with your rights."
        )
    texts = texts_of(search.prompts_dir)
    return CommandMutator(
        search.proposer_command,
        contract=system_text(limits, setup.benchmark.card.get("task", ""), texts),
        record=RecordedValidation(run, setup.subsets, setup.evaluator.conditions),
        try_out=lambda program: setup.evaluator.smoke(program, smoke),
        probe=probe_of(config, setup),
        sandbox=None if search.proposer_unsandboxed else sandbox,
        seconds=search.agent.seconds,
        run=run.path,
        freeze=search.freeze,
    )


def check_proposer(config: CampaignConfig) -> None:
    """Raise a ``UsageError`` where the proposer cannot make a candidate with these settings."""
    search = config.search
    if search.proposer == "completion":
        if search.proposer_command:
            raise UsageError("search.proposer_command is set: add --proposer command, or leave it out.")
        return
    if search.proposer == "agent" and not config.reflecting:
        raise UsageError(
            "--proposer agent needs a model to work: add --reflector MODEL, and leave --mutators rules out."
        )
    if search.proposer == "command" and not (search.proposer_command or "").strip():
        raise UsageError("--proposer command needs the command: add --proposer-command 'CMD {workdir}'.")
    if search.proposer == "command" and config.mutators == "rules":
        raise UsageError("--mutators rules leaves the command out: use --mutators model or both.")
    if config.cluster is not None:
        raise UsageError(
            "--proposer agent and command read the run directory, which the workers of a cluster may not "
            "reach: leave --cluster out."
        )
    if search.optimizer != "evolve":
        raise UsageError(f"--optimizer {search.optimizer} makes its own candidates: leave --proposer out.")
