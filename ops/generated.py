"""Parts of documents that are made from the code: `python -m ops.NAME` writes one, `--check` compares."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

END = "<!-- end -->"


class Part(NamedTuple):
    """What stands in `document` between two marks, made by `make`. `source` is what it is made from, as a complaint names it."""

    document: Path
    module: str
    source: str
    make: Callable[[], str]

    @property
    def begin(self) -> str:
        return f"<!-- made by python -m {self.module} -->\n"

    def written(self, text: str) -> str:
        """The document's text, with the part as it is made now."""
        before, _, rest = text.partition(self.begin)
        return f"{before}{self.begin}{self.make()}{END}{rest.partition(END)[2]}"

    def main(self, arguments: list[str]) -> int:
        text = self.document.read_text()
        made = self.written(text)
        if arguments == ["--check"]:
            if text != made:
                print(f"docs/{self.document.name} is not what {self.source}: run python -m {self.module}")
            return int(text != made)
        self.document.write_text(made)
        print(f"wrote {self.document.name}")
        return 0
