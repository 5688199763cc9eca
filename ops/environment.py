"""Creates or mends one environment: `python ops/environment.py DIR REQUIREMENTS… [--editable]`.

Of several files the first holds what builds those packages of the others that come as their source.

`make` runs it on a bare Python, before anything is installed: the standard library only, in a syntax that an old Python reads.
"""

import os
import re
import shutil
import subprocess
import sys

OLDEST = (3, 11)
NEEDED_MB = 700
CAUSES = (
    (r"No space left|Errno 28", "the disk is full: free some space and run make again"),
    (
        r"NewConnectionError|NameResolutionError|Temporary failure in name|Max retries|ProxyError|timed out|from versions: none",
        "the package index cannot be reached: check the network (or PIP_INDEX_URL) and run make again",
    ),
    (r"DO NOT MATCH THE HASHES", "a downloaded package is not the one that was locked: clear pip's cache, or check your index"),
    (r"No matching distribution", "the package index lacks a locked package for this Python: try another PYTHON=…"),
    (
        r"No CMAKE_C(XX)?_COMPILER|CMAKE_C(XX)?_COMPILER not set",
        "a C and a C++ compiler are needed: install them (Debian, Ubuntu: apt install g++)",
    ),
    (r"Permission denied", "a file cannot be written here: check who owns this folder"),
)


# What may be over by the next time; pip tries a connection again by itself, but no answer that breaks off.
PASSING = (
    r"NewConnectionError|Temporary failure in name|Max retries|timed out|IncompleteRead|MATCH THE HASHES"
    r"|Connection ?(aborted|broken|Reset)|HTTP error 5\d\d|5\d\d Server Error"
)
TRIES = 3


def fail(message):
    sys.exit("signalbox set-up: " + message)


def run(command, log_path):
    """One step; on failure one line that says why, and the whole output in the log."""
    for _ in range(TRIES):
        with open(log_path, "a") as log:
            log.write("$ " + " ".join(command) + "\n")
            log.flush()
            status = subprocess.call(command, stdout=log, stderr=subprocess.STDOUT)
        if status == 0:
            return
        with open(log_path, errors="replace") as log:
            text = log.read()
        if not re.search(PASSING, text):
            break
    for pattern, advice in CAUSES:
        if re.search(pattern, text):
            fail(f"{advice} (details: {log_path})")
    fail(f"{command[-1]} could not be installed (details: {log_path})")


def check(folder):
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        fail(f"Python {version} is too old, 3.11 or newer is needed: make PYTHON=/path/to/python3.12")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail(f"Python {version} has no venv module: install it (Debian, Ubuntu: apt install python3-venv)")
    free_mb = shutil.disk_usage(os.path.dirname(os.path.abspath(folder))).free // 2**20
    if free_mb < NEEDED_MB:
        fail(f"the disk is nearly full ({free_mb} MB free, {NEEDED_MB} MB needed): free some space")


def main(folder, *arguments):
    files = [name for name in arguments if not name.startswith("--")]
    os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
    check(folder)
    stamp, log_path = os.path.join(folder, ".ready"), os.path.abspath(folder) + ".log"
    if os.path.exists(log_path):
        os.remove(log_path)
    print(f"Setting up {folder} (once, a minute or two) …", flush=True)
    if not os.path.exists(stamp):
        run([sys.executable, "-m", "venv", "--clear", folder], log_path)
    pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # The lock is whole. Asked to resolve, pip would not take `boto3-stubs==1` for the `boto3-stubs[s3]` that aws-sam-cli wants.
    isolation = ["--no-build-isolation"] if len(files) > 1 else []
    for name in files:
        run([*pip, "--no-deps", "--require-hashes", *isolation, "-r", name], log_path)
    if "--editable" in arguments:
        run([*pip, "--no-deps", "--no-build-isolation", "-e", "."], log_path)
    with open(stamp, "w"):
        pass
    os.remove(log_path)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        fail(f"{error.strerror or error}: {error.filename or sys.argv[1]}")
    except KeyboardInterrupt:
        fail("interrupted; run make again to go on")
