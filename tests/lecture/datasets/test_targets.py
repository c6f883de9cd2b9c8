"""What is predicted, and what counts as missing: classes in any capitals, codes, dates, names of columns."""

from datetime import date

import numpy as np
import pytest

from lecturelib import datasets
from lecturelib.advice import preparation
from lecturelib.datasets import Choices, labels
from tests.lecture.datasets.wine import column, write


def test_targets_are_classes_and_rows_without_one_are_left_out(tmp_path):
    path = write(tmp_path, "iris.csv", "x,species\n1,setosa\n2,virginica\n3,\n4,setosa\n5,versicolor\n")
    with pytest.raises(ValueError, match=r"3 classes .*--positive setosa"):
        datasets.table(path, "species")
    table = datasets.table(path, "species", Choices(positive="versicolor"))
    assert table.target.tolist() == [0, 0, 0, 1]
    assert "1 of 5 rows have no target" in table.steps[-1]
    path = write(tmp_path, "digit.csv", "label,x\n0,1.5\n1,2.5\n2,9.5\n")
    assert datasets.table(path, choices=Choices(positive="2")).target.tolist() == [0, 0, 1]
    assert not preparation.load(path).remarks[1:]
    many = write(tmp_path, "digits.csv", "label,x\n" + "0,1.5\n1,2.5\n2,9.5\n" * 5)
    assert (
        "The targets are 0, 1, 2, predicted as numbers (if they are classes: --positive 2)."
        in preparation.load(many).remarks
    )
    with pytest.raises(ValueError, match="found 3; tell one from the rest, --positive 2"):
        preparation.load(path, loss="logistic")


def test_a_date_is_not_offered_as_a_target(tmp_path):
    path = write(tmp_path, "temps.csv", "temp,date\n47.8,2010/01/01\n47.4,2010/01/02\n47.1,2010/01/03\n")
    with pytest.raises(ValueError, match=r"Say it, --target temp$"):
        datasets.table(path)
    with pytest.raises(ValueError, match=r"Take one: --keep date$"):
        datasets.table(path, "temp")
    assert datasets.table(path, "temp", Choices(keep=("date",))).columns == ("date",)


def test_a_line_of_numbers_that_is_taken_for_names_is_said(tmp_path):
    path = write(tmp_path, "t.csv", "0,1\n5,2\n7,4\n")
    with pytest.raises(
        ValueError, match=r"The first line, 0, 1, ..., names the columns \(else: --no-header\)"
    ):
        datasets.table(path)
    assert datasets.table(path, "1", Choices(header=False)).target.tolist() == [1, 2, 4]
    with pytest.raises(ValueError, match="--drop 1 leaves out what --target 1 predicts; drop one"):
        datasets.table(path, "1", Choices(drop=("1",)))


def test_a_class_is_told_in_any_capitals_and_an_empty_target_is_named(tmp_path):
    path = write(tmp_path, "t.csv", "x,pet\n1,Cat\n2,DOG\n3,dog\n4,dog\n5,cow\n")
    assert datasets.table(path, "pet", Choices(positive="Dog")).target.tolist() == [0, 1, 1, 1, 0]
    path = write(tmp_path, "t.csv", "a,b,y\n1,2,\n3,4,NA\n")
    assert datasets.table(write(tmp_path, "u.csv", "a,class,y\n1,,5\n3,,6\n")).target_name == "y"
    with pytest.raises(ValueError, match=r"--target b or another of: a, b \(y has no value in any row\)"):
        datasets.table(path)


def test_one_text_among_many_numbers_counts_as_missing_however_often():
    many = [f"{k}.5" for k in range(40)]
    assert labels.meaning([*many, "refused"], np.array([1] * 40 + [20])).odd == ("refused",)
    assert labels.meaning([*many, "refused", "n/r"], np.array([1] * 40 + [10, 10])).labels
    assert labels.meaning(["4", "6", "other"]).labels


def test_dates_are_read_where_the_column_tells_their_order():
    """And only the right half of the day."""
    noon = (date(2020, 1, 5) - date(1970, 1, 1)).days + 0.5
    for text, other in (
        ("1/5/20 12:00 PM", "1/31/20"),
        ("5.1.2020 12:00", "31.1.2020"),
        ("2020-01-05T12:00Z", ""),
    ):
        found = labels.meaning([text, other])
        assert found.dates
        assert found.values[0] == noon
    assert np.isnan(labels.meaning(["1/5/20", "2/5/20"]).values).all()


def test_codes_in_texts_mean_missing_and_a_wrong_one_is_refused(tmp_path):
    path = write(tmp_path, "t.csv", column("red", "none given", "blue", "red"))
    table = datasets.table(path, choices=Choices(codes=("none given",)))
    assert table.columns == ("x", "x is missing")
    with pytest.raises(
        ValueError, match="'leave_out' stands nowhere in it; after --missing give impute, leave-out"
    ):
        datasets.table(path, choices=Choices(codes=("leave_out",)))
