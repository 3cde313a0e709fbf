from pathlib import Path

import pytest
import torch

from hsvlm._system.devices import resolve_device, seeded_scope
from hsvlm._system.optional import cache_folder, import_optional
from hsvlm._system.threads import at_most_threads
from hsvlm.exceptions import MissingDependencyError


def test_missing_libraries_name_their_extra():
    with pytest.raises(MissingDependencyError) as error:
        import_optional("no_such_library.part", "geo")
    assert str(error.value) == (
        "no_such_library is needed here and is not installed. Install it with: "
        'pip install "hsvlm[geo]"'
    )
    assert isinstance(error.value, ImportError)


def test_broken_libraries_are_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import something_else_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as error:
        import_optional("broken_library", "geo")
    assert not isinstance(error.value, MissingDependencyError)


def test_auto_takes_a_device_that_exists():
    torch.zeros(1, device=resolve_device("auto"))
    assert resolve_device("cpu") == torch.device("cpu")


def test_the_scope_is_seeded_and_leaves_no_trace():
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded_scope(5, torch.device("cpu")) as generator:
            draws.append((torch.rand(3), torch.rand(3, generator=generator)))
    assert all(torch.equal(*pair) for pair in zip(*draws, strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_threads_are_limited_and_put_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for count, expected in ((0, 1), (1, 1), (2, 2), (64, 2)):
            with at_most_threads(count):
                assert torch.get_num_threads() == expected
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_user_without_home_goes_without_cache(monkeypatch):
    monkeypatch.delenv("HSVLM_CACHE_DIR")

    def homeless():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder("text") is None


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"HSVLM_CACHE_DIR": "/c"}, "/c/text"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/hsvlm/text"),
        ("linux", {}, "/home/me/.cache/hsvlm/text"),
        ("darwin", {}, "/home/me/Library/Caches/hsvlm/text"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/hsvlm/text"),
        ("win32", {}, "/home/me/AppData/Local/hsvlm/text"),
    ],
)
def test_default_cache_folder(monkeypatch, platform, variables, expected):
    for name in ("HSVLM_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert cache_folder("text") == Path(expected)
