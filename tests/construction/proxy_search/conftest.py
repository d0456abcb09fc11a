import sys
from pathlib import Path

# Workers of other processes unpickle the synthetic evaluator, so its module must have a name that they can import too.
sys.path.insert(0, str(Path(__file__).parent))
