"""What the columns of a table mean: categories, missing values, dates, names of rows; how it is switched."""

from datetime import date

import numpy as np
import pytest

from lecturelib import datasets
from lecturelib.datasets import Choices
from tests.lecture.datasets.wine import DUPLICATE, ROWS, VALUES, column, comma, write

WHERE = np.arange(ROWS)


def each(cells, header):
    return column(*map(cells, range(ROWS)), header=header)


MEANT = {  # content -> the names of its features, words of a step, and some values (row, column, value)
    "yes and no": (column("no", "yes"), "x", "x: no is 0, yes is 1", (0, 0, 0), (1, 0, 1)),
    "yes in capitals": (
        column("no", "yes", "NO", "Yes "),
        "x",
        "x: NO is no, Yes is yes (else: --category x)",
        (2, 0, 0),
        (3, 0, 1),
    ),
    "letters": (column("a", "A", "b"), "x=a, x=A, x=b", "", (1, 1, 1)),
    "copy of the target": (
        each(lambda k: f"{k % 12}.5,{VALUES[k, 3]}", "x,t,y"),
        "x",
        "as a duplicate of y: t",
    ),
    "True and False": (column("True", "False"), "x", "x: False is 0, True is 1", (0, 0, 1), (1, 0, 0)),
    "categories": (
        column("red", "blue", "green"),
        "x=red, x=blue, x=green",
        "3 categories, 3 col",
        (1, 1, 1),
        (1, 0, 0),
    ),
    "rare categories": (
        column(*["red", "blue"] * 10, "a", "b", "c", "red"),
        "x=red, x=blue, x=(rare)",
        "3 rare ones together (3 rows)",
        (20, 2, 1),
        (23, 0, 1),
    ),
    "question marks": (
        column("1.5", "?", "2.5"),
        "x, x is missing",
        "x 8 of 24 (mean 2)",
        (1, 0, 2.0),
        (1, 1, 1),
    ),
    **{
        f"missing {code}": (column("1.5", code, "2.5"), "x, x is missing", "x 8 of 24", (1, 1, 1))
        for code in ("<NA>", r"\N", "--", "#N/A N/A", "Infinity", "-infinity")
    },
    "NA of R": (column("1.5", "NA", "2.5"), "x, x is missing", "--missing leave-out", (1, 0, 2.0), (1, 1, 1)),
    "unknown, often": (column("31", "unknown"), "x, x is missing", "'unknown' among numbers", (1, 1, 1)),
    "a code": (
        column("1.5", "-999", "0.5", "7.5"),
        "x",
        "-999 is far from all other values, and taken as a number: in rows of x 6 (--missing -999",
        (1, 0, -999),
    ),
    "no code": (column("1.5", "-9", "-8", "99", "98"), "x", ""),
    "missing category": (
        column("red", "", "blue", "green"),
        "x=red, x=blue, x=green, x is missing",
        "6 missing",
        (1, 3, 1),
    ),
    "infinity of Windows": (column("1.5", "1.#INF"), "x, x is missing", "x 12 of 24", (1, 0, 1.5)),
    "thousands": (
        column('"1,200"', '"$2,500"'),
        "x",
        "x: 1,200 is read as 1200 (else: --decimal ,)",
        (0, 0, 1200),
        (1, 0, 2500),
    ),
    "decimals, three here and two there": (
        column('"3,126"', '"3,13"', '"4"'),
        "x",
        "",
        (0, 0, 3.126),
        (1, 0, 3.13),
    ),
    "thousands parted by points": (
        "x;y\n" + "".join(f"{('10.671', '512')[k % 2]};{comma(VALUES[k, 3])}\n" for k in WHERE),
        "x",
        "x: 10.671 is read as 10671 (else: --decimal .)",
        (0, 0, 10671),
        (1, 0, 512),
    ),
    "accounts": (
        column("(0.45)", "1'234", "1 234", "\N{MINUS SIGN}0.5"),
        "x",
        "",
        (0, 0, -0.45),
        (1, 0, 1234),
        (2, 0, 1234),
        (3, 0, -0.5),
    ),
    "typing error": (
        column(*[f"{k}.5" for k in range(23)], "2.5o"),
        "x, x is missing",
        "'2.5o' among numbers",
        (23, 1, 1),
    ),
    "in apostrophes": (column("'0.5'", "'1.5'"), "x", "", (1, 0, 1.5)),
    "leading zeros": (column("01234", "5678"), "x", "x: 01234 begins with a zero", (0, 0, 1234)),
    "days as numbers": (each(lambda k: f"{20200101 + k},{k}.5", "date,x,y"), "x", "as dates: date"),
    "few whole numbers": (
        column("1", "2", "3"),
        "x",
        "Whole numbers of few values, taken as numbers: x",
        (1, 0, 2),
    ),
    "constant": (column("7,1", "7,2", header="c,x,y"), "x", "Left out with one value only: c", (1, 0, 2)),
    "duplicate": (DUPLICATE, "a", "as a duplicate of a: b (--keep", (1, 0, 3.5)),
    "empty": (column(",1.5", ",2.5", header="e,x,y"), "x", "Left out without any value: e", (1, 0, 2.5)),
    "row numbers": (each(lambda k: f"{k},{k * k}.5", "no,x,y"), "x", "as row numbers: no (--keep"),
    "shuffled rows of pandas": (
        each(lambda k: f"{k * 7 % 24},{k}.5", "Unnamed: 0,x,y"),
        "x",
        "as row numbers: Unn",
    ),
    "shuffled rows of readr": (
        each(lambda k: f"{k * 7 % 24 + 1},{k}.5", "...1,x,y"),
        "x",
        "as row numbers: ...",
    ),
    "shuffled rows of R": (each(lambda k: f"{k * 7 % 24 + 9},{k}.5", "X,x,y"), "x", "as row numbers: X"),
    "X is no row number": (each(lambda k: f"{k * 7 % 12},{k}.5", "X,x,y"), "X, x", ""),
    "identifier": (
        each(lambda k: f"{k * 7 % 24 + 99},{k}.5", "tweet_id,x,y"),
        "x",
        "as identifiers: tweet_id",
    ),
    "acid is no id": (each(lambda k: k * 7 % 24 + 99, "acid,y"), "acid", "", (0, 0, 99)),
    "the same categories": (
        column("a,A", "b,B", "c,C", header="t,T,y"),
        "t=a, t=b, t=c",
        "as a duplicate of t: T",
    ),
    "codes of other texts": (column("a,0", "b,1", header="t,x,y"), "t, x", "", (1, 1, 1)),
    "beyond 2^53": (each(lambda k: f"{2**60 + 7919 * (k % 5)},{k}.5", "z,x,y"), "x", "as identifiers: z"),
    "unix time": (
        each(lambda k: f"{1_600_000_000 + 3600 * k},{k}.5", "timestamp,x,y"),
        "x",
        "as dates: times",
    ),
    "dates": (each(lambda k: f"2011-01-{k + 1:02d},{k}.5", "day,x,y"), "x", "as dates: day (--keep"),
    "days first": (each(lambda k: f"{k + 1}/1/2011,{k}.5", "day,x,y"), "x", "as dates: day (--keep"),
    "months": (each(lambda k: f"2011-{k % 12 + 1:02d},{k}.5", "day,x,y"), "x", "as dates: day (--keep"),
    "names of months": (each(lambda k: f"Jan {k + 1} 2011,{k}.5", "day,x,y"), "x", "as dates: day (--keep"),
    "days before months": (
        each(lambda k: f"{k + 1}-Jan-2011,{k}.5", "day,x,y"),
        "x",
        "as dates: day (--keep",
    ),
    "no dates": (column("Mars 2000", "Mayor 1999"), "x", "x: Mars 2000 is 0, Mayor 1999 is 1"),
    "free text": (each(lambda k: f'"Doe{k}, Mr",{k}.5', "name,x,y"), "x", "as free text: name"),
    "Latin 1": (column("1", "2", header="año,y").encode("latin-1"), "año", "read as cp1252", (1, 0, 2)),
    "same name twice": (column("1,5", "2,9", header="a,a,y"), "a, a.1", "", (1, 1, 9)),
    "an infinite value": (column("1.5", "inf"), "x, x is missing", "mean 1.5", (1, 0, 1.5)),
    "line breaks in quotes": (column('"a\nb"', '"c"'), "x", "x: a\nb is 0, c is 1", (0, 0, 0), (1, 0, 1)),
}


@pytest.mark.parametrize("case", MEANT)
def test_a_column_becomes_what_it_means_and_the_page_says_so(tmp_path, case):
    content, columns, said, *values = MEANT[case]
    table = datasets.table(write(tmp_path, "t.csv", content))
    assert ", ".join(table.columns) == columns
    for row, at, value in values:
        assert table.features[row, at] == value
    assert said in " ".join(table.steps)
    assert np.array_equal(table.target, VALUES[:, 3])


CHOSEN = {  # what a step names, typed -> the features then
    "row numbers": (Choices(keep=("no",)), ["no", "x"]),
    "yes in capitals": (Choices(category=("x",)), ["x=no", "x=yes", "x=NO", "x=Yes"]),
    "dates": (Choices(keep=("day",)), ["day", "x"]),
    "identifier": (Choices(keep=("tweet_id",)), ["tweet_id", "x"]),
    "days first": (Choices(keep=("day",)), ["day", "x"]),
    "names of months": (Choices(keep=("day",)), ["day", "x"]),
    "days before months": (Choices(keep=("day",)), ["day", "x"]),
    "a code": (Choices(codes=("-999",)), ["x", "x is missing"]),
    "duplicate": (Choices(keep=("b",)), ["a", "b"]),
    "few whole numbers": (Choices(category=("x",)), ["x=1", "x=2", "x=3"]),
    "question marks": (Choices(missing="leave-out"), ["x"]),
    "constant": (Choices(drop=("c",)), ["x"]),
    "thousands": (Choices(decimal=","), ["x"]),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_every_step_can_be_switched(tmp_path, case):
    choices, columns = CHOSEN[case]
    table = datasets.table(write(tmp_path, "t.csv", MEANT[case][0]), choices=choices)
    assert list(table.columns) == columns
    if {"day"} == set(choices.keep):
        assert table.features[:, 0].tolist() == [
            (date(2011, 1, 1) - date(1970, 1, 1)).days + k for k in WHERE
        ]
    if case == "thousands":
        assert table.features[:2, 0].tolist() == [1.2, 2.5]
    if case == "question marks":
        assert len(table.target) == 16
