/**
 * Is loaded before the tests and makes their time limits longer, which needs
 * nothing of them and holds for those to come.
 *
 * @module
 */
import { timeLimit } from "../../tests/helpers/emulation.ts";

const { test } = Deno;

function testWithTime(
  definition: Partial<Deno.TestDefinition>,
  ...rest: unknown[]
): void {
  const timeout = definition.timeout && timeLimit(definition.timeout);
  const longer = timeout ? { ...definition, timeout } : definition;
  Reflect.apply(test, Deno, [longer, ...rest]);
}

Object.assign(Deno, { test: Object.assign(testWithTime, test) });
