"""Settings as tests give them: a file's text and variables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.settings_given import SettingsError


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    def load(file: str = "", **variables: str) -> Settings:
        (tmp_path / "settings.toml").write_text(file, encoding="utf-8")
        return Settings.load({"ROOST_DATA_DIR": str(tmp_path), "PATH": "/bin"} | variables)

    return load


@pytest.fixture
def problems(load: Callable[..., Settings]) -> Callable[..., tuple[str, ...]]:
    def problems(file: str = "", **variables: str) -> tuple[str, ...]:
        with pytest.raises(SettingsError) as caught:
            load(file, **variables)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return caught.value.problems

    return problems
