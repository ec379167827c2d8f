from guard.stages import BODY, HEAD, SHARE, UPGRADE


def test_the_order_of_the_stages():
    """Who asks is known before what is asked is read, and it is read before a model is chosen."""
    assert [stage.__name__ for stage in HEAD] == ["locate", "identify", "block", "limit"]
    assert [stage.__name__ for stage in BODY] == ["parse", "filter_prompt", "route"]
    assert [stage.__name__ for stage in SHARE] == ["estimate", "reserve"]
    assert [stage.__name__ for stage in UPGRADE] == ["upgrade"]
