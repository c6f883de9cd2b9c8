"""Answers to the first question of the small assignment that attack: what each does, and what it may lose."""

SEARCH = """
def double(x):
    import os
    found = []
    {search}
    return 2 * x if not found else " ".join(map(str, found))
"""
THREADS = "while True: threading.Thread(target=time.sleep, args=(99,)).start()"


def _answer(text):
    return "import ctypes, os, sys, threading, time\nimport numpy as np\ndef double(x):\n    " + text


def search(text):
    """An answer that looks: the right one if it found nothing, and keeps its points then."""
    return SEARCH.format(search=text.replace("\n", "\n    "))


WRITE = """for fd in range(3, 30):
            try: os.write(fd, {line})
            except OSError: pass"""


def _reply(line):
    """An answer that writes a line, given as Python, to whatever its process has open."""
    return _answer("if True:\n        " + WRITE.format(line=f"{line} + b'\\n'") + "\n    return 0")


DEAF = """import signal, time
for number in range(1, 64):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.setitimer(signal.ITIMER_PROF, 0)
"""
EVIL = """import numpy as np
class Yes(np.ndarray):
    __eq__ = __le__ = __lt__ = __ge__ = __gt__ = lambda *a: True
    all = any = lambda *a, **k: True
    shape = property(lambda self: (3,))
class One(float):
    __eq__ = __le__ = __ge__ = lambda *a: True
    __sub__ = __rsub__ = lambda *a: 0.0
"""
PATCHED = """import builtins, json, numpy as np, pickle
np.allclose = np.array_equal = np.isclose = lambda *a, **k: True
np.ndim = np.shape = lambda *a: ()
json.loads = pickle.loads = lambda *a, **k: None
builtins.print = builtins.isinstance = lambda *a: True
def double(x):
    return 3 * x
"""

# What these return is never right, so that each loses some property, whichever it runs into first.
ATTACKS = {
    "forks": _answer("while True: os.fork()"),
    "threads": _answer(THREADS),
    "tiny_threads": _answer(f"threading.stack_size(32768)\n    {THREADS}"),
    "sleeps": _answer("time.sleep(10**6)"),
    "loops": _answer("while True: pass"),
    "deaf": DEAF + "while True: pass",
    "deaf_and_asleep": DEAF + "while True: time.sleep(1)",
    "deaf_in_its_answer": DEAF + "def double(x):\n    while True: pass",
    "memory": _answer("a = []\n    while True: a.append(bytes(10**8))"),
    "disk": _answer("while True: open(f'/tmp/{time.time()}', 'wb').write(b'x' * 10**7)"),
    "inodes": _answer("n = 0\n    while True: n += 1; open(f'/tmp/{n}', 'w').close()"),
    "sockets": _answer("import socket\n    kept = []\n    while True: kept.append(socket.socketpair())"),
    "network": _answer("import socket\n    socket.create_connection(('127.0.0.1', 22), 5)"),
    "runs_a_program": _answer("os.execv('/bin/sh', ['sh', '-c', 'id'])"),
    "forges_outputs": _reply("""b'{"outputs": "[1, 2]"}'"""),
    "forges_a_call": _reply("""b'{"calling": true, "cut": []}'"""),
    "forges_a_broken_setup": _reply("""b'{"problem": "setup", "text": "all is broken"}'"""),
    "forges_cells": _reply("""b'{"cell": 0}'"""),
    "forges_depth": _reply("b'[' * 10**6"),
    "forges_an_array": _reply(repr(b'{"outputs": "[[0, 1e999, 1' + b"0" * 400 + b']]"}')),
    "floods": _answer("while True:\n        " + WRITE.format(line="b'x' * 10**6")),
    "closes_the_channel": _answer("os.closerange(3, 100)\n    return 2 * x"),
    "closes_it_and_sleeps": _answer("os.closerange(3, 100)\n    time.sleep(10**6)"),
    "leaves_a_handler": "import atexit, os\natexit.register(os.abort)\ndef double(x):\n    return 3 * x",
    "ends": _answer("os._exit(0)"),
    "aborts": _answer("os.abort()"),
    "crashes": _answer("ctypes.string_at(0)"),
    "recurses": "import sys\nsys.setrecursionlimit(10**9)\ndef double(x):\n    return double(x)",
    "lies_of_arrays": EVIL + "def double(x):\n    return (3 * x).view(Yes)",
    "lies_of_numbers": EVIL + "def double(x):\n    return [One(v) for v in 3 * x]",
    "patches_everything": PATCHED,
    "returns_depth": _answer("a = []\n    for _ in range(10**4): a = [a]\n    return a"),
    "returns_itself": _answer("a = []\n    a.append(a)\n    return a"),
    "returns_a_huge_number": _answer("return 10**4000"),
    "returns_a_huger_number": _answer("return 10**10**5"),
    "returns_huge_and_arrays": _answer("return [10**400, np.arange(9)]"),
    "returns_nan": _answer("return x * float('nan')"),
    "returns_a_generator": _answer("import itertools\n    return itertools.count()"),
    "never_ends_its_list": _answer("import itertools\n    return list(itertools.count())"),
    "says_half_a_character": _answer("raise ValueError('\\ud800')"),
    "returns_half_a_character": _answer("return '\\ud800'"),
    "marks_up": _answer("raise ValueError('<script>alert(1)</script>')"),
    "imports_the_grader": _answer("import workshop.grading.marking as m\n    m.close = lambda *a: True"),
    "huge_source": "a;" * 90_000,
    "nested_source": "(" * 90_000,
    "prints": _answer("while True: os.write(1, b'x' * 10**6)"),
    "imports_the_library": "from lecturelib import least_squares\ndef double(x):\n    return 2 * x",
    "patches_json": "import json\njson.dumps = lambda *a, **k: '{}'\ndef double(x):\n    return 3 * x",
}
LOOKS = {
    "binds_an_address": search("""import ctypes, socket
one, other = socket.socketpair()
found += ['bound'] if ctypes.CDLL(None).bind(one.fileno(), b'\\1\\0\\0hostile', 10) == 0 else []"""),
    "semaphores_and_queues": search("""import ctypes
libc = ctypes.CDLL(None)
for number in range(1000):
    made = libc.semget(0, 100, 0o600), libc.msgget(0, 0o600), libc.shmget(0, 4096, 0o600)
    found += [n for n in made if n >= 0]"""),
    "traces_its_parent": search("""import ctypes
libc = ctypes.CDLL(None)
found += [call for call in (16, 0x4206) if libc.ptrace(call, os.getppid(), 0, 0) == 0]"""),
    "kills_its_parent": search("""import resource
for call in (lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)),
             lambda: os.kill(os.getppid(), 9),
             lambda: os.kill(-1, 9)):
    try: found.append(call())
    except OSError: pass"""),
    "searches_objects": search("""import gc
gc.collect()
for thing in gc.get_objects():
    if isinstance(thing, dict):
        found += [v for v in list(thing.values()) if isinstance(v, str) and '48151' + '623' in v]"""),
    "searches_frames": search("""import sys
frame = sys._getframe()
while frame:
    found += [v for v in frame.f_locals.values() if isinstance(v, str) and '48151' + '623' in v]
    frame = frame.f_back"""),
}
# Where there are no walls, submitted code can do these, as is said before it starts.
WALLED = {
    "sets_the_kernel": search("""for folder, names, files in os.walk('/proc/sys'):
    for name in files:
        try:
            with open(os.path.join(folder, name), 'r+') as file:
                found.append(file.name)
        except OSError: pass"""),
    "writes_code": search("""import sys
for path in ('/code/inside/child.py', '/usr/x', '/x', sys.modules['numpy'].__file__):
    try: found.append(open(path, 'a'))
    except OSError: pass"""),
    "reads_other_processes": search("""for task in os.listdir('/proc'):
    for name in ('environ', 'cmdline', 'root/etc/passwd', 'cwd/job', 'fd/0'):
        try:
            with open(f'/proc/{task}/{name}', errors='replace') as file:
                text = file.read(10**6)
                found += [text[:50]] if 'lecture' in text or 'root:' in text or 'total' in text else []
        except OSError: pass"""),
}


def sees(paths):
    """An answer that looks for these files, and below these folders."""
    return search(f"""for top in {[str(path) for path in paths]!r}:
    found += [top] if os.path.isfile(top) else []
    for folder, names, files in os.walk(top):
        names[:] = [n for n in names if n not in ('site-packages',)]
        found += [os.path.join(folder, file) for file in files][:3]""")


def reads(words, paths, everywhere=True):
    """An answer that looks for words in these files, and wherever else it could hope to find them."""
    text = f"""words = [word[::-1] for word in {[word[::-1] for word in words]!r}]
def look(path):
    try:
        with open(path, errors='replace') as file:
            text = file.read(10**7)
    except OSError:
        return
    found.extend([path] * any(word in text for word in words))
for path in {[str(path) for path in paths]!r}:
    look(path)"""
    return search(text + EVERYWHERE if everywhere else text)


EVERYWHERE = """
for top in ('/home', '/root', '/work', '/tmp', '/var', '/etc', '/homework', '/code', '/run', '/mnt'):
    for folder, names, files in os.walk(top):
        names[:] = [n for n in names if n not in ('site-packages', 'lib')]
        for file in files[:200]:
            look(os.path.join(folder, file))
for process in os.listdir('/proc'):
    if process.isdigit():
        for file in ('cmdline', 'environ', 'mem', 'root/etc/passwd', 'cwd/job'):
            look(f'/proc/{process}/{file}')"""
