"""The machine code of the native search: loops over tables that know nothing of any protocol.

`control`: what a call is told and what it answers. `objects`: how the code is made and kept.
The other modules are the code itself, in Numba's Python.
"""
