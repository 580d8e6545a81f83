"""Writes the generated pages of docs/ anew: `make docs`."""

from tests.docs import DOCS, pages


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
