import { describe, expect, test } from "vitest";
import type { SkuCommand } from "../../durable-objects/sku/commands.ts";
import { HOLD_MS, holding, moving, OPENS, orderOf, situations, wordOf, World } from "./sku-world.ts";

const commands: Record<string, SkuCommand> = {
  hold: { type: "hold", request: holding() },
  otherId: { type: "hold", request: holding({ order: orderOf(7) }) },
  part: { type: "hold", request: holding({ home: null }) },
  claim: { type: "claim", request: { order: orderOf(1), until: OPENS + HOLD_MS } },
  longer: { type: "claim", request: { order: orderOf(1), until: OPENS + 2 * HOLD_MS } },
  commit: { type: "commit", move: moving() },
  commit2: { type: "commit", move: moving({ take: 2 }) },
  release: { type: "release", move: moving(), reason: "cancelled" },
  release2: { type: "release", move: moving({ take: 2 }), reason: "cancelled" },
  retake: { type: "retake", move: moving(), until: OPENS + HOLD_MS },
  retake2: { type: "retake", move: moving({ take: 2 }), until: OPENS + HOLD_MS },
};

// A row for every pair: what is answered, and the events that it makes.
const table = `
  situation     command   answer        events
  unconfigured  hold      unknown_sku
  unconfigured  otherId   unknown_sku
  unconfigured  part      unknown_sku
  unconfigured  claim     unknown_hold
  unconfigured  longer    unknown_hold
  unconfigured  commit    unknown_sku
  unconfigured  commit2   unknown_sku
  unconfigured  release   unknown_sku
  unconfigured  release2  unknown_sku
  unconfigured  retake    unknown_sku
  unconfigured  retake2   unknown_sku
  none          hold      new           held
  none          otherId   new           held
  none          part      new           held
  none          claim     unknown_hold
  none          longer    unknown_hold
  none          commit    gone
  none          commit2   gone
  none          release   released      tombstoned
  none          release2  released      tombstoned
  none          retake    claimed       retaken
  none          retake2   claimed       retaken
  held          hold      replayed
  held          otherId   replayed
  held          part      replayed
  held          claim     claimed       claimed
  held          longer    claimed       claimed
  held          commit    sold          sold
  held          commit2   sold          sold
  held          release   released      released
  held          release2  released      released tombstoned
  held          retake    held
  held          retake2   claimed       retaken
  claimed       hold      replayed
  claimed       otherId   replayed
  claimed       part      replayed
  claimed       claim     claimed
  claimed       longer    claimed       claimed
  claimed       commit    sold          sold
  claimed       commit2   sold          sold
  claimed       release   released      released
  claimed       release2  released      released tombstoned
  claimed       retake    claimed
  claimed       retake2   claimed       retaken
  sold          hold      replayed
  sold          otherId   replayed
  sold          part      replayed
  sold          claim     sold
  sold          longer    sold
  sold          commit    sold
  sold          commit2   sold
  sold          release   sold
  sold          release2  sold
  sold          retake    sold
  sold          retake2   sold
  released      hold      replayed
  released      otherId   replayed
  released      part      released
  released      claim     released
  released      longer    released
  released      commit    gone
  released      commit2   gone
  released      release   released
  released      release2  released      tombstoned
  released      retake    gone
  released      retake2   claimed       retaken
  tombstone     hold      released
  tombstone     otherId   new           held
  tombstone     part      released
  tombstone     claim     released
  tombstone     longer    released
  tombstone     commit    gone
  tombstone     commit2   gone
  tombstone     release   released
  tombstone     release2  released      tombstoned
  tombstone     retake    gone
  tombstone     retake2   claimed       retaken
  retaken       hold      replayed
  retaken       otherId   replayed
  retaken       part      replayed
  retaken       claim     claimed
  retaken       longer    claimed       claimed
  retaken       commit    gone
  retaken       commit2   sold          sold
  retaken       release   claimed
  retaken       release2  released      released
  retaken       retake    claimed
  retaken       retake2   claimed
  gone          hold      new           held
  gone          otherId   new           held
  gone          part      new           held
  gone          claim     unknown_hold
  gone          longer    unknown_hold
  gone          commit    gone
  gone          commit2   gone
  gone          release   released      tombstoned
  gone          release2  released      tombstoned
  gone          retake    claimed       retaken
  gone          retake2   claimed       retaken
`;

const rows = table
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [situation = "", command = "", answer = "", ...events] = line.trim().split(/\s+/);
    return { situation, command, answer, events };
  });

describe("what each command does to a hold in each situation", () => {
  test.for(rows)("$situation + $command -> $answer [$events]", ({ situation, command, answer, events }) => {
    const world = new World();
    const { state } = world;
    if (situation === "unconfigured") state.config = null;
    situations[situation]?.(world);
    const before = world.commits.length;
    const asked = commands[command];
    if (!asked) throw new Error(`no command ${command}`);
    expect(wordOf(world.ask(asked))).toBe(answer);
    expect(world.commits.slice(before).flatMap((commit) => commit.events.map(({ type }) => type))).toEqual(
      events,
    );
  });

  test("the table speaks of every pair", () => {
    const pairs = Object.keys(situations).flatMap((s) => Object.keys(commands).map((c) => `${s} ${c}`));
    expect(rows.map(({ situation, command }) => `${situation} ${command}`)).toEqual(pairs);
  });
});
