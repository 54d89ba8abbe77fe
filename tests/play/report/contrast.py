"""Contrast of two colours as WCAG 2 defines it, and the colours of a style sheet."""

from __future__ import annotations

import re

Colour = tuple[float, ...]
"""Red, green and blue from 0 to 255."""


def palettes(style: str) -> dict[str, dict[str, Colour]]:
    """Return the custom properties that are colours, by theme."""
    light, dark = (dict(_colours(block)) for block in re.findall(r":root[^{]*\{([^}]*)\}", style)[:2])
    return {"light": light, "dark": light | dark}


def contrast(first: Colour, second: Colour) -> float:
    """Return the contrast, from 1 to 21."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def over(top: Colour, alpha: float, below: Colour) -> Colour:
    """Return the colour of ``top`` with transparency over ``below``."""
    return tuple(alpha * a + (1 - alpha) * b for a, b in zip(top, below, strict=True))


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colours(block: str) -> list[tuple[str, Colour]]:
    colours = []
    for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", block):
        if value.startswith("#"):
            digits = value[1:] if len(value) == 7 else "".join(2 * digit for digit in value[1:])
            colours.append((name, tuple(float(int(digits[at : at + 2], 16)) for at in (0, 2, 4))))
        elif re.fullmatch(r"\d+, \d+, \d+", value):
            colours.append((name, tuple(float(part) for part in value.split(", "))))
    return colours
