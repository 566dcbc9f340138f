// Copies a file with a hole to a descriptor whose flags nobody tells: that it appends.
import { open } from "node:fs/promises";
import { AioFile, metrics } from "../../mod.ts";

const [from, to] = Deno.args;
await using source = await AioFile.open(from);
await using target = AioFile.adopt(await open(to, "a"));
console.log(JSON.stringify({
  engine: metrics().engine,
  copied: await source.copyTo(target),
  size: await target.size(),
}));
