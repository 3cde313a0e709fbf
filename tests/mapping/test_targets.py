import pytest

from hsvlm import Scene
from hsvlm.exceptions import FileError
from hsvlm.mapping import predict_scene


def test_folders_that_cannot_be_written_to_are_found_before_anything_is_predicted(
    fitted, counting, cube, tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    # As root, nothing is refused.
    monkeypatch.setattr("hsvlm.mapping._targets.TemporaryDirectory", refuse)
    read = counting(cube)
    with pytest.raises(FileError) as error:
        predict_scene(fitted, Scene(read), out=tmp_path / "map.tif")
    assert str(error.value) == (
        f"{tmp_path / 'map.tif'}: it cannot be written (Permission denied). Make the folder "
        "writable, or give another path."
    )
    assert not read.reads.any()
