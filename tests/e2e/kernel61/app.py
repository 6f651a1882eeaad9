"""The handler of a guest that runs programs of the build on the guest's own kernel, as root (runtime provided.root).

Event: {"argv": [...], "timeout": seconds}. What the program writes is the function's log; the result is its exit
status, negative for a signal.
"""

import os
import subprocess

TASK = "/var/task"
ENVIRONMENT = {
    "PATH": f"{TASK}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH": f"{TASK}/lib",
    "CAISSON_BUILD": TASK,
    "CAISSON_NETD_ALONE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": "/tmp",
}


def set_up():
    """What init does on Debian: file systems, writable folders, and the one device node that loads its module."""
    for kind, target in (("tmpfs", "/run"), ("tmpfs", "/var/lib"), ("bpf", "/sys/fs/bpf")):
        subprocess.run(["mount", "-t", kind, kind, target], check=True, env=ENVIRONMENT)
    subprocess.run(["modprobe", "tun"], check=True, env=ENVIRONMENT)


set_up()


def handler(event, context):
    os.chdir("/tmp")
    done = subprocess.run(event["argv"], env=ENVIRONMENT, stdin=subprocess.DEVNULL, timeout=event["timeout"])
    return done.returncode
