"""A page of HTML, read as a person without JavaScript would read it."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The page's text by section, and its tables by their first heading."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sections: dict[str, str] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._heading = self._table = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in {"meta", "link"}:
            self._open.append(tag)
        if tag == "h2":
            self._heading = ""
        if tag == "table":
            self._table = ""
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag == "td" and self._table:
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "h2" in self._open:
            self._heading += data
        elif "th" in self._open:
            if not self._table:
                self._table = f"{self._heading}/{data}"
                self.tables[self._table] = []
        elif "td" in self._open:
            self.tables[self._table][-1][-1] += data
        self.sections[self._heading] = self.sections.get(self._heading, "") + data + " "

    def rows(self, start: str) -> dict[str, list[str]]:
        """The rows of the table whose section or heading begins so, by their first cell."""
        found = next(rows for name, rows in self.tables.items() if name.startswith(start) or f"/{start}" in name)
        return {row[0]: row[1:] for row in found}
