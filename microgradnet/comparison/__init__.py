"""Derivatives by autograd, by hand and from other sources side by side: `compare`, and what stands on it in tests."""

from __future__ import annotations

from microgradnet.comparison.comparing import compare
from microgradnet.comparison.comparisons import Comparison, Line
from microgradnet.comparison.testing import Checked, GradientCheck, assert_gradients, check_gradients

__all__ = ["Checked", "Comparison", "GradientCheck", "Line", "assert_gradients", "check_gradients", "compare"]
