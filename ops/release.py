"""What `make deploy` passes as parameters: those of samconfig.toml, and a digest over them and over what was built.

SAM itself publishes a new version of `complete` for new code, layers and properties, but not for a parameter's new value: its alias would
go on with the old memory. `make` runs this on a bare Python: the standard library only.
"""

import hashlib
import sys
import tomllib
from pathlib import Path

NAME = "ReleaseDigest="


def overrides(stage: str, config: Path = Path("samconfig.toml"), build: Path = Path(".aws-sam/build")) -> list[str]:
    rows = tomllib.loads(config.read_text())[stage]["deploy"]["parameters"]["parameter_overrides"]
    given = [row for row in rows if not row.startswith(NAME)]
    return [*given, NAME + digest(given, build)]


def digest(given: list[str], build: Path) -> str:
    sha256 = hashlib.sha256("\n".join(given).encode())
    for path in sorted(path for path in build.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        sha256.update(f"\n{path.relative_to(build)} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return sha256.hexdigest()


if __name__ == "__main__":
    print(*overrides(sys.argv[1]))
