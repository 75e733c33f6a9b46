"""Finding what looks like a secret before it could leave."""

import pytest

from router.secrets import find

AWS = "AKIAQWERTYUIOPASDFGH"


@pytest.mark.parametrize(
    "secret",
    [
        AWS,
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "11ABCDEFG0" * 3,
        "hf_" + "aBcDeFgHiJ" * 3,
        "xai-" + "0123456789" * 3,
        "sk-ant-api03-" + "x1Y2" * 10,
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_a_token_is_found_by_its_shape_and_told_without_being_shown(secret: str) -> None:
    found = find(f"first line\nuse {secret} please")
    assert [f.line for f in found][:1] == [2]
    assert secret not in str(found)


@pytest.mark.parametrize("column", [0, 3_590, 3_990, 5_000, 40_000])
def test_one_long_line_hides_nothing(column: int) -> None:
    assert find("x " * (column // 2) + f" {AWS} " + "y " * 3000)


@pytest.mark.parametrize("prose", ["a risk-free task", "half_life", "sk-ill and sk-y", "eyJ"])
def test_prose_is_no_secret(prose: str) -> None:
    assert find(prose * 3) == []
