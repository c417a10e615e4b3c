"""Runs one command and ends it when whoever started this guard is gone: by its end, its crash or a kill -9.

It stands alone, on the standard library, and is run as a script: `python -I -S guard.py COMMAND...`. Its owner holds
the other end of its standard input. The first line that it writes is the command's process id.
"""

import ctypes
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
LOOK_AGAIN_S = 1.0
"""Should a fork of the owner hold the pipe open, the guard still sees by then that its own parent is another."""
CANNOT_RUN = 127
KILLED = 128


def main(command: list[str]) -> int:
    """Run the command until it ends or the owner does; return its exit code, or 128 and the signal that ended it."""
    owner = os.getppid()
    # The guard dies by the closed pipe alone, and not by the Ctrl-C or the hang-up that is meant for its owner.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # A signal that came before the command is what the child runs would be lost. This pipe closes when it is.
    before, becoming = os.pipe()
    guard, child = os.getpid(), os.fork()
    if child == 0:
        _become(command, guard)
    os.close(becoming)
    os.read(before, 1)
    os.write(1, b"%d\n" % child)
    os.close(1)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            break
        readable, _, _ = select.select([0, ended], [], [], LOOK_AGAIN_S)
        if ended in readable:
            os.read(ended, 64)
        if (0 in readable and not os.read(0, 64)) or os.getppid() != owner:
            _kill_group(child)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            break
    _kill_group(child)
    return code if code >= 0 else KILLED - code


def _become(command: list[str], guard: int) -> None:
    try:
        os.setsid()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(each, signal.SIG_DFL)
        if sys.platform == "linux":
            # A guard that is killed takes its command along.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != guard:
                os._exit(CANNOT_RUN)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_RUN)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
