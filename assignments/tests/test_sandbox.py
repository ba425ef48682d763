"""The box: what a program in it can't do, and that it says so in time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from grading.box import Limits, missing, readable
from grading.marking import Ran, run_cell
from grading.sandbox import boxed_kernel
from nbproof.run.kernel import Kernel, KernelFailure

pytestmark = pytest.mark.usefixtures("boxes")
LIMITS = Limits()


@pytest.fixture(scope="module")
def kernel(boxes: None) -> Kernel:
    with boxed_kernel(LIMITS) as kernel:
        yield kernel


def error(ran: Ran) -> str:
    return ": ".join(ran.error) if ran.error else ""


def printed(ran: Ran) -> str:
    return "".join(output.text for output in ran.outputs if output.output_type == "stream")


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("import os; os.fork()", "BlockingIOError"),
        ("import subprocess; subprocess.run(['ls'])", "BlockingIOError"),
        (
            "import multiprocessing as m; m.get_context('spawn').Process(target=print).start()",
            "BlockingIOError",
        ),
        ("open('/new', 'w')", "Read-only file system"),
        ("open('/dev/new', 'w')", "Read-only file system"),
        ("import d2lmini; open(d2lmini.__file__, 'a')", "Read-only file system"),
        ("open('/tmp/large', 'wb').write(b'x' * 2**26)", "File too large"),
        ("for i in range(9): open(f'/tmp/{i}', 'wb').write(b'x' * 2**24)", "No space left"),
        ("import numpy; numpy.ones(2**31)", "MemoryError"),
        ("import ctypes; assert ctypes.CDLL(None, use_errno=True).ptrace(0) == 0", "AssertionError"),
        (
            "import os; os.sethostname(b'x')"
            if hasattr(os, "sethostname")
            else "import os; os.chroot('/tmp')",
            "Error",
        ),
        ("open('/etc/passwd')", "FileNotFoundError"),
        ("import os; os.memfd_create('memory that no limit holds')", "Function not implemented"),
        ("import ctypes; assert ctypes.CDLL(None).shmget(0, 2**20, 0o1600) >= 0", "AssertionError"),
        ("files = [open('/dev/null') for count in range(600)]", "Too many open files"),
    ],
)
def test_what_a_program_must_not_do_is_refused(kernel: Kernel, code: str, refused: str) -> None:
    assert refused in error(run_cell(kernel, code, 20))


def test_nothing_of_ours_can_be_seen(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("a gradebook")
    code = f"""
import os
from pathlib import Path
print(os.path.exists({str(tmp_path)!r}), os.path.exists({str(Path(__file__).parent)!r}))
print(sorted(name for name in os.environ if name not in {sorted(os.environ)!r}))
print(len([name for name in os.listdir('/proc') if name.isdigit()]))
"""
    seen, _, processes = printed(run_cell(kernel, code, 20)).splitlines()
    assert seen == "False False" and int(processes) <= 3


def test_our_environment_stays_outside(kernel: Kernel) -> None:
    names = printed(run_cell(kernel, "import os; print(*os.environ)", 20)).split()
    assert "PYTEST_CURRENT_TEST" not in names and "HOME" in names


def test_there_is_no_network(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        met: list[str] = []
        server.settimeout(3)

        def accept() -> None:
            try:
                server.accept()
                met.append("somebody")
            except TimeoutError:
                pass

        listening = threading.Thread(target=accept)
        listening.start()
        said = error(
            run_cell(kernel, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)", 20)
        )
        listening.join()
    assert "Error" in said and met == []


def test_signals_reach_nothing_outside(kernel: Kernel) -> None:
    code = "import os\nprint(os.getppid())\nfor signal in (15, 9):\n    os.kill(os.getppid(), signal)"
    assert printed(run_cell(kernel, code, 20)) == "1\n"
    assert printed(run_cell(kernel, "print('alive')", 20)) == "alive\n"


def test_threads_and_numbers_work(kernel: Kernel) -> None:
    code = """
import threading, torch, matplotlib
worker = threading.Thread(target=print, args=(torch.ones(2, 2).sum().item(),))
worker.start(); worker.join()
"""
    assert printed(run_cell(kernel, code, 60)) == "4.0\n"


def test_an_endless_loop_is_interrupted_and_the_kernel_lives(kernel: Kernel) -> None:
    with pytest.raises(TimeoutError, match="longer than 1 s"):
        run_cell(kernel, "while True: pass", 1)
    assert printed(run_cell(kernel, "print('alive')", 20)) == "alive\n"


def test_a_loop_that_cant_be_interrupted_is_a_dead_kernel() -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    with boxed_kernel(LIMITS) as kernel, pytest.raises(KernelFailure, match="didn't stop"):
        run_cell(kernel, code, 1)


def test_nothing_can_be_made_in_its_folder_outside(kernel: Kernel) -> None:
    """A file that is made there and unlinked at once fills a disk, and nobody sees it."""
    code = """
import ctypes, os, sys
folder = os.path.dirname(sys.argv[sys.argv.index('-f') + 1])
libc = ctypes.CDLL(None, use_errno=True)
for open_it in (lambda: None, lambda: os.chmod(folder, 0o777), lambda: os.fchmod(os.open(folder, 0), 0o777),
                lambda: libc.syscall(452, -100, folder.encode(), 0o777, 0),
                lambda: os.setxattr(folder, 'system.posix_acl_access', bytes.fromhex(
                    '02000000 01000700ffffffff 04000700ffffffff 10000700ffffffff 20000700ffffffff'))):
    open_it()
    for make in (os.mkdir, os.mkfifo, lambda place: open(place, 'wb'), os.unlink,
                 lambda place: os.symlink('/', place)):
        try:
            make(f'{folder}/new')
            print('MADE')
        except PermissionError:
            print('refused')
        except FileNotFoundError:
            pass
"""
    assert set(printed(run_cell(kernel, code, 20)).split()) == {"refused"}


def test_processor_time_has_an_end() -> None:
    limits = LIMITS._replace(processor_seconds=4)
    with boxed_kernel(limits) as kernel, pytest.raises(KernelFailure, match="died"):
        run_cell(kernel, "while True:\n  try:\n    while True: pass\n  except BaseException: pass", 60)


def test_a_box_ends_with_the_process_that_made_it() -> None:
    code = (
        "import os\nfrom grading.box import Limits\nfrom grading.sandbox import boxed_kernel\n"
        "with boxed_kernel(Limits()) as kernel:\n    print(kernel.km.provisioner.pid, flush=True)\n"
        "    os._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid, end = int(done.stdout), time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" and time.monotonic() < end:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_a_box_whose_maker_has_died_meanwhile_starts_nothing(tmp_path: Path) -> None:
    limits = json.dumps(Limits()._asdict())
    command = [sys.executable, "-m", "grading.box", "1", limits, f"{tmp_path}/file", "/bin/echo", "ran"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "has died" in done.stderr and "ran" not in done.stdout


def test_no_readable_folder_holds_the_course() -> None:
    course = Path(__file__).resolve().parent.parent
    assert not any(course.is_relative_to(folder) or folder.is_relative_to(course) for folder in readable())


def test_a_machine_without_boxes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess("bwrap", 1, stderr="bwrap: no permission\n")
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", lambda *args, **kwargs: failed)
        assert missing() == "bwrap doesn't work here: bwrap: no permission"
    assert missing() == ""
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "bwrap is missing" in missing()
    monkeypatch.setattr("sys.platform", "darwin")
    assert missing() == "bubblewrap needs Linux, and this is darwin"
