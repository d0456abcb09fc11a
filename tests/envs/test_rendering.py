"""Tables and pictures of networks."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo
from hypothesis import given
from hypothesis import strategies as st

from anb_gym import EFFICIENTNET_B0, SPACE, Architecture, Benchmark
from anb_gym.complexity import CHANNELS
from anb_gym.envs.rendering import picture, reference, text_table
from anb_gym.envs.rendering.axis import Axis
from anb_gym.envs.rendering.blocks import draw_network
from anb_gym.envs.rendering.canvas import Canvas
from anb_gym.envs.rendering.picture import HEIGHT, WIDTH
from anb_gym.envs.rendering.style import MARK
from anb_gym.fronts import NoFrontError
from anb_gym.tasks import TASKS, get_task

SIDES = (112, 56, 28, 14, 14, 7, 7)
KERNEL_3 = ("#b3d4e8", "#5ca3cd", "#0072b2")
KERNEL_5 = ("#f8e2b3", "#f0c15c", "#e69f00")
SE = "#009e73"
TASK_NAMES = pytest.mark.parametrize("name", [*TASKS, "All"])
EFFICIENTNET = EFFICIENTNET_B0.choices.tolist()


class _Recorder:
    """Stands in for a canvas and notes what is drawn."""

    def __init__(self) -> None:
        self.bars: list[tuple[float, float, str]] = []
        self.frames: list[tuple[float, float]] = []
        self.texts: list[str] = []

    def rectangle(
        self, corner: Any, opposite: Any, fill: str | None = None, outline: str | None = None, radius: int = 0
    ) -> None:
        if outline == MARK:
            self.frames.append(corner)
        if fill is not None and not radius:
            self.bars.append((opposite[0] - corner[0], opposite[1] - corner[1], fill))

    def text(self, at: Any, text: str, *_: Any) -> None:
        self.texts.append(text)

    def dot(self, *_: Any) -> None:
        self.texts.append("undecided")


def _metrics(task: str, choices: list[int]) -> dict[str, float]:
    values = Benchmark().query(np.array([choices]), get_task(task).metrics)
    return {name: float(column[0]) for name, column in values.items()}


def _marked(image: np.ndarray) -> np.ndarray:
    """Rows and columns of the pixels in the colour of the network's mark, right of the blocks and below the legend."""
    red = np.array([0xD5, 0x5E, 0x00])
    rows, columns = np.nonzero((image == red).all(axis=2))
    in_plot = (columns > 820) & (rows > 60)
    return np.stack([rows[in_plot], columns[in_plot]], axis=1)


def test_table_of_an_episode() -> None:
    lines = text_table([]).splitlines()
    assert [line.split() for line in lines] == [
        ["block", "expansion", "kernel", "layers", "se"],
        *[[str(block), *"...."] for block in range(7)],
    ]
    lines = text_table(EFFICIENTNET[:6]).splitlines()
    assert lines[1].split() == ["0", "1", "3", "1", "yes"]
    assert lines[2].split() == ["1", "6", "3", ".", "."]
    lines = text_table(EFFICIENTNET, {"accuracy": 65.123, "a100/throughput": 12345.678}, np.float32(0.5)).splitlines()
    assert lines[8:] == ["accuracy: 65.12", "a100/throughput: 12,345.68", "reward: 0.5000"]
    assert text_table(EFFICIENTNET, {}, np.array([0.25, -1.0])).splitlines()[8:] == ["reward: 0.2500, -1.0000"]


@given(st.integers(0, SPACE.size - 1), st.integers(0, 27))
def test_table_shows_the_architecture_and_what_changed(index: int, changed: int) -> None:
    architecture = Architecture.from_index(index)
    table = text_table(architecture.choices.tolist(), changed=changed)
    rows = [line.split()[1:] for line in table.splitlines()[1:]]
    brackets = [cell.startswith("[") for row in rows for cell in row]
    assert [i for i, bracket in enumerate(brackets) if bracket] == [changed]
    shown = [[cell.strip("[]") for cell in row] for row in rows]
    assert "-".join(f"e{e}k{k}l{n}s{int(se == 'yes')}" for e, k, n, se in shown) == str(architecture)
    assert len({len(line) for line in table.splitlines()}) == 1


@given(st.integers(0, SPACE.size - 1))
def test_layers_are_to_scale(index: int) -> None:
    """A layer is as wide as its output has channels and as high as its side, in the colour of kernel and expansion."""
    architecture = Architecture.from_index(index)
    canvas: Any = _Recorder()
    draw_network(canvas, architecture.choices.tolist())
    bars = iter(canvas.bars)
    unit_width, unit_height = canvas.bars[0][0] / CHANNELS[1], canvas.bars[0][1] / SIDES[0]
    for block in range(7):
        palette = KERNEL_5 if architecture.kernel[block] == 5 else KERNEL_3
        for _ in range(architecture.layers[block]):
            width, height, colour = next(bars)
            assert width == pytest.approx(CHANNELS[block + 1] * unit_width)
            assert height == pytest.approx(SIDES[block] * unit_height)
            assert colour == palette[(1, 4, 6).index(architecture.expansion[block])]
            if architecture.se[block]:
                cap = next(bars)
                assert cap[0] == width
                assert cap[2] == SE
    assert next(bars, None) is None


def test_open_choices_are_open() -> None:
    canvas: Any = _Recorder()
    draw_network(canvas, [2, 1], changed=1)
    filled = [colour for _, _, colour in canvas.bars if colour != "white"]
    assert filled == [KERNEL_5[2]]  # one layer of block 0 is certain
    assert sum(colour == "white" for _, _, colour in canvas.bars) == 2 + 5 * 3 + 4
    assert canvas.texts == ["6", "5", *["undecided"] * 26]
    assert len(canvas.frames) == 1


@pytest.mark.parametrize("task", [None, "VCK190"])
def test_picture_grows_with_every_choice(task: str | None) -> None:
    known = None if task is None else reference(get_task(task), "gp")
    choices = [2, 1, 2, 1] * 7
    pictures = [picture(choices[:made], reference=known) for made in range(29)]
    assert {(image.shape, image.dtype) for image in pictures} == {((HEIGHT, WIDTH, 3), np.dtype(np.uint8))}
    assert all(not np.array_equal(a, b) for a, b in pairwise(pictures))
    assert np.array_equal(picture([], reference=known), pictures[0])  # later ones left nothing on the background


@TASK_NAMES
def test_network_is_marked_where_its_metrics_lie(name: str) -> None:
    known = reference(get_task(name), "gp")
    before = picture(EFFICIENTNET, reference=known)
    assert len(_marked(before)) == 0
    worse = [0] * 28
    places = []
    for choices in (EFFICIENTNET, worse):
        marked = _marked(picture(choices, _metrics(name, choices), 0.5, reference=known))
        assert len(marked) > 30
        places.append(marked.mean(axis=0))
    assert places[0][1] != places[1][1]
    if len(known.units) == 2:  # the more accurate lies higher
        assert places[0][0] < places[1][0]


@pytest.mark.parametrize("value", [1e-3, 1e6])
def test_metrics_outside_the_view_are_marked_at_its_edge(value: float) -> None:
    known = reference(get_task("VCK190"), "gp")
    marked = _marked(picture(EFFICIENTNET, {"accuracy": 60.0, "vck190/throughput": value}, reference=known))
    inside = _marked(picture(EFFICIENTNET, {"accuracy": 60.0, "vck190/throughput": 2000.0}, reference=known))
    assert len(marked) > 30
    assert (marked[:, 1].max() < inside[:, 1].min()) if value < 1 else (marked[:, 1].min() > inside[:, 1].max())


def test_reference() -> None:
    task = get_task("ZCU102-Latency")
    known = reference(task, "gp")
    assert np.array_equal(known.front, Benchmark().front("zcu102/latency").objectives)
    assert known.random.shape == (1000, 2)
    assert dict(zip(task.metrics, known.efficientnet, strict=True)) == _metrics(task.name, EFFICIENTNET)
    assert known.labels == ("accuracy (%)", "zcu102/latency (ms)")
    low, high = known.bounds()
    assert (low <= known.front.min(axis=0)).all()
    assert (high >= known.random.max(axis=0)).all()


def test_reference_without_a_front(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise NoFrontError("none")

    monkeypatch.setattr("anb_gym.benchmark.load_front", missing)
    for name in ("VCK190", "Accuracy"):
        known = reference.__wrapped__(get_task(name), "gp")
        assert known.front.shape == (0, len(known.units))
        assert picture(EFFICIENTNET, _metrics(name, EFFICIENTNET), reference=known).std() > 0


@given(st.floats(0.001, 1e5), st.floats(1.01, 1000.0), st.booleans())
def test_axis(low: float, ratio: float, logarithmic: bool) -> None:
    axis = Axis(low, low * ratio, 100.0, 300.0, logarithmic)
    values = np.linspace(low, low * ratio, 7)
    pixels = axis.pixels(values)
    assert (np.diff(pixels) > 0).all()
    assert 100.0 < pixels[0] < 110.0
    assert 290.0 < pixels[-1] < 300.0
    outside = low * np.array([ratio**-2, ratio**3]) if logarithmic else low * ratio * np.array([-9.0, 9.0])
    assert axis.pixels(outside).tolist() == [100.0, 300.0]
    ticks = axis.ticks()
    assert all(low <= tick <= low * ratio for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 20


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'anb_gym\[render\]'"):
        Canvas(10, 10)


# moviepy 1.0.3 has invalid escapes in its strings, which Python mentions when it compiles them for the first time.
@pytest.mark.filterwarnings(r"ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.filterwarnings(r"ignore:invalid escape sequence:SyntaxWarning")
@pytest.mark.parametrize("env_id", ["AccelNAS-VCK190-v0", "AccelNAS-Edit-VCK190-v0"])
def test_record_video(env_id: str, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    env = RecordVideo(gymnasium.make(f"anb_gym:{env_id}", render_mode="rgb_array"), str(tmp_path / "video"))
    env.reset(seed=0)
    done = False
    while not done:
        *_, terminated, truncated, _ = env.step(1)
        done = terminated or truncated
    env.close()
    (video,) = (tmp_path / "video").glob("*.mp4")
    imageio = pytest.importorskip("imageio_ffmpeg")
    frames, seconds = imageio.count_frames_and_secs(str(video))
    assert frames == 29
    assert seconds == pytest.approx(29 / 4, abs=0.3)
