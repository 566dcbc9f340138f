/**
 * Has the files of its arguments digested by workers that fail. Prints a JSON
 * array of [name, message of the error].
 */
import { checksums } from "../../examples/checksum.ts";

const algorithm = "unknown" as "sha256";
const failures: [string, string | undefined][] = [];
for await (
  const { name, error } of checksums(Deno.args, { algorithm, jobs: 2 })
) failures.push([name, error?.message]);
console.log(JSON.stringify(failures));
