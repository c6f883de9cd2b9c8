"""What runs in Jupyter is graded as Jupyter runs it."""

import pytest

from tests.workshop.grading import grading_cases as cases
from tests.workshop.grading import homework_batch
from workshop.grading import marking, students, submissions
from workshop.grading.inside import magics

DOUBLE = "def double(x):\n    return x + x"
CELLS = {  # cells of a notebook: right in Jupyter, right here
    "magics": f"%matplotlib inline\n%load_ext autoreload\n{DOUBLE}",
    "a shell line": f"!pip install x\nfiles = !ls\nassert list(files) == []\n{DOUBLE}",
    "a timed line": f"%time start = 3\nassert start == 3\n{DOUBLE}",
    "a timed value": f"t = %timeit -o 1 + 1\nassert t.average >= 0\n{DOUBLE}",
    "a timed cell": f"%%time\n\n{DOUBLE}",
    "a question": f"np.where?\n{DOUBLE}",
    "prompts": "\n".join([">>> " + DOUBLE.split("\n")[0], "... " + DOUBLE.split("\n")[1]]),
    "indented": "    " + DOUBLE.replace("\n", "\n    "),
    "a remainder at a line's start": f"%matplotlib inline\nn = (7\n  % 4)\n{DOUBLE}".replace(
        "x + x", "x * (n - 1)"
    ),
    "display": f"display(np.ones(2), display_id=True).update(3)\ndisplay(3)\n{DOUBLE}",
    "display imported": f"from IPython.display import display, HTML\ndisplay(HTML('x'))\n{DOUBLE}",
    "the shell": f"get_ipython().run_line_magic('matplotlib', 'inline')\n{DOUBLE}",
    "the shell imported": f"from IPython import get_ipython\nget_ipython().system('ls')\n{DOUBLE}",
    "tqdm": f"from tqdm.auto import tqdm\nlist(tqdm(range(3)))\n{DOUBLE}",
    "await": f"import asyncio\nawait asyncio.sleep(0)\n{DOUBLE}",
    "await with": "import asyncio\nasync def two():\n    return 2\ntwo_ = await two()\n"
    "def double(x):\n    return two_ * x",
    "numba's cache": "import numba\n@numba.njit(cache=True)\ndef double(x):\n    return x + x",
}
TRIALS = {  # a cell below the answer that uses its name
    "a result": "double = double(np.ones(2))",
    "a number": "double = 3",
    "a loop": "for double in range(3): pass",
    "deleted": "del double",
    "a helper": "helper = 3",
    "a reload": "import numpy as double",
}


def marks(work, notebooks, folder):
    """The mark of question 1 for each notebook: its own code cells, and the given ones that it edited."""
    item, jobs = work.item("q1"), []
    drawn = marking.draw(item, "ada", 0)
    for code, edited in notebooks:
        numbered = tuple(enumerate(code, 5))
        jobs.append(marking.job(work, item, numbered, drawn, edited=tuple(enumerate(edited, 1))))
    return [marking.mark(item, outcome, drawn) for outcome, _ in homework_batch.run(jobs, folder)]


@pytest.fixture
def work(tmp_path):
    return cases.load(tmp_path / "homework")


@pytest.mark.long
def test_cells_that_only_ipython_reads_are_read(tmp_path, work):
    found = marks(work, [([text], []) for text in CELLS.values()], tmp_path)
    assert {name: (m.lost, m.text) for name, m in zip(CELLS, found, strict=True)} == dict.fromkeys(
        CELLS, (None, "")
    )


def test_a_module_that_a_cell_writes_can_be_imported(tmp_path, work):
    write = "%%writefile my_helper.py\ndef twice(x):\n    return x + x"
    more = "%%writefile -a my_helper.py\nTHREE = 3"
    use = "import my_helper\nassert my_helper.THREE == 3\ndouble = my_helper.twice"
    (mark,) = marks(work, [([write, more, use], [])], tmp_path)
    assert mark.lost is None


def test_a_function_is_taken_where_it_is_defined(tmp_path, work):
    answer = "def helper(x):\n    return 2 * x\ndef double(x):\n    return helper(x)"
    found = marks(work, [([answer, trial], []) for trial in TRIALS.values()], tmp_path)
    assert [m.lost for m in found] == [None] * len(TRIALS)
    later = [
        ([DOUBLE, "def double(x):\n    return 3 * x"], "twice as much"),  # the last definition counts
        (["def double (x):\n    return 3 * x", "double = lambda x: 2 * x"], None),
        (["def double(x):\n    return below(x)", "def below(x):\n    return 2 * x"], None),
        (["double = 3"], "is answered"),
    ]
    found = marks(work, [(code, []) for code, _ in later], tmp_path)
    assert [m.lost for m in found] == [lost for _, lost in later]


def test_what_is_added_to_a_given_cell_counts_and_what_is_changed_there_does_not(tmp_path, work):
    answer = "def double(x):\n    return two(2) * brentq(lambda y: y - np.asarray(3), 0, 9) * x / 3"
    edited = [
        "import numpy as np\nfrom scipy.optimize import (\n    brentq,\n)\ndef two(x):\n    return x",
        "np = 3\nfrom scipy.optimize import brentq\ntwo = lambda x: x",
        "%matplotlib inline\nfrom scipy.optimize import brentq\nimport os\nos._exit(0)\ndef two(x): return 2",
    ]
    found = marks(work, [([answer], [text]) for text in edited] + [([answer], [])], tmp_path)
    assert [m.lost for m in found] == [None] * 3 + ["runs"]


@pytest.mark.long
def test_all_that_stays_so_behind_the_walls(tmp_path, work):
    cases.need_bubblewrap()
    notebook = cases.submitted({**cases.RIGHT, "q1": CELLS["numba's cache"]})
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "source": "double = 3"})
    for text in (CELLS["await"], "%%writefile my_helper.py\nhelped = True", "from my_helper import helped"):
        notebook["cells"].insert(0, {"cell_type": "code", "metadata": {}, "source": text})
    notebook["cells"][0], notebook["cells"][1] = notebook["cells"][1], notebook["cells"][0]
    notebook["cells"][4]["source"] = "import numpy as np\nfrom scipy.optimize import brentq"
    submission = submissions.Submission("ada", cases.hand_in(tmp_path, "ada", notebook))
    (graded,) = students.marked(work, [(submission, {})], students.Settings(tmp_path), 1)
    assert {m.lost for m in graded.row.marks.values()} == {None}


@pytest.mark.parametrize("text", ["def broken(", "%matplotlib inline\ndef broken(", "\0"])
def test_what_is_neither_is_an_error_of_its_cell(text):
    with pytest.raises((SyntaxError, ValueError)):
        magics.compiled(text, "cell")
