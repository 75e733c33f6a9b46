"""Butler's own themes: calm surfaces, one accent, warning colours kept for what needs the user."""

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="butler-dark",
    primary="#8fb3d9",
    secondary="#a99bd6",
    accent="#d9b47c",
    foreground="#d6d9e0",
    background="#14161b",
    surface="#1a1d24",
    panel="#232731",
    success="#8fbf8a",
    warning="#e3b15f",
    error="#e57d7d",
    dark=True,
    variables={
        "border": "#3a404d",
        "border-blurred": "#2a2f3a",
        "block-cursor-background": "#8fb3d9",
        "block-cursor-foreground": "#14161b",
        "input-selection-background": "#8fb3d9 30%",
        "scrollbar": "#2f3542",
        "scrollbar-hover": "#4a5263",
        "scrollbar-active": "#5b6578",
        "scrollbar-background": "#14161b",
        "scrollbar-background-hover": "#14161b",
        "scrollbar-background-active": "#14161b",
    },
)

LIGHT: Final = Theme(
    name="butler-light",
    primary="#2b5f92",
    secondary="#6650a4",
    accent="#8a5a12",
    foreground="#22262e",
    background="#faf9f6",
    surface="#f1efea",
    panel="#e6e3dc",
    success="#2f7a3b",
    warning="#9a6400",
    error="#b3372f",
    dark=False,
    variables={
        "border": "#c9c4b8",
        "border-blurred": "#dcd8ce",
        "block-cursor-background": "#2b5f92",
        "block-cursor-foreground": "#faf9f6",
        "input-selection-background": "#2b5f92 25%",
        "scrollbar": "#d3cec2",
        "scrollbar-hover": "#b3ad9e",
        "scrollbar-active": "#979080",
        "scrollbar-background": "#faf9f6",
        "scrollbar-background-hover": "#faf9f6",
        "scrollbar-background-active": "#faf9f6",
    },
)

OURS: Final = (DARK, LIGHT)
