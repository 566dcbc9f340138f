/**
 * Does what needs no engine, or fails, then asks for another one, and prints which
 * one serves.
 */
import { AioFile, configure, metrics, supported } from "../../mod.ts";

const [path, way] = Deno.args;

const ways: Record<string, () => unknown> = {
  metrics: () => metrics(),
  supported: () => supported(),
  open: () => AioFile.open(`${path}.missing`),
  adopt: () => AioFile.adopt(9999),
};

try {
  await ways[way]();
} catch {
  // Some of them fail.
}
configure({ engine: "fs" });
await using file = await AioFile.open(path);
await file.readAt(new Uint8Array(1), 0, {});
console.log(JSON.stringify(metrics().engine));
