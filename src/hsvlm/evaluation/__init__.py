"""Evaluation that measures how much of the accuracy is due to spatial leakage."""

from __future__ import annotations

from hsvlm._reports.tables import markdown_table, mean_and_deviation
from hsvlm.evaluation._baselines import (
    BASELINES,
    CoordinateNeighbors,
    SmoothedSVM,
    spectral_svm,
)
from hsvlm.evaluation._comparison import Comparison
from hsvlm.evaluation._cost import NetworkCost, network_cost
from hsvlm.evaluation._encoders import with_encoders
from hsvlm.evaluation._evaluate import evaluate
from hsvlm.evaluation._folds import FoldResult
from hsvlm.evaluation._leakage import LeakageReport, leakage_report
from hsvlm.evaluation._protocols import (
    PROTOCOLS,
    SCENE_PROTOCOLS,
    Protocol,
    indian_pines_protocol,
    scene_protocol,
)
from hsvlm.evaluation._report import EvaluationReport, compare_protocols
from hsvlm.evaluation._table import ComparisonTable

__all__ = [
    "BASELINES",
    "PROTOCOLS",
    "SCENE_PROTOCOLS",
    "Comparison",
    "ComparisonTable",
    "CoordinateNeighbors",
    "EvaluationReport",
    "FoldResult",
    "LeakageReport",
    "NetworkCost",
    "Protocol",
    "SmoothedSVM",
    "compare_protocols",
    "evaluate",
    "indian_pines_protocol",
    "leakage_report",
    "markdown_table",
    "mean_and_deviation",
    "network_cost",
    "scene_protocol",
    "spectral_svm",
    "with_encoders",
]
