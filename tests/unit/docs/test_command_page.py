"""docs/reference/command.md is as `make docs` makes it from the parser."""

from __future__ import annotations

from docs.make_command import PAGE, page
from skewgate.arguments import commands_of, parser


def test_the_page_has_every_command_and_flag_as_the_parser_has_them() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "run `make docs`"
    for name, command in commands_of(parser()).items():
        assert f"\n## {name}\n" in text
        for action in command._actions:
            assert action.dest == "help" or all(f"`{form}`" in text for form in action.option_strings)
