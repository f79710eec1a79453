from client.core.ikev2.timers import Timer, TimerTable


def test_due_timers_come_out_once_and_in_order() -> None:
    table = TimerTable()
    table.set(Timer.DPD, b"", 5.0)
    table.set(Timer.RETRANSMIT, b"a", 3.0)
    table.set(Timer.REKEY_CHILD, b"c", 9.0)
    assert table.next() == 3.0
    assert table.due(6.0) == [(Timer.RETRANSMIT, b"a"), (Timer.DPD, b"")]
    assert table.due(6.0) == []
    assert table.next() == 9.0


def test_a_timer_set_again_replaces_itself_and_an_owner_takes_all_of_its_own() -> None:
    table = TimerTable()
    table.set(Timer.RETRANSMIT, b"a", 3.0)
    table.set(Timer.RETRANSMIT, b"a", 7.0)
    table.set(Timer.REKEY_IKE, b"a", 8.0)
    table.set(Timer.DPD, b"", 9.0)
    assert table.next() == 7.0
    table.cancel_owner(b"a")
    assert table.next() == 9.0
