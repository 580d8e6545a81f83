"""Writes the golden files anew: `python -m tests.golden`."""

import shutil

from tests.golden.making import FOLDER, golden, names


def main() -> None:
    for path in FOLDER.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            shutil.rmtree(path)
    for name in names():
        texts = golden(name)
        for place, text in texts.items():
            path = FOLDER / name / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(f"tests/golden/{name}: {len(texts)} files")


if __name__ == "__main__":
    main()
