"""What tests of studies share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from anb_gym.study.config import StudyConfig
from anb_gym.study.study_file import load_study

TOYS = Path(__file__).parent / "toy_controllers.py"


@pytest.fixture
def toys() -> Path:
    """The file of the toy controllers."""
    return TOYS


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a study's file; ``TOYS`` in it stands for the file of the toy controllers."""

    def _write(text: str) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(text.replace("TOYS", str(TOYS)), encoding="utf-8")
        return path

    return _write


@pytest.fixture
def study(write: Callable[[str], Path]) -> Callable[..., StudyConfig]:
    """A small study of toy controllers, named by their classes, on given tasks."""

    def _study(
        controllers: str = "Toy, Climber", tasks: str = "AccelNAS-VCK190-v0", rest: str = "evaluations: 30"
    ) -> StudyConfig:
        names = ", ".join(f"TOYS:{name.strip()}" for name in controllers.split(","))
        text = f"name: small\nseeds: 2\n{rest}\ncontrollers: [{names}]\ntasks: [{tasks}]\n"
        return load_study(write(text), {})

    return _study
