import pytest


def test_init_makes_a_workspace_and_says_what_next(notifier, tmp_path):
    """A new workspace has settings, a campaign, its template and its sheet; then come steps."""
    result = notifier("init", "school")
    assert result.code == 0
    assert (tmp_path / "school" / "notifier.toml").is_file()
    assert (tmp_path / "school" / "campaigns" / "notice.yaml").is_file()
    assert (tmp_path / "school" / "templates" / "notice" / "subject.txt").is_file()
    assert (tmp_path / "school" / "data" / "people.csv").is_file()
    assert "cd school" in result.out
    assert "notifier send notice" in result.out


def test_init_speaks_the_chosen_language(notifier, tmp_path, monkeypatch):
    """With Vietnamese chosen, the settings' comments, the campaign and the sheet are Vietnamese."""
    monkeypatch.setenv("NOTIFIER_LOCALE", "vi")
    assert notifier("init").code == 0
    text = (tmp_path / "notifier.toml").read_text(encoding="utf-8")
    assert 'locale = "vi"' in text
    assert "Mật khẩu" in text
    assert (tmp_path / "campaigns" / "thong_bao.yaml").is_file()


@pytest.mark.parametrize("part", ["notifier.toml", "campaigns"])
def test_init_never_overwrites(notifier, tmp_path, part):
    """Where there is a workspace already, nothing is touched."""
    path = tmp_path / part
    if part == "campaigns":
        path.mkdir()
        path = path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    result = notifier("init")
    assert result.code == 2
    assert f"already a {part}" in result.err
    assert path.read_text(encoding="utf-8") == "mine"
    assert [it.name for it in tmp_path.iterdir()] == [part]


def test_init_on_a_file_is_refused(notifier, tmp_path):
    """DIR must be a folder."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert notifier("init", "file").code == 2


def test_init_sample_copies_the_samples(notifier, tmp_path):
    """--sample brings the demo's campaigns with their templates and sheets."""
    result = notifier("init", "samples", "--sample")
    assert result.code == 0
    assert list((tmp_path / "samples" / "campaigns").glob("*.yaml"))
    assert list((tmp_path / "samples" / "data" / "samples").iterdir())
    assert (tmp_path / "samples" / "notifier.toml").is_file()
