"""All files are written by scripts/files.py: beside, flushed to disk, renamed, swept."""

import ast
from pathlib import Path

import pytest

from scripts import bundle_root

SCRIPTS = Path(bundle_root(), "scripts")
WRITERS = {"files.py", "locks.py", "text_files.py"}  # the writer, the locks, tables that only grow
BY_PATH = {
    "write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile", "export_config_file", "imsave",
    "WriteImage", "copyfile", "copy2", "copytree", "urlretrieve",
}  # fmt: skip
TO_PATH_OR_FILE = {
    "save", "savez", "savez_compressed", "savetxt", "savefig", "save_as", "dump", "dcmwrite", "tofile",
    "to_filename", "to_stream", "to_csv", "writer", "DictWriter",
}  # fmt: skip
OPENING = {"open", "fdopen", "ZipFile", "GzipFile"}
IN_MEMORY = {"BytesIO", "StringIO"}


def called(node):
    """Return the last name of what is called."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", None))


def names_in_memory(scope):
    """Return the names in a function that stand for open files in memory: its ``file``, and what it makes."""
    names = {argument.arg for argument in scope.args.args if argument.arg == "file"}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and called(node.value) in IN_MEMORY:
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def opens_to_write(call):
    """Say whether a mode of writing is among the arguments, and no handle of a file that is open already."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    texts = [value.value for value in values if isinstance(value, ast.Constant)]
    modes = [text for text in texts if isinstance(text, str) and text and set(text) <= set("rwaxbt+")]
    is_handle = any(keyword.arg == "closefd" for keyword in call.keywords)
    return any(set(mode) & set("wax+") for mode in modes) and not is_handle


def is_writing(call, in_memory):
    """Say whether a call writes a file by its path."""
    name, values = called(call), [*call.args, *(keyword.value for keyword in call.keywords)]
    if name in OPENING and not opens_to_write(call):
        return False
    if name == "to_csv" and not call.args:  # to text
        return False
    to_memory = any(isinstance(value, ast.Name) and value.id in in_memory for value in values)
    return name in BY_PATH or (name in OPENING | TO_PATH_OR_FILE and not to_memory)


def writes(node, in_memory=frozenset()):
    """Return the lines that write a file by another way than ``scripts.files``."""
    if isinstance(node, ast.Lambda | ast.FunctionDef):
        in_memory = in_memory | names_in_memory(node)
    own = [node.lineno] if isinstance(node, ast.Call) and is_writing(node, in_memory) else []
    return own + [line for child in ast.iter_child_nodes(node) for line in writes(child, in_memory)]


@pytest.mark.parametrize("source", [
    'open(path, "w")', 'path.open("ab")', 'open(path, mode="x")', "path.write_text(text)",
    "frame.to_csv(path)", "torch.save(x, path)", "nibabel.save(image, path)", "figure.savefig(path)",
    "json.dump(content, handle)", "tempfile.mkstemp()", 'zipfile.ZipFile(path, "w")', "dataset.save_as(path)",
    "np.savez(path, x)", "shutil.copyfile(a, b)", "csv.DictWriter(handle, columns)", "picture().save(path)",
    "def f(path):\n torch.save(x, path)", 'os.fdopen(handle, "wb")',
])  # fmt: skip
def test_every_other_way_is_found(source):
    assert writes(ast.parse(source))


@pytest.mark.parametrize("source", [
    "path.open()", 'path.open("rb")', 'open(path, newline="")', "copy.copy(x)", "frame.to_csv(index=False)",
    "write_whole(path, lambda file: torch.save(x, file))", "zipfile.ZipFile(path)",
    "def f():\n text = io.StringIO()\n csv.writer(text)",
    'def f(file):\n with zipfile.ZipFile(file, "w") as archive: pass', 'open(memory, "wb", closefd=False)',
])  # fmt: skip
def test_reading_and_writing_to_memory_are_free(source):
    assert not writes(ast.parse(source))


def test_no_module_writes_a_file_by_itself():
    modules = [path for path in SCRIPTS.rglob("*.py") if path.parent != SCRIPTS or path.name not in WRITERS]
    assert len(modules) > 100
    found = {path.relative_to(SCRIPTS): writes(ast.parse(path.read_text("utf-8"))) for path in modules}
    assert {str(path): lines for path, lines in found.items() if lines} == {}
