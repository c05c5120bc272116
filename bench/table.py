"""Tables of what was measured, for a terminal and in Markdown."""
import math
import statistics


class Figure:
    """A column. `better`: "more", "less" or "" - with one, the cell of a peer
    also has how many times better pystrobe is. `spread`: least and most, too."""

    def __init__(self, key, title, digits=1, better="", spread=False):
        self.key, self.title, self.digits = key, title, digits
        self.better, self.spread = better, spread

    def data(self):
        return {"key": self.key, "title": self.title, "digits": self.digits,
                "better": self.better, "spread": self.spread}


def values(row, key):
    found = [one[key] for one in row["rounds"]
             if isinstance(one.get(key), (int, float))]
    return [value for value in found if not math.isnan(value)]


def median(row, key):
    found = values(row, key)
    return statistics.median(found) if found else None


def number(value, digits):
    if value is None:
        return "-"
    text = "{:,.{}f}".format(value, digits).replace(",", " ")
    return "0" if text.strip("-0.") == "" else text


def times(mine, its, better):
    """How many times better `mine` is; "" where that means nothing."""
    if mine is None or its is None or mine <= 0 or its <= 0:
        return ""
    ratio = mine / its if better == "more" else its / mine
    return " (%sx)" % ("%.0f" % ratio if ratio >= 20 else "%.1f" % ratio
                       if ratio >= 1 else "%.2f" % ratio)


def own(rows):
    """The row that others are compared with: pystrobe as it comes."""
    for row in rows:
        if row["tool"] == "pystrobe" and row["rounds"]:
            return row
    return None


def cell(row, figure, reference):
    value = median(row, figure["key"])
    text = number(value, figure["digits"])
    found = values(row, figure["key"])
    if figure["spread"] and len(found) > 1:
        text += " [%s, %s]" % (number(min(found), figure["digits"]),
                               number(max(found), figure["digits"]))
    if figure["better"] and reference and row["peer"] and value is not None:
        text += times(median(reference, figure["key"]), value,
                      figure["better"])
    return text


def cells(group):
    """Lists of texts, the head first; a row without figures is (name, why)."""
    yield [group.get("what", "")] + [f["title"] for f in group["figures"]]
    reference = own(group["rows"])
    for row in group["rows"]:
        if not row["rounds"]:
            yield [row["tool"], row["status"]]
        else:
            yield [row["tool"]] + [cell(row, figure, reference)
                                   for figure in group["figures"]]


def notes(group):
    """What stands under a table."""
    found = list(group.get("notes", ()))
    for row in group["rows"]:
        if row["rounds"] and row.get("failures"):
            found.append("%s: %d of %d runs failed: %s" % (
                row["tool"], len(row["failures"]),
                len(row["failures"]) + len(row["rounds"]),
                row["failures"][0]))
    return found


def title(group):
    return " · ".join(part for part in (
        group["scenario"], group.get("variant"), group.get("python"))
        if part)


def terminal(group):
    lines = list(cells(group))
    count = max(len(line) for line in lines)
    widths = [max([len(line[i]) for line in lines
                   if len(line) == count or i == 0] or [0])
              for i in range(count)]
    out = ["", title(group)]
    for line in lines:
        if len(line) < count:
            out.append("  %-*s  %s" % (widths[0], line[0], line[1]))
        else:
            out.append("  " + "  ".join(
                [line[0].ljust(widths[0])] +
                [text.rjust(width)
                 for text, width in zip(line[1:], widths[1:])]))
    if group.get("wanted"):
        out.append("  to reach: " + group["wanted"])
    for note in notes(group):
        out.append("  " + note)
    return "\n".join(out)


def markdown(group):
    lines = list(cells(group))
    count = max(len(line) for line in lines)
    out = ["", "### " + title(group), ""]
    if group.get("wanted"):
        out += ["To reach: " + group["wanted"] + ".", ""]
    for at, line in enumerate(lines):
        line = line + [""] * (count - len(line))
        out.append("| " + " | ".join(text.replace("|", "\\|")
                                     for text in line) + " |")
        if at == 0:
            out.append("|---" + "|---:" * (count - 1) + "|")
    for note in notes(group):
        out += ["", note]
    return "\n".join(out)
