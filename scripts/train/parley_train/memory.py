"""Keeps freed memory in the process.

The C library's malloc maps each large tensor anew and the kernel fills it with zeros, page by page.
"""

import ctypes
import sys

# From malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """glibc on Linux: no mapping for large blocks, nothing given back.

    Elsewhere, and under another malloc, it changes nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_M_TOP_PAD, 64 << 20)
