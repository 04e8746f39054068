"""How many requests an apply takes, and that several at once are no less careful than one."""

from collections import Counter

from tests.deploy.alerts import alert
from tests.support.fake_kapacitor import fake_kapacitor

MANY = 40


def requests_of(fake, method: str) -> Counter:
    return Counter(path for kind, path, _ in fake.requests if kind == method)


def test_new_tasks_take_three_requests_each(make_bmtick):
    with fake_kapacitor() as fake:
        bmtick = make_bmtick(fake.url)
        bmtick.want(*(alert(f"a{n}") for n in range(MANY)))
        bmtick.apply()
        assert len(fake.tasks) == MANY
        assert all(t["executing"] for t in fake.tasks.values())
        changing = [r for r in fake.requests if r[0] != "GET"]
        assert len(changing) == 3 * MANY
        # the plan, the plan again under the lock, the proof and the record: in pages
        assert len(fake.requests) - len(changing) <= 24


def test_a_destroyed_task_takes_three_requests(make_bmtick):
    with fake_kapacitor() as fake:
        bmtick = make_bmtick(fake.url)
        bmtick.want(*(alert(f"a{n}") for n in range(MANY)))
        bmtick.apply()
        fake.requests.clear()
        bmtick.run("destroy", "--yes")
        assert fake.tasks == {}
        assert len(requests_of(fake, "DELETE")) <= 2 * MANY
        assert sum(requests_of(fake, "PATCH").values()) == 0
        # besides: the plan, the plan again under the lock, the proof and the record
        assert len(fake.requests) <= 3 * MANY + 24


def test_a_definition_that_is_refused_is_known_before_anything_runs(make_bmtick):
    """The last of many is refused: no task was started, and none is left."""
    with fake_kapacitor() as fake:
        bmtick = make_bmtick(fake.url)
        bmtick.want(*(alert(f"a{n}") for n in range(MANY)))
        create = fake._create

        def refuse(kind, store, body):
            if body["id"] == f"bmtick-a{MANY - 1}":
                return 400, {}, {"error": "invalid TICKscript: so it is"}
            return create(kind, store, body)

        fake._create = refuse
        result = bmtick.apply(expect=1)
        assert "so it is" in result.output
        assert "all was undone" in result.output
        assert fake.tasks == {}
        assert not requests_of(fake, "PATCH")  # which starts tasks


def test_state_that_a_dead_task_left_is_forgotten(make_bmtick):
    with fake_kapacitor() as fake:
        bmtick = make_bmtick(fake.url)
        bmtick.want(alert("a"), alert("b"))
        topics = fake._topics

        def with_dead_one(method, path):
            if method == "GET" and not path:
                return 200, {}, {"topics": [{"id": "bmtick-a"}]}
            return topics(method, path)

        fake._topics = with_dead_one
        bmtick.apply()
        deleted = {p.rpartition("/")[2] for p in requests_of(fake, "DELETE")}
        # Topics of stopped nodes are in no list; the named one of b is not there.
        assert deleted == {"bmtick-a", "main%3Abmtick-a%3Aalert2", "main%3Abmtick-b%3Aalert2"}
