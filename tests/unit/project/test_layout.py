"""The project's own rules: what imports what, what is committed, and how long a file may be."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("kinstall", "assets", "screens")
MAX_LINES = 400

# Put together from parts, so that this file does not find itself.
REGISTRIES = tuple(".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("proxy", "golang", "org"), ("sum", "golang", "org"),
    ("deb", "debian", "org"), ("security", "debian", "org"), ("registry", "npmjs", "org"),
))  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:work/\w|root/(?!\.ssh\b)[\w.])")


def committed() -> list[Path]:
    """Files under version control; all files where there is no git."""
    # A clone may belong to another user than the one who runs the tests.
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in str(path)]
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, also inside functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def homes() -> list[tuple[str, tuple[str, ...]]]:
    """Library → prefixes of the paths that may import it, as pyproject.toml has them with their reasons."""
    rows = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["kinstall"]["homes"]
    assert all(row["because"] for row in rows)
    return [(row["module"], tuple(row["homes"])) for row in rows]


def texts() -> Iterator[tuple[str, str]]:
    for path in committed():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_packaging_is_a_plain_folder() -> None:
    """With an __init__.py it would shadow the library of that name, and break pytest."""
    assert not (ROOT / "packaging" / "__init__.py").exists()


@pytest.mark.parametrize(("library", "prefixes"), homes(), ids=[name for name, _ in homes()])
def test_each_library_has_its_home(library: str, prefixes: tuple[str, ...]) -> None:
    """A library is imported only where pyproject.toml says, and really there: a home that is empty is a stale line."""
    users = [
        str(path.relative_to(ROOT))
        for path in sources()
        if any(f"{name}.".startswith(f"{library}.") for name in imports(path))
    ]
    assert [name for name in users if not name.startswith(prefixes)] == []
    assert users


FOREIGN_WORDS = re.compile(r"(?i:kube|containerd|k8s|crictl|docker|etcd)|\bctr -|\bcri\b")


@pytest.mark.parametrize("room", ["kinstall/engine", "kinstall/transport"])
def test_the_engine_speaks_of_no_cluster(room: str) -> None:
    """Steps and connections serve any installation: no word of Kubernetes or of a container runtime in them."""
    files = [path for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".sh")]
    words = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in FOREIGN_WORDS.finditer(line)
    ]
    assert len(files) > 5 and words == []


def test_files_are_read_in_one_sitting() -> None:
    """No source file is longer than 400 lines."""
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in sources()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
    assert len(lengths) > 10


def test_the_version_needs_only_the_standard_library() -> None:
    """`kinstall --version` starts in the time that Python itself takes."""
    ran = python(
        "import sys\n"
        "from kinstall.cli.main import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "names = {name.split('.')[0] for name in sys.modules}\n"
        "own = {'kinstall', 'assets', 'screens', '__main__'}\n"
        "found = {n for n in names - own if n not in sys.stdlib_module_names and not n.startswith('_')}\n"
        "sys.exit(' '.join(sorted(found)) or 0)\n"
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"\d+\.\d+\.\d+", ran.stdout)


@pytest.mark.parametrize(
    "module", ["kinstall.cli.main", "kinstall.cli", "kinstall.operations", "kinstall.terminal.display"]
)
def test_the_headless_path_never_imports_the_wizard(module: str) -> None:
    """A replay neither loads Textual nor the screens."""
    ran = python(f"import sys, {module}\nsys.exit('textual' in sys.modules or 'screens' in sys.modules)")
    assert ran.returncode == 0, ran.stderr


def test_the_wizard_opens_without_what_only_a_run_needs() -> None:
    """Its first screen appears before cryptography, paramiko and the engine are loaded."""
    ran = python(
        "import sys, screens.app, screens.networking.screen, screens.services\n"
        "from screens.draft.draft import Draft\n"
        "Draft.new().problems\n"
        "sys.exit(' '.join(sorted({'cryptography', 'paramiko', 'kinstall.operations'} & set(sys.modules))) or 0)"
    )
    assert ran.returncode == 0, ran.stderr


def test_nothing_committed_names_a_package_registry() -> None:
    """Lock files and scripts leave it to the machine where packages come from."""
    found = [f"{name}: {host}" for name, text in texts() for host in REGISTRIES if host in text]
    assert found == []


def test_nothing_committed_names_a_path_of_one_machine() -> None:
    """What is committed works in any checkout. On the lab's hosts root's home is a place like any other."""
    hosts = ("tests/lab/", "tests/bench/")
    found = [
        f"{name}: {match[0]}"
        for name, text in texts()
        for match in MACHINE_PATHS.finditer(text)
        if not (name.startswith(hosts) and match[0].startswith("/root/"))
    ]
    assert found == []


def test_the_contributors_page_names_what_is_there() -> None:
    """Paths in CONTRIBUTING.md and in the decision records exist: a page that lies is worse than none."""
    pages = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "design.md", *(ROOT / "docs" / "decisions").glob("*.md")]
    named = re.compile(
        r"`((?:kinstall|assets|screens|tests|packaging|docs|engine|terminal|progress|transport)/[\w./]*)`"
    )
    missing = [
        f"{page.name}: {path}"
        for page in pages
        for path in named.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / path).exists() and not (ROOT / "kinstall" / path).exists()
    ]
    assert missing == []


def test_lock_files_have_hashes_and_agree() -> None:
    """Every requirement is pinned with hashes; the product's versions are those that the tests run with."""
    pins = {}
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / "packaging" / name).read_text()
        blocks = re.findall(r"^([\w.-]+)==(\S+)(.*(?:\n    .*)*)", text, re.MULTILINE)
        assert all("--hash=sha256:" in rest for _, _, rest in blocks), name
        pins[name] = {package: version for package, version, _ in blocks}
    assert pins["requirements.txt"].items() <= pins["requirements-dev.txt"].items()
    assert "paramiko" in pins["requirements.txt"]
