"""``python -m anb_gym`` is the command ``anb-gym``."""

import sys

from anb_gym.cli import main

sys.exit(main())
