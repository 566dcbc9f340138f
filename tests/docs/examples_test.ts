// Every public symbol has an example; `deno test --doc` runs them.

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "./pages.ts";
import { execute, test } from "../helpers/mod.ts";

/** What `deno doc --json` tells, as far as it is looked at here. */
interface Documented {
  name: string;
  kind?: string;
  accessibility?: "private" | "protected";
  jsDoc?: { tags?: { kind: string; doc?: string }[] };
}

interface Declaration extends Documented {
  def: { constructors?: Documented[]; methods?: Documented[] };
}

/** All declarations of the public interface. */
async function declarations(): Promise<Declaration[]> {
  const { code, stdout, stderr } = await execute(
    [Deno.execPath(), "doc", "--json", join(ROOT, "mod.ts")],
  );
  assertEquals(code, 0, stderr);
  const { nodes } = JSON.parse(stdout);
  const [{ symbols }] = Object.values(nodes) as {
    symbols: { name: string; declarations: Omit<Declaration, "name">[] }[];
  }[];
  return symbols.flatMap(({ name, declarations }) =>
    declarations.map((declaration) => ({ ...declaration, name }))
  );
}

const declared = await declarations();

function examplesOf({ jsDoc }: Documented): string[] {
  return (jsDoc?.tags ?? []).filter(({ kind }) => kind === "example")
    .map(({ doc }) => doc ?? "");
}

/** What of a declaration can be called: its constructors and methods. */
function calledOf({ name, def }: Declaration): Documented[] {
  const { constructors = [], methods = [] } = def;
  const called = methods.filter(({ kind }) => kind === "method");
  return [...constructors, ...called]
    .filter(({ accessibility }) => accessibility === undefined)
    .map((member) => ({ ...member, name: `${name}.${member.name}` }));
}

test("mod.ts: every function, class, type and method has an example", () => {
  const described = declared.filter(({ kind }) => kind !== "variable")
    .flatMap((declaration) => [declaration, ...calledOf(declaration)]);
  assert(described.length > 60, "deno doc tells of hardly any");
  const without = described.filter((one) => examplesOf(one).length === 0);
  assertEquals(without.map(({ name }) => name), []);
});

test("mod.ts: every constant is in an example of what it is for", () => {
  const examples = declared.flatMap((one) => [one, ...calledOf(one)])
    .flatMap(examplesOf).join("\n");
  const constants = declared.filter(({ kind }) => kind === "variable");
  assert(constants.length > 20, "deno doc tells of hardly any");
  const unused = constants.filter(({ name }) =>
    !new RegExp(`\\b${name}\\b`).test(examples)
  );
  assertEquals(unused.map(({ name }) => name), []);
});
