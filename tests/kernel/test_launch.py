"""`stakeout watch ... -- program`: armed before the program's first own instruction, over when it ends."""

from __future__ import annotations

from actor import program
from checks import chained, symbols, written
from stakeout_run import Record, Watch


def finished(watch: Watch) -> list[Record]:
    assert watch.wait_exit() == 0, watch.stderr
    assert [hit["seq"] for hit in watch.hits()] == list(range(1, len(watch.hits()) + 1))
    assert watch.summary["ended_by"] == "target"
    assert (watch.summary["hits"], watch.summary["lost"]) == (len(watch.hits()), 0)
    chained(watch.hits())
    return watch.hits()


def test_sees_a_constructor_and_main() -> None:
    with Watch("--symbol", "early", command=[program("actor"), "count 1"]) as watch:
        hits = finished(watch)
    assert written(hits) == [1, 2] and hits[0]["old"] == "0x0"
    assert symbols(hits[0]["user_stack"])[0] == "construct"
    assert symbols(hits[1]["user_stack"])[0] == "main"


def test_counts_all_accesses() -> None:
    with Watch("--symbol", "counter", "--rw", command=[program("actor"), "count 200", "sigtraps"]) as watch:
        hits = finished(watch)
    lost = int(watch.lines[-1].split()[1])  # the program shares our standard output
    assert len(hits) == 200 - lost


def test_program_with_fixed_addresses() -> None:
    with Watch("--symbol", "counter", command=[program("actor_fixed"), "count 20"]) as watch:
        assert written(finished(watch)) == list(range(1, 21))


def test_program_with_a_library() -> None:
    """Its standard input is /dev/null: it ends before it counts, and that is the watch's natural end."""
    with Watch("--symbol", "libwatched_library.so:library_counter", command=[program("library_user")]) as watch:
        assert finished(watch) == []
        assert watch.armed["targets"][0]["value"] == "0x5"


def test_program_whose_threads_count() -> None:
    with Watch("--symbol", "counter", "--no-brake", command=[program("actor"), "hire 8", "work 50", "sigtraps"]) as watch:
        hits = finished(watch)
    assert len(hits) == 400 - int(watch.lines[-1].split()[1])
    assert len({hit["tid"] for hit in hits}) == 8


def test_failing_program_is_no_failure_of_the_watch() -> None:
    with Watch("--symbol", "counter", command=[program("actor"), "count 3", "exit 7"]) as watch:
        assert len(finished(watch)) == 3


