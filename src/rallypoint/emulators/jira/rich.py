"""Rich text of a site: documents on Cloud, wiki text on Data Center, and how each shows what the other way wrote.

Only as much of the two as the vendor's documents describe for exchange: an unknown node is refused, not kept.
"""

import re
from collections.abc import Mapping
from typing import Any

from rallypoint.emulators.jira.refusals import Refusal

DOCUMENT = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
_INLINE = frozenset(
    {"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "inlineExtension", "placeholder",
     "mediaInline"}
)  # fmt: skip
_IN_CELL = frozenset(
    {"paragraph", "bulletList", "orderedList", "codeBlock", "heading", "panel", "blockquote", "rule", "mediaSingle",
     "mediaGroup", "taskList", "decisionList", "blockCard", "extension", "nestedExpand"}
)  # fmt: skip
_IN_ITEM = frozenset({"paragraph", "bulletList", "orderedList", "taskList", "codeBlock", "mediaSingle", "extension"})
_CHILDREN: dict[str, frozenset[str]] = {
    "doc": _IN_CELL | {"table", "expand", "bodiedExtension", "layoutSection", "embedCard"},
    "paragraph": _INLINE,
    "heading": _INLINE,
    "bulletList": frozenset({"listItem"}),
    "orderedList": frozenset({"listItem"}),
    "listItem": _IN_ITEM,
    "taskList": frozenset({"taskItem", "taskList", "blockTaskItem"}),
    "taskItem": _INLINE,
    "decisionList": frozenset({"decisionItem"}),
    "decisionItem": _INLINE,
    "codeBlock": frozenset({"text"}),
    "blockquote": frozenset({"paragraph", "bulletList", "orderedList", "codeBlock", "mediaSingle", "extension"}),
    "panel": frozenset(
        {
            "paragraph",
            "heading",
            "bulletList",
            "orderedList",
            "blockCard",
            "mediaSingle",
            "codeBlock",
            "taskList",
            "rule",
            "decisionList",
            "extension",
        }
    ),
    "table": frozenset({"tableRow"}),
    "tableRow": frozenset({"tableCell", "tableHeader"}),
    "tableCell": _IN_CELL,
    "tableHeader": _IN_CELL,
    "expand": _IN_CELL,
    "nestedExpand": _IN_CELL,
    "mediaSingle": frozenset({"media", "caption"}),
    "mediaGroup": frozenset({"media"}),
    "caption": _INLINE,
    "layoutSection": frozenset({"layoutColumn"}),
    "layoutColumn": _IN_CELL,
    "bodiedExtension": _IN_CELL,
}
_NEVER_EMPTY = frozenset({"bulletList", "orderedList", "listItem", "taskList", "table", "tableRow", "blockquote",
                          "panel"})  # fmt: skip
_MARKS = frozenset({"strong", "em", "strike", "code", "underline", "link", "textColor", "subsup", "backgroundColor",
                    "border", "alignment", "indentation", "breakout", "annotation"})  # fmt: skip


def checked(field: str, value: Any) -> dict[str, Any] | None:
    """The document as it is kept. Raises Refusal for what is none."""
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("type") != "doc" or value.get("version") != 1:
        raise Refusal(400, errors={field: DOCUMENT})
    if not _fits(value):
        raise Refusal(400, errors={field: "INVALID_INPUT"})
    return _kept(value)


def _fits(node: Mapping[str, Any]) -> bool:
    kind, content = str(node.get("type")), node.get("content", [])
    if not isinstance(content, list) or (kind in _NEVER_EMPTY and not content):
        return False
    if kind == "text":
        marks = node.get("marks", [])
        fine = isinstance(node.get("text"), str) and node["text"] != "" and isinstance(marks, list)
        return fine and all(isinstance(one, dict) and one.get("type") in _MARKS for one in marks)
    if kind == "mention" and not (node.get("attrs") or {}).get("id"):
        return False
    if kind == "heading" and (node.get("attrs") or {}).get("level") not in (1, 2, 3, 4, 5, 6):
        return False
    allowed = _CHILDREN.get(kind, frozenset())
    return all(isinstance(one, dict) and one.get("type") in allowed and _fits(one) for one in content)


def _kept(node: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults that Jira adds to what it was given."""
    made = dict(node)
    if "content" in node:
        made["content"] = [_kept(one) for one in node["content"]]
    if node.get("type") == "mention":
        made["attrs"] = {"accessLevel": "", **node["attrs"]}
    if node.get("type") == "table":
        made["attrs"] = {"isNumberColumnEnabled": False, "layout": "default", **(node.get("attrs") or {})}
    return made


# What wiki text says of a document: in version 2 of the interface, and in the history of Cloud.


def as_wiki(document: Any) -> str:
    """The wiki text that stands for a document; text passes as it is."""
    if not isinstance(document, dict):
        return document or ""
    return "\n\n".join(_block(one) for one in document.get("content", ())).strip()


def _block(node: Mapping[str, Any], bullet: str = "") -> str:
    kind, content = node.get("type"), node.get("content", [])
    match kind:
        case "paragraph" | "taskItem" | "decisionItem":
            return "".join(_inline(one) for one in content)
        case "heading":
            return f"h{node['attrs']['level']}. " + "".join(_inline(one) for one in content)
        case "bulletList" | "orderedList" | "taskList":
            sign = bullet + ("#" if kind == "orderedList" else "*")
            return "\n".join(_entry(one, sign) for one in content)
        case "codeBlock":
            language = (node.get("attrs") or {}).get("language")
            return f"{{code{':' + language if language else ''}}}\n{words(node)}\n{{code}}"
        case "blockquote":
            return "{quote}\n" + "\n\n".join(_block(one) for one in content) + "\n{quote}"
        case "panel":
            return "{panel}\n" + "\n\n".join(_block(one) for one in content) + "\n{panel}"
        case "rule":
            return "----"
        case "table":
            return "\n".join(_row(one) for one in content)
        case _:
            return words(node)


def _entry(node: Mapping[str, Any], sign: str) -> str:
    parts = node.get("content", [])
    if node.get("type") == "taskItem":
        return f"{sign} " + "".join(_inline(one) for one in parts)
    said = [_block(one, sign) if "List" in str(one.get("type")) else f"{sign} {_block(one)}" for one in parts]
    return "\n".join(said)


def _row(node: Mapping[str, Any]) -> str:
    sign = "||" if all(one.get("type") == "tableHeader" for one in node["content"]) else "|"
    return (
        sign + sign.join("\n".join(_block(one) for one in cell.get("content", ())) for cell in node["content"]) + sign
    )


def _inline(node: Mapping[str, Any]) -> str:
    attrs = node.get("attrs") or {}
    match node.get("type"):
        case "text":
            return _marked(node)
        case "hardBreak":
            return "\n"
        case "mention":
            return f"[~accountid:{attrs.get('id')}]"
        case "inlineCard":
            return f"[{attrs.get('url', '')}|{attrs.get('url', '')}|smart-link] "
        case _:
            return str(attrs.get("text") or attrs.get("shortName") or "")


def _marked(node: Mapping[str, Any]) -> str:
    text = str(node["text"])
    for mark in node.get("marks", ()):
        match mark["type"]:
            case "strong":
                text = f"*{text}*"
            case "em":
                text = f"_{text}_"
            case "strike":
                text = f"-{text}-"
            case "underline":
                text = f"+{text}+"
            case "code":
                text = f"{{{{{text}}}}}"
            case "link":
                text = f"[{text}|{mark['attrs']['href']}]"
    return text


def words(node: Any) -> str:
    """What is to be read in a document, without its form."""
    if isinstance(node, str):
        return node
    if not isinstance(node, Mapping):
        return ""
    attrs = node.get("attrs") or {}
    own = node.get("text") or attrs.get("text") or ""
    return str(own) + "".join(words(one) for one in node.get("content", ()))


_BOLD = re.compile(r"(?<!\w)\*(\S(?:[^*\n]*\S)?)\*(?!\w)")


def as_document(wiki: str) -> dict[str, Any] | None:
    """The document that version 2 of the interface makes of wiki text on Cloud: paragraphs, lists, bold."""
    if not wiki.strip():
        return None
    content: list[dict[str, Any]] = []
    for part in re.split(r"\n\s*\n", wiki.replace("\r\n", "\n").strip("\n")):
        rows = part.split("\n")
        if rows and all(row.startswith("* ") for row in rows):
            items = [{"type": "listItem", "content": [_paragraph([row[2:]])]} for row in rows]
            content.append({"type": "bulletList", "content": items})
        else:
            content.append(_paragraph(rows))
    return {"type": "doc", "version": 1, "content": content}


def _paragraph(rows: list[str]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        if place:
            content.append({"type": "hardBreak"})
        at = 0
        for found in _BOLD.finditer(row):
            if found.start() > at:
                content.append({"type": "text", "text": row[at : found.start()]})
            content.append({"type": "text", "text": found[1], "marks": [{"type": "strong"}]})
            at = found.end()
        if row[at:]:
            content.append({"type": "text", "text": row[at:]})
    return {"type": "paragraph", "content": content}
