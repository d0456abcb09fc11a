import sys
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

# Other processes unpickle the trainers, so their module must have a name that these can import too.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Starts processes that have imported everything already: they begin at once."""
    context = get_context("forkserver")
    collection = "anb_gym.construction.collection"
    # Python 3.11 preloads only what is installed.
    context.set_forkserver_preload([collection, f"{collection}.devices", "onnx", "onnxruntime", "pytest"])
    return context
