# pyright: basic
"""How the functions of the kernels are given to Numba."""

from __future__ import annotations

from numba import njit

inline = njit(forceinline=True, error_model="numpy", nogil=True)
"""A part of a kernel; it becomes part of the code of its caller."""

part = njit(error_model="numpy", nogil=True)
"""A larger part, with code of its own."""
