"""A page as its tags, attributes and words, for the tests of pages."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags and attributes of a page, and the text outside of styles and scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.inside = [], [], [], ""
        self.bodies = {"style": [], "script": []}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.inside = tag if tag in self.bodies else ""

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.bodies[self.inside].append(data)
        else:
            self.words.append(data)

    def of(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]
