"""Static embeddings of model2vec, read by the real package from a folder that the test makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.model_set import open_model_set
from evolve.models.model2vec_embeddings import open_model2vec
from evolve.trust.acts import acts_of

WORDS = ("[UNK]", "dog", "cat", "violin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model2vec = pytest.importorskip("model2vec", reason="needs the extra model2vec")
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    vectors = np.array([[0, 0, 0], [3, 0, 0], [2, 1, 0], [0, 0, 5]], dtype=np.float32)
    model2vec.StaticModel(vectors, tokenizer).save_pretrained(str(tmp_path / "model"))
    return tmp_path / "model"


def test_a_folder_is_an_embedder_that_needs_no_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    config = merged(CampaignConfig(), {"models.embedding.model": "model2vec:model"})
    assert config.models.embedding.model == f"model2vec:{folder}", "the run may be resumed from elsewhere"
    with open_model_set(config, calls=None, cache=None, notify=print) as model_set:
        dog, cat, violin, nothing = model_set.embedder.embed(["dog dog", "cat", "violin", "unknown"])
        assert model_set.embedder.identity.startswith("model2vec-1-3-")
        assert model_set.embedder.embed([]).shape == (0, 3)
    assert dog == pytest.approx([1, 0, 0])
    assert dog @ cat > dog @ violin
    assert nothing == pytest.approx([1, 0, 0]), "a unit vector too"


def test_the_identity_is_of_the_contents(folder: Path, tmp_path: Path) -> None:
    first = open_model2vec(f"model2vec:{folder}").identity
    moved = folder.rename(tmp_path / "elsewhere")
    assert open_model2vec(f"model2vec:{moved}").identity == first
    from safetensors.numpy import load_file, save_file

    tensors = load_file(moved / "model.safetensors")
    name = next(iter(tensors))
    save_file({**tensors, name: tensors[name] + 1}, moved / "model.safetensors")
    assert open_model2vec(f"model2vec:{moved}").identity != first


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    def refuse(where: str) -> None:
        raise OSError(f"{where} has no config.json")

    with pytest.raises(UsageError, match=r"cannot read '/gone': /gone has no config.json Give the folder"):
        open_model2vec("model2vec:/gone", refuse)
    with pytest.raises(UsageError, match="expected model2vec:FOLDER"):
        merged(CampaignConfig(), {"models.embedding.model": "model2vec:"})


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'evolve-memory\[model2vec\]'"):
        open_model2vec("model2vec:anything")


def test_a_file_from_elsewhere_says_that_a_name_is_fetched(folder: Path) -> None:
    def acts(model: str) -> list[str]:
        config = merged(CampaignConfig(), {"models.embedding.model": model})
        return [str(act) for act in acts_of(config, recorded=False)]

    assert acts(f"model2vec:{folder}") == []
    assert acts("model2vec:someone/vectors") == ["have model2vec fetch someone/vectors over the network"]
