"""Archives of code for the embedded AWS, named by their content: what did not change is not sent again."""

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ..trouble import Trouble

BUCKET = "signalbox-artefacts"
EPOCH = (1980, 1, 1, 0, 0, 0)  # an archive must depend on content alone


class Artefacts:
    def __init__(self, s3: Any, scratch: Path) -> None:
        self._s3 = s3
        self._scratch = scratch
        self._there = self._keys()

    def upload(self, id: str, resource: Mapping[str, Any], path: Path) -> Any:
        """A folder as an archive, a file as it is; a state machine's property takes bucket and key apart."""
        if not path.exists():
            raise Trouble(f"template.yaml names {path} for {id}, and it is not there")
        if resource["Type"] == "AWS::Serverless::StateMachine":
            return {"Bucket": BUCKET, "Key": self.put(path.read_bytes(), path.suffix)}
        if resource.get("Metadata", {}).get("BuildMethod") == "makefile":
            path = self._made(id, path)
        return f"s3://{BUCKET}/{self.put(archive(path), '.zip')}"

    def put(self, body: bytes, suffix: str) -> str:
        key = f"{hashlib.sha256(body).hexdigest()}{suffix}"
        if key not in self._there:
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=body)
            self._there.add(key)
        return key

    def _made(self, id: str, folder: Path) -> Path:
        """By its own Makefile, as `sam build` does, but without fetching libraries: the emulator's environment has them."""
        target = self._scratch / id
        shutil.rmtree(target, ignore_errors=True)
        (target / "python").mkdir(parents=True)  # where its libraries would have gone
        command = ["make", "--silent", "--no-print-directory", "-C", str(folder), f"build-{id}", f"ARTIFACTS_DIR={target}", "UV=:"]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise Trouble(f"the layer {id} cannot be made: {(made.stderr or made.stdout).strip().splitlines()[-1]}")
        return target

    def _keys(self) -> set[str]:
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
            return {row["Key"] for page in pages for row in page.get("Contents", ())}
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchBucket", "404"):
                raise
            self._s3.create_bucket(Bucket=BUCKET)
            return set()


def archive(folder: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (path.stat().st_mode & 0o777) << 16
            zipped.writestr(entry, path.read_bytes())
    return out.getvalue()


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
