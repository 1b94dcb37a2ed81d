"""The time that `import microgradnet` takes, over a bare Python, and what it loads."""

from __future__ import annotations

from benchmarks.runner import interleaved, judged, python, shown, timed
from microgradnet.display import Table

GOAL = 0.030  # seconds over bare Python
HEAVY = ("numpy", "rich", "graphviz", "matplotlib", "dataclasses", "importlib.metadata")
PROGRAMS = {
    "python -c pass": "pass",
    "import microgradnet": "import microgradnet",
    "python -c pass, gc off": "import gc; gc.disable()",
    "import microgradnet, gc off": "import gc; gc.disable(); import microgradnet",
}


def run(rounds: int = 30) -> Table:
    """The table: whole processes that take turns. AssertionError if NumPy was loaded."""
    loaded = loaded_by_import()
    if "numpy" in loaded:
        raise AssertionError("import microgradnet loads NumPy")
    programs = {name: lambda program=program: python("-c", program) for name, program in PROGRAMS.items()}
    times = interleaved(programs, rounds)
    bare, ours, bare_off, ours_off = (times[name].best for name in PROGRAMS)
    over, over_off = ours - bare, ours_off - bare_off
    rows = [[name, *timed(times[name]), "", ""] for name in PROGRAMS]
    rows[1][3:] = [shown(over), judged(over < GOAL, f"< {shown(GOAL)}")]
    rows[3][3] = shown(over_off)
    return Table(
        ["program", "best", "±", "over bare", "goal"],
        rows,
        title="IMPORT: a fresh Python from its start to its end",
        align="lrrrl",
        styles=[None, "good" if over < GOAL else "bad", None, None],
        notes=[f"not loaded: {', '.join(name for name in HEAVY if name not in loaded)}"],
    )


def loaded_by_import() -> set[str]:
    """Which of the heavy modules `import microgradnet` brings that a bare Python has not."""
    show = "import sys; print(*sys.modules)"
    before, after = (set(python("-c", first + show).split()) for first in ("", "import microgradnet; "))
    return (after - before) & set(HEAVY)
