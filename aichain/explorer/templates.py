"""Jinja2 with everything escaped, and the filters that templates use."""

from pathlib import Path
from typing import Final

import jinja2

from aichain.explorer import formats
from aichain.explorer.assets import Assets
from aichain.explorer.errors import PageBroken
from aichain.explorer.names import Names
from aichain.explorer.visit import Page
from aichain.sizes import show_size

WRONG: Final = (
    *(jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""What a mistake in a template raises."""
FOLDER: Final = Path(__file__).parent / "templates"


class Templates:
    """Renders pages; each template is read and compiled once, when it is first needed."""

    def __init__(self, names: Names, assets: Assets) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "amount": formats.amount,
            "coins": formats.coins,
            "exact_amount": formats.exact_amount,
            "count": formats.count,
            "utc": formats.utc,
            "iso": formats.iso,
            "short": formats.short,
            "size": show_size,
            "words": formats.words,
            "memo": formats.memo,
            "kind": formats.kind,
            "name_of": names.of_address,
        }
        self._environment.globals |= {
            "asset": assets.address,
            "percent": formats.percent,
            "permille": formats.permille,
        }

    def render(self, page: Page, network: str, json_address: str) -> bytes:
        """The whole document, in UTF-8. Takes milliseconds: call it in a thread.

        Raises PageBroken where a template is wrong: no page is worth a validator.
        """
        try:
            template = self._environment.get_template(page.template)
            text = template.render(
                page.values, title=page.title, network=network, json_address=json_address
            )
        except WRONG as error:
            raise PageBroken(template=page.template, reason=str(error)) from error
        return text.encode(errors="replace")
