"""The package where systemd is PID 1: a Debian 12 in an emulated machine, with Debian's kernel, in which it is installed,
started, used, restarted, stopped and purged (systemd/checks.py): systemd_test.py SOURCES BUILD HOST-TSC-PROGRAM

It is the place where the units' sandboxes are in force, on the oldest kernel that is supported.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

SOURCES, BUILD, HOST_TSC = sys.argv[1:]
HERE = os.path.join(SOURCES, "tests", "e2e", "package")
IMAGES = os.environ.get("CAISSON_IMAGES", "/var/cache/caisson")
CACHE = os.environ.get("CAISSON_TEST_CACHE", "/var/cache/caisson-tests")
# A minute on two idle cores.
SECONDS = 540


def output(*command):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout.strip()


def pack(work, deb):
    """The drives: the root file system, and what goes with it."""
    bare = output(f"{HERE}/bare-debian", deb, CACHE, SOURCES)
    output(f"{HERE}/systemd/booting-image", bare, f"{IMAGES}/tests", work)
    cargo = os.path.join(work, "cargo")
    os.makedirs(f"{cargo}/images")
    for path in (deb, f"{HERE}/systemd/checks.py", f"{HERE}/systemd/checks.service"):
        shutil.copy(path, cargo)
    for name in ("vmlinux", "initrd.cpio.gz", "python3.11.squashfs", "nodejs18.x.squashfs", "manifest.json"):
        shutil.copy(f"{IMAGES}/{name}", f"{cargo}/images")
    output("mksquashfs", cargo, f"{work}/cargo.squashfs", "-comp", "zstd", "-Xcompression-level", "1", "-all-root", "-quiet",
           "-no-progress")


def boot(work):
    """The machine's report, when it has ended."""
    # As for guests (vmm/argv.cc): without the host's frequency a busy host's guest may never find its own.
    arguments = (f"console=ttyS0 quiet panic=-1 tsc_early_khz={output(HOST_TSC)} "
                 "systemd.show_status=0 systemd.wants=checks.service")
    command = ["qemu-system-x86_64", "-M", "microvm,acpi=on,pit=on,pic=on,rtc=on,isa-serial=on", "-no-user-config",
               "-nodefaults", "-no-reboot", "-display", "none", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
               "-m", "1536", "-sandbox", "on", "-kernel", f"{IMAGES}/tests/vmlinux", "-initrd", f"{work}/initrd",
               "-append", arguments, "-serial", f"file:{work}/console", "-device", "virtio-serial-device",
               "-chardev", f"file,id=report,path={work}/report", "-device", "virtserialport,chardev=report,name=report"]
    for name in ("root", "cargo"):
        command += ["-drive", f"id={name},file={work}/{name}.squashfs,format=raw,if=none,readonly=on",
                    "-device", f"virtio-blk-device,drive={name},serial={name}"]
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        machine.wait(SECONDS)
    except subprocess.TimeoutExpired:
        print(f"it did not end within {SECONDS} s")
    finally:
        machine.kill()
        machine.wait()
    with open(f"{work}/report", encoding="utf-8", errors="replace") as file:
        return file.read()


def main():
    (deb,) = glob.glob(f"{BUILD}/package/caisson_*.deb")
    with tempfile.TemporaryDirectory(prefix="caisson-systemd.") as work:
        begun = time.monotonic()
        pack(work, deb)
        print(f"packed in {time.monotonic() - begun:.0f} s", flush=True)
        report = boot(work)
        print(f"{report}ended after {time.monotonic() - begun:.0f} s")
        if report.rstrip().endswith("] passed"):
            return
        with open(f"{work}/console", encoding="utf-8", errors="replace") as file:
            sys.exit("the machine's console:\n" + file.read()[-8000:])


main()
