"""Numbers as people read them: so many places, so many digits, exactly, or only how large."""

from __future__ import annotations

__all__ = ["digits", "exact", "fixed", "magnitude"]


def fixed(x: float, places: int) -> str:
    """x with a fixed number of decimal places; what rounds to zero has no sign.

    >>> fixed(0.0474258, 3), fixed(-0.0001, 3), fixed(float("nan"), 3)
    ('0.047', '0.000', 'nan')
    """
    shown = f"{x:.{places}f}"
    return shown.removeprefix("-") if not shown.strip("-0.") else shown


def digits(x: float, n: int) -> str:
    """x to n significant digits, without trailing zeros; 17 digits tell any two floats apart.

    >>> digits(0.021469535265811, 6), digits(-12.0, 6), digits(1.5e-9, 6)
    ('0.0214695', '-12', '1.5e-9')
    """
    return _short_exponent(f"{x:.{n}g}")


def exact(x: float) -> str:
    """The shortest text that reads back as exactly this float; whole numbers stand without a point.

    >>> exact(0.1), exact(-2.0), exact(1e-300), exact(1e22)
    ('0.1', '-2', '1e-300', '1e22')
    """
    return _short_exponent(repr(float(x)).removesuffix(".0"))


def magnitude(x: float) -> str:
    """How large x is, one digit and a power of ten: for differences, where only that matters.

    >>> magnitude(3.37e-12), magnitude(0.0), magnitude(-0.2)
    ('3e-12', '0', '-2e-1')
    """
    return "0" if x == 0 else _short_exponent(f"{x:.0e}")


def _short_exponent(shown: str) -> str:
    mantissa, e, exponent = shown.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa
