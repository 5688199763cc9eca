"""Set-up on a bare machine: what is missing is said in one line."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ops import environment, stages
from ops.cli import main
from ops.local import settings, up
from ops.local.instance import Instance
from ops.trouble import Trouble

SCRIPT = environment.__file__


def test_an_old_python_is_told_what_is_needed(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"Python 3\.10\.4 is too old, 3\.11 or newer is needed: make PYTHON="):
        environment.check(str(tmp_path / "env"))


def test_a_python_without_venv(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match="no venv module: install it"):
        environment.check(str(tmp_path / "env"))


def test_a_full_disk_is_seen_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "NEEDED_MB", 10**9)
    with pytest.raises(SystemExit, match="the disk is nearly full"):
        environment.main(str(tmp_path / "env"), "requirements.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError(...): Failed to establish a new connection", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that was locked"),
        ("CMake Error: CMAKE_C_COMPILER not set, after EnableLanguage", "compiler are needed"),
        ("something else", "could not be installed"),
    ],
)
def test_pips_pages_become_one_line(tmp_path, words, advice):
    log = tmp_path / "log"
    with pytest.raises(SystemExit, match=advice) as ended:
        environment.run([sys.executable, "-c", f"import sys; sys.exit({words!r})"], str(log))
    assert "\n" not in str(ended.value)
    assert words in log.read_text()


def test_a_download_that_broke_off_is_tried_again(tmp_path):
    """What it had by then, pip has kept."""
    tried = tmp_path / "tried"
    tried.write_text("")
    step = "import sys; f = open(sys.argv[1], 'a+'); f.write('x'); sys.exit('timed out' if f.tell() < 3 else 0)"
    environment.run([sys.executable, "-c", step, str(tried)], str(tmp_path / "log"))
    assert tried.read_text() == "xxx"


def test_a_set_up_that_broke_off_begins_again_and_one_that_stands_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("none.txt").write_text("")
    Path("env/bin").mkdir(parents=True)
    Path("env/bin/python").write_text("half a file")
    environment.main("env", "none.txt")
    assert subprocess.run(["env/bin/python", "-c", "print(6*7)"], capture_output=True, text=True).stdout == "42\n"
    Path("env/kept").touch()
    environment.main("env", "none.txt")
    assert Path("env/kept").exists()


def test_it_runs_on_a_bare_python():
    code = f"import runpy; runpy.run_path({SCRIPT!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
    assert runpy.run_path(SCRIPT)["OLDEST"] == (3, 11)


def test_dotenv_stands_below_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / ".env").write_text("# keys\nexport OPENAI_API_KEY='sk-1'\nPORT=5000\n\nSIM_PORT = 0\n")
    found = settings.from_environment({"PORT": "6000"})
    assert (found.port, found.sim_port, found.environment["OPENAI_API_KEY"]) == (6000, 0, "sk-1")
    assert found.home == tmp_path / ".signalbox"


@pytest.mark.parametrize("name", ["PORT", "SIM_PORT"])
@pytest.mark.parametrize("port", ["-1", "65536", "http", "1.5"])
def test_a_port_that_is_none(name, port):
    with pytest.raises(Trouble, match=f"{name}={port} is not a port"):
        settings.from_environment({name: port}).check()


def test_a_cache_that_is_none():
    assert settings.from_environment({"SIGNALBOX_CACHE_URL": "valkey://127.0.0.1:6379"}).cache_url == "valkey://127.0.0.1:6379"
    with pytest.raises(Trouble, match=r"SIGNALBOX_CACHE_URL: 'redis://127\.0\.0\.1' is no address of a cache: write valkey://host:port"):
        settings.from_environment({"SIGNALBOX_CACHE_URL": "redis://127.0.0.1"}).check()


@pytest.mark.parametrize("wrong", [{"PORT": "http"}, {"SIM_PORT": "-1"}, {"SIGNALBOX_CACHE_URL": "redis://127.0.0.1"}])
def test_what_is_wrong_for_the_local_stack_alone_stops_nothing_else(wrong, tmp_path, monkeypatch, capsys):
    for name, value in ({"SIGNALBOX_HOME": str(tmp_path / "home"), "SIGNALBOX_API_KEY": "sk-1"} | wrong).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(up.signal, "signal", lambda *_: None)
    assert stages.key("dev", "SIGNALBOX_API_KEY", "") == "sk-1"
    assert main(["up"]) == 1
    [[name, value]] = wrong.items()
    told = capsys.readouterr().err
    assert name in told
    assert value in told
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("saves", "status"), [(True, 0), (False, 1)])
def test_the_last_word_is_whether_the_state_is_kept(saves, status, tmp_path, monkeypatch, capsys):
    class Stopping:
        def __init__(self, *_):
            pass

        def run(self):
            raise KeyboardInterrupt

        def stop(self):
            return saves

    monkeypatch.setenv("SIGNALBOX_HOME", str(tmp_path))
    monkeypatch.setattr(up, "Stack", Stopping)
    monkeypatch.setattr(up.signal, "signal", lambda *_: None)
    assert main(["up"]) == status
    told = "".join(capsys.readouterr())
    assert (f"the state is kept in {tmp_path}" in told) is saves
    assert ("the state is not saved: everything in the embedded AWS is lost" in told) is not saves
    assert (tmp_path / "running.json").exists() is not saves


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match="set SIGNALBOX_HOME"):
        Instance(tmp_path / "file" / "home")


def test_a_mark_that_stayed_is_a_crash(tmp_path):
    Instance(tmp_path).close(clean=False)
    second = Instance(tmp_path)
    assert second.crashed
    with pytest.raises(Trouble, match="already runs"):
        Instance(tmp_path)
    second.close(clean=True)
    third = Instance(tmp_path)
    assert not third.crashed
    third.close(clean=True)
