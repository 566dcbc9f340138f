// Whatever a program passes, to whichever function: an error of the documented
// class that says what is wrong, and nothing reaches the system. See
// hostile/values.ts for the values and hostile/calls.ts for the functions.

import { assertEquals } from "@std/assert";
import { metrics } from "../../mod.ts";
import { type Call, CALLS } from "./hostile/calls.ts";
import {
  classOf,
  Figures,
  inWorld,
  isRaw,
  outcomeOf,
  type World,
} from "./hostile/trial.ts";
import {
  type Hostile,
  type Refusal,
  Sentinel,
  VALUES,
} from "./hostile/values.ts";
import { isLong, limit_ms, tell } from "./scale.ts";
import { test } from "../helpers/test.ts";

/** How many second wrong values each first one is combined with, if not all. */
const SECONDS_SHORT = 3;

/** Longer messages quote something that nobody wants to read. */
const MESSAGE_LENGTH_MAX = 500;

/** A value, and how it has to be refused. */
interface Wrong {
  readonly value: Hostile;
  readonly refusal: Refusal;
}

/** Tries wrong values, and collects complaints, so that one run shows all. */
class Trial {
  readonly figures = new Figures();
  readonly #complaints = new Map<string, string>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** All that follows says nothing unless right values are accepted. */
  async accepts(call: Call): Promise<void> {
    const values = call.parameters.map(({ right }) => right(this.#world));
    const { how, result } = await outcomeOf(() =>
      call.call(this.#world, ...values)
    );
    const text = result instanceof Error ? result.message : "";
    assertEquals(how, "accepting", `${call.name} with right values: ${text}`);
    await call.undo?.(result);
  }

  /** Each wrong value at each place. */
  async refusesOne(call: Call): Promise<void> {
    for (const index of call.parameters.keys()) {
      for (const wrong of wrongOnes(call, index)) {
        await this.#refuses(call, new Map([[index, wrong]]));
      }
    }
  }

  /** Wrong values at each two places. */
  async refusesTwo(call: Call): Promise<void> {
    const wrongs = [...call.parameters.keys()]
      .map((index) => wrongOnes(call, index));
    for (let first = 0; first < wrongs.length; first++) {
      for (let second = first + 1; second < wrongs.length; second++) {
        for (const [at, one] of wrongs[first].entries()) {
          for (const two of partners(wrongs[second], at)) {
            await this.#refuses(call, new Map([[first, one], [second, two]]));
          }
        }
      }
    }
  }

  assertNoComplaints(): void {
    const lines = [...this.#complaints]
      .map(([what, values]) => `${what} (${values})`);
    assertEquals(lines, []);
  }

  async #refuses(call: Call, wrongs: Map<number, Wrong>): Promise<void> {
    const world = this.#world;
    const { submitted } = metrics();
    const values = call.parameters.map(({ right }, index) => {
      const wrong = wrongs.get(index);
      return wrong === undefined ? right(world) : wrong.value.make();
    });
    const { how, result } = await outcomeOf(() => call.call(world, ...values));
    const complain = (what: string) => this.#complain(call, wrongs, what);
    if (metrics().submitted !== submitted) complain("is submitted");
    if (how === "accepting") return complain("is accepted");
    this.figures.count(result);
    if (how !== call.reports) complain(`is reported by ${how}`);
    // A value's own error comes through as it is.
    if (result instanceof Sentinel) return;
    const refusals: string[] = [...wrongs.values()]
      .map(({ refusal }) => refusal!);
    const found = classOf(result);
    if (!refusals.includes(found)) {
      complain(`${found} rather than ${refusals.join(" or ")}: ${result}`);
    }
    const { message } = result as Error;
    if (isRaw(message) && !isOfValue(call, message)) {
      complain(`says ${JSON.stringify(message)}`);
    }
    // An AioError has the whole path, which may be long.
    const isTooLong = message.length > MESSAGE_LENGTH_MAX;
    if (isTooLong && found !== "AioError") complain("says too much");
  }

  #complain(call: Call, wrongs: Map<number, Wrong>, what: string): void {
    // One complaint of a kind is enough, whatever the value was.
    const [key] = `${call.name}: ${what}`.split(", but is");
    if (this.#complaints.has(key)) return;
    const values = [...wrongs].map(([index, { value }]) =>
      `${call.parameters[index].name}: ${value.name}`
    );
    this.#complaints.set(key, values.join(", "));
  }
}

function wrongOnes(call: Call, index: number): Wrong[] {
  const { takes } = call.parameters[index];
  return VALUES.flatMap((value) => {
    const refusal = takes(value.make());
    return refusal === null ? [] : [{ value, refusal }];
  });
}

/** All of them, or a few, and others each time. */
function partners(all: Wrong[], at: number): Wrong[] {
  if (isLong || all.length <= SECONDS_SHORT) return all;
  return Array.from(
    { length: SECONDS_SHORT },
    (_, index) => all[(at * SECONDS_SHORT + index) % all.length],
  );
}

/** Whether the message is that of a getter that the value has from its class. */
function isOfValue({ name }: Call, message: string): boolean {
  return name.endsWith("of entries") &&
    message.includes("called on incompatible receiver");
}

test("any function refuses any wrong value, and nothing is submitted", {
  limit_ms,
}, async () => {
  await inWorld(async (world) => {
    const trial = new Trial(world);
    for (const call of CALLS) await trial.accepts(call);
    for await (const _ of world.queue.drain());
    for (const call of CALLS) {
      await trial.refusesOne(call);
      await trial.refusesTwo(call);
    }
    trial.assertNoComplaints();
    const { inFlight, queued } = metrics();
    assertEquals({ inFlight, queued }, { inFlight: 0, queued: 0 });
    tell(`${CALLS.length} calls, ${trial.figures}`);
  });
});
