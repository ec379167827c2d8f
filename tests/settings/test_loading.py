"""Files as bytes, before they are YAML."""

import pytest

from guard.settings import SettingsError, load

TEXT = "models: {m: {versions: {v: {url: 'http://h'}}, active: v}}\nroutes: [{path: /, format: openai, model: m}]\n"


def test_byte_order_mark_is_no_part_of_the_text(tmp_path):
    """A file saved with a byte order mark loads like any other."""
    path = tmp_path / "guard.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert load(path, {}).models


@pytest.mark.parametrize(("content", "line"), [(b"a: \xff", 1), (TEXT.encode() + b"state: \xe4\n", 3)])
def test_other_encodings_are_refused(tmp_path, content, line):
    """A file that is not UTF-8 is refused, with the line on which it stops being it."""
    path = tmp_path / "guard.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f":{line}: this is not UTF-8; expected text in UTF-8"):
        load(path, {})


@pytest.mark.parametrize(
    ("rules", "known"),
    [("rules: {dir: r}", True), ("rules: {dir: null}", False), ("rules: {dir: 7}", False), ("", True)],
)
def test_error_knows_where_the_rules_are(tmp_path, rules, known):
    """With errors elsewhere, the rules can still be found, if the file says where they are."""
    path = tmp_path / "guard.yaml"
    path.write_text(f"{TEXT}nonsense: 1\n{rules}\n")
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert (caught.value.rules is not None) is known


@pytest.mark.parametrize(
    ("beside", "here", "expected"), [(True, True, "conf"), (True, False, "conf"), (False, True, "here")]
)
def test_rules_are_looked_for_beside_the_file_first(tmp_path, monkeypatch, beside, here, expected):
    """Only where nothing of that name is beside the file, the current directory counts."""
    for name, there in (("conf", beside), ("here", here)):
        (tmp_path / name).mkdir()
        if there:
            (tmp_path / name / "rules").mkdir()
    path = tmp_path / "conf" / "guard.yaml"
    path.write_text(
        "models: {m: {versions: {v: {url: 'http://h'}}, active: v}}\n"
        "routes: [{path: /, format: openai, model: m}]\nrules: {dir: rules}\n"
    )
    monkeypatch.chdir(tmp_path / "here")
    assert load(path, {}).rules.dir == str((tmp_path / expected / "rules").resolve())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:shared/store.db", "sqlite:{folder}/shared/store.db"),
        ("sqlite:/var/lib/store.db", "sqlite:/var/lib/store.db"),
        ("sqlite:///var/lib/store.db", "sqlite:/var/lib/store.db"),
        ("redis://h", "redis://h"),
    ],
)
def test_a_store_that_is_a_file_counts_from_the_configurations_folder(tmp_path, url, expected):
    """As all paths do, so that commands find it wherever they are given; other stores stay as they are."""
    path = tmp_path / "guard.yaml"
    path.write_text(
        f"store: {{url: '{url}'}}\nmodels: {{m: {{versions: {{v: {{url: 'http://h'}}}}, active: v}}}}\n"
        "routes: [{path: /, format: openai, model: m}]\n"
    )
    assert load(path, {}).store.url == expected.format(folder=tmp_path)
