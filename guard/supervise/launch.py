"""Starts one program so that it cannot outlive its supervisor: run by path, with nothing but the standard library.

``python -I -S launch.py --parent PID --signal N [--map-uid U] [--uid U --gid G] -- PROGRAM ARGUMENT…``

The kernel sends signal N to the program when the supervisor's thread that started it ends, however it ends. A hook between
fork and exec could do the same, but such a hook runs Python code in a copy of a process that may hold any lock; this
small program replaces itself instead. ``--map-uid`` puts the program into a user namespace of its own in which the caller
is user U: a server that refuses to run as root then runs, with no more rights than the caller has. ``--uid`` and ``--gid``
give up root for good.
"""

from __future__ import annotations

import ctypes
import os
import sys

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, <linux/prctl.h>
_NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER, <linux/sched.h>
_CANNOT = 126  # a shell's status for a program that was found and could not be started


def _enter_namespace(libc: ctypes.CDLL, uid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    if libc.unshare(_NEW_USER_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace may be made here")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {outer_uid} 1"), ("gid_map", f"{uid} {outer_gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123  (this file imports as little as it can)
            file.write(line)


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def main(arguments: list[str]) -> int:
    """Replaces this process by the program; returns a status only where that is not possible."""
    options = dict(zip(arguments[0::2], arguments[1::2], strict=False))
    program = arguments[arguments.index("--") + 1 :]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if "--map-uid" in options:
            _enter_namespace(libc, int(options["--map-uid"]))
        if "--uid" in options:
            _become(int(options["--uid"]), int(options["--gid"]))
        # After the change of user: the kernel forgets the death signal when credentials change.
        if libc.prctl(_SET_DEATH_SIGNAL, int(options["--signal"]), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no death signal can be set here")  # noqa: TRY301
        if os.getppid() != int(options["--parent"]):
            return _CANNOT  # the supervisor ended before the signal was set
        os.execvp(program[0], program)  # noqa: S606  (replacing itself is what this program is for)
    except OSError as error:
        sys.stderr.write(f"{program[0]} could not be started: {error.strerror or error}\n")
        return _CANNOT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
