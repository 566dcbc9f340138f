/**
 * Appends until the limit of the file size is reached, all at once. Prints what
 * came of each: a number of bytes, or a code and how far it came.
 */
import { type AioError, AioFile } from "../../mod.ts";
import { pattern } from "../helpers/mod.ts";

const [path, count, bytes] = Deno.args.map((arg) => Number(arg) || arg);
await using file = await AioFile.open(path as string, { append: true });
const settled = await Promise.allSettled(
  Array.from(
    { length: count as number },
    (_, index) =>
      file.append(pattern(bytes as number, index * (bytes as number))),
  ),
);
console.log(JSON.stringify(settled.map((outcome) => {
  if (outcome.status === "fulfilled") return outcome.value;
  const { code, bytesTransferred } = outcome.reason as AioError;
  return [code, bytesTransferred];
})));
