"""In which language somebody wrote, by the script."""

import pytest

from services.kit.pages.script import parted, written_in


@pytest.mark.parametrize(
    ("words", "language"),
    [("合同与流水一致", "zh-CN"), ("no team here", "en"), ("给 Chen", "zh-CN"), ("12.50", None), ("", None)],
)
def test_the_language_of_words_is_told_by_their_script(words, language):
    assert written_in(words) == language


@pytest.mark.parametrize(
    ("said", "language", "own", "other"),
    [
        ("officer-7: 合同与流水一致", "en", "officer-7: ", "合同与流水一致"),
        ("officer-7: 合同与流水一致", "zh-CN", "officer-7: 合同与流水一致", ""),
        ("机构拒绝：no team in the region", "zh-CN", "机构拒绝：", "no team in the region"),
        ("declined: no team in the region", "en", "declined: no team in the region", ""),
        ("评分由 A 变为 B", "zh-CN", "评分由 A 变为 B", ""),
        ("已撤回：V-B00003-1", "zh-CN", "已撤回：V-B00003-1", ""),
    ],
)
def test_the_words_of_somebody_who_wrote_in_the_other_language_are_told_apart(said, language, own, other):
    assert parted(said, language) == (own, other)
