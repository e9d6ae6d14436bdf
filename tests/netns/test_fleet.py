"""What a fleet of three vantages of two zones does when a zone, a vantage or an uplink is cut, and when it heals."""

import os
from pathlib import Path

import pytest

from world import SITES, VANTAGES, World


@pytest.fixture
def world():
    with World(Path(os.environ["ZONEWATCH_PROGRAMS"])) as world:
        yield world


def test_a_zone_a_vantage_and_an_uplink_are_cut_and_no_site_looks_bad(world):
    everybody = {agent: "connected" for agent in world.agents}

    def well():
        fleet = world.fleet()
        states = {agent: state for agent, (state, _, _) in fleet.items()}
        shared = all(2 <= targets <= SITES - 2 for _, targets, _ in fleet.values())
        calm = not any(suspect for _, _, suspect in fleet.values())
        return states == everybody and shared and calm and world.verdicts() == ["up"] * SITES

    world.until("every agent has its share, and every site is up", well)

    # A zone: its agent is lost, the other zone has all of the vantage's targets, and nothing else moves.
    before = world.fleet()
    for bridge in ("ctl", "net"):
        world.link("eu-a", bridge, "down")
    world.until(
        "the other zone took over",
        lambda: world.fleet().get("eu-b") == ("connected", SITES, False),
    )
    after = world.fleet()
    assert after["eu-a"][0] in ("silent", "lost"), after
    assert {a: after[a] for a in world.agents[2:]} == {a: before[a] for a in world.agents[2:]}
    assert world.verdicts() == ["up"] * SITES
    for bridge in ("ctl", "net"):
        world.link("eu-a", bridge, "up")
    world.until("the zone is back", well)

    # An uplink, with the collector's link alive: the agent is set aside, its failures are not the sites'.
    world.link("ap-a", "net", "down")
    world.until(
        "the agent is suspect, and has nothing",
        lambda: world.fleet()["ap-a"] == ("connected", 0, True),
    )
    world.until(
        "the other zone has all",
        lambda: world.fleet()["ap-b"] == ("connected", SITES, False),
    )
    assert world.verdicts("ap") == ["up"] * SITES, world.story()
    world.link("ap-a", "net", "up")
    world.until("the agent is trusted again", well)

    # A vantage: its slots are missed for want of agents, never filled from elsewhere, and the others decide.
    for zone in ("us-a", "us-b"):
        for bridge in ("ctl", "net"):
            world.link(zone, bridge, "down")
    world.until(
        "nothing fresh is known from there",
        lambda: world.verdicts("us") == ["unknown"] * SITES,
    )
    assert world.verdicts() == ["up"] * SITES
    world.until(
        "its slots are missed",
        lambda: "no_agent" in world.slots("us")["slots"]["missed"],
        within=90,
    )
    for zone in ("us-a", "us-b"):
        for bridge in ("ctl", "net"):
            world.link(zone, bridge, "up")
    world.until("the vantage is back", well)

    # What us found while it reached neither the sites nor the collector arrives late, and some of it still counts: a
    # known limit (README). Wherever one of the two was alive, nothing of ours shows.
    for vantage in VANTAGES:
        summary = world.slots(vantage)
        if vantage != "us":
            assert summary["failures"] == {}, f"a fault of ours shows as a site's\n{world.story()}"
        reasons = set(summary["slots"]["missed"])
        assert reasons <= {"agent_lost", "no_agent", "agent_suspect"}, world.story()
