"""When a run begins by itself: what is planned, what is due, and the loop that serves it.

Above `delivery`, below `cli`: it never reads a workspace; whoever serves gives it an `Office`.
"""

from __future__ import annotations
