"""Configuration of a campaign: one frozen, validated model, read from and written to TOML.

Fields that are paths are held absolute (relative ones are taken from the working directory), so that a
recorded run resumes from anywhere.
"""

from __future__ import annotations

from evolve.config.campaign import DEFAULT_SEEDS, CampaignConfig
from evolve.config.files import (
    MAY_CHANGE,
    PRESETS,
    check_resumable,
    flattened,
    load_config,
    merged,
    parse_recorded,
    to_toml,
    with_window,
)
from evolve.config.models import (
    OFFLINE,
    ROLES_OF_ONE_MODEL,
    RULES,
    LocalServerConfig,
    ModelsConfig,
    ModelSettings,
    ReflectorConfig,
    RoleConfig,
)
from evolve.config.sandbox import Limits, SandboxConfig
from evolve.config.sections import EvaluationConfig, SearchConfig

__all__ = [
    "DEFAULT_SEEDS",
    "MAY_CHANGE",
    "OFFLINE",
    "PRESETS",
    "ROLES_OF_ONE_MODEL",
    "RULES",
    "CampaignConfig",
    "EvaluationConfig",
    "Limits",
    "LocalServerConfig",
    "ModelSettings",
    "ModelsConfig",
    "ReflectorConfig",
    "RoleConfig",
    "SandboxConfig",
    "SearchConfig",
    "check_resumable",
    "flattened",
    "load_config",
    "merged",
    "parse_recorded",
    "to_toml",
    "with_window",
]
