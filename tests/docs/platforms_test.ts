// docs/guides/platforms.md says what is tested and what is not.

import { assert, assertEquals } from "@std/assert";
import { platformFor } from "../../ffi/platforms.ts";
import { supported } from "../../mod.ts";
import { pages } from "./pages.ts";
import { test } from "../helpers/test.ts";

const STATES = ["run and tested", "compiled against only", "never tried"];

const page = pages.find(({ path }) => path === "docs/guides/platforms.md")!;
/** The state of each platform that the page names. */
const states = new Map(
  page.text.split("\n").map((line) => line.split("|").map((it) => it.trim()))
    .filter(([, name]) => /^`\w+(-\w+)+`$/.test(name))
    .map(([, name, state]) => [name.replaceAll("`", ""), state]),
);

const OTHERS = ["darwin", "freebsd", "netbsd"] as const;
const tables: [os: string, isMusl: boolean][] = [
  ["linux", false],
  ["linux", true],
  ...OTHERS.map((os): [string, boolean] => [os, false]),
];

test("docs/guides/platforms.md has every platform with a table, and a state", () => {
  const names = tables.flatMap(([os, isMusl]) =>
    ["x86_64", "aarch64"].map((arch) => platformFor(os, arch, isMusl)!.name)
  );
  assertEquals([...states.keys()].toSorted(), names.toSorted());
  for (const [name, state] of states) {
    assert(STATES.includes(state), `${name} is "${state}"`);
  }
  for (const state of STATES) {
    assert(page.text.includes(`**${state}**:`), `${state} is not explained`);
  }
});

test("docs/guides/platforms.md says of this platform that it is tested", {
  ignore: !supported().available || Deno.build.os !== "linux",
}, () => {
  const { platform } = supported();
  if (platform.includes("musl")) return;
  assertEquals(states.get(platform), "run and tested");
});

test("docs/guides/platforms.md says which systems have node:fs serve files", () => {
  const rows = page.text.split("\n").map((line) =>
    line.split("|").map((cell) => cell.trim())
  );
  for (const os of OTHERS) {
    const { prefersFs } = platformFor(os, "aarch64")!;
    const names = { darwin: "macOS", freebsd: "FreeBSD", netbsd: "NetBSD" };
    const engines = rows.filter(([_, where, engine]) =>
      where?.split(", ").includes(names[os]) &&
      /^`(fs|librt|io_uring)`$/.test(engine)
    ).map(([_, _where, engine]) => engine);
    assertEquals(engines, [prefersFs ? "`fs`" : "`librt`"], os);
  }
});
