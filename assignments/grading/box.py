"""The box in which a stranger's program runs: `python -m grading.box PARENT LIMITS FILE COMMAND…`.

Bubblewrap gives the program a file system in which only Python, its packages and this book's package exist,
read-only, with a scratch folder in memory. A filter of system calls forbids new processes; the limits that
Linux has for a process hold its memory, its processor time and the size of its files. The folder of FILE,
where a kernel makes its sockets, is the only one outside that it can write to; who starts it must close that
before a stranger's code runs (`sandbox`), and nothing in the box can open it again.

Nothing here imports torch or Jupyter: it runs once before every kernel.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import json
import os
import resource
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/fonts",
    "/etc/alternatives",
)  # fmt: skip
MEBIBYTE = 2**20
PR_SET_PDEATHSIG = 1
CLONE_THREAD = 0x00010000  # the flag of the system call clone that makes a thread, not a process
# Calls that a problem set has no use for, and that look into other processes or change the box.
FORBIDDEN = (
    "ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "pivot_root", "unshare", "setns",
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
)  # fmt: skip
# Memory that belongs to no process, so that no limit of a process holds it.
UNLIMITED = ("memfd_create", "memfd_secret", "shmget")
# Calls that change who may write where. Libraries use some, so these seem to work, and do nothing.
PERMISSIONS = ("chmod", "fchmod", "fchmodat", "setxattr", "lsetxattr", "fsetxattr")
NEWER_PERMISSIONS = (452, 463)  # fchmodat2 and setxattrat, by their numbers: an old libseccomp has no names


class Limits(NamedTuple):
    """What one hand-in may use."""

    cell_seconds: float = 15.0
    start_seconds: float = 60.0
    processor_seconds: int = 120  # of one kernel
    hand_in_seconds: float = 240.0  # all cells together
    memory: int = 4096 * MEBIBYTE  # bytes of addresses, of which torch alone takes a third
    file: int = 32 * MEBIBYTE  # bytes of one file
    scratch: int = 64 * MEBIBYTE  # bytes of its scratch folder, in memory
    open_files: int = 512


def missing() -> str:
    """Why nothing can be run safely here; empty if it can."""
    if not sys.platform.startswith("linux"):
        return f"bubblewrap needs Linux, and this is {sys.platform}"
    if shutil.which("bwrap") is None:
        return "the program bwrap is missing (Debian and Ubuntu: apt-get install bubblewrap)"
    tried = subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
    )
    # Some systems forbid what it needs, namespaces of users, to everybody but root.
    return f"bwrap doesn't work here: {tried.stderr.strip()}" if tried.returncode else ""


def package() -> Path:
    """The folder of d2lmini, found without importing it."""
    spec = importlib.util.find_spec("d2lmini")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("d2lmini isn't installed beside the grader")
    return Path(spec.origin).resolve().parent


def readable() -> list[Path]:
    """What a kernel must be able to read, no folder within another."""
    folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), package()]
    found: list[Path] = []
    for folder in sorted({Path(each).resolve() for each in (*SYSTEM, *folders) if os.path.exists(each)}):
        if not any(folder.is_relative_to(other) for other in found):
            found.append(folder)
    return found


def variables() -> dict[str, str]:
    """The whole environment of the program."""
    return {
        "HOME": "/tmp",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(package().parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": "/tmp/ipython",
        "MPLCONFIGDIR": "/tmp/matplotlib",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "LANG": "C.UTF-8",
    }


def command(sockets: Path, limits: Limits, calls: int) -> list[str]:
    """The start of a command line that runs the rest of it in the box; `calls` is the filter's open file."""
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    line += ["--hostname", "sandbox", "--clearenv"]
    for name, value in variables().items():
        line += ["--setenv", name, value]
    for name in SYSTEM:
        if os.path.islink(name):  # as /bin is, which today leads to /usr/bin
            line += ["--symlink", os.readlink(name), name]
    line += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm"):  # before what may lie in /tmp itself
        line += ["--size", str(limits.scratch), "--tmpfs", folder]
    for folder in readable():
        line += ["--ro-bind", str(folder), str(folder)]
    line += ["--bind", str(sockets), str(sockets), "--remount-ro", "/dev", "--remount-ro", "/"]
    return [*line, "--chdir", "/tmp", "--seccomp", str(calls), "--"]


def system_calls() -> int:
    """An open file with the filter: no new process, nothing that is FORBIDDEN; threads are allowed."""
    import pyseccomp as seccomp

    calls = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    process = seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, 0)
    calls.add_rule(seccomp.ERRNO(errno.EAGAIN), "clone", process)
    calls.add_rule(
        seccomp.ERRNO(errno.ENOSYS), "clone3"
    )  # the C library then takes clone, whose flags can be seen
    for name in ("fork", "vfork"):
        calls.add_rule(seccomp.ERRNO(errno.EAGAIN), name)
    for names, answer in ((FORBIDDEN, errno.EPERM), (UNLIMITED, errno.ENOSYS), (PERMISSIONS, 0)):
        for name in names:
            calls.add_rule(seccomp.ERRNO(answer), name)
    for number in NEWER_PERMISSIONS:
        calls.add_rule(seccomp.ERRNO(errno.ENOSYS), number)
    with tempfile.TemporaryFile() as file:
        calls.export_bpf(file)
        copy = os.dup(file.fileno())
    os.lseek(copy, 0, os.SEEK_SET)
    os.set_inheritable(copy, True)
    return copy


def end_with(parent: int) -> None:
    """Make Linux end this process, and so the box, when its parent dies; end now if it already has.

    Bubblewrap asks for the same, but only once it runs: a parent that dies before would leave it behind.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the process that wanted this box has died")


def main(arguments: list[str]) -> None:
    """Become the program, in the box."""
    parent, limits, file = int(arguments[0]), Limits(**json.loads(arguments[1])), Path(arguments[2])
    end_with(parent)
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.processor_seconds),
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where IPython would say that Ctrl-C doesn't reach it
    line = command(file.parent, limits, system_calls()) + arguments[3:]
    os.execvp(line[0], line)


if __name__ == "__main__":
    main(sys.argv[1:])
