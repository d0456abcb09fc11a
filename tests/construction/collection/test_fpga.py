"""FPGAs: the real programs with stand-ins for the vendor's tools, which record calls and write what those would."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_collections import SMALL
from torch import nn

from anb_gym.construction.collection.devices import make_device
from anb_gym.construction.collection.devices.fpga import DPUS, FPGA, Board, Compiler, ToolError, tools
from anb_gym.construction.collection.devices.fpga.graph import to_nodes
from anb_gym.construction.collection.devices.fpga.programs import quantise
from anb_gym.construction.network import build_network

NNDCT = """
import json, os, torch
from pathlib import Path
LOG = Path(os.environ["ANB_TEST_LOG"])

class torch_quantizer:
    def __init__(self, mode, module, input_args, output_dir, device):
        assert not module.training
        assert len(input_args) == 1 and input_args[0].shape[0] == 1
        torch.jit.trace(module, input_args)  # the real one starts with that
        self.mode, self.folder, self.calls = mode, Path(output_dir), 0
        self.name, self.side = type(module).__name__, input_args[0].shape[-1]
        self.module = module

    def quant_model(self, images):
        self.calls += 1
        return self.module(images)

    def export_quant_config(self):
        assert self.mode == "calib"
        (self.folder / "quant_info.json").write_text(json.dumps({"calls": self.calls, "side": self.side}))

    def export_xmodel(self, output_dir, deploy_check):
        assert self.mode == "test" and (self.folder / "quant_info.json").exists() and self.calls == 1
        (Path(output_dir) / f"{self.name}_int.xmodel").write_text("quantised")
"""
XIR = """
class Part:
    def __init__(self, device): self.device = device
    def has_attr(self, name): return name == "device"
    def get_attr(self, name): return self.device

class Root:
    def __init__(self, parts): self.parts = parts
    def toposort_child_subgraph(self): return self.parts

class Graph:
    @staticmethod
    def deserialize(path):
        graph = Graph()
        graph.parts = [Part(device) for device in ["USER", *open(path).read().split()[1:]]]
        return graph
    def get_root_subgraph(self): return Root(self.parts)
"""
VART = """
import time

class Tensor:
    def __init__(self, *dims): self.dims = list(dims)

class Runner:
    @staticmethod
    def create_runner(part, mode):
        assert part.device == "DPU" and mode == "run"
        return Runner()
    def get_input_tensors(self): return [Tensor(6, 32, 32, 3)]
    def get_output_tensors(self): return [Tensor(6, 1000)]
    def execute_async(self, inputs, outputs):
        assert inputs[0].shape == (6, 32, 32, 3) and outputs[0].shape == (6, 1000)
        return 7
    def wait(self, job):
        assert job == 7
        time.sleep(0.004)
"""
PYTHON = '#!/bin/sh\necho "{name} $(basename $1)" >> "$ANB_TEST_LOG"\nPYTHONPATH={modules} exec {python} "$@"\n'
VAI_C_XIR = """#!/bin/sh
echo "vai_c_xir $*" >> "$ANB_TEST_LOG"
[ "$(cat $2)" = quantised ] || exit 3
echo "compiled DPU" > "$6/$8.xmodel"
"""
SCP = '#!/bin/sh\necho "scp $1 $(basename $2) $3" >> "$ANB_TEST_LOG"\ncp "$2" "${3#*:}"\n'
SSH = '#!/bin/sh\necho "ssh $1" >> "$ANB_TEST_LOG"\nshift\nexec "$@"\n'


class Lab:
    """A PATH with stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.log, self.folder = folder / "log", folder
        modules = folder / "modules"
        for name, text in (("pytorch_nndct/apis", NNDCT), ("pytorch_nndct/__init__", ""), ("xir", XIR), ("vart", VART)):
            path = modules / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in ("vitis-python", "board-python"):
            self.install(name, PYTHON.format(name=name, modules=modules, python=sys.executable))
        for name, text in (("vai_c_xir", VAI_C_XIR), ("scp", SCP), ("ssh", SSH)):
            self.install(name, text)

    def install(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ANB_TEST_LOG", str(lab.log))
    return lab


def fpga(lab: Lab, **options: Any) -> FPGA:
    board = options.pop("board", Board(python="board-python"))
    quantiser = tools.Quantiser(python="vitis-python", calibration_images=2)
    values = {"resolution": 32, "seconds": 0.2, **options}
    return FPGA("vck190", lab.folder / "cache", **values, board=board, quantise=quantiser)


def compiled(lab: Lab) -> None:
    """Leaves a compiled network in the cache."""
    (lab.folder / "cache").mkdir()
    (lab.folder / "cache" / f"{SMALL.index}-32.xmodel").write_text("compiled DPU")


def test_from_network_to_throughput_and_latency(lab: Lab) -> None:
    device = fpga(lab)
    values = device.measure(SMALL)
    quantiser, compiler, *board = lab.calls()
    assert quantiser == "vitis-python quantise.py"
    assert board == ["board-python run.py"] * 2
    _, x, quantised, a, arch, o, folder, n, name = compiler.split()
    assert (x, a, o, n) == ("-x", "-a", "-o", "-n")
    assert arch == DPUS["vck190"].arch
    assert quantised == f"{folder}/Network_int.xmodel"
    assert name == "network"
    # A call takes at least 4 ms and has 6 images; 6 threads wait at the same time.
    assert values["vck190/latency"] >= 4
    assert 6 / values["vck190/latency"] * 1000 < values["vck190/throughput"] <= 6 * 6 / 4e-3

    device.measure(SMALL)  # the next repeat compiles nothing
    assert lab.calls()[4:] == ["board-python run.py"] * 2
    assert [path.name for path in device.cache.iterdir()] == [f"{SMALL.index}-32.xmodel"]


def test_a_board_that_ssh_reaches(lab: Lab) -> None:
    compiled(lab)
    (lab.folder / "board").mkdir()
    board = Board(host="root@board", python="board-python", folder=str(lab.folder / "board"))
    assert fpga(lab, board=board).measure(SMALL)["vck190/throughput"] > 0
    target = f"root@board:{lab.folder}/board/"
    steps = [
        f"scp -q run.py {target}anb_gym_run.py",
        f"scp -q {SMALL.index}-32.xmodel {target}anb_gym_network.xmodel",
        "ssh root@board",
        "board-python anb_gym_run.py",
    ]
    assert lab.calls() == steps * 2


def test_networks_that_do_not_fit_on_the_dpu(lab: Lab) -> None:
    (lab.folder / "split.xmodel").write_text("compiled DPU CPU DPU")
    with pytest.raises(ToolError, match="run.py .* ended with status 1: .* must be one part on the DPU, it is 2"):
        Board(python="board-python")(lab.folder / "split.xmodel", 1, 0.1)


def test_tools_that_fail(lab: Lab) -> None:
    lab.install("vitis-python", "#!/bin/sh\necho 'unsupported operator' >&2\nexit 9\n")
    device = fpga(lab)
    with pytest.raises(ToolError, match="vitis-python .*quantise.py .* ended with status 9: unsupported operator"):
        device.measure(SMALL)
    assert list(device.cache.iterdir()) == []


def test_tools_that_write_nothing(lab: Lab) -> None:
    lab.install("vai_c_xir", "#!/bin/sh\n")
    (lab.folder / "a.xmodel").write_text("quantised")
    with pytest.raises(ToolError, match=r"vai_c_xir must write .*network.xmodel, it did not"):
        Compiler("arch.json")(lab.folder / "a.xmodel", lab.folder)


def test_tools_that_hang(lab: Lab) -> None:
    lab.install("vai_c_xir", "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ToolError, match=r"vai_c_xir .* took longer than 0.1 s"):
        Compiler("arch.json", timeout=0.1)(lab.folder, lab.folder)


def test_boards_that_print_nonsense(lab: Lab) -> None:
    lab.install("board-python", "#!/bin/sh\necho hello\n")
    with pytest.raises(ToolError, match="run.py must print a result as JSON, got 'hello"):
        Board(python="board-python")(lab.folder, 1, 0.1)


def test_outside_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="there is no command 'python3'; FPGAs are measured inside Vitis AI's"):
        make_device("zcu102", tmp_path)


def test_board_and_python_by_name(lab: Lab) -> None:
    device = make_device("zcu102", lab.folder, board="root@there", vitis_python="vitis-python", name="mine")
    assert isinstance(device, FPGA)
    assert device.board.host == "root@there"
    assert device.metrics == ("mine/throughput", "mine/latency")
    assert device.protocol()["threads"] == {"throughput": 5, "latency": 1}
    assert device.protocol()["arch"] == DPUS["zcu102"].arch == "/opt/vitis_ai/compiler/arch/DPUCZDX8G/ZCU102/arch.json"
    assert {name: dpu.threads for name, dpu in DPUS.items()} == {"zcu102": 5, "vck190": 6}


def test_nodes_rebuild_the_network() -> None:
    original = build_network(SMALL, seed=3).eval()
    nodes = json.loads(json.dumps(to_nodes(original)))
    rebuilt = quantise.Network(nodes).eval()
    named = {path.replace(".", "_"): part for path, part in original.named_modules()}
    for name, part in rebuilt.parts.items():
        part.load_state_dict(named[name].state_dict())
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(rebuilt(images), original(images))


def test_nodes_of_other_networks() -> None:
    with pytest.raises(ValueError, match="network must have layers of Conv2d.*got Tanh"):
        to_nodes(nn.Sequential(nn.Tanh()))

    class Other(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images - 1

    with pytest.raises(ValueError, match="network must have operations add, mul and mean"):
        to_nodes(Other())


def test_programs_need_nothing_of_this_package() -> None:
    for name in ("quantise.py", "run.py"):
        text = (tools.PROGRAMS / name).read_text()
        assert "anb_gym." not in text
        checked = subprocess.run([sys.executable, "-m", "py_compile", str(tools.PROGRAMS / name)], check=False)
        assert checked.returncode == 0
