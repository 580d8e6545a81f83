# What kinstall.pyz does before PEX unpacks it: is this a machine it runs on, and where is room to unpack?
#
# It is text in front of PEX's own program, runs at every start and again in each program that PEX starts in its place,
# so it is quick where all is there already. It must be valid for any Python, and imports only what Python has loaded.
import errno
import os
import stat
import sys

BUILT = {}  # written by pyz.py: key, megabytes, pythons (oldest, newest), systems


def kinstall_say(text):
    sys.stderr.write("kinstall: %s\n" % text)
    sys.stderr.flush()


def kinstall_end(text):
    kinstall_say(text)
    sys.exit(2)


def kinstall_python(built):
    """Go on with a Python that has the libraries; end where there is none."""
    oldest, newest = built["pythons"]
    if tuple(oldest) <= sys.version_info[:2] <= tuple(newest):
        return
    here = "%d.%d" % sys.version_info[:2]
    if not os.environ.get("_KINSTALL_PYTHON"):
        os.environ["_KINSTALL_PYTHON"] = here
        for minor in range(newest[1], oldest[1] - 1, -1):
            for folder in os.environ.get("PATH", "").split(os.pathsep):
                program = os.path.join(folder or ".", "python3.%d" % minor)
                if os.path.isfile(program) and os.access(program, os.X_OK):
                    os.execv(program, [program, "-I"] + sys.argv)
    wanted = "%d.%d to %d.%d" % (tuple(oldest) + tuple(newest))
    kinstall_end("this is Python %s; kinstall needs Python %s, and there is none on the PATH" % (here, wanted))


def kinstall_system(built):
    """End where the file holds no libraries for this kind of machine."""
    uname = os.uname()
    system, machine = uname[0].lower(), uname[4]
    libc = ""
    if system == "linux":
        try:
            glibc = os.confstr("CS_GNU_LIBC_VERSION")
        except (OSError, ValueError):
            glibc = None
        libc = "glibc" if glibc else "musl"
        version = tuple(int(part) for part in glibc.split()[1].split(".")[:2]) if glibc else (2, 28)
        if version < tuple(built["glibc"]):
            kinstall_end(
                "this system's glibc is %d.%d; kinstall.pyz needs %d.%d or later" % (version + tuple(built["glibc"]))
            )
    if [system, machine, libc] not in [list(each) for each in built["systems"]]:
        kind = " ".join(part for part in (system, machine, libc) if part)
        kinstall_end("this file was not built for %s; `make pyz PLATFORMS=all` builds one for more" % kind)


def kinstall_places():
    """Folders to unpack to, the usual one first."""
    chosen = os.environ.get("PEX_ROOT")
    if chosen:
        return [chosen]
    places = []
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):
        places.append(os.path.join(cache, "kinstall"))
    home = os.path.expanduser("~")
    if os.path.isabs(home):
        places.append(os.path.join(home, ".cache", "kinstall"))
    for folder in (os.environ.get("TMPDIR", ""), "/var/tmp", "/tmp"):
        if os.path.isabs(folder):
            places.append(os.path.join(folder, "kinstall-%d" % os.getuid()))
    return places


def kinstall_way(path):
    """Each folder and link on the way to a path, from / on, as far as it is there; whether it is there wholly."""
    place, links = "/", 0
    way = [(place, os.lstat(place))]
    left = os.path.join(os.getcwd(), path).split("/")[::-1]
    while left:
        part = left.pop()
        if part in ("", ".", ".."):
            place = os.path.dirname(place) if part == ".." else place
            continue
        here = os.path.join(place, part)
        try:
            found = os.lstat(here)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return way, False
            raise
        way.append((here, found))
        if not stat.S_ISLNK(found.st_mode):
            place = here
            continue
        links += 1
        if links > 40:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(here)
        place = "/" if target.startswith("/") else place
        left += target.split("/")[::-1]
    return way, True


def kinstall_group_is_private(found):
    """Whether a folder's group is its owner's own. Read as text: another module might be somebody else's."""
    if not found.st_gid or found.st_gid != found.st_uid:
        return False
    try:
        with open("/etc/group") as groups:
            fields = [line.rstrip("\n").split(":") for line in groups]
    except EnvironmentError:
        return False
    return [each[3] for each in fields if len(each) == 4 and each[2] == str(found.st_gid)] == [""]


def kinstall_others(path):
    """Where somebody besides this user and root could change what is at a path; empty where nowhere.

    The rule of kinstall/files.py, check_owners, which has its reasons.
    """
    way, whole = kinstall_way(path)
    trusted = [0, os.geteuid(), way[0][1].st_uid]
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        trusted.append(int(os.environ["SUDO_UID"]))
    for number, (place, found) in enumerate(way, 1):
        if found.st_uid not in trusted:
            return "%s belongs to another user (uid %d)" % (place, found.st_uid)
        on_the_way = number < len(way) or not whole
        if stat.S_ISLNK(found.st_mode) or (found.st_mode & stat.S_ISVTX and on_the_way):
            continue
        if found.st_mode & 0o002 or (found.st_mode & 0o020 and not kinstall_group_is_private(found)):
            return "others may write to %s (mode %04o)" % (place, stat.S_IMODE(found.st_mode))
    return ""


def kinstall_unpacked(root):
    """The environments that were unpacked there before: a finished one is put into its place at once."""
    venvs = os.path.join(root, "venvs", "4")
    try:
        if kinstall_others(root):
            return []
        made = [
            os.path.join(venvs, each, key)
            for each in os.listdir(venvs)
            if each != "s" and not each.startswith(".")
            for key in os.listdir(os.path.join(venvs, each))
        ]
        return [venv for venv in made if os.path.exists(os.path.join(venv, "pex"))]
    except OSError:
        return []


def kinstall_run(venvs):
    """Start from an environment as it is: PEX needs to write beside it, and unpacks again where it cannot."""
    for venv in venvs:
        python = os.path.join(venv, "bin", "python")
        if os.path.realpath(python) == os.path.realpath(sys.executable):
            os.execv(python, [python, "-I", "-m", "kinstall"] + sys.argv[1:])


def kinstall_make(folder):
    if not os.path.isdir(os.path.dirname(folder)):
        kinstall_make(os.path.dirname(folder))
    try:
        os.mkdir(folder, 0o700)
    except OSError as error:
        if error.errno != errno.EEXIST:  # another first start may be as far
            raise


def kinstall_refusal(root, megabytes):
    """Why nothing can be unpacked to a folder, which is made; empty where it can."""
    there = root
    while not os.path.exists(there):
        there = os.path.dirname(there)
    try:
        if not os.path.isdir(there):
            return "%s is not a folder" % there
        if not os.access(there, os.W_OK | os.X_OK):
            return "%s cannot be written to" % there
        held = os.statvfs(there)
        if held.f_flag & getattr(os, "ST_NOEXEC", 8):
            return "programs may not run from there (noexec)"
        room = held.f_bavail * held.f_frsize >> 20
        if room < megabytes:
            return "%d MB are free, and it takes %d" % (room, megabytes)
        why = kinstall_others(root)
        if not why:
            kinstall_make(root)
            why = kinstall_others(root)  # in /tmp somebody may have been faster
        return why
    except OSError as error:
        return error.strerror or str(error)


def kinstall_unpack(built):
    """Choose the folder, and say that this takes a moment."""
    places = [os.path.join(place, built["key"]) for place in kinstall_places()]
    for place in places:
        venvs = kinstall_unpacked(place)
        if venvs and not os.access(place, os.W_OK):
            kinstall_run(venvs)
        elif venvs:
            os.environ["PEX_ROOT"] = os.environ["_KINSTALL_UNPACKED"] = place
            return
    refused = []
    for place in places:
        why = kinstall_refusal(place, built["megabytes"])
        if why:
            refused.append("%s: %s" % (os.path.dirname(place), why))
            continue
        for each in refused:
            kinstall_say("not unpacking to " + each)
        kinstall_say("first start: unpacking to %s (once, %d MB) ..." % (place, built["megabytes"]))
        os.environ["PEX_ROOT"] = os.environ["_KINSTALL_UNPACKED"] = place
        sys.excepthook = kinstall_failed
        return
    kinstall_end(
        "there is no folder to unpack to:\n  %s\n  name one with room where programs may run: PEX_ROOT=DIR %s ..."
        % ("\n  ".join(refused), sys.argv[0])
    )


def kinstall_failed(kind, error, trace):
    """Unpacking went wrong in the middle."""
    if isinstance(error, EnvironmentError):
        where = getattr(error, "filename", None) or os.environ.get("PEX_ROOT", "")
        kinstall_say("unpacking failed: %s: %s; PEX_ROOT=DIR names another folder" % (where, error.strerror or error))
        os._exit(2)
    sys.__excepthook__(kind, error, trace)


def kinstall_start(built):
    if built and os.environ.get("_KINSTALL_UNPACKED") != os.environ.get("PEX_ROOT", ""):
        kinstall_python(built)
        kinstall_system(built)
        kinstall_unpack(built)


kinstall_start(BUILT)
