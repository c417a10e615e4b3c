"""The settings in force, one a line, as settings.toml would have them."""

import json
from collections.abc import Iterator, Mapping

from infra.settings import FILE_NAME, Settings
from infra.settings_file import read_file
from infra.settings_given import PREFIX


def lines(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield each setting with its value, passwords masked, and where the value comes from."""
    in_file = read_file(settings.data_dir / FILE_NAME)
    for name, value in settings.shown().items():
        variable = PREFIX + name.upper()
        source = variable if variable in environ else FILE_NAME if name in in_file else "default"
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}  # {source}"
