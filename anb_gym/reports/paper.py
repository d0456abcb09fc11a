"""Figures of the paper Accel-NASBench (Ahmad et al. 2024) that ours are printed beside."""

from __future__ import annotations

from typing import Final

from anb_gym.surrogates.scores import Scores

#: Table 1: accuracy on the test split, by family. The mean absolute error is in points here.
TABLE_1: Final = {
    "xgb": Scores(0.984, 0.922, 0.306),
    "lgb": Scores(0.984, 0.922, 0.308),
    "rf": Scores(0.869, 0.782, 0.888),
    "eps_svr": Scores(0.943, 0.886, 0.532),
    "nu_svr": Scores(0.942, 0.881, 0.545),
}
#: Table 2: XGBoost on the test split, by metric, in images/s and ms.
TABLE_2: Final = {
    "zcu102/throughput": Scores(0.990, 0.955, 13.2),
    "zcu102/latency": Scores(1.000, 0.987, 0.052),
    "vck190/throughput": Scores(0.991, 0.949, 69.5),
    "vck190/latency": Scores(0.999, 0.980, 0.040),
    "tpuv3/throughput": Scores(0.975, 0.905, 29.1),
    "tpuv2/throughput": Scores(0.994, 0.962, 14.4),
    "a100/throughput": Scores(0.995, 0.975, 159.7),
    "rtx3090/throughput": Scores(0.996, 0.968, 116.1),
}
#: Section 3.2 and Figure 3: rank correlation of means of three seeds under both schemes, and the ratio of their times.
FIGURE_3: Final = {"proxy against reference": 0.926, "time ratio, of means": 5.6}
#: Section 4.2 on the network for VCK190 beside EfficientNet-B0, both fully trained and measured: accuracy in points,
#: throughput as a ratio. The other numbers of Figures 4 and 6 are in their pictures only.
PAPER_VCK190: Final = (1.8, 1.55)
